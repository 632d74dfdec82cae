//! An application that talks to UNLOQ, without a network.

use std::{
    io::Write as _,
    path::PathBuf,
    process::{Command, Stdio},
    sync::atomic::{AtomicU32, Ordering},
};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::BodyExt as _;
use serde_json::Value as Json;

use crate::{
    Emulator,
    unloq::{AppSettings, Body, Padding, Unloq},
};

pub(super) const ALICE: &str = "alice@example.test";
pub(super) const BOB: &str = "bob@example.test";
pub(super) const KEY: &str = "demo-unloq-key";
pub(super) const ALICE_ID: u64 = 7001;

/// An emulator without ports and its UNLOQ.
pub(super) async fn start() -> (Emulator, Unloq) {
    let emulator = Emulator::builder()
        .in_process()
        .seed(7)
        .start()
        .await
        .unwrap();
    let unloq = emulator.unloq();
    (emulator, unloq)
}

/// A request as an application sends it; a body makes it a POST.
pub(super) fn request(path: &str, key: &str, body: Option<&Json>) -> Request<Bytes> {
    let request = Request::builder()
        .uri(path)
        .method(if body.is_some() { "POST" } else { "GET" })
        .header("authorization", format!("Bearer {key}"));
    let request = match body {
        Some(_) => request.header("content-type", "application/json"),
        None => request,
    };
    let body = body.map(Json::to_string).unwrap_or_default();
    request.body(Bytes::from(body)).unwrap()
}

pub(super) async fn read(response: Response<Body>) -> (u16, Vec<u8>) {
    let status = response.status().as_u16();
    let body = response.into_body().collect().await.unwrap();
    (status, body.to_bytes().to_vec())
}

/// Status and JSON of an answer.
pub(super) async fn raw(unloq: &Unloq, request: Request<Bytes>) -> (u16, Json) {
    let (status, body) = read(unloq.http(request).await).await;
    (status, serde_json::from_slice(&body).unwrap_or(Json::Null))
}

pub(super) async fn post(unloq: &Unloq, path: &str, body: Json) -> (u16, Json) {
    raw(unloq, request(path, KEY, Some(&body))).await
}

pub(super) async fn get(unloq: &Unloq, path: &str) -> (u16, Json) {
    raw(unloq, request(path, KEY, None)).await
}

/// The result of a success.
pub(super) async fn ok(unloq: &Unloq, path: &str, body: Json) -> Json {
    let (status, answer) = post(unloq, path, body).await;
    assert_eq!(status, 200, "{answer}");
    answer["result"].clone()
}

/// Status and code of a failure.
pub(super) async fn refused(unloq: &Unloq, path: &str, body: Json) -> (u16, String) {
    let (status, answer) = post(unloq, path, body).await;
    let code = answer["error"]["code"].as_str().unwrap_or_default();
    (status, code.to_owned())
}

/// Alice signs in by push, and the token is exchanged.
pub(super) async fn sign_in(unloq: &Unloq, exchange: Json) -> Json {
    let body = serde_json::json!({ "email": ALICE });
    let asked = ok(unloq, "/v1/authenticate", body);
    let (answer, approved) = tokio::join!(asked, unloq.approve_next(ALICE));
    approved.unwrap();
    let mut exchange = exchange;
    exchange["token"] = answer["token"].clone();
    ok(unloq, "/v1/token", exchange).await
}

/// `demo` with some of its settings changed.
pub(super) fn configure(unloq: &Unloq, change: impl FnOnce(&mut AppSettings)) {
    let mut settings = AppSettings::default();
    change(&mut settings);
    unloq.configure(settings).unwrap();
}

/// An RSA pair of openssl's, in a file that is removed at the end. `None`, loudly, where there is
/// no openssl; where there must be one, that is a failure.
pub(super) struct Pair {
    file: PathBuf,
    pub(super) pem: String,
}

static NEXT: AtomicU32 = AtomicU32::new(0);

impl Pair {
    pub(super) fn make(bits: u32, exponent: Option<u64>) -> Option<Self> {
        if !openssl_is_there() {
            return None;
        }
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("keylockr-emulator-rsa-{}-{number}.pem", std::process::id());
        let file = std::env::temp_dir().join(name);
        let mut command = Command::new("openssl");
        command.args(["genpkey", "-quiet", "-algorithm", "RSA", "-pkeyopt"]);
        command.arg(format!("rsa_keygen_bits:{bits}"));
        if let Some(exponent) = exponent {
            command.args(["-pkeyopt", &format!("rsa_keygen_pubexp:{exponent}")]);
        }
        let made = command.arg("-out").arg(&file).output().unwrap();
        assert!(made.status.success(), "{made:?}");
        let mut command = Command::new("openssl");
        command.args(["pkey", "-pubout", "-in"]).arg(&file);
        let output = command.output().unwrap();
        assert!(output.status.success());
        let pem = String::from_utf8(output.stdout).unwrap();
        Some(Self { file, pem })
    }

    /// What openssl makes of a ciphertext; `None` where it refuses it.
    pub(super) fn decrypt(&self, ciphertext: &str, padding: Padding) -> Option<Vec<u8>> {
        let options: &[&str] = match padding {
            Padding::Pkcs1V15 => &["rsa_padding_mode:pkcs1"],
            Padding::OaepSha1 => &[
                "rsa_padding_mode:oaep",
                "rsa_oaep_md:sha1",
                "rsa_mgf1_md:sha1",
            ],
            Padding::OaepSha256 => &[
                "rsa_padding_mode:oaep",
                "rsa_oaep_md:sha256",
                "rsa_mgf1_md:sha256",
            ],
        };
        let mut command = Command::new("openssl");
        command
            .args(["pkeyutl", "-decrypt", "-inkey"])
            .arg(&self.file);
        for option in options {
            command.args(["-pkeyopt", option]);
        }
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let bytes = BASE64_STANDARD.decode(ciphertext).unwrap();
        child.stdin.take().unwrap().write_all(&bytes).unwrap();
        let output = child.wait_with_output().unwrap();
        output.status.success().then_some(output.stdout)
    }
}

impl Drop for Pair {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.file);
    }
}

#[allow(clippy::print_stderr, reason = "a skip is to be seen")]
fn openssl_is_there() -> bool {
    let version = Command::new("openssl").arg("version").output();
    let there = version.is_ok_and(|output| output.status.success());
    let required = std::env::var_os("KEYLOCKR_REQUIRE_SYSTEM").is_some_and(|value| value == "1");
    assert!(there || !required, "there is no openssl on the PATH");
    if !there {
        eprintln!("SKIPPED: there is no openssl on the PATH");
    }
    there
}
