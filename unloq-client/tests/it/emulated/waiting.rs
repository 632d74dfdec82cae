//! Minutes and seconds, to the second: on a paused clock, without sockets.

use std::time::Duration;

use keylockr_emulator::unloq::{AppSettings, FaultKind};
use tokio::time::sleep;
use unloq_client::{
    AccessToken, ApprovalEvent, AttachSession, Authenticate, Authenticated, ErrorCode, Exchange,
    SessionHandle,
};

use super::in_process::Here;
use super::{ALICE, assert_code, email};
use crate::clock::now;

async fn sign_in(here: &Here) -> AccessToken {
    let ask = Authenticate::push(email(ALICE));
    let (outcome, approval) = tokio::join!(
        here.client.authenticate(&ask),
        here.unloq.approve_next(ALICE)
    );
    approval.unwrap();
    match outcome.unwrap() {
        Authenticated::Token { token, .. } => token,
        other => panic!("{other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn a_token_lives_for_a_minute() {
    let here = Here::with(AppSettings::default()).await;
    let (young, old) = (sign_in(&here).await, sign_in(&here).await);
    sleep(Duration::from_millis(59_999)).await;
    let handle = SessionHandle::parse("Hx2PzG0c1f8kQmVn").unwrap();
    here.client.exchange(&Exchange::new(&young)).await.unwrap();
    sleep(Duration::from_millis(1)).await;
    let outcome = here.client.exchange(&Exchange::new(&old)).await;
    assert_code(outcome, &ErrorCode::TokenExpired);
    // And a session has another minute from the exchange on.
    sleep(Duration::from_millis(59_998)).await;
    let attach = AttachSession::to_token(&young, &handle);
    here.client.attach_session(&attach).await.unwrap();
    let late = sign_in(&here).await;
    here.client.exchange(&Exchange::new(&late)).await.unwrap();
    sleep(Duration::from_secs(60)).await;
    let attach = AttachSession::to_token(&late, &handle);
    let outcome = here.client.attach_session(&attach);
    assert_code(outcome.await, &ErrorCode::TokenExpired);
}

#[tokio::test(start_paused = true)]
async fn a_device_token_lives_for_two() {
    let here = Here::with(AppSettings::default()).await;
    let make = || {
        let token = here.unloq.device_token(ALICE, "demo-unloq-key").unwrap();
        AccessToken::parse(&token).unwrap()
    };
    let (young, old) = (make(), make());
    sleep(Duration::from_millis(119_999)).await;
    here.client.device_user(&young).await.unwrap();
    sleep(Duration::from_millis(1)).await;
    let outcome = here.client.device_user(&old).await;
    assert_code(outcome, &ErrorCode::TokenExpired);
}

/// UNLOQ gives up before a client does that knows the setting, and a stream's keep-alives, one
/// every five seconds, are no events.
#[tokio::test(start_paused = true)]
async fn the_service_times_out_before_the_client() {
    for seconds in [10, 30, 31, 40] {
        let here = Here::with(AppSettings {
            approval_seconds: seconds,
            ..AppSettings::default()
        })
        .await;
        here.unloq.fault(FaultKind::Silent).unwrap();
        let ask = Authenticate::push(email(ALICE));
        let started = now();
        let outcome = here.client.authenticate(&ask).await;
        assert_code(outcome, &ErrorCode::ApprovalTimeout);
        assert_eq!(started.elapsed().as_secs(), seconds);
        let started = now();
        let mut heard = Vec::new();
        let hear = |event| heard.push(event);
        let outcome = here.client.authenticate_with_events(&ask, hear).await;
        assert_code(outcome, &ErrorCode::ApprovalTimeout);
        assert_eq!(started.elapsed().as_secs(), seconds);
        assert_eq!(heard, [ApprovalEvent::Pending]);
    }
}
