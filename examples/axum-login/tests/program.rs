//! The program as others start it: environment, first line, health, and its end.
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test fails by panicking, and says so when it is skipped"
)]

#[path = "program/clock.rs"]
mod clock;
#[path = "program/killed.rs"]
mod killed;
#[path = "../../../keylockr-client/tests/emulated/captured.rs"]
mod log;
#[path = "program/own_sessions.rs"]
mod own_sessions;
#[path = "program/secrets.rs"]
mod secrets;
#[path = "../../../unloq-webhooks/tests/redis/server.rs"]
mod server;
#[path = "program/several.rs"]
mod several;
#[path = "program/slow.rs"]
mod slow;
#[path = "program/unloq/mod.rs"]
mod unloq;

use std::{net::SocketAddr, process::Stdio};

use keylockr_emulator::conformance::agent::{Browser, Call};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, Lines},
    net::{TcpListener, TcpStream},
    process::{Child, ChildStdout, Command},
};
use unloq_webhooks::{Secret, sign};

/// Whichever of the twins this is compiled with.
const PROGRAM: Option<&str> = match option_env!("CARGO_BIN_EXE_axum-login") {
    None => option_env!("CARGO_BIN_EXE_actix-login"),
    axum => axum,
};

const KNOWN: [&str; 18] = [
    "BIND",
    "KEYLOCKR_API",
    "KEYLOCKR_SERVICE",
    "KEYLOCKR_FAMILY",
    "PUBLIC_ORIGIN",
    "REDIS_URL",
    "UNLOQ_SECRET",
    "UNLOQ_API",
    "UNLOQ_KEY",
    "UNLOQ_WIDGET",
    "SEAL_KEY",
    "LOGIN_LIMIT",
    "ATTEMPT_LIFE",
    "EMULATOR_LISTEN",
    "EMULATOR_CONTROL",
    "EMULATOR_HANDSHAKE_LIMIT",
    "RUST_LOG",
    "RUST_BACKTRACE",
];

/// Site and emulator in one process hold two sockets an attempt: more than the 1,024 descriptors of a bare shell.
const DESCRIPTORS: u32 = 8192;

fn command(environment: &[(&str, &str)], descriptors: u32) -> Command {
    let mut command = Command::new("sh");
    command
        .args(["-c", "ulimit -n \"$1\"; exec \"$0\""])
        .arg(PROGRAM.expect("an example"))
        .arg(descriptors.to_string());
    for name in KNOWN {
        command.env_remove(name);
    }
    command
        .env("BIND", "127.0.0.1:0")
        .envs(environment.iter().copied())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    command
}

struct Site {
    child: Child,
    output: Lines<BufReader<ChildStdout>>,
    first: Value,
    address: SocketAddr,
}

async fn start(environment: &[(&str, &str)]) -> Site {
    started(command(environment, DESCRIPTORS)).await
}

async fn started(mut command: Command) -> Site {
    let mut child = command.spawn().unwrap();
    let mut output = BufReader::new(child.stdout.take().unwrap()).lines();
    let line = output.next_line().await.unwrap().expect("a first line");
    let first: Value = serde_json::from_str(&line).expect("JSON");
    let address = first["app"].as_str().unwrap();
    let address = address.strip_prefix("http://").unwrap().parse().unwrap();
    Site {
        child,
        output,
        first,
        address,
    }
}

impl Site {
    /// The status and the body of an answer.
    async fn ask(&self, method: &str, path: &str) -> (u16, String) {
        let mut socket = TcpStream::connect(self.address).await.unwrap();
        let request = format!(
            "{method} {path} HTTP/1.1\r\nhost: {}\r\norigin: http://{}\r\n\
             content-length: 0\r\nconnection: close\r\n\r\n",
            self.address, self.address
        );
        socket.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        socket.read_to_string(&mut answer).await.unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        (head[9..12].parse().unwrap(), body.to_owned())
    }

    /// Asks the program to end, and waits until it has.
    async fn end(mut self, signal: &str) -> Option<i32> {
        let id = self.child.id().unwrap().to_string();
        let sent = Command::new("kill").args([signal, &id]).status().await;
        assert!(sent.unwrap().success());
        self.child.wait().await.unwrap().code()
    }
}

#[tokio::test]
async fn it_says_where_it_is_and_ends_when_asked() {
    for signal in ["-TERM", "-INT"] {
        let mut site = start(&[]).await;
        let mut members: Vec<_> = site.first.as_object().unwrap().keys().collect();
        members.sort();
        assert_eq!(members, ["api", "app", "phone"]);
        for origin in ["api", "phone"] {
            let origin = site.first[origin].as_str().unwrap();
            assert!(origin.starts_with("http://127.0.0.1:"), "{origin}");
        }
        let mut text = String::new();
        while !text.contains("phone") {
            text += &site.output.next_line().await.unwrap().expect("more text");
        }
        for (path, status) in [
            ("/", 200),
            ("/healthz", 200),
            ("/readyz", 200),
            ("/private", 401),
            ("/api/me", 401),
            ("/notes", 401),
            ("/api/notes", 401),
            ("/api/notes/sealed", 401),
            ("/assets/site.css", 200),
            ("/assets/site.js", 200),
            ("/assets/notes.js", 200),
            ("/assets/unloq.js", 200),
            ("/assets/icon.svg", 200),
            ("/nowhere", 404),
        ] {
            assert_eq!(site.ask("GET", path).await.0, status, "{path}");
        }
        assert_eq!(site.ask("POST", "/hooks/unloq/logout").await.0, 404);
        assert_eq!(site.ask("POST", "/login/start").await.0, 201);
        assert_eq!(site.end(signal).await, Some(0), "{signal}");
    }
}

#[tokio::test]
async fn it_comes_up_without_keylockr() {
    // A port that nobody listens at any more.
    let port = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let api = format!("http://{}", port.local_addr().unwrap());
    drop(port);
    let site = start(&[("KEYLOCKR_API", &api), ("UNLOQ_SECRET", SECRET)]).await;
    assert_eq!(site.first["api"], api);
    assert!(site.first["phone"].is_null());
    assert_eq!(site.ask("GET", "/healthz").await.0, 200);
    assert_eq!(site.ask("GET", "/readyz").await.0, 503);
    let (status, problem) = site.ask("POST", "/login/start").await;
    assert_eq!(status, 503, "{problem}");
    // UNLOQ needs nothing of KeyLockr.
    assert_eq!(site.ask("POST", "/hooks/unloq/logout").await.0, 401);
    assert_eq!(site.end("-TERM").await, Some(0));
}

/// What UNLOQ signs with in these tests.
const SECRET: &str = "7f3c1a9e5b2d48c6a0e4f1b8d2c37a65";

fn deliver<'a>(browser: &'a Browser, path: &str, signed: &str, body: &str) -> Call<'a> {
    let secret = Secret::new(SECRET).unwrap();
    let kind = "application/json";
    let signature = sign(&secret, path, kind, signed.as_bytes()).unwrap();
    browser
        .post(path)
        .without("origin")
        .header("x-unloq-signature", &signature)
        .body(kind, body.to_owned())
}

#[tokio::test]
async fn hooks_are_verified_at_their_configured_paths() {
    let site = start(&[("UNLOQ_SECRET", SECRET)]).await;
    let unloq = Browser::new(&format!("http://{}", site.address));
    let account = r#"{"unloq_id":"77","email":"a@b.example","ip":"1.2.3.4"}"#;
    for (path, body) in [
        ("/hooks/unloq/logout", r#"{"unloq_id":"77","sid":"gone"}"#),
        ("/hooks/unloq/activate", account),
        ("/hooks/unloq/deactivate", account),
    ] {
        let reply = deliver(&unloq, path, body, body).send().await.expect(200);
        assert_eq!(reply.text(), r#"{"status":true}"#, "{path}");
        let changed = body.replace("77", "78");
        let reply = deliver(&unloq, path, body, &changed)
            .send()
            .await
            .expect(401);
        assert_eq!(reply.text(), r#"{"status":false}"#, "{path}");
        let cut = &body[..body.len() - 1];
        deliver(&unloq, path, body, cut).send().await.expect(400);
        let more = body.replace('}', r#","more":"1"}"#);
        deliver(&unloq, path, &more, &more).send().await.expect(400);
        let long = format!("{body}{}", " ".repeat(16 * 1024));
        deliver(&unloq, path, &long, &long).send().await.expect(413);
        let bare = unloq.post(path).without("origin");
        bare.body("application/json", body).send().await.expect(401);
        let typed = deliver(&unloq, path, body, body).body("text/plain", body.to_owned());
        typed.send().await.expect(415);
        let get = unloq.get(path).send().await.expect(405);
        assert_eq!(get.header("allow"), Some("POST"), "{path}");
    }
    assert_eq!(site.ask("POST", "/hooks/unloq/other").await.0, 404);
    // The signature of one route is worth nothing on another.
    let secret = Secret::new(SECRET).unwrap();
    let kind = "application/json";
    let signature = sign(&secret, "/hooks/unloq/deactivate", kind, account.as_bytes()).unwrap();
    let crossed = unloq
        .post("/hooks/unloq/activate")
        .header("x-unloq-signature", &signature)
        .body(kind, account);
    crossed.send().await.expect(401);
}

/// The whole way through the phone; the status of the last answer.
async fn sign_in(phone: &Browser, browser: &Browser) -> u16 {
    let started = browser.post("/login/start").send().await.expect(201).json();
    let attempt = started["attempt"].as_str().unwrap();
    let (_, tmp_id) = started["qr"]
        .as_str()
        .unwrap()
        .split_once("tmp_id=")
        .unwrap();
    let tmp_id = tmp_id.split('&').next().unwrap();
    let approve = phone
        .post("/_emu/v1/approve")
        .json(&json!({ "tmp_id": tmp_id }));
    approve.send().await.expect(200);
    // Ends with the attempt's last status.
    let events = format!("/login/events?attempt={attempt}");
    browser.get(&events).send().await.expect(200);
    let finish = browser.post(&format!("/login/finish?attempt={attempt}"));
    finish.send().await.status
}

#[tokio::test]
async fn attempts_are_limited_by_address() {
    let site = start(&[("LOGIN_LIMIT", "2"), ("ATTEMPT_LIFE", "60")]).await;
    let (status, started) = site.ask("POST", "/login/start").await;
    assert_eq!(status, 201);
    let started: Value = serde_json::from_str(&started).unwrap();
    assert!(started["expires_in"].as_u64().unwrap() <= 60);
    assert_eq!(site.ask("POST", "/login/start").await.0, 201);
    assert_eq!(site.ask("POST", "/login/start").await.0, 429);
}

#[tokio::test]
async fn a_wrong_environment_is_named() {
    for (name, value) in [
        ("REDIS_URL", "http://127.0.0.1"),
        ("ATTEMPT_LIFE", "601"),
        ("SEAL_KEY", "short"),
        ("KEYLOCKR_FAMILY", "tree"),
        ("UNLOQ_KEY", "live_1"),
        ("UNLOQ_API", "https://api.unloq.io/v1"),
    ] {
        let output = command(&[(name, value)], DESCRIPTORS)
            .output()
            .await
            .unwrap();
        assert_eq!(output.status.code(), Some(2), "{name}");
        assert!(output.stdout.is_empty());
        let error = String::from_utf8(output.stderr).unwrap();
        assert!(error.contains(name), "{error}");
    }
}

/// One process, a thousand people in front of their codes. What each costs is in the output of
/// `cargo test -- --nocapture`; it counts for something in release mode only.
#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_wait_at_once() {
    const PEOPLE: usize = 1_000;
    let site = start(&[
        ("LOGIN_LIMIT", "0"),
        ("EMULATOR_HANDSHAKE_LIMIT", "0"),
        ("ATTEMPT_LIFE", "600"),
        ("RUST_LOG", "warn"),
    ])
    .await;
    let origin = format!("http://{}", site.address);
    let before = resident(&site.child);
    let mut waiting = Vec::new();
    for _ in 0..PEOPLE / 20 {
        let started = (0..20).map(|_| {
            let browser = Browser::new(&origin);
            async move {
                let answer = browser.post("/login/start").send().await.expect(201);
                let attempt = answer.json()["attempt"].as_str().unwrap().to_owned();
                (browser, attempt)
            }
        });
        waiting.extend(futures_util::future::join_all(started).await);
    }
    let mut codes = std::collections::HashSet::new();
    for (browser, attempt) in &waiting {
        // The answer waits until the code may be shown.
        let path = format!("/login/qr.svg?attempt={attempt}");
        codes.insert(
            browser
                .get(&path)
                .send()
                .await
                .expect(200)
                .text()
                .to_owned(),
        );
    }
    assert_eq!(codes.len(), PEOPLE, "each has a code of their own");
    for (browser, attempt) in &waiting {
        let path = format!("/login/status?attempt={attempt}");
        let status = browser.get(&path).send().await.expect(200).json();
        assert_eq!(status["status"], "connected");
    }
    if let (Some(before), Some(after)) = (before, resident(&site.child)) {
        let each = after.saturating_sub(before) / PEOPLE;
        println!("{each} KiB an attempt, site and emulator together");
    }
    assert_eq!(site.end("-TERM").await, Some(0));
}

/// Resident memory in KiB, where the system says.
fn resident(child: &Child) -> Option<usize> {
    let status = std::fs::read_to_string(format!("/proc/{}/status", child.id()?)).ok()?;
    let line = status.lines().find(|line| line.starts_with("VmRSS:"))?;
    line.split_whitespace().nth(1)?.parse().ok()
}
