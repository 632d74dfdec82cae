//! Server-sent events.

use std::time::Duration;

use futures_util::StreamExt as _;
use keylockr_login::EventStream;
use serde_json::{Value, json};

use crate::stage::{Stage, State};

/// The next event that is not a comment: its name and data.
async fn next(events: &mut EventStream) -> Option<(String, Value)> {
    loop {
        let text = String::from_utf8(events.next().await?.to_vec()).unwrap();
        assert!(text.ends_with("\n\n"), "{text:?}");
        let mut name = None;
        for line in text.lines() {
            if let Some(event) = line.strip_prefix("event: ") {
                name = Some(event.to_owned());
            }
            if let (Some(name), Some(data)) = (&name, line.strip_prefix("data: ")) {
                return Some((name.clone(), serde_json::from_str(data).unwrap()));
            }
        }
    }
}

async fn status(events: &mut EventStream) -> Value {
    let (name, data) = next(events).await.unwrap();
    assert_eq!(name, "status");
    data["status"].clone()
}

#[tokio::test(start_paused = true)]
async fn one_event_for_each_change_and_an_end() {
    let stage = Stage::new().await;
    let browser = stage.browser();
    let attempt = browser.start().await;
    let got = browser
        .get(&format!("/events?attempt={}", attempt.id))
        .await;
    assert_eq!(got.header("content-type"), Some("text/event-stream"));
    assert_eq!(got.header("cache-control"), Some("no-store"));
    let mut events = got.events.unwrap();
    let mut seen = vec![status(&mut events).await];
    if seen == ["waiting"] {
        seen.push(status(&mut events).await);
    }
    assert_eq!(seen.last().unwrap(), "connected");
    stage.approve(&attempt.code);
    let mut seen = vec![status(&mut events).await];
    if seen == ["authorized"] {
        seen.push(status(&mut events).await);
    }
    assert_eq!(seen.last().unwrap(), "done");
    assert!(
        next(&mut events).await.is_none(),
        "it ends after a final status"
    );
    // Opened again it says the same again: the current status comes first.
    let got = browser
        .get(&format!("/events?attempt={}", attempt.id))
        .await;
    let mut events = got.events.unwrap();
    assert_eq!(status(&mut events).await, "done");
    assert!(next(&mut events).await.is_none());
}

#[tokio::test(start_paused = true)]
async fn none_is_final() {
    let stage = Stage::new().await;
    let attempt = stage.browser().start().await;
    let got = stage
        .browser()
        .get(&format!("/events?attempt={}", attempt.id))
        .await;
    let mut events = got.events.unwrap();
    let (_, data) = next(&mut events).await.unwrap();
    assert_eq!(data, json!({"status": "none", "expires_in": 0}));
    assert!(next(&mut events).await.is_none());
}

#[tokio::test(start_paused = true)]
async fn silence_is_broken_every_fifteen_seconds() {
    let stage = Stage::new().await;
    let browser = stage.browser();
    let attempt = browser.start().await;
    browser.until(&attempt, "connected").await;
    let got = browser
        .get(&format!("/events?attempt={}", attempt.id))
        .await;
    let mut events = got.events.unwrap();
    assert_eq!(status(&mut events).await, "connected");
    for _ in 0..5 {
        let comment = tokio::time::timeout(Duration::from_secs(16), events.next()).await;
        assert_eq!(&comment.unwrap().unwrap()[..], b": \n\n");
    }
    // And it ends with its attempt.
    let (_, last) = next(&mut events).await.unwrap();
    assert_eq!(last["status"], "expired");
    assert!(events.next().await.is_none());
}

#[tokio::test(start_paused = true)]
async fn the_newest_stream_of_an_attempt_wins() {
    let stage = Stage::new().await;
    let browser = stage.browser();
    let attempt = browser.start().await;
    browser.until(&attempt, "connected").await;
    let path = format!("/events?attempt={}", attempt.id);
    let mut first = browser.get(&path).await.events.unwrap();
    assert_eq!(status(&mut first).await, "connected");
    let mut second = browser.get(&path).await.events.unwrap();
    assert_eq!(next(&mut first).await.unwrap().0, "replaced");
    assert!(next(&mut first).await.is_none());
    assert_eq!(status(&mut second).await, "connected");
    // A stranger's stream replaces nobody's.
    let mut stranger = stage.browser().get(&path).await.events.unwrap();
    assert_eq!(status(&mut stranger).await, "none");
    browser.cancel(&attempt).await;
    assert_eq!(status(&mut second).await, "cancelled");
}

#[tokio::test(start_paused = true)]
async fn a_graceful_stop_ends_streams_with_a_message() {
    let stage = Stage::new().await;
    let browser = stage.browser();
    let attempt = browser.start().await;
    browser.until(&attempt, "connected").await;
    let got = browser
        .get(&format!("/events?attempt={}", attempt.id))
        .await;
    let mut events = got.events.unwrap();
    assert_eq!(status(&mut events).await, "connected");
    let keylockr = stage.keylockr.clone();
    let stopped = tokio::spawn(keylockr.shutdown());
    assert_eq!(next(&mut events).await.unwrap().0, "shutdown");
    assert!(events.next().await.is_none());
    tokio::time::timeout(Duration::from_secs(5), stopped)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(stage.network.open_sockets(), 0);
    assert_eq!(browser.post("/start", &json!({})).await.status, 503);
    assert!(stage.keylockr.ready().await.is_err());
}

#[tokio::test(start_paused = true)]
async fn a_stream_ends_when_the_store_goes_away() {
    let stage = Stage::new().await;
    let browser = stage.browser();
    let attempt = browser.start().await;
    browser.until(&attempt, "connected").await;
    let path = format!("/events?attempt={}", attempt.id);
    let mut events = browser.get(&path).await.events.unwrap();
    assert_eq!(status(&mut events).await, "connected");
    stage.attempts.set(State::Down);
    assert_eq!(next(&mut events).await.unwrap().0, "interrupted");
    assert!(events.next().await.is_none());
    stage.attempts.set(State::Up);
    let mut events = browser.get(&path).await.events.unwrap();
    assert_eq!(status(&mut events).await, "connected", "nothing was lost");
}
