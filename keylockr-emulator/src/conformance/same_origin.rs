//! Who may post: our own origin, as configured, never as a request claims it.

use super::agent::{Browser, Call, FORM, JSON};
use super::html;
use super::setup::Adapter;
use super::stage::{Attempt, MOUNT, Stage, next_of};

/// The routes that change something.
const ROUTES: [&str; 6] = [
    "/start",
    "/finish",
    "/cancel",
    "/logout",
    "/challenge",
    "/verify",
];

/// Routes x origins, with cookie and session, as JSON and as a form: 403, and nothing has happened.
pub async fn cross_origin_matrix(adapter: impl Adapter) {
    let stage = Stage::new(&adapter).await;
    let browser = stage.browser();
    stage.sign_in(&browser, "alice").await;
    let attempt = stage.approved(&browser, "bob").await;
    let started = stage.service.pending().len();
    let own = browser.origin().to_owned();
    let port = own.rsplit(':').next().unwrap_or_default();
    let foreign = [
        "null".to_owned(),
        String::new(),
        "https://evil.example".to_owned(),
        own.replace("http:", "https:"),
        "http://127.0.0.1:1".to_owned(),
        "http://127.0.0.1".to_owned(),
        format!("http://localhost:{port}"),
        format!("{own}.evil.example"),
        format!("{own}/"),
        format!("{own}@evil.example"),
        format!("{own} https://evil.example"),
        format!("http://evil.example?{own}"),
    ];
    for route in ROUTES {
        let path = attempt.at(route);
        for content_type in [JSON, FORM] {
            let bare = || match content_type {
                JSON => browser.call(http::Method::POST, &path).body(JSON, "{}"),
                _ => browser
                    .call(http::Method::POST, &path)
                    .form(&[("next", "/")]),
            };
            for origin in &foreign {
                refused(bare().header("origin", origin), origin).await;
                refused(
                    bare()
                        .header("origin", origin)
                        .header("sec-fetch-site", "none"),
                    origin,
                )
                .await;
            }
            for site in ["cross-site", "same-site", "none", "nonsense", ""] {
                refused(bare().with("sec-fetch-site", site), site).await;
            }
            refused(bare(), "neither header").await;
            let two = bare()
                .header("origin", "https://evil.example")
                .header("origin", &own);
            refused(two, "two origins").await;
            let referred = bare().header("referer", &format!("{own}/login"));
            refused(referred, "a referer instead").await;
        }
    }
    assert_eq!(
        stage.service.pending().len(),
        started,
        "nothing was started"
    );
    assert!(browser.me().await.is_ok(), "nobody was signed out");
    assert_eq!(
        browser.status_word(&attempt).await,
        "done",
        "nothing was given up or used"
    );

    // What must pass: our origin, or the browser's word for it.
    browser.post("/login/start").send().await.expect(201);
    let vouched = browser.call(http::Method::POST, "/login/start");
    vouched
        .header("sec-fetch-site", "same-origin")
        .send()
        .await
        .expect(201);
    browser.finish(&attempt).await.expect(200);
    let program = Browser::new(stage.app.origin());
    program
        .call(http::Method::POST, "/login/start")
        .send()
        .await
        .expect(201);
}

async fn refused(call: Call<'_>, what: &str) {
    let reply = call.send().await;
    assert_eq!(
        reply.status,
        403,
        "{what}: {}",
        String::from_utf8_lossy(&reply.body)
    );
    assert!(
        reply.set_cookies().is_empty(),
        "{what}: a refusal sets no cookie"
    );
}

/// The origin comes from the configuration: Host and forwarded headers change nothing.
pub async fn host_and_forwarded_are_ignored(adapter: impl Adapter) {
    const OWN: &str = "https://app.example";
    let stage = Stage::with(&adapter, |setup| setup.public_origin = Some(OWN.to_owned())).await;
    let lies: [&[(&str, &str)]; 6] = [
        &[("host", "evil.example")],
        &[
            ("x-forwarded-host", "evil.example"),
            ("x-forwarded-proto", "http"),
        ],
        &[("forwarded", "host=evil.example;proto=http;for=203.0.113.9")],
        &[
            ("x-original-host", "evil.example"),
            ("x-host", "evil.example"),
        ],
        &[
            ("x-forwarded-port", "666"),
            ("x-forwarded-server", "evil.example"),
        ],
        &[
            ("x-original-url", "/evil.example"),
            ("x-rewrite-url", "/evil.example"),
        ],
    ];
    for lie in lies {
        let browser = stage.browser();
        let page = lying(lie, browser.get(MOUNT).page()).send().await;
        let html = page.expect_page(200);
        assert!(
            html.contains(OWN),
            "{lie:?}: the page names the configured origin"
        );
        assert!(!shows(&page, "evil") && !shows(&page, "666"), "{lie:?}");
        assert!(html::same_device_link(html).is_some(), "{lie:?}");
        let (name, _) = browser.binding().expect("the binding cookie");
        assert_eq!(name, "__Host-kl_login", "{lie:?}: still https");

        let evil = lying(lie, browser.post("/login/start")).with("origin", "https://evil.example");
        evil.send().await.expect_problem(403);
        let evil = lying(lie, browser.post("/login/start")).with("origin", "http://evil.example");
        evil.send().await.expect_problem(403);
        let reply = lying(lie, browser.post("/login/start"))
            .send()
            .await
            .expect(201);
        let attempt = Attempt::of(reply.json());
        assert!(!shows(&reply, "evil"), "{lie:?}");
        stage.service.approve(&attempt.tmp_id, "alice");
        browser.reach(&attempt, "done").await;
        let reply = lying(lie, browser.post(&attempt.at("/finish")).form(&[]))
            .send()
            .await;
        assert_eq!(reply.expect_see_other(), "/", "{lie:?}");
        assert!(!shows(&reply, "evil"), "{lie:?}");
        let guarded = lying(lie, stage.browser().get("/private").page())
            .send()
            .await;
        assert_eq!(next_of(&guarded.expect_see_other()), "/private", "{lie:?}");
    }
}

fn lying<'a>(lie: &[(&str, &str)], mut call: Call<'a>) -> Call<'a> {
    for (name, value) in lie {
        call = match *name {
            "host" => call.with(name, value),
            _ => call.header(name, value),
        };
    }
    call
}

fn shows(reply: &super::agent::Reply, word: &str) -> bool {
    let headers = reply.headers.iter().any(|(name, value)| {
        name != "date" && String::from_utf8_lossy(value.as_bytes()).contains(word)
    });
    // The QR code's path data and random handles hold digits: only whole texts count there.
    let body = String::from_utf8_lossy(&reply.body);
    headers || body.contains(&format!("{word}.example")) || body.contains(&format!(":{word}"))
}
