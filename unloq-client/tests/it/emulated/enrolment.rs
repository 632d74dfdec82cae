//! Who has a device.

use unloq_client::ErrorCode;

use super::{ALICE, BOB, ENVELOPES, Stage, assert_code, email, other};

#[tokio::test]
async fn enrolled_follows_the_device() {
    for envelope in ENVELOPES {
        let stage = Stage::speaking(envelope).await;
        let client = stage.client();
        let enrolled = async |user: &str| client.enrolled(&email(user)).await.unwrap();
        assert!(enrolled(ALICE).await, "{envelope:?}");
        stage.unloq.set_device(ALICE, false, false).unwrap();
        assert!(!enrolled(ALICE).await, "{envelope:?}");
        stage.unloq.set_device(ALICE, true, true).unwrap();
        stage.unloq.deactivate(ALICE).await.unwrap();
        assert!(!enrolled(ALICE).await, "{envelope:?}");
        stage.unloq.activate(ALICE).await.unwrap();
        assert!(enrolled(ALICE).await, "{envelope:?}");
        // An address with every character that means something in a query.
        assert!(!enrolled("a+b&email=c%20d;#@example.test").await);
        stage
            .unloq
            .add_profile("a+b&c%20d@example.test", "A")
            .unwrap();
        assert!(enrolled("a+b&c%20d@example.test").await);
    }
}

#[tokio::test]
async fn an_enrolment_from_start_to_device() {
    for envelope in ENVELOPES {
        let stage = Stage::speaking(envelope).await;
        let client = stage.client();
        let carol = email("carol@example.test");
        let started = client.enroll(&carol, Some("Carol")).await.unwrap();
        assert!(!started.exists(), "{envelope:?}");
        assert!(started.qr_url().unwrap().starts_with("https://"));
        assert!(started.expire_at().is_some());
        assert!(!client.enrolled(&carol).await.unwrap());
        stage.unloq.activate("carol@example.test").await.unwrap();
        assert!(client.enrolled(&carol).await.unwrap());
        let again = client.enroll(&carol, None).await.unwrap();
        assert!(again.exists(), "{envelope:?}");
    }
}

#[tokio::test]
async fn a_deactivation() {
    for envelope in ENVELOPES {
        let stage = Stage::speaking(envelope).await;
        let client = stage.client();
        assert!(client.deactivate(&email(BOB)).await.unwrap());
        assert!(!client.enrolled(&email(BOB)).await.unwrap());
        let unknown = client.deactivate(&email("nobody@example.test")).await;
        assert_code(unknown, &other("USER.NOT_FOUND"));
        let ask = unloq_client::Authenticate::push(email(BOB));
        let outcome = client.authenticate(&ask).await;
        assert_code(outcome, &ErrorCode::NoDevice);
    }
}
