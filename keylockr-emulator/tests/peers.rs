//! Clients in other languages, written from the public documentation alone, sign in with the
//! emulator: `tests/peers/go` and `tests/peers/python`.
//!
//! A missing language or library skips loudly; with `KEYLOCKR_REQUIRE_SYSTEM=1` it fails.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test's helpers fail by panicking"
)]

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;

use keylockr_emulator::{Approve, Emulator};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout};

/// A program of another language: the command and its first arguments.
struct Peer(Vec<PathBuf>);

/// Where Debian keeps the sources of Go libraries.
const GOCODE: &str = "/usr/share/gocode";

/// Builds the Go peer, as Debian's packages do it: no modules, no network.
fn go() -> Option<Peer> {
    let libraries = [
        "golang.org/x/crypto",
        "github.com/vmihailenco/msgpack/v5",
        "github.com/gorilla/websocket",
    ];
    for library in libraries {
        if !Path::new(GOCODE).join("src").join(library).is_dir() {
            return skipped(&format!("no Go library {library} under {GOCODE}"));
        }
    }
    static BUILT: OnceLock<Option<PathBuf>> = OnceLock::new();
    BUILT
        .get_or_init(build_go)
        .clone()
        .map(|program| Peer(vec![program]))
}

fn build_go() -> Option<PathBuf> {
    let cache = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let program = cache.join("keylockr-go-peer");
    // Another test process may run the program at this moment: built aside, then renamed.
    let fresh = cache.join(format!("keylockr-go-peer-{}", std::process::id()));
    let built = Command::new("go")
        .args(["build", "-o"])
        .args([fresh.as_os_str(), ".".as_ref()])
        .current_dir(sources("go"))
        .env("GO111MODULE", "off")
        .env("GOPATH", GOCODE)
        .env("GOCACHE", cache.join("go-cache"))
        .env("GOFLAGS", "")
        .output();
    match built {
        Ok(built) if built.status.success() => {
            std::fs::rename(fresh, &program).unwrap();
            Some(program)
        }
        Ok(built) => panic!("the Go peer does not build: {}", stderr(&built)),
        Err(error) => skipped(&format!("no Go: {error}")),
    }
}

/// The Python peer, on the system's own Python, whose packages hold the libraries.
fn python() -> Option<Peer> {
    let python = PathBuf::from("/usr/bin/python3");
    let checked = Command::new(&python)
        .args(["-c", "import nacl.bindings, msgpack, websockets"])
        .output();
    match checked {
        Ok(checked) if checked.status.success() => {
            Some(Peer(vec![python, sources("python").join("peer.py")]))
        }
        Ok(checked) => skipped(&format!("no Python libraries: {}", stderr(&checked))),
        Err(error) => skipped(&format!("no Python: {error}")),
    }
}

fn sources(language: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/peers")
        .join(language)
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).trim().to_owned()
}

fn skipped<T>(why: &str) -> Option<T> {
    assert!(
        std::env::var_os("KEYLOCKR_REQUIRE_SYSTEM").is_none_or(|on| on != "1"),
        "{why}"
    );
    eprintln!("SKIPPED: {why}");
    None
}

impl Peer {
    fn command(&self) -> Command {
        let mut command = Command::new(&self.0[0]);
        command
            .args(&self.0[1..])
            .env("PYTHONDONTWRITEBYTECODE", "1");
        command
    }

    /// Starts a login and waits for its QR code.
    async fn login(&self, emulator: &Emulator, way: &str) -> Login {
        let mut command = tokio::process::Command::from(self.command());
        command
            .args(["login", &emulator.api(), "demo", way])
            .kill_on_drop(true);
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let shown = lines.next_line().await.unwrap();
        match shown.and_then(|line| serde_json::from_str::<Value>(&line).ok()) {
            Some(shown) => Login {
                child,
                lines,
                uri: shown["uri"].as_str().unwrap().to_owned(),
            },
            None => panic!(
                "no code: {}",
                stderr(&child.wait_with_output().await.unwrap())
            ),
        }
    }
}

/// A peer that shows its code.
struct Login {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
    uri: String,
}

impl Login {
    /// What it printed in the end, or what it complained about.
    async fn end(mut self) -> Result<Value, String> {
        let line = self.lines.next_line().await.unwrap();
        let output = self.child.wait_with_output().await.unwrap();
        match line {
            Some(line) if output.status.success() => Ok(serde_json::from_str(&line).unwrap()),
            _ => Err(stderr(&output)),
        }
    }
}

async fn signs_in(peer: Option<Peer>) {
    let Some(peer) = peer else { return };
    let emulator = Emulator::start().await.unwrap();
    for way in ["push", "poll"] {
        let login = peer.login(&emulator, way).await;
        let scan = emulator.scan(&login.uri).unwrap();
        assert!(scan.name.ends_with(" peer"), "{scan:?}");
        let approve = Approve {
            tmp_id: scan.tmp_id,
            user: Some("bob".to_owned()),
            ..Approve::default()
        };
        let approved = emulator.approve(approve).unwrap();
        let bob = emulator
            .users()
            .into_iter()
            .find(|user| user.user == "bob")
            .unwrap();
        let polled = if way == "poll" {
            bob.nickname.as_str()
        } else {
            ""
        };
        let result = login
            .end()
            .await
            .unwrap_or_else(|error| panic!("{way}: {error}"));
        assert_eq!(
            result,
            json!({
                "sso_client_id": approved.app_id, "safe_id": bob.safe_id, "valid": true,
                "nickname": bob.nickname, "polled_nickname": polled,
            }),
            "{way}"
        );
    }
}

async fn hears_a_denial(peer: Option<Peer>) {
    let Some(peer) = peer else { return };
    let emulator = Emulator::start().await.unwrap();
    for (way, said) in [("push", "authorization_denied"), ("poll", "denied")] {
        let login = peer.login(&emulator, way).await;
        let tmp_id = emulator.scan(&login.uri).unwrap().tmp_id;
        emulator.deny(&tmp_id).unwrap();
        let refused = login.end().await.expect_err("a denial is no login");
        assert!(refused.contains(said), "{way}: {refused}");
    }
}

fn agrees_with_the_vectors(peer: Option<Peer>) {
    let Some(peer) = peer else { return };
    let vectors = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors/keylockr-kps.json");
    let checked = peer.command().arg("vectors").arg(vectors).output().unwrap();
    assert!(checked.status.success(), "{}", stderr(&checked));
    let counts: Value = serde_json::from_slice(&checked.stdout).unwrap();
    assert!(
        counts["sealed"].as_u64() > Some(0) && counts["opened"].as_u64() > Some(0),
        "{counts}"
    );
}

#[tokio::test]
async fn go_signs_in_by_push_and_by_polling() {
    signs_in(go()).await;
}

#[tokio::test]
async fn python_signs_in_by_push_and_by_polling() {
    signs_in(python()).await;
}

#[tokio::test]
async fn go_hears_a_denial() {
    hears_a_denial(go()).await;
}

#[tokio::test]
async fn python_hears_a_denial() {
    hears_a_denial(python()).await;
}

#[test]
fn go_agrees_with_the_vectors() {
    agrees_with_the_vectors(go());
}

#[test]
fn python_agrees_with_the_vectors() {
    agrees_with_the_vectors(python());
}
