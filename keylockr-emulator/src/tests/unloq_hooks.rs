//! Hooks: what is signed, what goes over the line, and what comes of it.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Value as Json, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
};

use super::peer::elapsed;
use super::unloq_peer::{ALICE, ALICE_ID, KEY, configure, ok, sign_in, start};
use crate::{
    Emulator,
    unloq::{
        Attempt, Hook, HookEvent, Unloq,
        hook::{Target, signature, string_to_sign},
    },
};

#[derive(Deserialize)]
struct Vector {
    name: String,
    path: String,
    content_type: String,
    body: String,
    api_secret: String,
    string_to_sign: Option<String>,
    signature: String,
    expected: String,
}

/// Text values alone: what the emulator sends.
fn texts(vector: &Vector) -> Option<BTreeMap<String, String>> {
    if !vector.content_type.starts_with("application/json") {
        return None;
    }
    serde_json::from_str(&vector.body).ok()
}

#[test]
fn signatures_are_those_of_the_vectors() {
    let vectors: Vec<Vector> =
        serde_json::from_str(include_str!("../../tests/vectors/unloq-webhooks.json")).unwrap();
    let mut checked = 0;
    for vector in vectors.iter().filter(|vector| vector.expected == "accept") {
        let Some(parameters) = texts(vector) else {
            continue;
        };
        if !vector.path.starts_with('/') {
            continue;
        }
        let pairs: Vec<(&str, &str)> = parameters
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        let text = string_to_sign(&vector.path, &pairs);
        assert_eq!(
            Some(&text),
            vector.string_to_sign.as_ref(),
            "{}",
            vector.name
        );
        let signed = signature(&vector.api_secret, &text);
        assert_eq!(signed.as_ref(), Some(&vector.signature), "{}", vector.name);
        checked += 1;
    }
    assert!(checked >= 15, "only {checked} of {}", vectors.len());
}

#[test]
fn only_plain_http_on_loopback_is_a_hook() {
    for (url, host, path) in [
        (
            "http://127.0.0.1:3000/hooks/unloq/logout",
            "127.0.0.1:3000",
            "/hooks/unloq/logout",
        ),
        ("http://localhost:3000/?a=1&b", "localhost:3000", "/?a=1&b"),
        ("http://127.0.0.1?x=1", "127.0.0.1", "/?x=1"),
        ("http://[::1]:80", "[::1]:80", "/"),
        ("http://localhost", "localhost", "/"),
        ("http://127.9.8.7:1/%2F/../x/", "127.9.8.7:1", "/%2F/../x/"),
    ] {
        let target = Target::parse(url).unwrap();
        assert_eq!(
            (target.host.as_str(), target.path.as_str()),
            (host, path),
            "{url}"
        );
        assert!(target.address.ip().is_loopback());
    }
    for url in [
        "",
        "/hooks",
        "https://127.0.0.1/",
        "HTTP://127.0.0.1/",
        "http://",
        "http://example.test/",
        "http://192.168.1.1/",
        "http://0.0.0.0/",
        "http://127.0.0.1.evil.test/",
        "http://localhost.evil.test/",
        "http://localhostx/",
        "http://user@127.0.0.1/",
        "http://127.0.0.1:99999/",
        "http://127.0.0.1:3000/#part",
        "http://127.0.0.1:3000/a b",
        "http://127.0.0.1:3000/a\r\nx: y",
        "http://127.1/",
    ] {
        assert_eq!(Target::parse(url), None, "{url}");
        assert!(Hook::from(url).check().is_err(), "{url}");
    }
}

/// A request as it came, head and body.
struct Seen {
    head: String,
    body: String,
}

impl Seen {
    fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (found, value) = line.split_once(':')?;
            found.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }
}

/// Takes one request and answers it so.
async fn receive(listener: &TcpListener, answer: &str) -> Seen {
    let (mut stream, _) = listener.accept().await.unwrap();
    let mut bytes = Vec::new();
    let seen = loop {
        let mut chunk = [0; 4096];
        let read = stream.read(&mut chunk).await.unwrap();
        assert_ne!(read, 0, "the request ended early");
        bytes.extend_from_slice(&chunk[..read]);
        let text = String::from_utf8(bytes.clone()).unwrap();
        let Some((head, body)) = text.split_once("\r\n\r\n") else {
            continue;
        };
        let seen = Seen {
            head: head.to_owned(),
            body: body.to_owned(),
        };
        let length = seen.header("content-length").unwrap().parse().unwrap();
        if body.len() >= length {
            break seen;
        }
    };
    stream.write_all(answer.as_bytes()).await.unwrap();
    seen
}

const FINE: &str = "HTTP/1.1 200 OK\r\ncontent-length: 15\r\n\r\n{\"status\":true}";

async fn site() -> (Emulator, Unloq, TcpListener, String) {
    let (emulator, unloq) = start().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    (emulator, unloq, listener, origin)
}

#[tokio::test]
async fn a_log_out_on_the_device_reaches_the_application() {
    let (_emulator, unloq, listener, origin) = site().await;
    let hook = Hook::from(format!("{origin}/hooks/unloq/logout"));
    unloq.set_hook(KEY, HookEvent::Logout, Some(hook)).unwrap();
    sign_in(&unloq, json!({ "sid": "handle-1" })).await;
    let session = unloq.sessions()[0].id.clone();
    let (sent, seen) = tokio::join!(unloq.log_out(&session), receive(&listener, FINE));
    let sent = sent.unwrap();
    assert_eq!(sent.len(), 1);
    assert!(sent[0].arrived());
    assert!(
        seen.head
            .starts_with("POST /hooks/unloq/logout HTTP/1.1\r\n")
    );
    assert_eq!(seen.header("content-type"), Some("application/json"));
    assert_eq!(seen.header("x-requested-with"), None);
    let body: Json = serde_json::from_str(&seen.body).unwrap();
    let id = ALICE_ID.to_string();
    assert_eq!(body, json!({ "unloq_id": id, "sid": "handle-1" }));
    let text = string_to_sign(
        "/hooks/unloq/logout",
        &[("unloq_id", &id), ("sid", "handle-1")],
    );
    let signed = signature("demo-unloq-secret", &text).unwrap();
    assert_eq!(seen.header("x-unloq-signature"), Some(signed.as_str()));
    assert!(unloq.sessions().is_empty());
    assert_eq!(unloq.log_out(&session).await.unwrap_err().status(), 404);
    let shown = serde_json::to_string(&unloq.deliveries()).unwrap();
    assert!(!shown.contains(&signed) && !shown.contains("demo-unloq-secret"));
}

#[tokio::test]
async fn forms_headers_and_secrets_of_their_own() {
    let (_emulator, unloq, listener, origin) = site().await;
    let hook = Hook {
        form: true,
        requested_with: Some("unloq-api".to_owned()),
        ..Hook::from(format!("{origin}/leave?app=1"))
    };
    unloq
        .set_hook(KEY, HookEvent::Deactivate, Some(hook))
        .unwrap();
    let (sent, seen) = tokio::join!(unloq.deactivate(ALICE), receive(&listener, FINE));
    assert!(sent.unwrap()[0].arrived());
    assert_eq!(
        seen.header("content-type"),
        Some("application/x-www-form-urlencoded")
    );
    assert_eq!(seen.header("x-requested-with"), Some("unloq-api"));
    assert_eq!(
        seen.body,
        "unloq_id=7001&email=alice%40example.test&ip=127.0.0.1"
    );
    let id = ALICE_ID.to_string();
    let parameters = [
        ("unloq_id", id.as_str()),
        ("email", ALICE),
        ("ip", "127.0.0.1"),
    ];
    let text = string_to_sign("/leave?app=1", &parameters);
    assert_eq!(
        seen.header("x-unloq-signature"),
        signature("demo-unloq-secret", &text).as_deref()
    );

    // Rotated: the next hook is signed with the new one, a redelivery with the old.
    unloq.set_secret(KEY, "the next secret").unwrap();
    let first = unloq.deliveries()[0].id;
    let (again, resent) = tokio::join!(unloq.redeliver(first), receive(&listener, FINE));
    assert_eq!(again.unwrap().attempts.len(), 2);
    assert_eq!(
        (resent.head, resent.body),
        (seen.head, seen.body),
        "the same bytes"
    );

    let hook = Hook::from(format!("{origin}/come"));
    unloq
        .set_hook(KEY, HookEvent::Activate, Some(hook.clone()))
        .unwrap();
    let (_, seen) = tokio::join!(unloq.activate(ALICE), receive(&listener, FINE));
    let text = string_to_sign("/come", &parameters);
    assert_eq!(
        seen.header("x-unloq-signature"),
        signature("the next secret", &text).as_deref()
    );
    assert_eq!(
        unloq.activate(ALICE).await.unwrap_err().status(),
        409,
        "active already"
    );

    let own = Hook {
        secret: Some("its own".to_owned()),
        ..hook
    };
    unloq.set_hook(KEY, HookEvent::Deactivate, None).unwrap();
    unloq.deactivate(ALICE).await.unwrap();
    unloq.set_hook(KEY, HookEvent::Activate, Some(own)).unwrap();
    let (_, seen) = tokio::join!(unloq.activate(ALICE), receive(&listener, FINE));
    assert_eq!(
        seen.header("x-unloq-signature"),
        signature("its own", &text).as_deref()
    );
}

#[tokio::test]
async fn anything_but_200_is_a_failure() {
    let (_emulator, unloq, listener, origin) = site().await;
    configure(&unloq, |app| {
        app.hooks
            .insert(HookEvent::Logout, format!("{origin}/out").into());
    });
    let long = format!(
        "HTTP/1.1 200 OK\r\ncontent-length: 200000\r\n\r\n{}",
        "x".repeat(200_000)
    );
    for (answer, attempt) in [
        ("HTTP/1.1 204 No Content\r\n\r\n", Attempt::Status(204)),
        (
            "HTTP/1.1 302 Found\r\nlocation: /x\r\ncontent-length: 0\r\n\r\n",
            Attempt::Status(302),
        ),
        (
            "HTTP/1.1 500 No\r\ncontent-length: 0\r\n\r\n",
            Attempt::Status(500),
        ),
        ("nonsense\r\n\r\n", Attempt::Failed("broken")),
        (long.as_str(), Attempt::Failed("too_large")),
    ] {
        sign_in(&unloq, json!({ "sid": "h" })).await;
        let session = unloq.sessions()[0].id.clone();
        let (sent, _) = tokio::join!(unloq.log_out(&session), receive(&listener, answer));
        let sent = sent.unwrap();
        assert_eq!(sent[0].attempts, [attempt]);
        assert!(!sent[0].arrived());
        assert!(unloq.sessions().is_empty(), "the device has let go of it");
    }
    drop(listener);
    sign_in(&unloq, json!({ "sid": "h" })).await;
    let sent = unloq.log_out(&unloq.sessions()[0].id).await.unwrap();
    assert_eq!(sent[0].attempts, [Attempt::Failed("refused")]);
}

#[tokio::test(start_paused = true)]
async fn an_application_has_three_seconds() {
    let (emulator, unloq, listener, origin) = site().await;
    configure(&unloq, |app| {
        app.hooks
            .insert(HookEvent::Deactivate, format!("{origin}/out").into());
    });
    let before = elapsed(&emulator);
    // Accepted by the system, and never answered.
    let sent = unloq.deactivate(ALICE).await.unwrap();
    assert_eq!(sent[0].attempts, [Attempt::Failed("timeout")]);
    assert_eq!((elapsed(&emulator) - before).as_secs(), 3);
    drop(listener);
}

#[tokio::test]
async fn a_deactivation_by_the_application_comes_back_as_a_hook() {
    let (_emulator, unloq, listener, origin) = site().await;
    configure(&unloq, |app| {
        app.hooks
            .insert(HookEvent::Deactivate, format!("{origin}/out").into());
    });
    // The answer is there before the application has to take the hook.
    let done = ok(&unloq, "/v1/deactivate", json!({ "email": ALICE })).await;
    assert_eq!(done["deactivated"], true);
    let seen = receive(&listener, FINE).await;
    assert!(seen.body.contains("\"unloq_id\":\"7001\""));
}

#[tokio::test(start_paused = true)]
async fn without_a_hook_nothing_is_sent() {
    let (_emulator, unloq) = start().await;
    sign_in(&unloq, json!({ "sid": "h" })).await;
    assert_eq!(unloq.log_out(&unloq.sessions()[0].id).await.unwrap(), []);
    assert_eq!(unloq.deactivate(ALICE).await.unwrap(), []);
    assert!(unloq.deliveries().is_empty());
}
