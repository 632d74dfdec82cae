//! Stores and KeyLockr in trouble: a page that says so, and nobody signed in or out by it.

use std::time::Duration;

use keylockr_emulator::FaultKind;
use keylockr_login::{KeyLockr, Refusal, Unready};
use serde_json::json;

use crate::{
    network::Weather,
    stage::{ORIGIN, Stage, State},
};

/// A wait that must be over by then.
async fn within<T>(seconds: u64, future: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(seconds), future)
        .await
        .expect("a bounded wait")
}

#[tokio::test(start_paused = true)]
async fn keylockr_unreachable_is_a_503_that_says_so() {
    let stage = Stage::new().await;
    let browser = stage.browser();
    for weather in [Weather::Down, Weather::Silent] {
        stage.network.set(weather);
        let got = within(15, browser.post("/start", &json!({}))).await;
        assert_eq!(got.status, 503, "{weather:?}: {}", got.text);
        assert!(got.header("retry-after").is_some());
        assert!(matches!(
            got.refusal,
            Some(Refusal::ServiceUnavailable { .. })
        ));
        let form = within(15, browser.submit("/start", "")).await;
        assert_eq!(form.status, 503);
        assert!(form.text.contains("<form"), "there is a way to try again");
        assert_eq!(browser.safe_id().await, None);
    }
    stage.network.set(Weather::Down);
    let page = within(5, browser.open("/")).await;
    assert_eq!(
        (page.status, page.header("retry-after").is_some()),
        (503, true)
    );
    assert!(page.text.contains("<form"));
    stage.network.set(Weather::Fine);
    assert_eq!(
        within(15, browser.post("/start", &json!({}))).await.status,
        201
    );
}

#[tokio::test(start_paused = true)]
async fn a_silent_keylockr_does_not_hold_the_page_up() {
    let stage = Stage::new().await;
    let browser = stage.browser();
    stage.network.set(Weather::Silent);
    let page = within(5, browser.open("/")).await;
    assert_eq!(page.status, 200);
    assert!(page.text.contains("data-status=\"waiting"), "{}", page.text);
    tokio::time::sleep(Duration::from_secs(20)).await;
    let status = browser.get("/status").await.json();
    assert_eq!(status["status"], "failed");
    assert_eq!(status["error"]["code"], "unavailable");
}

#[tokio::test(start_paused = true)]
async fn a_service_that_is_not_registered_fails_in_our_words() {
    let stage = Stage::of("nobody-knows-it", |builder| builder).await;
    let browser = stage.browser();
    let got = browser.post("/start", &json!({})).await;
    assert_eq!(got.status, 503);
    let status = browser.get("/status").await.json();
    assert_eq!(status["error"]["code"], "service_refused");
    assert!(
        !status.to_string().contains("sso_service_invalid"),
        "the peer's word stays here"
    );
}

#[tokio::test(start_paused = true)]
async fn lost_connections_recover() {
    let stage = Stage::new().await;
    let browser = stage.browser();
    let attempt = browser.start().await;
    browser.until(&attempt, "connected").await;
    stage
        .emulator
        .fault(
            keylockr_emulator::Fault::from(FaultKind::DropSocket {
                when: keylockr_emulator::DropWhen::Now,
            })
            .times(1),
        )
        .unwrap();
    tokio::time::sleep(Duration::from_secs(5)).await;
    stage.approve(&attempt.code);
    browser.until(&attempt, "done").await;
    assert_eq!(browser.finish(&attempt).await.status, 200);
}

#[tokio::test(start_paused = true)]
async fn bad_frames_sign_nobody_in() {
    for fault in [
        FaultKind::BadSeal,
        FaultKind::BadBox,
        FaultKind::BadId,
        FaultKind::VerifyFalse,
        FaultKind::ForeignService,
        FaultKind::WeakServerKey,
    ] {
        let stage = Stage::new().await;
        let browser = stage.browser();
        stage.emulator.fault(fault.clone()).unwrap();
        let started = browser.post("/start", &json!({})).await;
        if started.status == 201 {
            let code = started.json()["qr"].as_str().unwrap().to_owned();
            stage.approve(&code);
            tokio::time::sleep(Duration::from_secs(60)).await;
        }
        let status = browser.get("/status").await.json();
        assert_ne!(status["status"], "done", "{fault:?}");
        let got = browser.post("/finish", &json!({})).await;
        assert!(matches!(got.status, 409 | 410), "{fault:?}: {}", got.status);
        assert_eq!(stage.sessions.len(), 0, "{fault:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn attempt_store_in_trouble_before_a_start() {
    let stage = Stage::new().await;
    let browser = stage.browser();
    for state in [State::Down, State::Hanging, State::ReadOnly] {
        stage.attempts.set(state);
        let got = within(4, browser.post("/start", &json!({}))).await;
        assert_eq!(
            (got.status, got.refusal),
            (503, Some(Refusal::StoreUnavailable)),
            "{state:?}"
        );
        assert!(got.header("retry-after").is_some());
        let page = within(4, browser.open("/")).await;
        assert_eq!(page.status, 503, "{state:?}");
        assert!(page.text.contains("<!doctype html>") || page.text.contains("<!DOCTYPE html>"));
        stage.attempts.set(State::Up);
    }
    assert_eq!(stage.network.asked("/handshake"), 0);
}

#[tokio::test(start_paused = true)]
async fn attempt_store_in_trouble_at_the_approval() {
    for state in [State::Down, State::Hanging, State::ReadOnly] {
        let stage = Stage::new().await;
        let browser = stage.browser();
        let attempt = browser.start().await;
        browser.until(&attempt, "connected").await;
        stage.attempts.set(state);
        stage.approve(&attempt.code);
        tokio::time::sleep(Duration::from_secs(10)).await;
        if state != State::ReadOnly {
            let got = within(4, browser.get(&format!("/status?attempt={}", attempt.id))).await;
            assert_eq!(got.status, 503, "{state:?}: never none, never done");
            let got = within(4, browser.finish(&attempt)).await;
            assert_eq!(got.status, 503, "{state:?}");
        }
        stage.attempts.set(State::Up);
        // The attempt itself hears it first: while it asks, the others are told 503.
        tokio::time::sleep(Duration::from_secs(1)).await;
        browser.until(&attempt, "done").await;
        assert_eq!(
            browser.finish(&attempt).await.status,
            200,
            "the approval was kept"
        );
        assert_eq!(stage.sessions.signed_in(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn session_store_in_trouble_at_the_finish() {
    for state in [State::Down, State::Hanging] {
        let stage = Stage::new().await;
        let browser = stage.browser();
        stage.sessions.plant("own", serde_json::Map::new());
        browser.set_session(Some("own".to_owned()));
        let attempt = stage.approved(&browser).await;
        stage.sessions.trouble.set(state);
        let got = within(4, browser.finish(&attempt)).await;
        assert_eq!(
            (got.status, got.refusal),
            (503, Some(Refusal::StoreUnavailable)),
            "{state:?}"
        );
        stage.sessions.trouble.set(State::Up);
        assert_eq!(browser.safe_id().await, None);
        assert_eq!(
            browser.finish(&attempt).await.status,
            200,
            "asked first, so nothing is lost"
        );
    }
    // It reads, and cannot write: the approval is spent, and signs nobody in.
    let stage = Stage::new().await;
    let browser = stage.browser();
    let attempt = stage.approved(&browser).await;
    stage.sessions.trouble.set(State::ReadOnly);
    assert_eq!(within(4, browser.finish(&attempt)).await.status, 503);
    stage.sessions.trouble.set(State::Up);
    assert_eq!(browser.status(&attempt).await["error"]["code"], "site");
    assert_eq!(browser.finish(&attempt).await.status, 410);
    assert_eq!(stage.sessions.signed_in(), 0);
}

#[tokio::test(start_paused = true)]
async fn readiness_names_what_is_missing() {
    let stage = Stage::new().await;
    assert_eq!(stage.keylockr.ready().await, Ok(()));
    stage.attempts.set(State::Down);
    assert_eq!(stage.keylockr.ready().await, Err(Unready::Store));
    stage.attempts.set(State::Up);
    stage.revocations.set(State::Hanging);
    assert_eq!(within(3, stage.keylockr.ready()).await, Err(Unready::Store));
    stage.revocations.set(State::Up);
    stage.network.set(Weather::Silent);
    tokio::time::sleep(Duration::from_secs(10)).await;
    assert_eq!(
        within(6, stage.keylockr.ready()).await,
        Err(Unready::Service)
    );
}

#[tokio::test(start_paused = true)]
async fn cross_origin_posts_change_nothing() {
    let stage = Stage::new().await;
    let browser = stage.browser();
    let attempt = stage.approved(&browser).await;
    let cookie = browser.binding().unwrap();
    for path in ["/start", "/finish", "/cancel", "/logout"] {
        for origin in [
            Some("https://evil.example"),
            Some("null"),
            Some("http://site.example"),
            Some("https://site.example:8443"),
            Some("https://site.example.evil.example"),
            None,
        ] {
            let mut head = keylockr_login::Head::new("POST", "/login", path, "", None)
                .header("Host", "site.example")
                .header("Cookie", format!("__Host-kl_login={cookie}"));
            if let Some(origin) = origin {
                head = head.header("Origin", origin);
            }
            let got = browser.send(head, b"").await;
            let expected = (403, Some(Refusal::CrossOrigin));
            assert_eq!((got.status, got.refusal), expected, "{path} {origin:?}");
        }
    }
    assert_eq!(browser.status(&attempt).await["status"], "done");
    let forwarded = browser
        .head("POST", "/finish")
        .header("X-Forwarded-Host", "evil.example")
        .header("Forwarded", "for=6.6.6.6;host=evil.example;proto=http");
    assert_eq!(
        browser.send(forwarded, b"").await.status,
        200,
        "they are not looked at"
    );
}

#[tokio::test(start_paused = true)]
async fn refusals_can_be_restyled_in_one_place() {
    let stage = Stage::with(|builder| {
        builder.refusals(|refusal, wants_page| {
            wants_page.then(|| {
                keylockr_login::Answer::with_body(
                    200,
                    "text/html",
                    format!("<h1>Acme says {}</h1>", refusal.code()),
                )
            })
        })
    })
    .await;
    let browser = stage.browser();
    stage.sessions.trouble.set(State::Down);
    browser.set_session(Some("any".to_owned()));
    let page = browser.open("/").await;
    assert_eq!(page.status, 503, "the status stays ours");
    assert_eq!(page.text, "<h1>Acme says store_unavailable</h1>");
    assert_eq!(page.header("retry-after"), Some("5"));
    assert_eq!(page.header("cache-control"), Some("no-store"));
    let problem = browser.logout().await;
    assert_eq!(
        problem.header("content-type"),
        Some("application/problem+json")
    );
    assert_eq!(problem.json()["status"], 503);
}

#[tokio::test(start_paused = true)]
async fn development_serves_loopback_only() {
    let stage = Stage::new().await;
    let emulator_client = keylockr_client::Client::builder("http://127.0.0.1:4600")
        .transport(std::sync::Arc::new(stage.network.clone()))
        .build()
        .unwrap();
    let keylockr = KeyLockr::builder("demo", "Acme Web")
        .client(emulator_client)
        .build()
        .unwrap();
    let browser = crate::browser::Browser::new(keylockr, stage.sessions.clone());
    let post = |host: &str, origin: &str| {
        keylockr_login::Head::new("POST", "/login", "/start", "", None)
            .header("Host", host)
            .header("Origin", origin)
    };
    let got = browser.send(post("site.example", ORIGIN), b"").await;
    assert_eq!(got.status, 403);
    let page = keylockr_login::Head::new("GET", "/login", "/", "", None)
        .header("Host", "site.example")
        .header("Accept", "text/html");
    assert_eq!(browser.send(page, b"").await.status, 403);
    assert_eq!(stage.network.asked("/handshake"), 0);
}
