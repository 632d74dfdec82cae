//! Starting an attempt: `GET M`, `POST M/start`, `GET M/qr.svg`.

use serde_json::json;

use super::agent::{Browser, FORM, is_binding};
use super::html;
use super::setup::Adapter;
use super::stage::{Attempt, MOUNT, Stage, tmp_id_of};

/// `GET M` starts an attempt, binds it to the browser and shows its code.
pub async fn sign_in_page_starts_an_attempt(adapter: impl Adapter) {
    let stage = Stage::new(&adapter).await;
    let browser = stage.browser();
    let page = browser.get(MOUNT).page().send().await;
    let html = page.expect_page(200);
    assert!(
        browser.binding().is_some(),
        "the page binds the attempt by a cookie"
    );
    assert!(html.contains("<svg"), "the code stands in the page: {html}");
    let link = html::same_device_link(html).expect("a link for the same device");
    let pending = stage.service.pending();
    assert_eq!(pending.len(), 1);
    assert_eq!(pending[0].tmp_id, tmp_id_of(&link));
    assert!(
        pending[0].connected,
        "the code is drawn only once it can be scanned"
    );
    assert!(
        html.contains(&stage.setup.site_title),
        "the page names the site"
    );
    assert!(html.contains(browser.origin()), "the page names its origin");
}

/// `?attempt=` shows a running attempt of this browser and starts none; of another browser it shows nothing.
pub async fn sign_in_page_shows_the_named_attempt(adapter: impl Adapter) {
    let stage = Stage::new(&adapter).await;
    let browser = stage.browser();
    let attempt = browser.start_for(Some("/private?a=1")).await;
    browser.reach(&attempt, "connected").await;
    let page = browser.get(&attempt.at("")).page().send().await;
    let link = html::same_device_link(page.expect_page(200)).expect("a link for the same device");
    assert_eq!(tmp_id_of(&link), attempt.tmp_id);
    assert_eq!(stage.service.pending().len(), 1, "looking starts nothing");

    let other = stage.browser();
    let page = other.get(&attempt.at("")).page().send().await;
    assert!(
        !page.text().contains(&attempt.tmp_id),
        "another browser's page shows this code"
    );
}

/// A signed-in browser is sent on.
pub async fn sign_in_page_sends_signed_in_users_on(adapter: impl Adapter) {
    let stage = Stage::new(&adapter).await;
    let browser = stage.signed_in("alice").await;
    let page = browser
        .get("/login?next=%2Fprivate%3Fa%3D1")
        .page()
        .send()
        .await;
    assert_eq!(page.expect_see_other(), "/private?a=1");
    let page = browser.get(MOUNT).page().send().await;
    assert_eq!(page.expect_see_other(), "/");
    assert!(stage.service.pending().is_empty(), "no attempt was started");
}

/// 201 with every member, after the handshake.
pub async fn start_answers_the_attempt(adapter: impl Adapter) {
    let stage = Stage::new(&adapter).await;
    let browser = stage.browser();
    let call = browser
        .post("/login/start")
        .json(&json!({ "next": "/private" }));
    let reply = call.send().await.expect(201);
    assert_eq!(reply.media_type(), "application/json");
    let answer = reply.json();
    let attempt = Attempt::of(answer.clone());
    assert_eq!(answer["status"], "waiting");
    assert_eq!(answer["next"], "/private");
    assert_eq!(answer["qr_svg"], attempt.at("/qr.svg"));
    assert_eq!(answer["events"], attempt.at("/events"));
    let left = answer["expires_in"].as_u64().expect("whole seconds");
    assert!(
        (1..=stage.setup.attempt_life.as_secs()).contains(&left),
        "{left}"
    );
    assert!(attempt.id.len() >= 22, "128 bits or more: {}", attempt.id);
    let pending = stage.service.pending();
    assert_eq!(pending.len(), 1, "the handshake is over");
    assert_eq!(pending[0].tmp_id, attempt.tmp_id);
    let members = answer.as_object().expect("an object").len();
    assert_eq!(members, 7, "exactly the contract's members: {answer}");
}

/// Without a body it is JSON, and `next` is `/`.
pub async fn start_without_body_is_json(adapter: impl Adapter) {
    let stage = Stage::new(&adapter).await;
    let answer = stage
        .browser()
        .post("/login/start")
        .send()
        .await
        .expect(201)
        .json();
    assert_eq!(answer["next"], "/");
    let answer = stage
        .browser()
        .post("/login/start")
        .json(&json!({}))
        .send()
        .await
        .expect(201);
    assert_eq!(answer.json()["next"], "/");
}

/// A page's form is sent to the page of its attempt; a program's form gets JSON.
pub async fn start_takes_forms(adapter: impl Adapter) {
    let stage = Stage::new(&adapter).await;
    let browser = stage.browser();
    let reply = browser
        .post("/login/start")
        .form(&[("next", "/private")])
        .send()
        .await;
    let target = reply.expect_see_other();
    assert!(target.starts_with("/login?attempt="), "{target}");
    browser.get(&target).page().send().await.expect_page(200);

    let program = stage.browser();
    let call = program.post("/login/start").body(FORM, "next=%2Fprivate");
    let answer = call
        .with("accept", "application/json")
        .send()
        .await
        .expect(201)
        .json();
    assert_eq!(answer["next"], "/private");
}

/// An address over its limit gets 429, as JSON and as a page, with `Retry-After`.
pub async fn start_over_the_limit(adapter: impl Adapter) {
    let stage = Stage::with(&adapter, |setup| setup.start_limit = 3).await;
    for _ in 0..3 {
        stage.browser().start().await;
    }
    let reply = stage.browser().post("/login/start").send().await;
    reply.expect_problem(429);
    reply.expect_retry_after();
    let page = stage.browser().get(MOUNT).page().send().await;
    page.expect_page(429);
    page.expect_retry_after();
    let form = stage
        .browser()
        .post("/login/start")
        .form(&[("next", "/")])
        .send()
        .await;
    form.expect_page(429);
    form.expect_retry_after();
    assert_eq!(
        stage.service.pending().len(),
        3,
        "a refused start reaches no service"
    );
}

/// Full in all is 503 with `Retry-After`, for browsers that have none of the live attempts.
pub async fn start_when_full(adapter: impl Adapter) {
    let stage = Stage::with(&adapter, |setup| setup.live_attempts = Some(2)).await;
    let first = stage.browser();
    let running = first.start().await;
    stage.browser().start().await;
    let reply = stage.browser().post("/login/start").send().await;
    reply.expect_problem(503);
    reply.expect_retry_after();
    let page = stage.browser().get(MOUNT).page().send().await;
    page.expect_page(503);
    page.expect_retry_after();
    assert_eq!(
        stage.service.pending().len(),
        2,
        "a refused start reaches no service"
    );

    first.post(&running.at("/cancel")).send().await.expect(204);
    stage.browser().start().await;
}

/// KeyLockr cannot be reached: 503 with `Retry-After`, and nothing is left behind.
pub async fn start_without_keylockr(adapter: impl Adapter) {
    let stage = Stage::with(&adapter, |setup| {
        setup.api = super::bad_service::refusing();
    })
    .await;
    let browser = stage.browser();
    let reply = browser.post("/login/start").send().await;
    reply.expect_problem(503);
    reply.expect_retry_after();
    let page = browser.get(MOUNT).page().send().await;
    page.expect_page(503);
    page.expect_retry_after();
    assert!(
        html::same_device_link(page.text()).is_none(),
        "no code without a service"
    );
}

/// The code as a picture: SVG, not stored, and only this browser's.
pub async fn qr_code_is_this_browsers(adapter: impl Adapter) {
    let stage = Stage::new(&adapter).await;
    let browser = stage.browser();
    assert_eq!(
        browser.get("/login/qr.svg").send().await.status,
        404,
        "none yet"
    );
    let attempt = browser.start().await;
    let picture = browser.get(&attempt.at("/qr.svg")).send().await.expect(200);
    assert_eq!(picture.media_type(), "image/svg+xml");
    assert_eq!(picture.header("cache-control"), Some("no-store"));
    assert!(picture.text().contains("<svg"));
    let newest = browser.get("/login/qr.svg").send().await.expect(200);
    assert_eq!(
        newest.body, picture.body,
        "without a handle it is the newest attempt's"
    );

    assert_eq!(
        stage
            .browser()
            .get(&attempt.at("/qr.svg"))
            .send()
            .await
            .status,
        404
    );
    let other = stage.browser();
    other.start().await;
    assert_eq!(other.get(&attempt.at("/qr.svg")).send().await.status, 404);

    browser
        .post(&attempt.at("/cancel"))
        .send()
        .await
        .expect(204);
    assert_eq!(
        browser.get(&attempt.at("/qr.svg")).send().await.status,
        404,
        "gone at its end"
    );
}

/// The binding cookie: its flags, and that it is not sent again while it serves.
pub async fn binding_cookie_flags(adapter: impl Adapter) {
    let stage = Stage::new(&adapter).await;
    let browser = stage.browser();
    let reply = browser.post("/login/start").send().await.expect(201);
    let cookie = reply
        .set_cookies()
        .into_iter()
        .find(|cookie| is_binding(&cookie.name));
    let cookie = cookie.expect("the binding cookie");
    assert_eq!(cookie.name, "kl_login", "no prefix on http");
    assert!(cookie.value.len() >= 43, "256 bits: {}", cookie.value);
    assert!(cookie.has("httponly") && cookie.has("samesite=lax") && cookie.has("path=/"));
    assert!(
        !cookie.has("secure") && !cookie.has_any("domain="),
        "{cookie:?}"
    );
    let (_, first) = browser.binding().expect("the binding cookie");
    browser.start().await;
    assert_eq!(
        browser.binding().expect("still bound").1,
        first,
        "one cookie for all tabs"
    );

    let secure = Stage::with(&adapter, |setup| {
        setup.public_origin = Some("https://app.example".to_owned());
    })
    .await;
    let browser: Browser = secure.browser();
    let reply = browser.post("/login/start").send().await.expect(201);
    let cookie = reply
        .set_cookies()
        .into_iter()
        .find(|cookie| is_binding(&cookie.name));
    let cookie = cookie.expect("the binding cookie");
    assert_eq!(cookie.name, "__Host-kl_login");
    assert!(cookie.has("secure") && cookie.has("httponly") && cookie.has("samesite=lax"));
    assert!(
        cookie.has("path=/") && !cookie.has_any("domain="),
        "{cookie:?}"
    );
}
