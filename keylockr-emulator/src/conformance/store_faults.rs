//! Stores in trouble: 503, never signed out, never signed in, never somebody else.

use super::agent::Reply;
use super::setup::{Adapter, StoreState};
use super::stage::{Attempt, MOUNT, Stage};

const BROKEN: [StoreState; 2] = [StoreState::Down, StoreState::Hanging];

/// The attempt store is down: no start, and no word about attempts that it may hold.
pub async fn store_down_before_start(adapter: impl Adapter) {
    let stage = Stage::new(&adapter).await;
    for state in BROKEN {
        let browser = stage.browser();
        stage.setup.attempt_store.set(state);
        browser
            .post("/login/start")
            .send()
            .await
            .expect_problem(503);
        browser.get(MOUNT).page().send().await.expect_page(503);
        stage.setup.attempt_store.set(StoreState::Up);
        stage.sign_in(&browser, "alice").await;
        assert!(browser.me().await.is_ok());
    }
    // The session store: the page cannot know whether somebody is signed in.
    let browser = stage.signed_in("alice").await;
    for state in BROKEN {
        stage.setup.store.set(state);
        browser.get(MOUNT).page().send().await.expect_page(503);
        stage.setup.store.set(StoreState::Up);
        assert!(browser.me().await.is_ok(), "nobody was signed out");
    }
}

/// A store is down while the phone approves: no session until it is back, then at most one.
pub async fn store_down_at_approval(adapter: impl Adapter) {
    for state in BROKEN {
        let stage = Stage::new(&adapter).await;
        let browser = stage.browser();
        let attempt = browser.start().await;
        browser.reach(&attempt, "connected").await;
        stage.setup.attempt_store.set(state);
        stage.service.approve(&attempt.tmp_id, "alice");
        browser.finish(&attempt).await.expect_problem(503);
        stage.attempts_back(&browser, &attempt).await;
        collect_or_give_up(&stage, &browser, &attempt).await;
    }
}

/// The session store is down at finish: 503, and the approval is kept or lost, never half used.
pub async fn store_down_at_finish(adapter: impl Adapter) {
    for state in [StoreState::Down, StoreState::Hanging, StoreState::ReadOnly] {
        let stage = Stage::new(&adapter).await;
        let browser = stage.browser();
        let attempt = stage.approved(&browser, "alice").await;
        stage.setup.store.set(state);
        let reply = browser.finish(&attempt).await;
        reply.expect_problem(503);
        assert!(
            reply.session_cookie().is_none(),
            "{state:?}: no session without a store"
        );
        let form = browser.post(&attempt.at("/finish")).form(&[]).send().await;
        assert!(
            matches!(form.status, 503 | 410),
            "{state:?}: {}",
            form.status
        );
        stage.setup.store.set(StoreState::Up);
        assert_eq!(
            browser.me().await,
            Err(401),
            "{state:?}: nobody was signed in"
        );
        collect_or_give_up(&stage, &browser, &attempt).await;
    }
}

/// The same where somebody was signed in before: they stay.
pub async fn store_down_at_another_sign_in(adapter: impl Adapter) {
    for state in [StoreState::Down, StoreState::Hanging, StoreState::ReadOnly] {
        let stage = Stage::new(&adapter).await;
        let browser = stage.signed_in("alice").await;
        let who = browser.me().await;
        assert!(who.is_ok(), "{state:?}");
        let attempt = stage.approved(&browser, "bob").await;
        stage.setup.store.set(state);
        browser.finish(&attempt).await.expect_problem(503);
        stage.setup.store.set(StoreState::Up);
        assert_eq!(browser.me().await, who, "{state:?}: still alice");
        stage.sign_in(&browser, "bob").await;
        let now = browser.me().await;
        assert!(now.is_ok() && now != who, "{state:?}: {now:?}");
    }
}

async fn collect_or_give_up(stage: &Stage, browser: &super::agent::Browser, attempt: &Attempt) {
    let status = browser.settled(attempt).await;
    let reply = browser.finish(attempt).await;
    match reply.status {
        200 => {
            assert_eq!(status["status"], "done");
            assert!(browser.me().await.is_ok());
            browser.finish(attempt).await.expect_problem(410);
        }
        _ => {
            reply.expect_problem(410);
            assert_eq!(browser.me().await, Err(401));
            stage.sign_in(browser, "alice").await;
        }
    }
}

/// The attempt store is down at status: 503, never `none`.
pub async fn store_down_at_status(adapter: impl Adapter) {
    let stage = Stage::new(&adapter).await;
    let browser = stage.browser();
    let attempt = browser.start().await;
    browser.reach(&attempt, "connected").await;
    for state in BROKEN {
        stage.setup.attempt_store.set(state);
        browser
            .get(&attempt.at("/status"))
            .send()
            .await
            .expect_problem(503);
        for route in ["/events", "/qr.svg"] {
            let reply = browser.get(&attempt.at(route)).send().await;
            assert_eq!(reply.status, 503, "{state:?} {route}: {}", reply.text());
        }
        browser
            .get(&attempt.at(""))
            .page()
            .send()
            .await
            .expect_page(503);
        for route in ["/finish", "/cancel"] {
            browser
                .post(&attempt.at(route))
                .send()
                .await
                .expect_problem(503);
        }
        stage.attempts_back(&browser, &attempt).await;
        assert_eq!(
            browser.status_word(&attempt).await,
            "connected",
            "{state:?}"
        );
    }
}

/// The session store is down in a session: 503 for programs and pages, and then all is as before.
pub async fn store_down_in_a_session(adapter: impl Adapter) {
    let stage = Stage::new(&adapter).await;
    let browser = stage.signed_in("alice").await;
    let who = browser.me().await.expect("alice");
    let cookies = browser.cookies();
    for state in BROKEN {
        stage.setup.store.set(state);
        let problem = browser.get("/api/me").send().await;
        problem.expect_problem(503);
        expect_cookies_untouched(&problem);
        let page = browser.get("/private").page().send().await;
        page.expect_page(503);
        expect_cookies_untouched(&page);
        let public = browser.get("/").send().await;
        assert_eq!(
            public.status, 503,
            "a public page that asks who it is says it cannot tell"
        );
        let out = browser.post("/login/logout").send().await;
        out.expect_problem(503);
        expect_cookies_untouched(&out);
        stage.setup.store.set(StoreState::Up);
        assert_eq!(browser.cookies(), cookies);
        assert_eq!(browser.me().await.as_ref(), Ok(&who), "never signed out");
    }
    stage.setup.store.set(StoreState::ReadOnly);
    let reply = browser.get("/api/me").send().await;
    assert!(matches!(reply.status, 200 | 503), "{}", reply.status);
    stage.setup.store.set(StoreState::Up);
    assert_eq!(browser.me().await, Ok(who));
}

#[track_caller]
fn expect_cookies_untouched(reply: &Reply) {
    assert!(
        reply.set_cookies().is_empty(),
        "trouble touches no cookie: {:?}",
        reply.set_cookies()
    );
}

/// On and off and on: every answer is the right one or a 503.
pub async fn store_flapping(adapter: impl Adapter) {
    let stage = Stage::new(&adapter).await;
    let alice = stage.signed_in("alice").await;
    let bob = stage.signed_in("bob").await;
    let names = [alice.me().await, bob.me().await];
    let stranger = stage.browser();
    for round in 0..30 {
        let state = if round % 2 == 0 {
            StoreState::Down
        } else {
            StoreState::Up
        };
        stage.setup.store.set(state);
        stage.setup.attempt_store.set(if round % 3 == 0 {
            StoreState::Down
        } else {
            StoreState::Up
        });
        for (browser, name) in [&alice, &bob].into_iter().zip(&names) {
            let who = browser.me().await;
            assert!(who == *name || who == Err(503), "{round}: {who:?}");
        }
        assert!(matches!(stranger.me().await, Err(401 | 503)), "{round}");
        let start = stranger.post("/login/start").send().await;
        assert!(
            matches!(start.status, 201 | 503),
            "{round}: {}",
            start.status
        );
    }
    stage.setup.store.set(StoreState::Up);
    stage.setup.attempt_store.set(StoreState::Up);
    assert_eq!([alice.me().await, bob.me().await], names);
}
