//! One approval for one operation.

use keylockr_emulator::unloq::{ApprovalKind, FaultKind};
use unloq_client::{ActionCode, Authorize, ErrorCode, Exchange, Reference, User};

use super::{ALICE, ENVELOPES, Stage, assert_code, email};

fn transfer(user: impl Into<User>) -> Authorize {
    let code = ActionCode::parse("transfer_2-B").unwrap();
    let reference = Reference::parse("INV-2026-0042 é").unwrap();
    Authorize::new(code, user, reference).variable("amount", "99 EUR")
}

#[tokio::test]
async fn an_operation_is_approved() {
    for envelope in ENVELOPES {
        let stage = Stage::speaking(envelope).await;
        let client = stage.client();
        let alice = stage.id(ALICE);
        let ask = transfer(alice).ip("192.0.2.7".parse().unwrap());
        let (outcome, approval) = stage.approved(client.authorize(&ask)).await;
        let mut approved = outcome.unwrap();
        assert_eq!(approved.unloq_id(), alice, "{envelope:?}");
        assert!(approved.take_token().is_none());
        assert_eq!(approval.kind, ApprovalKind::Authorization);
        assert_eq!(approval.reference.as_deref(), Some("INV-2026-0042 é"));
        let amount = ("amount".to_owned(), "99 EUR".to_owned());
        assert_eq!(approval.variables, [amount]);
        assert!(approval.message.unwrap().contains("transfer_2-B"));
        assert_eq!(approval.ip.as_deref(), Some("192.0.2.7"));

        let ask = transfer(email(ALICE)).generate_token(true);
        let (outcome, _) = stage.approved(client.authorize(&ask)).await;
        let token = outcome.unwrap().take_token().unwrap();
        let user = client.exchange(&Exchange::new(&token)).await.unwrap();
        assert_eq!(user.token_type(), Some("AUTHORIZE"), "{envelope:?}");
    }
}

#[tokio::test]
async fn everything_else_is_no_approval() {
    for envelope in ENVELOPES {
        let stage = Stage::speaking(envelope).await;
        let client = stage.client();
        let ask = transfer(email(ALICE));
        let outcome = stage.denied(client.authorize(&ask)).await;
        assert_code(outcome, &ErrorCode::Denied);
        stage.unloq.fault(FaultKind::Timeout).unwrap();
        let outcome = client.authorize(&ask).await;
        assert_code(outcome, &ErrorCode::ApprovalTimeout);
        stage.unloq.clear_faults();
        // A no to an operation asks for no password at the next sign-in.
        stage.token(&client).await;
    }
}
