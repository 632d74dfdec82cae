//! Following an attempt: `GET M/events` and `GET M/status`.

use std::time::Duration;

use serde_json::{Value, json};

use super::setup::Adapter;
use super::stage::Stage;

/// The current status first, one event for each change, and an end after the final one.
pub async fn events_tell_every_change(adapter: impl Adapter) {
    let stage = Stage::new(&adapter).await;
    let browser = stage.browser();
    let attempt = browser.start_for(Some("/private")).await;
    browser.reach(&attempt, "connected").await;
    let opened = browser
        .get(&attempt.at("/events"))
        .header("accept", "text/event-stream")
        .open();
    let opened = opened.await;
    assert!(
        opened
            .header("cache-control")
            .is_some_and(|value| value.contains("no-store"))
    );
    let mut events = opened.events();
    let first = events.status().await.expect("the current status");
    assert_eq!(first["status"], "connected");
    assert_eq!(first["next"], "/private");
    stage.service.approve(&attempt.tmp_id, "alice");
    let mut words = vec!["connected".to_owned()];
    while let Some(status) = events.status().await {
        words.push(status["status"].as_str().expect("a word").to_owned());
    }
    assert!(
        words == ["connected", "authorized", "done"] || words == ["connected", "done"],
        "one event for each change, none twice, nothing after the last: {words:?}"
    );

    let mut again = browser.get(&attempt.at("/events")).open().await.events();
    assert_eq!(
        again.status().await.expect("the final status")["status"],
        "done"
    );
    assert_eq!(
        again.status().await,
        None,
        "the stream ends after a final status"
    );
}

/// Without an attempt, and for somebody else's, the stream says `none` and ends.
pub async fn events_without_an_attempt_end_with_none(adapter: impl Adapter) {
    let stage = Stage::new(&adapter).await;
    let owner = stage.browser();
    let attempt = owner.start().await;
    for (browser, path) in [
        (stage.browser(), "/login/events".to_owned()),
        (stage.browser(), attempt.at("/events")),
        (stage.browser(), "/login/events?attempt=nonsense".to_owned()),
    ] {
        let mut events = browser.get(&path).open().await.events();
        let status = events.status().await.expect("a status");
        assert_eq!(status["status"], "none", "{path}");
        assert_eq!(events.status().await, None, "{path}");
    }
    assert_eq!(stage.service.pending().len(), 1, "asking starts nothing");
}

/// Every refusal reaches an open stream, with its word and a code.
pub async fn events_tell_how_it_ended(adapter: impl Adapter) {
    let stage = Stage::new(&adapter).await;
    let browser = stage.browser();
    let attempt = browser.start().await;
    let mut events = browser.get(&attempt.at("/events")).open().await.events();
    stage.service.deny(&attempt.tmp_id);
    let mut last = Value::Null;
    while let Some(status) = events.status().await {
        last = status;
    }
    assert_eq!(last["status"], "denied");
    assert!(
        last["error"]["code"].is_string() && last["error"]["message"].is_string(),
        "{last}"
    );
    assert!(last["next"].is_string(), "{last}");

    let attempt = browser.start().await;
    let mut events = browser.get(&attempt.at("/events")).open().await.events();
    browser
        .post(&attempt.at("/cancel"))
        .send()
        .await
        .expect(204);
    while let Some(status) = events.status().await {
        last = status;
    }
    assert_eq!(last["status"], "cancelled");
    assert!(last["error"]["code"].is_string(), "{last}");
}

/// The status object in every state that a phone can bring about, with its members.
pub async fn status_tells_the_state(adapter: impl Adapter) {
    let stage = Stage::new(&adapter).await;
    let browser = stage.browser();
    let reply = browser.get("/login/status").send().await.expect(200);
    assert_eq!(reply.media_type(), "application/json");
    assert_eq!(reply.header("cache-control"), Some("no-store"));
    let none = reply.json();
    assert_eq!(none["status"], "none");
    assert!(
        none.get("next").is_none() && none.get("error").is_none(),
        "{none}"
    );

    let attempt = browser.start_for(Some("/private")).await;
    let connected = browser.reach(&attempt, "connected").await;
    let polled = browser.status(&attempt).await;
    assert_eq!(polled["status"], "connected");
    assert_eq!(polled["next"], "/private");
    assert!(
        polled["expires_in"]
            .as_u64()
            .is_some_and(|left| left > 0 && left <= 180),
        "{polled}"
    );
    assert!(polled.get("error").is_none(), "{polled}");
    assert_eq!(
        names(&connected),
        names(&polled),
        "events and polling give the same object"
    );

    stage.service.approve(&attempt.tmp_id, "alice");
    browser.reach(&attempt, "done").await;
    let done = browser.status(&attempt).await;
    assert_eq!(
        (&done["status"], &done["next"]),
        (&json!("done"), &json!("/private"))
    );
    browser.finish(&attempt).await.expect(200);
    assert_eq!(
        browser.status_word(&attempt).await,
        "none",
        "a used attempt"
    );

    let denied = browser.start().await;
    stage.service.deny(&denied.tmp_id);
    browser.reach(&denied, "denied").await;
    let status = browser.status(&denied).await;
    assert_eq!(status["status"], "denied");
    assert!(status["error"]["code"].is_string() && status["error"]["message"].is_string());
}

/// Without `?attempt=` a route means the newest attempt of the browser.
pub async fn newest_attempt_is_meant_without_a_handle(adapter: impl Adapter) {
    let stage = Stage::new(&adapter).await;
    let browser = stage.browser();
    let first = browser.start_for(Some("/first")).await;
    let second = browser.start_for(Some("/second")).await;
    assert_ne!(first.id, second.id);
    let newest = browser.get("/login/status").send().await.expect(200).json();
    assert_eq!(newest["next"], "/second");
    assert_eq!(
        browser.status(&first).await["next"],
        "/first",
        "the other tab still runs"
    );
    stage.service.approve(&second.tmp_id, "alice");
    browser.reach(&second, "done").await;
    browser.post("/login/finish").send().await.expect(200);
    assert!(browser.me().await.is_ok());
}

/// A new stream for an attempt takes the place of an open one; polling goes on beside it.
pub async fn one_event_stream_for_an_attempt(adapter: impl Adapter) {
    let stage = Stage::new(&adapter).await;
    let browser = stage.browser();
    let attempt = browser.start().await;
    browser.reach(&attempt, "connected").await;
    let mut first = browser.get(&attempt.at("/events")).open().await.events();
    assert!(first.status().await.is_some());
    let mut second = browser.get(&attempt.at("/events")).open().await.events();
    assert!(second.status().await.is_some());
    while first.next().await.is_some() {}
    stage.service.approve(&attempt.tmp_id, "alice");
    let mut last = Value::Null;
    while let Some(status) = second.status().await {
        last = status;
    }
    assert_eq!(last["status"], "done", "the newer stream stays to the end");
}

/// The code of an attempt that nobody scans runs out, visibly, and cannot be used afterwards.
pub async fn attempt_expires(adapter: impl Adapter) {
    let stage = Stage::with(&adapter, |setup| {
        setup.attempt_life = Duration::from_secs(5);
    })
    .await;
    let browser = stage.browser();
    let attempt = browser.start().await;
    assert!(
        attempt.answer["expires_in"]
            .as_u64()
            .is_some_and(|left| left <= 5)
    );
    browser.reach(&attempt, "expired").await;
    assert_eq!(browser.status(&attempt).await["expires_in"], 0);
    assert_eq!(
        browser.get(&attempt.at("/qr.svg")).send().await.status,
        404,
        "the code is gone"
    );
    browser.finish(&attempt).await.expect_problem(410);

    // The service keeps it for 600 s: an approval that comes too late must not count.
    stage.service.approve(&attempt.tmp_id, "alice");
    assert_eq!(browser.status_word(&attempt).await, "expired");
    browser.finish(&attempt).await.expect_problem(410);
    assert_eq!(browser.me().await, Err(401));
}

fn names(status: &Value) -> Vec<&String> {
    status
        .as_object()
        .map(|members| members.keys().collect())
        .unwrap_or_default()
}
