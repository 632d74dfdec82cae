//! Guarded routes, as people and programs meet them.

use http::Method;

use super::setup::Adapter;
use super::stage::{Stage, next_of};

/// A page request is sent to the sign-in page; everything else gets 401 and where to go.
pub async fn guard_answers(adapter: impl Adapter) {
    let stage = Stage::new(&adapter).await;
    let browser = stage.browser();
    let page = browser.get("/private").page().send().await;
    assert_eq!(next_of(&page.expect_see_other()), "/private");
    assert!(
        page.header("cache-control")
            .is_some_and(|value| value.contains("no-store"))
    );
    let html_only = browser
        .get("/private")
        .header("accept", "text/html")
        .send()
        .await;
    html_only.expect_see_other();

    let accepts = [
        "application/json",
        "*/*",
        "text/html;q=0",
        "image/*",
        "text/plain",
        "",
    ];
    for path in ["/private", "/api/me"] {
        for accept in accepts {
            let reply = browser.get(path).header("accept", accept).send().await;
            assert_eq!(reply.status, 401, "{path} {accept:?}");
            let problem = reply.expect_problem(401);
            assert_eq!(problem["login"], "/login", "{path} {accept:?}");
        }
        let problem = browser.get(path).send().await.expect_problem(401);
        assert_eq!(problem["login"], "/login");
    }
    let posted = browser
        .call(Method::POST, "/private")
        .header("accept", "text/html")
        .send()
        .await;
    assert!(
        posted.status == 401 || posted.status == 405,
        "{}",
        posted.status
    );

    let browser = stage.signed_in("alice").await;
    let me = browser.me().await.expect("alice");
    assert_eq!(
        browser
            .get("/private")
            .page()
            .send()
            .await
            .expect(200)
            .text(),
        me
    );
    let answer = browser.get("/api/me").send().await.expect(200).json();
    assert_eq!(answer["safe_id"], me);
    assert_eq!(answer["nickname"], stage.service.nickname("alice"));
    assert!(
        answer["signed_in_at"]
            .as_u64()
            .is_some_and(|time| time > 1_700_000_000),
        "{answer}"
    );
    assert_eq!(answer.as_object().expect("an object").len(), 3);
}

/// The public page knows both kinds of visitors.
pub async fn public_page_knows_its_visitor(adapter: impl Adapter) {
    let stage = Stage::new(&adapter).await;
    let browser = stage.browser();
    assert_eq!(
        browser.get("/").send().await.expect(200).text(),
        "hello stranger"
    );
    stage.sign_in(&browser, "alice").await;
    let nickname = stage.service.nickname("alice");
    assert_eq!(
        browser.get("/").send().await.expect(200).text(),
        format!("hello {nickname}")
    );
    browser.post("/login/logout").send().await.expect(204);
    assert_eq!(
        browser.get("/").send().await.expect(200).text(),
        "hello stranger"
    );
}

/// Damaged, foreign and oversized session cookies are nobody, quietly.
pub async fn damaged_session_cookies_are_nobody(adapter: impl Adapter) {
    let stage = Stage::new(&adapter).await;
    let real = stage.signed_in("alice").await;
    let (name, value) = real.session().expect("the session cookie");
    let long = "A".repeat(4000);
    for damaged in [
        "",
        "x",
        "%00",
        "\"\"",
        "null",
        &value[1..],
        &format!("{value}x"),
        &long,
    ] {
        let browser = stage.browser();
        browser.plant(&name, damaged);
        assert_eq!(browser.me().await, Err(401), "{damaged}");
        assert_eq!(
            browser.get("/").send().await.expect(200).text(),
            "hello stranger"
        );
    }
    let browser = stage.browser();
    browser.plant(&name.to_uppercase(), &value);
    assert_eq!(browser.me().await, Err(401));
    assert!(real.me().await.is_ok());
}
