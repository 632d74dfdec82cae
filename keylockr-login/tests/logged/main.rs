//! What a log shows of a whole sign-in, at the level that shows most, and what a log that cannot be
//! written changes. A program of its own, because what tracing records is decided for all threads at
//! once.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[allow(dead_code, reason = "made for the flows")]
#[path = "../emulated/browser.rs"]
mod browser;
#[path = "../../../keylockr-client/tests/emulated/captured.rs"]
mod captured;
#[allow(dead_code, reason = "made for the flows")]
#[path = "../emulated/clock.rs"]
mod clock;
#[allow(dead_code, reason = "made for the flows")]
#[path = "../emulated/network.rs"]
mod network;
#[allow(dead_code, reason = "made for the flows")]
#[path = "../emulated/shelf.rs"]
mod shelf;
mod sinks;
#[allow(dead_code, unused_imports, reason = "made for the flows")]
#[path = "../emulated/stage.rs"]
mod stage;

use crate::{captured::Log, stage::Stage};

#[tokio::test(start_paused = true)]
async fn log_capture_has_no_secrets() {
    let (log, _guard) = Log::capture_all();
    let stage = Stage::with(|builder| {
        builder
            .keep_connection(true)
            .delete_connection_on_logout(true)
    })
    .await;
    let browser = stage.browser();
    let attempt = browser.start().await;
    browser.until(&attempt, "connected").await;
    browser.open(&format!("/?attempt={}", attempt.id)).await;
    stage.approve(&attempt.code);
    browser.until(&attempt, "done").await;
    let binding = browser.binding().unwrap();
    assert_eq!(browser.finish(&attempt).await.status, 200);
    let user = browser.user().await.unwrap().unwrap();
    let session = browser.session().unwrap();
    let (handle, nickname) = (
        user.session_handle().to_owned(),
        user.nickname().unwrap().to_owned(),
    );
    tracing::trace!(?user, record = ?user.record(), "what an application might log");
    browser.logout().await;
    let other = browser.start().await;
    browser.cancel(&other).await;
    tokio::time::sleep(std::time::Duration::from_secs(10)).await;

    let log = log.text();
    assert!(
        log.contains("signed in") && log.contains("ended"),
        "the log was captured: {log}"
    );
    for span in [
        "keylockr.request{route=\"/start\"}",
        "keylockr.request{route=\"/finish\"}",
        &format!(
            "keylockr.attempt{{attempt={} taken_over=false}}:keylockr.login",
            attempt.id
        ),
        &format!("keylockr.connection{{app_id={}}}", user.app_id()),
    ] {
        assert!(log.contains(span), "no {span} in the log:\n{log}");
    }
    let tmp_id = attempt.code.split("tmp_id=").nth(1).unwrap();
    for (what, secret) in [
        ("the binding cookie", binding.as_str()),
        ("the code", attempt.code.as_str()),
        ("the tmp id", tmp_id),
        ("the session's id", session.as_str()),
        ("the session's handle", handle.as_str()),
        ("the nickname", nickname.as_str()),
        ("a sig", "sig="),
    ] {
        assert!(!log.contains(secret), "{what} is in the log:\n{log}");
    }
}
