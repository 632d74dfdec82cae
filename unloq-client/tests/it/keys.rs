//! The personal key on its whole way (U 5.2 to 5.4).

use std::sync::{Arc, LazyLock};

use serde_json::json;
use unloq_client::{
    Client, Email, Error, ErrorCode, InvalidRequest, KeyContext, KeyError, KeyMode, KeyPair,
    KeyPool, KeyRequest, KeySize, Padding, Problem, PublicKeyPem, RecordError, Salt, UnloqId,
};

use crate::device::{PERSONAL_KEY, encrypted};
use crate::stub::{Reply, Seen, Stub};

static POOL: LazyLock<KeyPool> =
    LazyLock::new(|| KeyPool::with(KeySize::Rsa2048, Padding::Pkcs1V15, 8, 2).unwrap());

/// A fresh pair with PKCS#1 v1.5. Waits outside of any runtime, so that no paused clock notices.
pub(crate) fn pair() -> KeyPair {
    std::thread::spawn(|| {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        runtime.block_on(POOL.take()).unwrap()
    })
    .join()
    .unwrap()
}

/// A public key whose private half nobody here uses: where nothing is opened, no pair is made.
pub(crate) fn public_key() -> PublicKeyPem {
    let file = include_str!("../vectors/unloq-encryption.json");
    let file: serde_json::Value = serde_json::from_str(file).unwrap();
    PublicKeyPem::parse(file["public_key_spki_pem"].as_str().unwrap()).unwrap()
}

fn id() -> UnloqId {
    UnloqId::parse("1234").unwrap()
}

fn ask() -> KeyRequest {
    KeyRequest::new(id(), "to show your note")
}

fn client(stub: &Arc<Stub>) -> Client {
    stub.builder().key_mode(KeyMode::ApiOnly).build().unwrap()
}

fn result(result: &serde_json::Value) -> Reply {
    Reply::json(200, json!({"type": "t", "result": result}).to_string())
}

/// A device that approves and encrypts as it should.
fn approving(padding: Padding, key: &'static str) -> Arc<Stub> {
    Stub::answering(move |seen| {
        result(&json!({"unloq_id": "1234", "encryption_key": encrypted(seen, padding, key)}))
    })
}

/// What an application does the first time, and every time after that.
#[tokio::test]
async fn a_note_under_the_personal_key() {
    let context = KeyContext::new("acme", Salt::generate().unwrap(), id()).unwrap();
    let client = client(&approving(Padding::Pkcs1V15, PERSONAL_KEY));
    let key = client.personal_key(&ask(), pair()).await.unwrap();
    assert_eq!(key.user(), id());
    let (key, check_value) = key.first_use(&context).unwrap();
    let sealed = key
        .derive(&context, "notes")
        .unwrap()
        .seal(b"note 7", b"a secret")
        .unwrap();

    let key = client.personal_key(&ask(), pair()).await.unwrap();
    let key = key.check(&context, &check_value).unwrap();
    let notes = key.derive(&context, "notes").unwrap();
    assert_eq!(&*notes.open(b"note 7", &sealed).unwrap(), b"a secret");
    assert_eq!(
        notes.open(b"note 8", &sealed).unwrap_err(),
        RecordError::Open
    );
}

/// U 5.5: only the check value tells that UNLOQ has swapped the key.
#[tokio::test]
async fn a_swapped_key_is_noticed() {
    let context = KeyContext::new("acme", Salt::generate().unwrap(), id()).unwrap();
    let honest = client(&approving(Padding::Pkcs1V15, PERSONAL_KEY));
    let key = honest.personal_key(&ask(), pair()).await.unwrap();
    let (_, check_value) = key.first_use(&context).unwrap();
    let other = "another key of the same length!!";
    let swapped = client(&approving(Padding::Pkcs1V15, other));
    let key = swapped.personal_key(&ask(), pair()).await.unwrap();
    assert_eq!(
        key.check(&context, &check_value).unwrap_err(),
        KeyError::KeyMismatch
    );
}

#[tokio::test]
async fn the_request() {
    let stub = approving(Padding::Pkcs1V15, PERSONAL_KEY);
    let client = client(&stub);
    let pair = pair();
    let pem = pair.public_key().as_str().to_owned();
    let requester = UnloqId::parse("77").unwrap();
    let whole = ask()
        .requester(requester)
        .ip("2001:db8::7".parse().unwrap());
    client.personal_key(&whole, pair).await.unwrap();
    let seen = stub.only();
    assert_eq!(
        (seen.method, seen.url.as_str()),
        ("POST", "https://unloq.test/v1/encryption/user")
    );
    let want = json!({"unloq_id": 1234, "message": "to show your note", "requester_id": 77,
        "public_key": pem, "generate_token": false, "ip": "2001:db8::7"});
    assert_eq!(seen.body, want);
    assert!(pem.starts_with("-----BEGIN PUBLIC KEY-----\n") && !pem.contains('\r'));
    assert_eq!(pem.lines().map(str::len).max(), Some(64));
}

#[tokio::test]
async fn messages_have_a_length() {
    let stub = Stub::new([]);
    let client = client(&stub);
    for message in ["", &"ü".repeat(201)] {
        let error = client
            .personal_key_for(&KeyRequest::new(id(), message), &public_key())
            .await
            .unwrap_err();
        assert!(
            matches!(
                error,
                Error::Config {
                    problem: InvalidRequest::Message,
                    ..
                }
            ),
            "{error:?}"
        );
    }
    assert!(stub.seen().is_empty());
    let client = self::client(&approving(Padding::Pkcs1V15, PERSONAL_KEY));
    client
        .personal_key_for(&KeyRequest::new(id(), &"ü".repeat(200)), &public_key())
        .await
        .unwrap();
}

/// The padding of the device against the one of the pair: the same opens, another does not,
/// and each takes one request.
#[tokio::test]
async fn paddings_are_explicit() {
    let paddings = [Padding::Pkcs1V15, Padding::OaepSha1, Padding::OaepSha256];
    for (at, expected) in paddings.into_iter().enumerate() {
        for sent in [expected, paddings[(at + 1) % 3]] {
            let stub = approving(sent, PERSONAL_KEY);
            let pair = KeyPair::generate(KeySize::Rsa2048, expected).unwrap();
            let outcome = client(&stub).personal_key(&ask(), pair).await;
            if sent == expected {
                outcome.unwrap();
            } else {
                let error = outcome.unwrap_err();
                assert!(
                    matches!(error, Error::Key(KeyError::DecryptFailed)),
                    "{error:?}"
                );
            }
            assert_eq!(stub.seen().len(), 1);
        }
    }
}

/// `encryption_key` goes before `token`; a token is exchanged once, by the client.
#[tokio::test]
async fn delivery_by_token() {
    let stub = Stub::answering(|seen: &Seen| {
        if seen.url.ends_with("/encryption/user") {
            return result(&json!({"unloq_id": 1234, "token": "tok-1"}));
        }
        assert_eq!(seen.url, "https://unloq.test/v1/token");
        assert_eq!(seen.body, json!({"token": "tok-1"}));
        result(
            &json!({"unloq_id": "1234", "email": "jane@acme.example", "encryption_key": PERSONAL_KEY}),
        )
    });
    let client = client(&stub);
    let key = client
        .personal_key_for(&ask().generate_token(true), &public_key())
        .await
        .unwrap();
    assert_eq!((key.expose_text(), key.user()), (PERSONAL_KEY, id()));
    assert_eq!(stub.seen().len(), 2);
    assert_eq!(stub.seen()[0].body["generate_token"], json!(true));
    // It was asked for: no key by surprise, whatever the mode says about logins.
    assert_eq!(client.unexpected_keys(), 0);

    let both = json!({"unloq_id": 1234, "token": "tok-1", "encryption_key": "the key"});
    let stub = Stub::new([result(&both)]);
    let key = self::client(&stub)
        .personal_key_for(&ask(), &public_key())
        .await
        .unwrap();
    assert_eq!((key.expose_text(), stub.seen().len()), ("the key", 1));
}

#[tokio::test]
async fn plaintext_in_place_of_ciphertext() {
    for text in [PERSONAL_KEY, "not base64 at all", &"A".repeat(344)] {
        let answer = json!({"unloq_id": "1234", "encryption_key": text});
        let stub = Stub::answering(move |_| result(&answer));
        let error = client(&stub)
            .personal_key(&ask(), pair())
            .await
            .unwrap_err();
        assert!(
            matches!(error, Error::Key(KeyError::NotEncrypted)),
            "{text}: {error:?}"
        );
        assert!(!format!("{error} {error:?}").contains(text));
    }
}

/// The key of another pair, such as one that was recorded earlier.
#[tokio::test]
async fn a_ciphertext_for_another_pair() {
    let recorded = approving(Padding::Pkcs1V15, PERSONAL_KEY);
    let old = client(&recorded)
        .personal_key_for(&ask(), &public_key())
        .await
        .unwrap();
    let answer = json!({"unloq_id": "1234", "encryption_key": old.expose_text()});
    let stub = Stub::answering(move |_| result(&answer));
    let error = client(&stub)
        .personal_key(&ask(), pair())
        .await
        .unwrap_err();
    assert!(
        matches!(error, Error::Key(KeyError::DecryptFailed)),
        "{error:?}"
    );
}

#[tokio::test]
async fn wrong_user() {
    let wrong = |error: &Error| matches!(error, Error::Key(KeyError::WrongUser));
    // In the answer itself.
    let stub = Stub::answering(|seen| {
        result(
            &json!({"unloq_id": "4321", "encryption_key": encrypted(seen, Padding::Pkcs1V15, PERSONAL_KEY)}),
        )
    });
    let error = client(&stub)
        .personal_key(&ask(), pair())
        .await
        .unwrap_err();
    assert!(wrong(&error), "{error:?}");
    // In the exchange that follows, by id and by address.
    let email = || Email::parse("jane@acme.example").unwrap();
    for (request, id, address, good) in [
        (ask(), "1234", "other@acme.example", true),
        (ask(), "4321", "jane@acme.example", false),
        (
            KeyRequest::new(email(), "m"),
            "1234",
            "Jane@Acme.Example",
            true,
        ),
        (
            KeyRequest::new(email(), "m"),
            "1234",
            "other@acme.example",
            false,
        ),
        (
            KeyRequest::new(email(), "m"),
            "4321",
            "jane@acme.example",
            false,
        ),
    ] {
        let stub = Stub::new([
            result(&json!({"unloq_id": 1234, "token": "tok-1"})),
            result(&json!({"unloq_id": id, "email": address, "encryption_key": PERSONAL_KEY})),
        ]);
        let outcome = client(&stub).insecure_personal_key_in_clear(&request).await;
        assert_eq!(outcome.is_ok(), good, "{id} {address}");
        assert!(good || wrong(&outcome.unwrap_err()));
    }
}

#[tokio::test]
async fn answers_without_a_key() {
    for answer in [
        json!(null),
        json!([]),
        json!({}),
        json!({"unloq_id": "1234"}),
        json!({"encryption_key": PERSONAL_KEY}),
        json!({"unloq_id": "1234", "encryption_key": ""}),
        json!({"unloq_id": "1234", "encryption_key": 7}),
        json!({"unloq_id": "1234", "encryption_key": "k".repeat(49_153)}),
        json!({"unloq_id": "1234", "token": "a b"}),
        json!({"unloq_id": "1234", "token": 7}),
    ] {
        let stub = Stub::new([result(&answer)]);
        expect_bad_result(&stub, &answer.to_string()).await;
        assert_eq!(stub.seen().len(), 1);
    }
    // The token of the answer leads to a user without a key.
    let stub = Stub::new([
        result(&json!({"unloq_id": 1234, "token": "tok-1"})),
        result(&json!({"unloq_id": "1234", "email": "jane@acme.example"})),
    ]);
    expect_bad_result(&stub, "no key").await;
}

/// The service's answer is none that makes sense.
async fn expect_bad_result(stub: &Arc<Stub>, what: &str) {
    let asked = client(stub).personal_key_for(&ask(), &public_key()).await;
    let error = asked.unwrap_err();
    assert!(
        matches!(
            error,
            Error::InvalidResponse {
                problem: Problem::Result,
                ..
            }
        ),
        "{what}: {error:?}"
    );
}

/// The user says no, or nothing.
#[tokio::test(start_paused = true)]
async fn device_denial_and_time_out() {
    for (code, want) in [
        ("APPROVAL.DENIED", ErrorCode::Denied),
        ("APPROVAL.TIMEOUT", ErrorCode::ApprovalTimeout),
    ] {
        let stub = Stub::new([Reply::json(
            403,
            json!({"error": {"code": code}}).to_string(),
        )]);
        let error = client(&stub)
            .personal_key(&ask(), pair())
            .await
            .unwrap_err();
        assert_eq!(error.code(), Some(&want));
    }
    let stub = Stub::answering(|_| Reply::steps(200, []).after(crate::stub::Step::Never));
    let started = crate::clock::now();
    let error = client(&stub)
        .personal_key(&ask(), pair())
        .await
        .unwrap_err();
    assert!(matches!(error, Error::Timeout { .. }), "{error:?}");
    assert_eq!(started.elapsed().as_secs(), 40);
}

/// No two requests carry the same public key.
#[tokio::test]
async fn every_request_has_its_own_pair() {
    let stub = approving(Padding::Pkcs1V15, PERSONAL_KEY);
    let client = client(&stub);
    for _ in 0..3 {
        client.personal_key(&ask(), pair()).await.unwrap();
    }
    let keys: std::collections::HashSet<_> = stub
        .seen()
        .iter()
        .map(|seen| seen.body["public_key"].to_string())
        .collect();
    assert_eq!(keys.len(), 3);
}
