//! The table of U 5.1.

use unloq_client::{
    AccessToken, Authenticate, Authenticated, Client, Email, Error, Exchange, KeyMode, KeyRequest,
    UnloqId,
};

use crate::device::PERSONAL_KEY;
use crate::keys::{pair, public_key};
use crate::stub::{Reply, Stub};

const MODES: [Option<KeyMode>; 4] = [
    None,
    Some(KeyMode::Widget),
    Some(KeyMode::ApiOnly),
    Some(KeyMode::Always),
];

fn with(stub: &std::sync::Arc<Stub>, mode: Option<KeyMode>) -> Client {
    let builder = stub.builder();
    match mode {
        Some(mode) => builder.key_mode(mode),
        None => builder,
    }
    .build()
    .unwrap()
}

fn user() -> Reply {
    let result = format!(
        r#"{{"unloq_id":"1234","email":"jane@acme.example","encryption_key":"{PERSONAL_KEY}"}}"#
    );
    Reply::json(200, format!(r#"{{"result":{result}}}"#))
}

/// A key with a login: taken where the mode knows it, else erased, counted and logged.
#[tokio::test]
async fn keys_with_a_login() {
    for mode in MODES {
        let allowed = matches!(mode, Some(KeyMode::Widget | KeyMode::Always));
        let token = AccessToken::parse("tok-1").unwrap();
        let client = with(&Stub::new([user(), user()]), mode);
        let mut signed_in = client.exchange(&Exchange::new(&token)).await.unwrap();
        assert_eq!(signed_in.take_key().is_some(), allowed, "{mode:?}");
        assert!(signed_in.take_key().is_none());
        assert_eq!(client.unexpected_keys(), u64::from(!allowed));
        // By the direct way of signing in as well.
        let ask = Authenticate::push(Email::parse("jane@acme.example").unwrap());
        let outcome = client
            .authenticate(&ask.generate_token(false))
            .await
            .unwrap();
        let Authenticated::User(mut signed_in) = outcome else {
            panic!("{outcome:?}");
        };
        assert_eq!(signed_in.take_key().is_some(), allowed, "{mode:?}");
        assert_eq!(client.unexpected_keys(), 2 * u64::from(!allowed));
    }
}

/// A key by the API: asked for where the mode allows it, else nothing is sent.
#[tokio::test]
async fn keys_by_the_api() {
    for mode in MODES {
        let allowed = matches!(mode, Some(KeyMode::ApiOnly | KeyMode::Always));
        let body =
            format!(r#"{{"result":{{"unloq_id":"1234","encryption_key":"{PERSONAL_KEY}"}}}}"#);
        let stub = Stub::answering(move |_| Reply::json(200, body.clone()));
        let client = with(&stub, mode);
        let ask = KeyRequest::new(UnloqId::parse("1234").unwrap(), "to show your note");
        let clear = client.insecure_personal_key_in_clear(&ask).await;
        let other = client.personal_key_for(&ask, &public_key()).await;
        if allowed {
            clear.unwrap();
            assert_eq!(other.unwrap().expose_text(), PERSONAL_KEY);
        } else {
            let errors = [
                clear.unwrap_err(),
                other.unwrap_err(),
                client.personal_key(&ask, pair()).await.unwrap_err(),
            ];
            for error in errors {
                assert!(matches!(error, Error::ModeForbidsApi) && error.was_not_sent());
            }
            assert!(stub.seen().is_empty());
        }
        assert_eq!(client.unexpected_keys(), 0);
    }
}

/// A mobile page's token is no way around the mode.
#[tokio::test]
async fn keys_with_a_device_token() {
    for mode in MODES {
        let client = with(&Stub::new([user()]), mode);
        let token = AccessToken::parse("tok-1").unwrap();
        client.device_user(&token).await.unwrap();
        assert_eq!(client.unexpected_keys(), 1);
    }
}
