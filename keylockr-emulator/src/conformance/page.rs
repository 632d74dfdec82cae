//! The sign-in page as a browser without script sees it, and what may not get into it.

use super::agent::{Browser, Reply};
use super::html::{self, Form};
use super::setup::Adapter;
use super::stage::{MOUNT, Stage, eventually};
use crate::{Fault, FaultKind};

/// Headers on everything, the page's policy in every state, and no inline script or style.
pub async fn page_headers(adapter: impl Adapter) {
    let stage = Stage::new(&adapter).await;
    let browser = stage.browser();
    let connected = browser.start().await;
    browser.reach(&connected, "connected").await;
    let denied = browser.start().await;
    stage.service.deny(&denied.tmp_id);
    browser.reach(&denied, "denied").await;
    let cancelled = browser.start().await;
    browser
        .post(&cancelled.at("/cancel"))
        .send()
        .await
        .expect(204);
    let done = stage.approved(&browser, "alice").await;
    for path in [
        MOUNT.to_owned(),
        connected.at(""),
        denied.at(""),
        cancelled.at(""),
        done.at(""),
        "/login?attempt=unknown".to_owned(),
    ] {
        let page = browser.get(&path).page().send().await;
        page.expect_page(200);
        expect_safe_headers(&page);
        expect_no_inline(page.text());
    }

    let fresh = stage.browser();
    let attempt = fresh.start().await;
    let answers = [
        fresh.post("/login/start").send().await,
        fresh.get(&attempt.at("/status")).send().await,
        fresh.get(&attempt.at("/qr.svg")).send().await,
        fresh.post(&attempt.at("/finish")).send().await,
        fresh.get("/login/status?attempt=unknown").send().await,
        fresh.get("/login/nothing").send().await,
        stage.signed_in("alice").await.get("/api/me").send().await,
    ];
    for (index, answer) in answers.iter().enumerate() {
        let cache = answer.header("cache-control").unwrap_or_default();
        // What is no route is the application's to answer.
        assert!(
            cache.contains("no-store") || answer.status == 404,
            "{index}: {cache:?}"
        );
        if index < 5 {
            let sniff = answer.header("x-content-type-options");
            assert_eq!(sniff, Some("nosniff"), "{index}: {}", answer.status);
        }
    }
}

/// The headers that every HTML answer of ours carries.
#[track_caller]
pub(super) fn expect_safe_headers(page: &Reply) {
    let policy = page
        .header("content-security-policy")
        .expect("a content security policy");
    for loose in [
        "unsafe-inline",
        "unsafe-eval",
        "unsafe-hashes",
        "http:",
        "https:",
        "*",
    ] {
        assert!(!policy.contains(loose), "{loose} in {policy}");
    }
    let directives: Vec<&str> = policy.split(';').map(str::trim).collect();
    for wanted in [
        "default-src 'none'",
        "frame-ancestors 'none'",
        "base-uri 'none'",
    ] {
        assert!(directives.contains(&wanted), "{wanted} not in {policy}");
    }
    assert!(
        directives.iter().any(|own| own.starts_with("form-action ")),
        "{policy}"
    );
    assert_eq!(page.header("x-content-type-options"), Some("nosniff"));
    assert_eq!(page.header("referrer-policy"), Some("no-referrer"));
    assert_eq!(page.header("cache-control"), Some("no-store"));
}

#[track_caller]
fn expect_no_inline(html: &str) {
    for tag in html::tags(html) {
        assert!(tag.name != "style", "an inline style sheet");
        assert!(
            tag.name != "script" || tag.get("src").is_some(),
            "an inline script"
        );
        for name in tag.attributes() {
            assert!(
                name != "style" && !name.starts_with("on"),
                "<{} {name}>",
                tag.name
            );
        }
        for name in ["src", "href", "action", "formaction", "data"] {
            let target = tag.get(name).unwrap_or("/");
            let own = target.starts_with('/') && !target.starts_with("//");
            let scheme = target.starts_with("keylockr:") || target.starts_with('#');
            assert!(
                own || scheme,
                "<{} {name}={target:?}> leads elsewhere",
                tag.name
            );
        }
    }
    assert!(html.len() < 40 * 1024, "the page has {} bytes", html.len());
}

/// A prefetch, an image, a frame or a script never starts an attempt; a person can, from what they get.
pub async fn attempt_not_created_by_prefetch_or_subresource(adapter: impl Adapter) {
    let stage = Stage::new(&adapter).await;
    let mut requests: Vec<Vec<(&str, &str)>> = vec![
        vec![("sec-purpose", "prefetch"), ("sec-fetch-dest", "document")],
        vec![
            ("sec-purpose", "prefetch;prerender"),
            ("sec-fetch-dest", "document"),
        ],
        vec![
            ("sec-purpose", "prefetch;anonymous-client-ip"),
            ("sec-fetch-dest", "document"),
        ],
        vec![("purpose", "prefetch")],
        vec![("x-moz", "prefetch")],
    ];
    for dest in [
        "audio",
        "audioworklet",
        "embed",
        "empty",
        "fencedframe",
        "font",
        "frame",
        "iframe",
        "image",
        "json",
        "manifest",
        "object",
        "paintworklet",
        "report",
        "script",
        "serviceworker",
        "sharedworker",
        "style",
        "track",
        "video",
        "webidentity",
        "worker",
        "xslt",
        "nonsense",
        "",
    ] {
        requests.push(vec![("sec-fetch-dest", dest)]);
    }
    for headers in requests {
        let browser = stage.browser();
        let mut call = browser.get(MOUNT).header("accept", "text/html,*/*");
        for (name, value) in &headers {
            call = call.header(name, value);
        }
        let page = call.send().await;
        let html = page.expect_page(200);
        assert!(
            browser.binding().is_none(),
            "{headers:?}: no cookie without an attempt"
        );
        assert!(
            html::same_device_link(html).is_none(),
            "{headers:?}: no code"
        );
        assert!(
            html::form_to(html, "/start").is_some(),
            "{headers:?}: a form instead"
        );
    }
    let browser = stage.browser();
    browser.call(http::Method::HEAD, MOUNT).send().await;
    assert!(browser.binding().is_none(), "HEAD binds nothing");
    assert!(stage.service.pending().is_empty(), "no attempt was started");

    // The person presses the button of a page that came by prefetch.
    let page = browser
        .get("/login?next=%2Fprivate")
        .header("sec-purpose", "prefetch")
        .send();
    let html = page.await;
    let form = html::form_to(html.text(), "/start").expect("a form");
    let shown = submit(&browser, &form).await.expect_see_other();
    let page = browser.get(&shown).page().send().await;
    assert!(html::same_device_link(page.expect_page(200)).is_some());
    assert_eq!(
        browser.get("/login/status").send().await.json()["next"],
        "/private"
    );
}

/// The whole way without script: refresh, forms, and nothing else.
pub async fn page_works_without_script(adapter: impl Adapter) {
    let stage = Stage::new(&adapter).await;
    let browser = stage.browser();
    let page = browser.get("/login?next=%2Fprivate").page().send().await;
    let refresh = html::refresh_target(page.expect_page(200)).expect("the page refreshes itself");
    assert!(
        refresh.starts_with("/login?attempt="),
        "a refresh keeps the attempt: {refresh}"
    );
    let page = browser.get(&refresh).page().send().await;
    assert_eq!(
        html::refresh_target(page.expect_page(200)).as_deref(),
        Some(refresh.as_str())
    );
    assert_eq!(stage.service.pending().len(), 1, "a refresh starts nothing");

    let tmp_id = stage.service.pending()[0].tmp_id.clone();
    stage.service.approve(&tmp_id, "alice");
    let done = until_form(&browser, &refresh, "/finish").await;
    let form = html::form_to(&done, "/finish").expect("a button to go on");
    assert!(
        html::refresh_target(&done).is_none(),
        "nothing more to wait for"
    );
    assert_eq!(submit(&browser, &form).await.expect_see_other(), "/private");
    assert_eq!(browser.get("/private").page().send().await.status, 200);

    // Given up, and started again.
    let browser = stage.browser();
    let page = browser.get("/login?next=%2Fprivate").page().send().await;
    let form = html::form_to(page.text(), "/cancel").expect("a button to give up");
    let target = submit(&browser, &form).await.expect_see_other();
    assert!(target.starts_with("/login?attempt="), "{target}");
    let page = browser.get(&target).page().send().await;
    assert!(
        html::same_device_link(page.expect_page(200)).is_none(),
        "the code is gone"
    );
    let form = html::form_to(page.text(), "/start").expect("a button to start again");
    let target = submit(&browser, &form).await.expect_see_other();
    let page = browser.get(&target).page().send().await;
    assert!(
        html::same_device_link(page.expect_page(200)).is_some(),
        "a new code"
    );
    let status = browser.get("/login/status").send().await.json();
    assert_eq!(status["next"], "/private", "where it leads is kept");

    // Refused on the phone.
    let pending = stage.service.pending();
    let tmp_id = pending.last().expect("the new attempt").tmp_id.clone();
    stage.service.deny(&tmp_id);
    let html = until_form(&browser, &target, "/start").await;
    assert!(html::same_device_link(&html).is_none() && html::form_to(&html, "/finish").is_none());
}

async fn until_form(browser: &Browser, path: &str, route: &str) -> String {
    eventually(|| async move {
        let page = browser.get(path).page().send().await;
        page.status == 200 && html::form_to(page.text(), route).is_some()
    })
    .await;
    browser
        .get(path)
        .page()
        .send()
        .await
        .expect_page(200)
        .to_owned()
}

async fn submit(browser: &Browser, form: &Form) -> Reply {
    let fields: Vec<(&str, &str)> = form
        .fields
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    browser.post(&form.action).form(&fields).send().await
}

/// A nickname, a title and an error code of any content stay text, short and in one direction.
pub async fn foreign_text_is_neutralised(adapter: impl Adapter) {
    const MARKUP: &str = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>&amp;";
    let stage = Stage::with(&adapter, |setup| {
        setup.site_title = format!("Site {MARKUP}");
    })
    .await;
    let long = "ä".repeat(500);
    let nicknames = [
        MARKUP,
        "\u{202e}ecila\u{2066}\u{200f}\u{061c}",
        "a\u{0}b\r\nset-cookie: x=y\u{1b}[31m\u{85}\u{7f}",
        long.as_str(),
        "</title></svg><base href=//evil.example>",
        "{{7*7}}${7*7}",
    ];
    for (index, nickname) in nicknames.iter().enumerate() {
        let user = format!("user{index}");
        stage.service.create_user(&user, nickname);
        let browser = stage.browser();
        let attempt = stage.approved(&browser, &user).await;
        let page = browser.get(&attempt.at("")).page().send().await;
        expect_neutral(&page, nickname);
        let reply = browser.finish(&attempt).await.expect(200);
        let shown = reply.json()["user"]["nickname"]
            .as_str()
            .unwrap_or_default()
            .to_owned();
        assert!(shown.chars().count() <= 64, "{shown:?}");
        assert!(
            !shown.chars().any(|c| c.is_control() || is_bidi(c)),
            "{shown:?}"
        );
        for (name, value) in &reply.headers {
            let value = String::from_utf8_lossy(value.as_bytes());
            assert!(
                !value.contains("alert") && !value.contains("set-cookie"),
                "{name}: {value}"
            );
        }
        let me = browser.get("/api/me").send().await.expect(200).json();
        assert_eq!(me["nickname"].as_str().unwrap_or_default(), shown);
    }

    for code in [MARKUP, "x\r\nset-cookie: a=b", "\u{202e}denied", &long] {
        let browser = stage.browser();
        let attempt = browser.start().await;
        let kind = FaultKind::ErrorCode {
            code: code.to_owned(),
        };
        stage
            .service
            .fault(Fault::from(kind).for_attempt(&attempt.tmp_id));
        stage.service.approve(&attempt.tmp_id, "alice");
        let status = browser.settled(&attempt).await;
        assert!(
            status["status"] == "failed" || status["status"] == "denied",
            "{status}"
        );
        let told = status["error"]["code"].as_str().expect("a code");
        assert!(
            told.chars().count() <= 64 && told.chars().all(|c| !c.is_control()),
            "{told:?}"
        );
        assert!(
            !told.contains('<') && !told.contains("set-cookie"),
            "a code of ours: {told:?}"
        );
        let page = browser.get(&attempt.at("")).page().send().await;
        expect_neutral(&page, code);
    }
}

#[track_caller]
fn expect_neutral(page: &Reply, input: &str) {
    let html = page.expect_page(200);
    expect_no_inline(html);
    let elements = html::tags(html);
    for foreign in ["img", "base", "iframe"] {
        assert!(
            !elements.iter().any(|tag| tag.name == foreign),
            "<{foreign}> out of {input:?}"
        );
    }
    let scripts = elements.iter().filter(|tag| tag.name == "script").count();
    assert!(scripts <= 1, "a script out of {input:?}");
    let odd = html
        .chars()
        .find(|c| (c.is_control() && !c.is_ascii_whitespace()) || is_bidi(*c));
    assert_eq!(odd, None, "out of {input:?}");
    let set = page.set_cookies();
    assert!(
        set.iter().all(|cookie| cookie.name != "x"),
        "a header out of {input:?}"
    );
}

fn is_bidi(c: char) -> bool {
    matches!(c, '\u{200e}' | '\u{200f}' | '\u{061c}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}
