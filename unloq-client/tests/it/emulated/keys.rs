//! Personal keys that other code has encrypted.

use keylockr_emulator::unloq::{
    AppSettings, Envelope, Fault, FaultKind, KeyMode as Mode, Padding as Device,
};
use unloq_client::{
    Authenticate, Client, Error, ErrorCode, Exchange, KeyContext, KeyError, KeyMode, KeyPair,
    KeyRequest, KeySize, Padding, PersonalKey, Salt,
};

use super::{ALICE, BOB, ENVELOPES, Stage, assert_code, email, keys, other};
use crate::keys::{pair, public_key};

const PADDINGS: [(Padding, Device, usize); 3] = [
    (Padding::Pkcs1V15, Device::Pkcs1V15, 11),
    (Padding::OaepSha1, Device::OaepSha1, 42),
    (Padding::OaepSha256, Device::OaepSha256, 66),
];

fn request(stage: &Stage) -> KeyRequest {
    KeyRequest::new(stage.id(ALICE), "to show your note")
}

fn context(stage: &Stage) -> KeyContext {
    KeyContext::new("acme", Salt::from_bytes([7; 32]), stage.id(ALICE)).unwrap()
}

async fn made(size: KeySize, padding: Padding) -> KeyPair {
    let make = move || KeyPair::generate(size, padding).unwrap();
    tokio::task::spawn_blocking(make).await.unwrap()
}

/// Asks with a fresh pair; Alice approves.
async fn ask(stage: &Stage, client: &Client) -> Result<PersonalKey, Error> {
    let request = request(stage);
    let call = client.personal_key(&request, pair());
    stage.approved(call).await.0
}

fn assert_key_error<T>(outcome: Result<T, Error>, expected: KeyError) {
    match outcome.err().expect("an error") {
        Error::Key(error) if error == expected => {}
        other => panic!("{other:?}"),
    }
}

/// The whole of it: the first time, the time after, and a record in between.
#[tokio::test]
async fn a_note_can_be_read_again_after_the_device_approves_again() {
    for envelope in ENVELOPES {
        let stage = Stage::speaking(envelope).await;
        let client = stage.client_of(KeyMode::ApiOnly);
        stage.sign_in(&client).await;
        let context = context(&stage);
        let request = request(&stage).ip("192.0.2.7".parse().unwrap());
        let (key, approval) = stage.approved(client.personal_key(&request, pair())).await;
        assert_eq!(approval.message.as_deref(), Some("to show your note"));
        assert!(approval.encrypted, "UNLOQ would see the key");
        let (key, check_value) = key.unwrap().first_use(&context).unwrap();
        let notes = key.derive(&context, "notes").unwrap();
        let sealed = notes.seal(b"note 7", b"a secret").unwrap();

        let key = ask(&stage, &client).await.unwrap();
        let key = key.check(&context, &check_value).unwrap();
        let notes = key.derive(&context, "notes").unwrap();
        assert_eq!(&*notes.open(b"note 7", &sealed).unwrap(), b"a secret");
    }
}

/// Every size and padding, with a key as long as that carries, and one longer.
#[tokio::test]
async fn paddings_and_sizes() {
    for (size, bytes) in [
        (KeySize::Rsa2048, 256),
        (KeySize::Rsa3072, 384),
        (KeySize::Rsa4096, 512),
    ] {
        for (padding, device, overhead) in PADDINGS {
            let longest = bytes - overhead;
            let settings = |key_size| AppSettings {
                padding: device,
                key_size,
                ..AppSettings::default()
            };
            let stage = Stage::with(settings(longest)).await;
            let client = stage.client_of(KeyMode::ApiOnly);
            stage.sign_in(&client).await;
            let pair = made(size, padding).await;
            let (key, _) = stage
                .approved(client.personal_key(&request(&stage), pair))
                .await;
            assert_eq!(key.unwrap().user(), stage.id(ALICE), "{size:?} {padding:?}");
            if size == KeySize::Rsa2048 {
                let stage = Stage::with(settings(longest + 1)).await;
                let client = stage.client_of(KeyMode::ApiOnly);
                stage.sign_in(&client).await;
                let outcome = client
                    .personal_key_for(&request(&stage), &public_key())
                    .await;
                assert_code(outcome, &other("DATA.INVALID"));
            }
        }
    }
}

/// By way of a token that the client exchanges, by id and by address.
#[tokio::test]
async fn delivery_by_token() {
    for envelope in ENVELOPES {
        let stage = Stage::speaking(envelope).await;
        let client = stage.client_of(KeyMode::ApiOnly);
        stage.sign_in(&client).await;
        let context = context(&stage);
        let (_, check_value) = ask(&stage, &client)
            .await
            .unwrap()
            .first_use(&context)
            .unwrap();
        for request in [
            request(&stage),
            KeyRequest::new(email("Alice@Example.Test"), "to show your note"),
        ] {
            let request = request.generate_token(true);
            let (key, _) = stage.approved(client.personal_key(&request, pair())).await;
            key.unwrap().check(&context, &check_value).unwrap();
        }
        assert_eq!(client.unexpected_keys(), 0, "{envelope:?}");
    }
}

/// A device with another padding than the pair's, and one that changes its own: one attempt each.
#[tokio::test]
async fn a_wrong_padding_is_never_guessed() {
    for (at, (padding, _, _)) in PADDINGS.into_iter().enumerate() {
        let (_, device, _) = PADDINGS[(at + 1) % 3];
        let stage = Stage::with(AppSettings {
            padding: device,
            ..AppSettings::default()
        })
        .await;
        let client = stage.client_of(KeyMode::ApiOnly);
        stage.sign_in(&client).await;
        let pair = made(KeySize::Rsa2048, padding).await;
        let request = request(&stage);
        let (outcome, _) = stage.approved(client.personal_key(&request, pair)).await;
        assert_key_error(outcome, KeyError::DecryptFailed);
        assert!(stage.unloq.approvals().is_empty(), "asked twice");
    }
    let stage = Stage::new().await;
    let client = stage.client_of(KeyMode::ApiOnly);
    stage.sign_in(&client).await;
    let fault = Fault::from(FaultKind::OtherPadding).times(1);
    stage.unloq.fault(fault).unwrap();
    assert_key_error(ask(&stage, &client).await, KeyError::DecryptFailed);
    ask(&stage, &client).await.unwrap();
}

/// What only UNLOQ can do to a key, in the answer itself and behind a token.
#[tokio::test]
async fn a_hostile_service() {
    for envelope in ENVELOPES {
        for by_token in [false, true] {
            let stage = Stage::speaking(envelope).await;
            let client = stage.client_of(KeyMode::ApiOnly);
            stage.sign_in(&client).await;
            let context = context(&stage);
            let ask = async || {
                let request = request(&stage).generate_token(by_token);
                stage
                    .approved(client.personal_key(&request, pair()))
                    .await
                    .0
            };
            let (_, check_value) = ask().await.unwrap().first_use(&context).unwrap();

            stage.unloq.fault(FaultKind::KeyInClear).unwrap();
            let outcome = ask().await;
            assert_key_error(outcome, KeyError::NotEncrypted);
            stage.unloq.clear_faults();

            stage.unloq.fault(FaultKind::WrongUser).unwrap();
            assert_key_error(ask().await, KeyError::WrongUser);
            stage.unloq.clear_faults();

            stage.unloq.fault(FaultKind::SwappedKey).unwrap();
            let swapped = ask().await.unwrap();
            assert_eq!(
                swapped.check(&context, &check_value).unwrap_err(),
                KeyError::KeyMismatch
            );
            stage.unloq.clear_faults();
            ask().await.unwrap().check(&context, &check_value).unwrap();
        }
    }
}

/// A ciphertext is for one pair: recorded and played to the next request it opens nothing.
#[tokio::test]
async fn a_pair_is_good_for_one_key() {
    let stage = Stage::new().await;
    let client = stage.client_of(KeyMode::ApiOnly);
    stage.sign_in(&client).await;
    let (first, second) = (pair(), pair());
    let request = request(&stage);
    let call = client.personal_key_for(&request, first.public_key());
    let recorded = stage.approved(call).await.0.unwrap();
    assert_eq!(recorded.open(second).unwrap_err(), KeyError::DecryptFailed);
    let call = client.personal_key_for(&request, first.public_key());
    // The same pair a second time: `open` takes it, so the type allows this one alone.
    let again = stage.approved(call).await.0.unwrap();
    again.open(first).unwrap();
}

#[tokio::test]
async fn no_key_without_a_yes() {
    for envelope in ENVELOPES {
        let stage = Stage::speaking(envelope).await;
        let client = stage.client_of(KeyMode::ApiOnly);
        let request = request(&stage);
        // Who has never signed in is not asked.
        let outcome = client.personal_key_for(&request, &public_key()).await;
        assert_code(outcome, &other("APPROVAL.ENCRYPTION"));
        stage.sign_in(&client).await;
        let public = public_key();
        let outcome = stage.denied(client.personal_key_for(&request, &public));
        assert_code(outcome.await, &ErrorCode::Denied);
        stage.unloq.fault(FaultKind::Timeout).unwrap();
        let outcome = client.personal_key_for(&request, &public_key()).await;
        assert_code(outcome, &ErrorCode::ApprovalTimeout);
        stage.unloq.clear_faults();
        let unknown = KeyRequest::new(email("nobody@example.test"), "m");
        let outcome = client.personal_key_for(&unknown, &public_key()).await;
        assert_code(outcome, &other("USER.NOT_FOUND"));
        assert!(stage.unloq.approvals().is_empty(), "{envelope:?}");
    }
}

/// Somebody else wants to read: the device says who.
#[tokio::test]
async fn the_requester_is_shown() {
    let stage = Stage::new().await;
    let client = stage.client_of(KeyMode::ApiOnly);
    stage.sign_in(&client).await;
    let request = request(&stage).requester(stage.id(BOB));
    let call = client.personal_key(&request, pair());
    let (key, approval) = stage.approved(call).await;
    assert_eq!(approval.requester.as_deref(), Some(BOB));
    assert_eq!(key.unwrap().user(), stage.id(ALICE));
}

/// The table of modes, with the client's setting and the service's both ways (U 5.1).
#[tokio::test]
async fn modes() {
    for (service, client_mode) in [
        (Mode::Widget, KeyMode::Widget),
        (Mode::Widget, KeyMode::Always),
        (Mode::Widget, KeyMode::ApiOnly),
        (Mode::ApiOnly, KeyMode::Widget),
        (Mode::ApiOnly, KeyMode::ApiOnly),
        (Mode::ApiOnly, KeyMode::Always),
        (Mode::Always, KeyMode::Widget),
        (Mode::Always, KeyMode::ApiOnly),
        (Mode::Always, KeyMode::Always),
    ] {
        let stage = Stage::with(keys(service)).await;
        let client = stage.client_of(client_mode);
        let why = format!("{service:?} {client_mode:?}");
        // With a login, encrypted where the login says under what.
        let login_pair = pair();
        let ask = Authenticate::push(email(ALICE)).public_key(login_pair.public_key().clone());
        let (outcome, _) = stage.approved(client.authenticate(&ask)).await;
        let token = super::token(outcome);
        let mut user = client.exchange(&Exchange::new(&token)).await.unwrap();
        let sent = service != Mode::ApiOnly;
        let wanted = client_mode != KeyMode::ApiOnly;
        assert_eq!(
            client.unexpected_keys(),
            u64::from(sent && !wanted),
            "{why}"
        );
        let key = user.take_key();
        assert_eq!(key.is_some(), sent && wanted, "{why}");
        if let Some(key) = key {
            assert_eq!(key.open(login_pair).unwrap().user(), stage.id(ALICE));
        }
        // By asking.
        let request = request(&stage);
        let public = public_key();
        let call = client.personal_key_for(&request, &public);
        match (service, client_mode) {
            (_, KeyMode::Widget) => {
                let refused = call.await;
                assert!(matches!(refused, Err(Error::ModeForbidsApi)), "{why}");
            }
            (Mode::Widget, _) => assert_code(call.await, &other("APPROVAL.ENCRYPTION")),
            (Mode::ApiOnly | Mode::Always, _) => {
                stage.approved(call).await.0.unwrap();
            }
        }
    }
}

/// The key of a login and the key that is asked for are one key, and every application has its
/// own.
#[tokio::test]
async fn one_key_for_a_user_and_an_application() {
    let stage = Stage::with(AppSettings {
        envelope: Envelope::Legacy,
        ..keys(Mode::Always)
    })
    .await;
    let client = stage.client_of(KeyMode::Always);
    let context = context(&stage);
    let mut user = stage.sign_in(&client).await;
    // Without a public key UNLOQ sees it, and the name of the method says so.
    let key = user.take_key().unwrap().insecure_in_clear().unwrap();
    let (_, check_value) = key.first_use(&context).unwrap();
    let key = ask(&stage, &client).await.unwrap();
    key.check(&context, &check_value).unwrap();
    let request = request(&stage);
    let call = client.insecure_personal_key_in_clear(&request);
    let (key, approval) = stage.approved(call).await;
    assert!(!approval.encrypted);
    key.unwrap().check(&context, &check_value).unwrap();

    let settings = AppSettings::named("other");
    let app = stage.unloq.add_app(settings).unwrap();
    let stranger = Client::builder(&stage.unloq.api(), app.api_key)
        .key_mode(KeyMode::ApiOnly)
        .build()
        .unwrap();
    stage.sign_in(&stranger).await;
    let key = ask(&stage, &stranger).await.unwrap();
    assert_eq!(
        key.check(&context, &check_value).unwrap_err(),
        KeyError::KeyMismatch
    );
}
