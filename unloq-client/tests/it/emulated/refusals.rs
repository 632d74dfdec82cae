//! What UNLOQ refuses, whatever is asked.

use keylockr_emulator::unloq::{Fault, FaultKind};
use unloq_client::{Authenticate, Client, ErrorCode, Exchange, Problem};

use super::{ALICE, ENVELOPES, Stage, assert_code, assert_problem, email, other, token};

#[tokio::test]
async fn wrong_credentials() {
    for envelope in ENVELOPES {
        let stage = Stage::speaking(envelope).await;
        let api = stage.unloq.api();
        let wrong = [
            Client::builder(&api, "another-key"),
            stage.builder().legacy_credentials("another-secret"),
        ];
        for builder in wrong {
            let client = builder.build().unwrap();
            let outcome = client.enrolled(&email(ALICE)).await;
            assert_code(outcome, &ErrorCode::ApplicationNotFound);
        }
        // The pair of old installations.
        let legacy = stage.builder().legacy_credentials("demo-unloq-secret");
        let client = legacy.build().unwrap();
        assert!(client.enrolled(&email(ALICE)).await.unwrap());
    }
}

#[tokio::test]
async fn users_who_cannot_be_asked() {
    for envelope in ENVELOPES {
        let stage = Stage::speaking(envelope).await;
        let client = stage.client();
        let ask = Authenticate::push(email(ALICE));
        stage.unloq.set_device(ALICE, true, false).unwrap();
        let outcome = client.authenticate(&ask).await;
        assert_code(outcome, &ErrorCode::PushUnregistered);
        stage.unloq.set_device(ALICE, false, false).unwrap();
        let outcome = client.authenticate(&ask).await;
        assert_code(outcome, &ErrorCode::NoDevice);
        let ask = Authenticate::push(email("nobody@example.test"));
        let outcome = client.authenticate(&ask).await;
        assert_code(outcome, &other("USER.NOT_FOUND"));
        // Before the stream begins a refusal is an ordinary answer.
        let outcome = client.authenticate_with_events(&ask, |_| ()).await;
        assert_code(outcome, &other("USER.NOT_FOUND"));
    }
}

#[tokio::test]
async fn firewall_and_trouble_are_met_once() {
    for envelope in ENVELOPES {
        let stage = Stage::speaking(envelope).await;
        let client = stage.client();
        for (fault, code) in [
            (FaultKind::Blocked, ErrorCode::Blocked),
            (FaultKind::Throttled, ErrorCode::Throttled),
        ] {
            stage.unloq.fault(Fault::from(fault).times(1)).unwrap();
            assert_code(client.enrolled(&email(ALICE)).await, &code);
            assert!(client.enrolled(&email(ALICE)).await.unwrap());
        }
        // Had the client asked again by itself, the second try would have succeeded.
        for status in [500, 502, 503, 599] {
            let fault = Fault::from(FaultKind::Status(status)).times(1);
            stage.unloq.fault(fault).unwrap();
            assert_problem(client.enrolled(&email(ALICE)).await, Problem::Status);
            stage.unloq.fault(fault).unwrap();
            let ask = Authenticate::push(email(ALICE));
            assert_problem(client.authenticate(&ask).await, Problem::Status);
            assert!(stage.unloq.approvals().is_empty());
        }
        // Nor is a token lost by an answer that never came from behind the trouble.
        let (outcome, _) = stage
            .approved(client.authenticate(&Authenticate::push(email(ALICE))))
            .await;
        let token = token(outcome);
        stage
            .unloq
            .fault(Fault::from(FaultKind::Status(503)).times(1))
            .unwrap();
        let outcome = client.exchange(&Exchange::new(&token)).await;
        assert_problem(outcome, Problem::Status);
        client.exchange(&Exchange::new(&token)).await.unwrap();
    }
}
