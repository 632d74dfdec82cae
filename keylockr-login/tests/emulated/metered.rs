//! What is counted of whole sign-ins, exactly, and that nobody outside can make new series.

use std::time::Duration;

use keylockr_login::metrics::{ALL, Kind, Metric};
use keylockr_login::{AccountUnavailable, BindingSecret, Bindings, Limits, VaultConfig};
use serde_json::json;
use tokio::time::sleep;

use crate::{
    recorded::Recorded,
    stage::{Common, Stage, State},
    stopping::{Process, two},
};

fn assert_known(recorded: &Recorded) {
    let letter = |kind: Kind| match kind {
        Kind::Counter => 'c',
        Kind::Gauge => 'g',
        Kind::Histogram => 'h',
    };
    let known = |metric: &'static Metric| (metric.name, letter(metric.kind), metric.labels);
    let all = ALL.iter().chain(keylockr_client::metrics::ALL);
    recorded.assert_known(&all.map(known).collect::<Vec<_>>());
}

#[tokio::test(start_paused = true)]
async fn a_whole_sign_in_counts_exactly() {
    let (recorded, _recording) = Recorded::start();
    let stage = Stage::with(|builder| builder.keep_connection(true)).await;
    let browser = stage.browser();
    let attempt = browser.start().await;
    browser.until(&attempt, "connected").await;
    let gauge = |name| recorded.gauge(name).round();
    assert_eq!(gauge("keylockr_attempts_live"), 1.0);
    let path = format!("/events?attempt={}", attempt.id);
    let events = browser.get(&path).await.events.unwrap();
    assert_eq!(gauge("keylockr_event_streams_open"), 1.0);
    drop(events);
    sleep(Duration::from_secs(20)).await;
    stage.approve(&attempt.code);
    browser.until(&attempt, "done").await;
    sleep(Duration::from_secs(5)).await;
    assert_eq!(browser.finish(&attempt).await.status, 200);
    assert_eq!(browser.finish(&attempt).await.status, 410);
    sleep(Duration::from_secs(5)).await;

    assert_eq!(
        recorded.counters("keylockr_starts_total"),
        "{keys=server} 1"
    );
    assert_eq!(
        recorded.counters("keylockr_outcomes_total"),
        "{outcome=session} 1"
    );
    assert_eq!(recorded.counters("keylockr_limited_total"), "");
    assert_eq!(recorded.counters("keylockr_store_errors_total"), "");
    assert_eq!(recorded.counters("keylockr_takeovers_total"), "");
    assert_eq!(
        recorded.counters("keylockr_refusals_total"),
        "{code=attempt_ended} 1"
    );
    let [approval] = recorded.samples("keylockr_approval_seconds")[..] else {
        panic!("one approval");
    };
    assert!((20.0..25.0).contains(&approval), "{approval}");
    let [finish] = recorded.samples("keylockr_finish_seconds")[..] else {
        panic!("one session");
    };
    assert!((5.0..10.0).contains(&finish), "{finish}");
    assert_eq!(gauge("keylockr_attempts_live"), 0.0);
    assert_eq!(gauge("keylockr_event_streams_open"), 0.0);
    assert_eq!(gauge("keylockr_connections_kept"), 1.0);
    assert_eq!(gauge("keylockr_sockets_open"), 1.0);
    browser.logout().await;
    sleep(Duration::from_secs(5)).await;
    assert_eq!(gauge("keylockr_connections_kept"), 0.0);
    assert_eq!(gauge("keylockr_sockets_open"), 0.0);
    assert_known(&recorded);
}

#[tokio::test(start_paused = true)]
async fn every_attempt_ends_once() {
    let (recorded, _recording) = Recorded::start();
    let limits = Limits::default()
        .with_starts_a_minute(0)
        .with_attempts_of_browser(1);
    let stage = Stage::with(|builder| builder.limits(limits)).await;
    let browser = stage.browser();
    let replaced = browser.start().await;
    let cancelled = browser.start().await;
    browser.until(&cancelled, "connected").await;
    assert_eq!(browser.status(&replaced).await["error"]["code"], "replaced");
    browser.cancel(&cancelled).await;
    browser.cancel(&cancelled).await;
    let denied = browser.start().await;
    browser.until(&denied, "connected").await;
    stage.deny(&denied.code);
    browser.until(&denied, "denied").await;
    let expired = browser.start().await;
    browser.until(&expired, "connected").await;
    sleep(Duration::from_secs(600)).await;
    let unfinished = browser.start().await;
    browser.until(&unfinished, "connected").await;
    stage.approve(&unfinished.code);
    browser.until(&unfinished, "done").await;
    sleep(Duration::from_secs(600)).await;
    let stopped = browser.start().await;
    browser.until(&stopped, "connected").await;
    stage.keylockr.shutdown().await;
    assert_eq!(
        recorded.counters("keylockr_outcomes_total"),
        "{outcome=cancelled} 1\n\
         {outcome=denied} 1\n\
         {outcome=expired} 2\n\
         {outcome=replaced} 1\n\
         {outcome=stopped} 1"
    );
    assert_eq!(recorded.count("keylockr_starts_total{keys=server}"), 6);
    assert_eq!(
        recorded.counters("keylockr_limited_total"),
        "{limit=browser} 1"
    );
    assert_eq!(recorded.gauge("keylockr_attempts_live").round(), 0.0);
    assert_known(&recorded);
}

#[tokio::test(start_paused = true)]
async fn limits_are_counted_by_which() {
    let (recorded, _recording) = Recorded::start();
    let limits = Limits::default()
        .with_starts_a_minute(2)
        .with_attempts(3)
        .with_polls_a_second(1);
    let stage = Stage::with(|builder| builder.limits(limits)).await;
    let browser = stage.browser();
    let attempt = browser.start().await;
    browser.start().await;
    assert_eq!(browser.post("/start", &json!({})).await.status, 429);
    let path = format!("/status?attempt={}", attempt.id);
    for expected in [200, 429] {
        assert_eq!(browser.get(&path).await.status, expected);
    }
    let other = stage.browser();
    other.move_to("198.51.100.7");
    other.start().await;
    assert_eq!(other.post("/start", &json!({})).await.status, 503);
    assert_eq!(
        recorded.counters("keylockr_limited_total"),
        "{limit=address} 1\n{limit=all} 1\n{limit=polls} 1"
    );
    assert_eq!(
        recorded.counters("keylockr_refusals_total"),
        "{code=full} 1\n{code=too_many} 2"
    );
    assert_known(&recorded);
}

/// What strangers send has no way into a name or a label.
#[tokio::test(start_paused = true)]
async fn hostile_input_makes_no_series() {
    let (recorded, _recording) = Recorded::start();
    let stage = Stage::new().await;
    let browser = stage.browser();
    for path in [
        "/status?attempt=a%22%7D%0Akeylockr_evil%201",
        "/events?attempt=..",
        "/qr.svg?attempt=%00",
    ] {
        browser.get(path).await;
    }
    for (path, body) in [
        ("/finish", json!({ "attempt": "\"} 1\n" })),
        ("/start", json!({ "next": "\n# TYPE" })),
        ("/verify", json!({ "attempt_id": "x", "app_id": "\n" })),
        ("/challenge", json!({ "sign_pk": "{}" })),
    ] {
        browser.post(path, &body).await;
    }
    assert_known(&recorded);
}

#[tokio::test(start_paused = true)]
async fn a_store_that_fails_is_counted_by_what_it_was_asked() {
    let (recorded, _recording) = Recorded::start();
    let stage = Stage::new().await;
    let browser = stage.browser();
    stage.attempts.set(State::Down);
    assert_eq!(browser.post("/start", &json!({})).await.status, 503);
    assert_eq!(
        recorded.counters("keylockr_store_errors_total"),
        "{operation=write,store=attempts} 1"
    );
    stage.attempts.set(State::Up);
    stage.revocations.set(State::Down);
    assert!(stage.keylockr.ready().await.is_err());
    assert_eq!(
        recorded.count("keylockr_store_errors_total{operation=read,store=revocations}"),
        1
    );
    assert_known(&recorded);
}

#[tokio::test(start_paused = true)]
async fn takeovers_are_counted_where_they_happen() {
    let stage = Stage::new().await;
    let (first, second, browser, attempt) = two(&stage).await;
    let (recorded, _recording) = Recorded::start();
    first.keylockr.shutdown().await;
    let there = second.serves(&stage, &browser);
    sleep(Duration::from_secs(5)).await;
    assert_eq!(there.status(&attempt).await["status"], "connected");
    assert_eq!(
        recorded.counters("keylockr_takeovers_total"),
        "{outcome=resumed} 1"
    );
    let store = Common::default();
    let sealed = Process::new(&stage, &store);
    let other = Process::sealing(&stage, &store, [8; 32]);
    sleep(Duration::from_secs(60)).await;
    let browser = crate::browser::Browser::new(sealed.keylockr.clone(), stage.sessions.clone());
    browser.start().await;
    sealed.keylockr.shutdown().await;
    sleep(Duration::from_secs(5)).await;
    drop(other);
    assert_eq!(recorded.count("keylockr_takeovers_total{outcome=lost}"), 1);
    assert_known(&recorded);
}

/// A site whose store of accounts does not answer.
struct Silent;

impl Bindings for Silent {
    async fn recall(&self, _: &str) -> Result<Option<BindingSecret>, AccountUnavailable> {
        std::future::pending().await
    }

    async fn keep(&self, _: &str, _: &BindingSecret) -> Result<(), AccountUnavailable> {
        std::future::pending().await
    }
}

/// It was approved, but its vault was not ready in time: that is an end like any other.
#[tokio::test(start_paused = true)]
async fn an_attempt_that_runs_out_before_its_vault_is_ready_counts_as_expired() {
    let (recorded, _recording) = Recorded::start();
    let stage = Stage::of("demo-data", |builder| {
        let builder = builder.app_tag("notes").vault(VaultConfig::new());
        builder.bindings(Silent)
    })
    .await;
    stage.emulator.lock("alice").unwrap();
    let browser = stage.browser();
    let attempt = browser.start().await;
    browser.until(&attempt, "connected").await;
    stage.approve(&attempt.code);
    browser.until(&attempt, "unlock").await;
    // Two seconds are left, and an account may take five.
    sleep(Duration::from_secs(298)).await;
    stage.emulator.unlock("alice").unwrap();
    sleep(Duration::from_secs(10)).await;
    assert_eq!(browser.status(&attempt).await["status"], "expired");
    assert_eq!(
        recorded.counters("keylockr_outcomes_total"),
        "{outcome=expired} 1"
    );
    assert_eq!(stage.network.open_sockets(), 0);
    assert_known(&recorded);
}
