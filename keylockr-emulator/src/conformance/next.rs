//! Where a sign-in leads: a path of ours, or `/`.

use serde_json::json;

use super::agent::percent;
use super::setup::Adapter;
use super::stage::{Stage, next_of};

/// Values that some browser, proxy or framework could take for another origin, or that are no path.
pub const HOSTILE: [&str; 86] = [
    "",
    "//evil.example",
    "///evil.example",
    "////evil.example",
    "//evil.example/%2f..",
    "//evil.example:80/",
    "//user@evil.example",
    "//[::1]/",
    "//0/",
    "//",
    "/\\evil.example",
    "/\\/evil.example",
    "/\\\\evil.example",
    "\\evil.example",
    "\\\\evil.example",
    "\\/evil.example",
    "\\/\\/evil.example",
    "/a\\b",
    "/private\\..\\evil",
    "http://evil.example",
    "https://evil.example",
    "HTTPS://EVIL.EXAMPLE",
    "https:evil.example",
    "https:/evil.example",
    "https:\\\\evil.example",
    "http:///evil.example",
    "ftp://evil.example",
    "javascript:alert(1)",
    "JaVaScRiPt:alert(1)",
    "javascript://%0aalert(1)",
    "data:text/html,<script>alert(1)</script>",
    "vbscript:msgbox(1)",
    "keylockr://sso?tmp_id=1",
    "mailto:a@evil.example",
    "blob:https://evil.example/1",
    "about:blank",
    "evil.example",
    "www.evil.example/",
    "private",
    "./private",
    "../private",
    "?next=/private",
    "#fragment",
    "@evil.example",
    ":80/",
    ".evil.example",
    " /private",
    "\t/private",
    "\n/private",
    " //evil.example",
    "\t//evil.example",
    "/\t/evil.example",
    "/\n/evil.example",
    "/\r/evil.example",
    "/\r\n/evil.example",
    "/\u{0}/evil.example",
    "/private\u{0}",
    "/private\r\nset-cookie: a=b",
    "/private\nlocation: https://evil.example",
    "/private\u{7f}",
    "/private\u{85}",
    "/private\u{9f}x",
    "/\u{b}/evil.example",
    "/\u{c}/evil.example",
    "/\u{1f}/evil.example",
    "/%2f/evil.example",
    "/%2fevil.example",
    "/%2Fevil.example",
    "/%5cevil.example",
    "/%5Cevil.example",
    "/a%2fb",
    "/a%5Cb",
    "/%0d%0aset-cookie:a=b",
    "/%0Aevil",
    "/%09/evil.example",
    "/%00",
    "/private%00",
    "/%1f/evil.example",
    "/%7f",
    "/%0D",
    "/?x=%0d%0aset-cookie:%20a=b",
    "/?x=%00",
    "%2f%2fevil.example",
    "%2fprivate",
    "\u{feff}/private",
    "\u{2028}/private",
];

/// Values that are ours, as they are.
const LOCAL: [&str; 8] = [
    "/",
    "/private",
    "/private/",
    "/private?a=1&b=%C3%A4",
    "/private?then=https://elsewhere.example/",
    "/private#part",
    "/a-b_c.d~e/(f)/g;h=i,j",
    "/%C3%A4",
];

/// Each hostile value becomes `/`, wherever it comes in and wherever it goes out.
pub async fn next_payloads(adapter: impl Adapter) {
    let stage = Stage::new(&adapter).await;
    let long = format!("/{}", "a".repeat(1024));
    let hostile: Vec<&str> = HOSTILE.into_iter().chain([long.as_str()]).collect();
    for next in &hostile {
        let browser = stage.browser();
        let attempt = browser.start_for(Some(next)).await;
        assert_eq!(attempt.answer["next"], "/", "start, JSON: {next:?}");
        let form = browser
            .post("/login/start")
            .form(&[("next", next)])
            .send()
            .await;
        let shown = browser.get(&form.expect_see_other()).page().send().await;
        assert!(
            !shown.text().contains("evil.example"),
            "start, form: {next:?}"
        );
        let newest = browser.get("/login/status").send().await.expect(200).json();
        assert_eq!(newest["next"], "/", "start, form: {next:?}");
        let page = browser
            .get(&format!("/login?next={}", percent(next)))
            .page()
            .send()
            .await;
        assert!(
            !page.expect_page(200).contains("evil.example"),
            "page: {next:?}"
        );
        let newest = browser.get("/login/status").send().await.expect(200).json();
        assert_eq!(newest["next"], "/", "page: {next:?}");
        browser.post("/login/cancel").send().await.expect(204);
    }

    // Signed in already: the page itself sends on.
    let browser = stage.signed_in("alice").await;
    for next in &hostile {
        let page = browser
            .get(&format!("/login?next={}", percent(next)))
            .page()
            .send()
            .await;
        assert_eq!(page.expect_see_other(), "/", "signed in: {next:?}");
        assert!(
            page.session_cookie()
                .is_none_or(|cookie| cookie.name != "a"),
            "{next:?}"
        );
    }
    for next in LOCAL {
        let page = browser
            .get(&format!("/login?next={}", percent(next)))
            .page()
            .send()
            .await;
        assert_eq!(
            page.expect_see_other(),
            next,
            "a path of ours stays as it is"
        );
    }
}

/// The value given at the start is what `finish` leads to; one given there is not heard.
pub async fn next_is_fixed_at_the_start(adapter: impl Adapter) {
    let stage = Stage::new(&adapter).await;
    for next in LOCAL {
        let browser = stage.browser();
        let attempt = browser.start_for(Some(next)).await;
        assert_eq!(attempt.answer["next"], next);
        stage.service.approve(&attempt.tmp_id, "alice");
        let status = browser.reach(&attempt, "done").await;
        assert_eq!(status["next"], next);
        let path = format!("{}&next=%2Felsewhere", attempt.at("/finish"));
        let call = browser.post(&path).json(&json!({ "next": "/elsewhere" }));
        assert_eq!(call.send().await.expect(200).json()["next"], next);
    }
}

/// The guard hands the whole address on, encoded, and it comes back as it was.
pub async fn guard_keeps_the_address(adapter: impl Adapter) {
    let stage = Stage::new(&adapter).await;
    let browser = stage.browser();
    let refused = browser.get("/private?a=1&b=%C3%A4%20x").page().send().await;
    let target = refused.expect_see_other();
    assert_eq!(next_of(&target), "/private?a=1&b=%C3%A4%20x");
    browser.get(&target).page().send().await.expect_page(200);
    let status = browser.get("/login/status").send().await.expect(200).json();
    assert_eq!(status["next"], "/private?a=1&b=%C3%A4%20x");
}
