//! Event mode over a real connection.

use keylockr_emulator::unloq::{AppSettings, Fault, FaultKind};
use unloq_client::{
    ApprovalEvent, Authenticate, Authenticated, Client, Error, ErrorCode, Exchange, Problem,
};

use super::{ALICE, ENVELOPES, Stage, assert_code, assert_problem, email, token};

/// The outcome, and what was heard before it.
async fn ask(client: &Client) -> (Result<Authenticated, Error>, Vec<ApprovalEvent>) {
    let mut heard = Vec::new();
    let ask = Authenticate::push(email(ALICE));
    let outcome = client.authenticate_with_events(&ask, |event| heard.push(event));
    (outcome.await, heard)
}

#[tokio::test]
async fn a_stream_ends_in_a_token() {
    for envelope in ENVELOPES {
        for fault in [None, Some(FaultKind::Coalesce), Some(FaultKind::Split)] {
            let stage = Stage::speaking(envelope).await;
            let client = stage.client();
            if let Some(fault) = fault {
                stage.unloq.fault(fault).unwrap();
            }
            let ((outcome, heard), _) = stage.approved(ask(&client)).await;
            assert_eq!(heard, [ApprovalEvent::Pending], "{envelope:?} {fault:?}");
            let token = token(outcome);
            let user = client.exchange(&Exchange::new(&token)).await.unwrap();
            assert_eq!(user.unloq_id(), stage.id(ALICE), "{envelope:?} {fault:?}");
            let (outcome, heard) = stage.denied(ask(&client)).await;
            assert_eq!(heard, [ApprovalEvent::Pending], "{envelope:?} {fault:?}");
            let Err(Error::Refused { refusal, .. }) = outcome else {
                panic!("{outcome:?}");
            };
            assert_eq!(refusal.code(), &ErrorCode::Denied);
            assert_eq!(refusal.security_field(), Some("token"));
        }
    }
}

#[tokio::test]
async fn a_stream_without_a_token_ends_in_the_user() {
    let stage = Stage::new().await;
    let client = stage.client();
    let ask = Authenticate::push(email(ALICE)).generate_token(false);
    let outcome = client.authenticate_with_events(&ask, |_| ());
    let (outcome, _) = stage.approved(outcome).await;
    let Authenticated::User(user) = outcome.unwrap() else {
        panic!("no user");
    };
    assert_eq!(user.email().as_str(), ALICE);
}

/// However far it gets, a stream that ends before its last byte is no answer, and nothing is
/// asked a second time.
#[tokio::test]
async fn a_stream_cut_at_every_byte() {
    let stage = Stage::new().await;
    let client = stage.client();
    let mut cut = 0;
    let length = loop {
        let fault = Fault::from(FaultKind::Truncate(cut)).times(1);
        stage.unloq.fault(fault).unwrap();
        let ((outcome, _), _) = stage.approved(ask(&client)).await;
        assert!(stage.unloq.approvals().is_empty(), "asked twice at {cut}");
        match outcome {
            Ok(_) => break cut,
            Err(_) => assert_problem(outcome, Problem::Events),
        }
        cut += 1;
        assert!(cut < 1000, "no stream is so long");
    };
    // Two frames, one of them with a token of 43 characters.
    assert!(length > 100, "{length}");
}

#[tokio::test]
async fn an_installation_without_events_answers_as_usual() {
    for envelope in ENVELOPES {
        let stage = Stage::with(AppSettings {
            envelope,
            events: false,
            ..AppSettings::default()
        })
        .await;
        let client = stage.client();
        let ((outcome, heard), _) = stage.approved(ask(&client)).await;
        token(outcome);
        assert!(heard.is_empty());
        let (outcome, _) = stage.denied(ask(&client)).await;
        assert_code(outcome, &ErrorCode::Denied);
    }
}

/// Whoever stops listening leaves the question on the device, and no trace in the client.
#[tokio::test]
async fn a_dropped_call_leaves_the_question() {
    let stage = Stage::new().await;
    let client = stage.client();
    tokio::select! {
        outcome = ask(&client) => panic!("{outcome:?}"),
        approval = stage.unloq.next_approval(ALICE) => drop(approval.unwrap()),
    }
    let open = stage.unloq.approvals();
    assert_eq!(open.len(), 1);
    stage.unloq.approve(&open[0].id).unwrap();
    stage.token(&client).await;
}
