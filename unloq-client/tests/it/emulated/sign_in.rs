//! Push, one-time password, mailed link.

use keylockr_emulator::unloq::{AppSettings, FaultKind};
use unloq_client::{
    AccessToken, AttachSession, Authenticate, Authenticated, ErrorCode, Exchange, Otp,
    SessionHandle, SourceClient,
};

use super::{ALICE, ENVELOPES, Stage, assert_code, email, token};

#[tokio::test]
async fn an_approved_push_is_a_token_and_the_token_a_user() {
    for envelope in ENVELOPES {
        let stage = Stage::speaking(envelope).await;
        let client = stage.client();
        let alice = stage.id(ALICE);
        let ask = Authenticate::push(alice)
            .ip("2001:db8::7".parse().unwrap())
            .ask_trusted(true)
            .variable("basket", "three pears");
        let (outcome, approval) = stage.approved(client.authenticate(&ask)).await;
        assert_eq!(approval.ip.as_deref(), Some("2001:db8::7"));
        let basket = ("basket".to_owned(), "three pears".to_owned());
        assert_eq!(approval.variables, [basket]);
        let Authenticated::Token { token, user } = outcome.unwrap() else {
            panic!("{envelope:?}: no token");
        };
        assert_eq!(user, Some(alice), "{envelope:?}");
        let user = client.exchange(&Exchange::new(&token)).await.unwrap();
        assert_eq!((user.unloq_id(), user.email().as_str()), (alice, ALICE));
        assert_eq!(
            (user.method(), user.token_type(), user.ip_source()),
            (Some("UNLOQ"), Some("AUTHENTICATE"), Some("2001:db8::7"))
        );
        let approval_id = user.approval_id().map(unloq_client::ApprovalId::as_str);
        assert_eq!(approval_id, Some(approval.id.as_str()));
        assert_eq!(client.unexpected_keys(), 0);
    }
}

#[tokio::test]
async fn who_says_no_needs_the_one_time_password_next_time() {
    for envelope in ENVELOPES {
        let stage = Stage::speaking(envelope).await;
        let client = stage.client();
        let push = || Authenticate::push(email(ALICE));
        let outcome = stage.denied(client.authenticate(&push())).await;
        assert_code(outcome, &ErrorCode::Denied);
        let right = stage.unloq.otp(ALICE).unwrap();
        let wrong: String = right
            .chars()
            .map(|digit| if digit == '9' { '0' } else { '9' })
            .collect();
        let with = |otp: &str| push().with_otp(Otp::parse(otp).unwrap());
        for ask in [push(), with(&wrong)] {
            let outcome = client.authenticate(&ask).await;
            assert_code(outcome, &ErrorCode::OtpRequired);
        }
        assert!(stage.unloq.approvals().is_empty(), "nobody was asked");
        let ask = with(&stage.unloq.otp(ALICE).unwrap());
        let (outcome, _) = stage.approved(client.authenticate(&ask)).await;
        token(outcome);
        // Once given it is not asked for again.
        stage.token(&client).await;
    }
}

#[tokio::test]
async fn a_one_time_password_asks_nobody() {
    for envelope in ENVELOPES {
        let stage = Stage::speaking(envelope).await;
        let client = stage.client();
        let otp = || Otp::parse(&stage.unloq.otp(ALICE).unwrap()).unwrap();
        let ask = Authenticate::otp(email(ALICE), otp());
        let token = token(client.authenticate(&ask).await);
        let user = client.exchange(&Exchange::new(&token)).await.unwrap();
        assert_eq!(user.method(), Some("OTP"));
        // Event mode makes no stream where nobody is waited for.
        let ask = Authenticate::otp(email(ALICE), Otp::parse("0000").unwrap());
        let outcome = client.authenticate_with_events(&ask, |_| ()).await;
        assert_code(outcome, &ErrorCode::OtpRequired);
    }
}

#[tokio::test]
async fn a_mailed_link_leads_back_with_a_token() {
    for envelope in ENVELOPES {
        let stage = Stage::with(AppSettings {
            envelope,
            return_url: Some("http://127.0.0.1:1/back?a=b".to_owned()),
            ..AppSettings::default()
        })
        .await;
        let client = stage.client();
        let ask = Authenticate::mail(email(ALICE));
        for events in [false, true] {
            let outcome = if events {
                client.authenticate_with_events(&ask, |_| ()).await
            } else {
                client.authenticate(&ask).await
            };
            assert!(matches!(outcome.unwrap(), Authenticated::Mailed));
            let mail = stage.unloq.outbox().pop().unwrap();
            assert_eq!(mail.to, ALICE);
            let (_, token) = mail.link.split_once("token=").unwrap();
            let token = AccessToken::parse(token).unwrap();
            let user = client.exchange(&Exchange::new(&token)).await.unwrap();
            assert_eq!(user.method(), Some("EMAIL"), "{envelope:?}");
        }
        assert_eq!(stage.unloq.outbox().len(), 2);
    }
}

/// The user at once, and a session by approval id.
#[tokio::test]
async fn without_a_token_the_user_comes_at_once() {
    for envelope in ENVELOPES {
        let stage = Stage::speaking(envelope).await;
        let client = stage.client();
        let ask = Authenticate::push(email(ALICE)).generate_token(false);
        let (outcome, _) = stage.approved(client.authenticate(&ask)).await;
        let Authenticated::User(user) = outcome.unwrap() else {
            panic!("{envelope:?}: no user");
        };
        assert_eq!(user.unloq_id(), stage.id(ALICE));
        let handle = SessionHandle::parse("Hx2PzG0c1f8kQmVn").unwrap();
        let attach = AttachSession::to_approval(user.approval_id().unwrap(), &handle);
        client.attach_session(&attach).await.unwrap();
        let sessions = stage.unloq.sessions();
        let sids: Vec<_> = sessions.iter().map(|session| &*session.sid).collect();
        assert_eq!(sids, ["Hx2PzG0c1f8kQmVn"]);
    }
}

#[tokio::test]
async fn the_browser_that_asked_comes_back() {
    let stage = Stage::new().await;
    let client = stage.client();
    let browser = SourceClient {
        ip: Some("192.0.2.7".parse().unwrap()),
        user_agent: Some("Mozilla/5.0 (\"quoted\")".to_owned()),
    };
    let ask = Authenticate::push(email(ALICE)).source_client(browser.clone());
    let (outcome, _) = stage.approved(client.authenticate(&ask)).await;
    let token = token(outcome);
    let user = client.exchange(&Exchange::new(&token)).await.unwrap();
    assert_eq!(user.source_client(), Some(&browser));
}

/// UNLOQ's own time-out is an answer like any other.
#[tokio::test]
async fn nobody_answers() {
    for envelope in ENVELOPES {
        let stage = Stage::speaking(envelope).await;
        let client = stage.client();
        stage.unloq.fault(FaultKind::Timeout).unwrap();
        let ask = Authenticate::push(email(ALICE));
        let outcome = client.authenticate(&ask).await;
        assert_code(outcome, &ErrorCode::ApprovalTimeout);
        let outcome = client.authenticate_with_events(&ask, |_| ()).await;
        assert_code(outcome, &ErrorCode::ApprovalTimeout);
    }
}
