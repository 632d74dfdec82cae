//! The end of an attempt: `POST M/finish`, `POST M/cancel`, `POST M/logout`.

use std::collections::BTreeMap;

use futures_util::future::join_all;
use serde_json::json;

use super::agent::Reply;
use super::setup::Adapter;
use super::stage::{Attempt, Stage};

/// 200 with user and `next` for a program.
pub async fn finish_answers_the_user(adapter: impl Adapter) {
    let stage = Stage::new(&adapter).await;
    let browser = stage.browser();
    let attempt = browser.start_for(Some("/private?a=1")).await;
    let (_, safe_id) = stage.service.approve(&attempt.tmp_id, "alice");
    browser.reach(&attempt, "done").await;
    let reply = browser.finish(&attempt).await.expect(200);
    assert_eq!(reply.media_type(), "application/json");
    let nickname = stage.service.nickname("alice");
    let answer = reply.json();
    let user = json!({ "safe_id": safe_id, "nickname": nickname });
    assert_eq!(answer, json!({ "user": user, "next": "/private?a=1" }));
    assert_eq!(browser.me().await, Ok(safe_id));
}

/// 303 to `next` for a page's form.
pub async fn finish_sends_forms_on(adapter: impl Adapter) {
    let stage = Stage::new(&adapter).await;
    let browser = stage.browser();
    let attempt = browser.start_for(Some("/private?a=1")).await;
    stage.service.approve(&attempt.tmp_id, "bob");
    browser.reach(&attempt, "done").await;
    let reply = browser
        .post("/login/finish")
        .form(&[("attempt", &attempt.id)])
        .send()
        .await;
    if reply.status == 303 {
        assert_eq!(reply.expect_see_other(), "/private?a=1");
    } else {
        let reply = browser.post(&attempt.at("/finish")).form(&[]).send().await;
        assert_eq!(reply.expect_see_other(), "/private?a=1");
    }
    assert!(browser.me().await.is_ok());
}

/// 409 before, 410 after, 403 for what is not this browser's.
pub async fn finish_refusals(adapter: impl Adapter) {
    let stage = Stage::new(&adapter).await;
    let browser = stage.browser();
    let early = browser.start().await;
    browser.finish(&early).await.expect_problem(409);
    let page = browser.post(&early.at("/finish")).form(&[]).send().await;
    page.expect_page(409);
    browser.post(&early.at("/cancel")).send().await.expect(204);
    browser.finish(&early).await.expect_problem(410);

    let denied = browser.start().await;
    stage.service.deny(&denied.tmp_id);
    browser.reach(&denied, "denied").await;
    browser.finish(&denied).await.expect_problem(410);

    browser
        .post("/login/finish?attempt=unknown")
        .send()
        .await
        .expect_problem(403);
    let stranger = stage.browser();
    let used = stage.approved(&browser, "alice").await;
    stranger.finish(&used).await.expect_problem(403);
    stranger.start().await;
    stranger.finish(&used).await.expect_problem(403);
    browser.finish(&used).await.expect(200);
    browser.finish(&used).await.expect_problem(410);
    stranger.finish(&used).await.expect_problem(403);
}

/// The second exchange of an approval gives nothing, whatever form it has.
pub async fn finish_is_single_use(adapter: impl Adapter) {
    let stage = Stage::new(&adapter).await;
    let browser = stage.browser();
    let attempt = stage.approved(&browser, "alice").await;
    let copy = browser.twin();
    browser.finish(&attempt).await.expect(200);
    for thief in [&copy, &browser] {
        let reply = thief.finish(&attempt).await;
        reply.expect_problem(410);
        assert!(
            reply.session_cookie().is_none(),
            "no session comes with a refusal"
        );
        let reply = thief.post(&attempt.at("/finish")).form(&[]).send().await;
        reply.expect_page(410);
    }
    assert_eq!(
        copy.me().await,
        Err(401),
        "the copied cookie has no session"
    );
    assert!(browser.me().await.is_ok(), "the refusals harm nobody");
}

/// Twenty at once: one session.
pub async fn twenty_finishes_one_session(adapter: impl Adapter) {
    let stage = Stage::new(&adapter).await;
    let browser = stage.browser();
    let attempt = stage.approved(&browser, "alice").await;
    let tabs: Vec<_> = (0..20).map(|_| browser.twin()).collect();
    let replies: Vec<Reply> = join_all(tabs.iter().map(|tab| tab.finish(&attempt))).await;
    let mut statuses: BTreeMap<u16, usize> = BTreeMap::new();
    for reply in &replies {
        *statuses.entry(reply.status).or_default() += 1;
    }
    assert_eq!(statuses, BTreeMap::from([(200, 1), (410, 19)]));
    let signed_in = join_all(tabs.iter().map(super::agent::Browser::me)).await;
    assert_eq!(
        signed_in.iter().filter(|who| who.is_ok()).count(),
        1,
        "{signed_in:?}"
    );
}

/// However often the status is asked for, in whatever way, it changes nothing.
pub async fn status_is_safe(adapter: impl Adapter) {
    let stage = Stage::new(&adapter).await;
    let browser = stage.browser();
    let attempt = stage.approved(&browser, "alice").await;
    let before = browser.cookies();
    for route in ["/status", "/events", ""] {
        for _ in 0..2 {
            browser.get(&attempt.at(route)).send().await.expect(200);
        }
        browser
            .call(http::Method::HEAD, &attempt.at(route))
            .send()
            .await;
    }
    join_all((0..20).map(|_| browser.get(&attempt.at("/status")).send())).await;
    for route in ["/finish", "/cancel", "/start"] {
        browser
            .get(&attempt.at(route))
            .send()
            .await
            .expect_problem(405);
    }
    assert_eq!(browser.cookies(), before, "no cookie came");
    assert_eq!(browser.me().await, Err(401), "nobody was signed in");
    browser.finish(&attempt).await.expect(200);
}

/// 204, or 303 to the attempt's page; also when there is none.
pub async fn cancel_gives_up(adapter: impl Adapter) {
    let stage = Stage::new(&adapter).await;
    let browser = stage.browser();
    browser.post("/login/cancel").send().await.expect(204);
    let attempt = browser.start().await;
    let reply = browser
        .post(&attempt.at("/cancel"))
        .send()
        .await
        .expect(204);
    assert!(reply.body.is_empty());
    assert_eq!(browser.status_word(&attempt).await, "cancelled");
    browser
        .post(&attempt.at("/cancel"))
        .send()
        .await
        .expect(204);

    let attempt = browser.start().await;
    let reply = browser.post(&attempt.at("/cancel")).form(&[]).send().await;
    let target = reply.expect_see_other();
    assert_eq!(target, format!("/login?attempt={}", attempt.id));
    let page = browser.get(&target).page().send().await;
    assert!(
        !page.expect_page(200).contains(&attempt.tmp_id),
        "the code is gone"
    );
}

/// After a confirmed cancel an approval is worth nothing.
pub async fn late_approval_ignored(adapter: impl Adapter) {
    let stage = Stage::new(&adapter).await;
    let browser = stage.browser();
    let attempt = browser.start().await;
    browser.reach(&attempt, "connected").await;
    browser
        .post(&attempt.at("/cancel"))
        .send()
        .await
        .expect(204);
    stage.service.approve(&attempt.tmp_id, "alice");
    browser.finish(&attempt).await.expect_problem(410);
    assert_eq!(browser.status_word(&attempt).await, "cancelled");

    // Approved first, given up before it was collected.
    let attempt: Attempt = stage.approved(&browser, "alice").await;
    browser
        .post(&attempt.at("/cancel"))
        .send()
        .await
        .expect(204);
    browser.finish(&attempt).await.expect_problem(410);
    assert_eq!(browser.me().await, Err(401));
}

/// 204, or 303 to `/`; also when signed out already; never by GET.
pub async fn logout_answers(adapter: impl Adapter) {
    let stage = Stage::new(&adapter).await;
    let browser = stage.browser();
    browser.post("/login/logout").send().await.expect(204);
    let reply = browser.post("/login/logout").form(&[]).send().await;
    assert_eq!(reply.expect_see_other(), "/");

    stage.sign_in(&browser, "alice").await;
    let refused = browser.get("/login/logout").send().await;
    assert_eq!(refused.status, 405);
    assert_eq!(refused.header("allow"), Some("POST"));
    assert!(browser.me().await.is_ok(), "a link signs nobody out");
    let reply = browser.post("/login/logout").send().await.expect(204);
    assert!(reply.body.is_empty());
    assert_eq!(browser.me().await, Err(401));

    stage.sign_in(&browser, "alice").await;
    let reply = browser.post("/login/logout").form(&[]).send().await;
    assert_eq!(reply.expect_see_other(), "/");
    assert_eq!(browser.me().await, Err(401));
}
