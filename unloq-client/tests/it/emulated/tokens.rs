//! Tokens and the sessions that are attached by them.

use core::num::NonZeroU32;

use keylockr_emulator::unloq::AppSettings;
use unloq_client::{AccessToken, AttachSession, Client, Exchange, SessionHandle};

use super::{ALICE, ENVELOPES, Stage, assert_code, other};

fn handle(text: &str) -> SessionHandle {
    SessionHandle::parse(text).unwrap()
}

#[tokio::test]
async fn a_token_is_good_once() {
    for envelope in ENVELOPES {
        let stage = Stage::speaking(envelope).await;
        let client = stage.client();
        let token = stage.token(&client).await;
        client.exchange(&Exchange::new(&token)).await.unwrap();
        let unknown = other("ACCESS_TOKEN.NOT_FOUND");
        let outcome = client.exchange(&Exchange::new(&token)).await;
        assert_code(outcome, &unknown);
        let never = AccessToken::parse("never-made").unwrap();
        let outcome = client.exchange(&Exchange::new(&never)).await;
        assert_code(outcome, &unknown);
    }
}

#[tokio::test]
async fn a_token_is_for_one_application() {
    let stage = Stage::new().await;
    let client = stage.client();
    let app = stage.unloq.add_app(AppSettings::named("other")).unwrap();
    let stranger = Client::builder(&stage.unloq.api(), app.api_key);
    let stranger = stranger.build().unwrap();
    let token = stage.token(&client).await;
    let outcome = stranger.exchange(&Exchange::new(&token)).await;
    assert_code(outcome, &other("ACCESS_TOKEN.NOT_FOUND"));
    // Nor did the attempt use it up.
    client.exchange(&Exchange::new(&token)).await.unwrap();
}

#[tokio::test]
async fn a_session_comes_with_the_exchange_or_after_it() {
    for envelope in ENVELOPES {
        let stage = Stage::speaking(envelope).await;
        let client = stage.client();
        let (first, second) = (handle("first-handle"), handle("second-handle"));
        let hour = NonZeroU32::new(3600).unwrap();
        let token = stage.token(&client).await;
        let exchange = Exchange::new(&token)
            .session(&first, Some(hour))
            .ip("192.0.2.7".parse().unwrap());
        client.exchange(&exchange).await.unwrap();
        // One session to a sign-in.
        let attach = AttachSession::to_token(&token, &second);
        assert_code(
            client.attach_session(&attach).await,
            &other("SESSION.EXISTS"),
        );

        let token = stage.token(&client).await;
        let attach = AttachSession::to_token(&token, &second).duration(hour);
        let early = client.attach_session(&attach).await;
        assert_code(early, &other("ACCESS_TOKEN.NOT_FOUND"));
        client.exchange(&Exchange::new(&token)).await.unwrap();
        client.attach_session(&attach).await.unwrap();

        let sessions = stage.unloq.sessions();
        let sids: Vec<_> = sessions.iter().map(|session| &*session.sid).collect();
        assert_eq!(sids, ["first-handle", "second-handle"], "{envelope:?}");
        for session in &sessions {
            assert_eq!(session.email, ALICE);
            assert!((3590..=3600).contains(&session.expires_in.unwrap()));
        }
    }
}

#[tokio::test]
async fn a_page_inside_of_a_mobile_app() {
    for envelope in ENVELOPES {
        let stage = Stage::speaking(envelope).await;
        let client = stage.client();
        let device_token = || {
            let token = stage.unloq.device_token(ALICE, &stage.api_key).unwrap();
            AccessToken::parse(&token).unwrap()
        };
        let token = device_token();
        // The two kinds of token do not stand for each other.
        let unknown = other("ACCESS_TOKEN.NOT_FOUND");
        assert_code(client.exchange(&Exchange::new(&token)).await, &unknown);
        let user = client.device_user(&token).await.unwrap();
        assert_eq!(user.unloq_id(), Some(stage.id(ALICE)), "{envelope:?}");
        assert_eq!(user.email().map(unloq_client::Email::as_str), Some(ALICE));
        assert_code(client.device_user(&token).await, &unknown);
        let login = stage.token(&client).await;
        assert_code(client.device_user(&login).await, &unknown);
    }
}
