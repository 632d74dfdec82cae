//! What a log at its most talkative level, an error or a `Debug` holds: no secret (D3).

use std::fmt::Write as _;
use std::io;
use std::sync::{Mutex, Once};

use serde_json::json;
use tracing_subscriber::fmt::MakeWriter;
use unloq_client::{
    AccessToken, ApprovalId, AttachSession, Authenticate, Client, Email, Exchange, HttpRequest,
    KeyContext, KeyMode, KeyPool, KeyRequest, Method, Otp, Padding, Salt, SessionHandle, UnloqId,
};

use crate::device::encrypted;
use crate::net::{Server, ok};
use crate::stub::{Reply, Stub};

const API_KEY: &str = "live_dont_log_0a1b2c3d";
const API_SECRET: &str = "secret_dont_log_4e5f6a7b";
const TOKEN: &str = "token-dont-log-8c9d0e1f";
const NEXT_TOKEN: &str = "token-dont-log-2a3b4c5d";
const OTP: &str = "9081726354";
const HANDLE: &str = "handle-dont-log-6e7f8a9b";
const APPROVAL: &str = "approval-dont-log-0c1d2e3f";
const KEY: &str = "key-dont-log-4a5b6c7d8e9f0a1b";
const RECORD: &str = "record-dont-log-2c3d4e5f6a7b";

/// Everything that any thread of this process logs while it is on: the pool's threads are not
/// ours.
static CAPTURED: Mutex<Option<Vec<u8>>> = Mutex::new(None);

struct Capture;

impl io::Write for Capture {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if let Some(captured) = &mut *CAPTURED.lock().unwrap() {
            captured.extend_from_slice(bytes);
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

struct Router;

impl MakeWriter<'_> for Router {
    type Writer = Capture;

    fn make_writer(&self) -> Capture {
        Capture
    }
}

fn start() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        tracing_subscriber::fmt()
            .with_max_level(tracing::Level::TRACE)
            .with_ansi(false)
            .with_writer(Router)
            .init();
    });
    *CAPTURED.lock().unwrap() = Some(Vec::new());
}

fn stop() -> String {
    let captured = CAPTURED.lock().unwrap().take().unwrap();
    String::from_utf8_lossy(&captured).into_owned()
}

/// The ways in which a secret gets into a text by accident; half of one is as bad.
pub(crate) fn assert_absent(text: &str, secret: impl AsRef<[u8]>) {
    use base64::Engine;
    use base64::prelude::{BASE64_STANDARD_NO_PAD, BASE64_URL_SAFE_NO_PAD};
    let secret = secret.as_ref();
    let (first, second) = secret.split_at(secret.len() / 2);
    // Four digits are in every log.
    let halves = [first, second].into_iter().filter(|half| half.len() > 5);
    for part in halves.chain([secret]) {
        let list = format!("{part:?}");
        let spellings = [
            hex::encode(part),
            hex::encode_upper(part),
            list.trim_matches(['[', ']']).to_owned(),
            BASE64_STANDARD_NO_PAD.encode(part),
            BASE64_URL_SAFE_NO_PAD.encode(part),
        ];
        let plain = str::from_utf8(part).map(str::to_owned);
        for spelling in spellings.into_iter().chain(plain) {
            assert!(!text.contains(&spelling), "{spelling} is in there:\n{text}");
        }
    }
}

fn assert_clean(text: &str, more: &[String]) {
    for secret in [
        API_KEY, API_SECRET, TOKEN, NEXT_TOKEN, OTP, HANDLE, APPROVAL, KEY, RECORD,
    ] {
        // Prefixes that several share would be found in the test's own names.
        let own = secret
            .split_once("dont-log-")
            .or_else(|| secret.split_once("dont_log_"));
        assert_absent(text, own.map_or(secret, |(_, own)| own));
    }
    for secret in more {
        assert_absent(text, secret);
    }
}

#[tokio::test]
async fn log_capture_has_no_secrets() {
    start();
    let mut printed = String::new();
    let user = json!({"type": "t", "result": {"unloq_id": "1234", "email": "jane@acme.example",
        "approval_id": APPROVAL, "encryption_key": KEY, "token": NEXT_TOKEN}})
    .to_string();
    // A hostile service that puts our secrets wherever it can.
    let echo = json!({"error": {"code": TOKEN, "ns": API_KEY, "message": format!("{TOKEN} {API_KEY} {OTP}")}});
    let echo = ok(&echo.to_string()).replace("200 OK", "400 Bad");
    let garbage = format!("HTTP/1.1 200 OK\r\ncontent-length: 60\r\n\r\n{TOKEN:<60}");
    let break_off = String::new();
    let redirect = format!(
        "HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:1/{TOKEN}\r\ncontent-length: 0\r\n\r\n"
    );
    let token = AccessToken::parse(TOKEN).unwrap();
    let handle = SessionHandle::parse(HANDLE).unwrap();
    let approval = ApprovalId::parse(APPROVAL).unwrap();
    let otp = || Otp::parse(OTP).unwrap();
    let email = Email::parse("jane@acme.example").unwrap();
    for mode in [None, Some(KeyMode::Always)] {
        let answers = [&ok(&user), &echo, &garbage, &redirect, &break_off];
        let answers: Vec<_> = answers.iter().map(|answer| answer.as_str()).collect();
        for legacy in [false, true] {
            let server = Server::start(&answers, false).await;
            let mut builder = Client::builder(&server.url(), API_KEY);
            if let Some(mode) = mode {
                builder = builder.key_mode(mode);
            }
            if legacy {
                builder = builder.legacy_credentials(API_SECRET);
            }
            write!(printed, "{builder:?}").unwrap();
            let client = builder.build().unwrap();
            write!(
                printed,
                "{client:?} {token:?} {handle:?} {approval:?} {:?}",
                otp()
            )
            .unwrap();
            for _ in 0..answers.len() {
                let ask = Authenticate::otp(email.clone(), otp());
                let exchange = Exchange::new(&token).session(&handle, None);
                write!(printed, "{ask:?} {exchange:?}").unwrap();
                record(&mut printed, client.exchange(&exchange).await);
            }
            assert_eq!(server.seen().len(), answers.len());
        }
        // Every call against every answer.
        for answer in &answers {
            let server = Server::start(&[answer], false).await;
            let mut builder = Client::builder(&server.url(), API_KEY);
            builder = builder.key_mode(mode.unwrap_or(KeyMode::ApiOnly));
            let client = builder.build().unwrap();
            let ask = Authenticate::otp(email.clone(), otp());
            record(&mut printed, client.authenticate(&ask).await);
            record(
                &mut printed,
                client.authenticate_with_events(&ask, |_| ()).await,
            );
            let attach = AttachSession::to_token(&token, &handle);
            record(&mut printed, client.attach_session(&attach).await);
            let attach = AttachSession::to_approval(&approval, &handle);
            record(&mut printed, client.attach_session(&attach).await);
            record(&mut printed, client.device_user(&token).await);
            let request = KeyRequest::new(email.clone(), "to show your note");
            let pair = crate::keys::pair();
            write!(printed, "{pair:?} {request:?}").unwrap();
            record(&mut printed, client.personal_key(&request, pair).await);
            record(
                &mut printed,
                client.insecure_personal_key_in_clear(&request).await,
            );
        }
    }
    let ciphertext = whole_key(&mut printed).await;
    let request = HttpRequest {
        method: Method::Post,
        url: "https://unloq.test/v1/token".parse().unwrap(),
        credentials: vec![("authorization", format!("Bearer {API_KEY}").into())],
        body: TOKEN.as_bytes().to_vec().into(),
        timeout: std::time::Duration::ZERO,
    };
    write!(printed, "{request:?}").unwrap();
    let log = stop();
    assert_clean(&printed, std::slice::from_ref(&ciphertext));
    assert_clean(&log, &[ciphertext]);
    // Both captures work.
    for promised in [
        "DecryptFailed",
        "NotEncrypted",
        "AccessToken(..)",
        "a code that is not shown",
    ] {
        assert!(printed.contains(promised), "{promised}: {printed}");
    }
    for promised in [
        "a personal key arrived that the configured mode does not know",
        "a personal key that should have been encrypted was not",
        "a call failed",
        "took an RSA pair",
        "made an RSA pair",
        "hyper_util",
    ] {
        assert!(log.contains(promised), "{promised}");
    }
}

/// A key from its request to a record, and one that does not open; answers the ciphertext.
async fn whole_key(printed: &mut String) -> String {
    let pool = KeyPool::new().unwrap();
    let stub = Stub::answering(|seen| {
        let key = encrypted(seen, Padding::Pkcs1V15, KEY);
        Reply::json(
            200,
            json!({"result": {"unloq_id": "1234", "encryption_key": key}}).to_string(),
        )
    });
    let client = stub.builder().key_mode(KeyMode::ApiOnly).build().unwrap();
    let id = UnloqId::parse("1234").unwrap();
    let request = KeyRequest::new(id, "to show your note");
    let pair = pool.take().await.unwrap();
    let delivered = client
        .personal_key_for(&request, pair.public_key())
        .await
        .unwrap();
    write!(printed, "{delivered:?} {pool:?} {:?}", pool.stats()).unwrap();
    let ciphertext = delivered.expose_text().to_owned();
    let other = pool.take().await.unwrap();
    record(printed, delivered.open(other));
    let key = client.personal_key(&request, pair).await.unwrap();
    let context = KeyContext::new("acme", Salt::generate().unwrap(), id).unwrap();
    write!(printed, "{key:?} {context:?}").unwrap();
    let (key, value) = key.first_use(&context).unwrap();
    let notes = key.derive(&context, "notes").unwrap();
    let sealed = notes.seal(b"1", RECORD.as_bytes()).unwrap();
    write!(printed, "{key:?} {value:?} {notes:?} {sealed:?}").unwrap();
    record(printed, notes.open(b"2", &sealed).map(|_| ()));
    ciphertext
}

fn record<T: std::fmt::Debug, E: std::error::Error>(printed: &mut String, outcome: Result<T, E>) {
    writeln!(printed, "{outcome:?}").unwrap();
    let Err(error) = outcome else { return };
    let mut next: Option<&dyn std::error::Error> = Some(&error);
    while let Some(error) = next {
        writeln!(printed, "{error} {error:?} {error:#?}").unwrap();
        next = error.source();
    }
}
