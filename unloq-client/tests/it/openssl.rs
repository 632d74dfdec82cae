//! The device's half by openssl: other code than ours reads the PEM and encrypts under it.

use std::io::Write;
use std::process::{Command, Stdio};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::json;
use unloq_client::{
    CheckValue, KeyContext, KeyError, KeyMode, KeyPair, KeyRequest, KeySize, Padding, Salt, UnloqId,
};

use crate::device::PERSONAL_KEY;
use crate::stub::{Reply, Seen, Stub};

/// Skips loudly where there is no openssl, and fails instead where there must be one.
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

fn encrypt(pem: &str, padding: Padding, text: &[u8]) -> Vec<u8> {
    let mut file = std::env::temp_dir();
    file.push(format!(
        "unloq-client-{}-{}.pem",
        std::process::id(),
        fingerprint(pem)
    ));
    std::fs::write(&file, pem).unwrap();
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
        other => panic!("{other:?}"),
    };
    let mut command = Command::new("openssl");
    command
        .args(["pkeyutl", "-encrypt", "-pubin", "-inkey"])
        .arg(&file);
    for option in options {
        command.args(["-pkeyopt", option]);
    }
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(text).unwrap();
    let output = child.wait_with_output().unwrap();
    std::fs::remove_file(&file).unwrap();
    assert!(output.status.success());
    output.stdout
}

/// A public key is no secret, and its own name.
fn fingerprint(pem: &str) -> String {
    pem.chars()
        .filter(char::is_ascii_alphanumeric)
        .skip(80)
        .take(32)
        .collect()
}

/// Every padding and every size, with the largest key that it carries.
#[tokio::test]
async fn openssl_encrypts_and_we_decrypt() {
    if !openssl_is_there() {
        return;
    }
    let id = UnloqId::parse("1234").unwrap();
    let salt = Salt::from_bytes([7; 32]);
    let context = KeyContext::new("acme", salt, id).unwrap();
    // Larger pairs take seconds to make in a debug build: one of each.
    for (size, padding, largest) in [
        (KeySize::Rsa2048, Padding::Pkcs1V15, 256 - 11),
        (KeySize::Rsa2048, Padding::OaepSha1, 256 - 42),
        (KeySize::Rsa2048, Padding::OaepSha256, 256 - 66),
        (KeySize::Rsa3072, Padding::Pkcs1V15, 384 - 11),
        (KeySize::Rsa4096, Padding::OaepSha256, 512 - 66),
    ] {
        let key = "k".repeat(largest);
        let answer = |key: String| {
            move |seen: &Seen| {
                let pem = seen.body["public_key"].as_str().unwrap();
                let text = BASE64_STANDARD.encode(encrypt(pem, padding, key.as_bytes()));
                let result = json!({"unloq_id": "1234", "encryption_key": text});
                Reply::json(200, json!({"result": result}).to_string())
            }
        };
        let stub = Stub::answering(answer(key.clone()));
        let client = stub.builder().key_mode(KeyMode::ApiOnly).build().unwrap();
        let pair = KeyPair::generate(size, padding).unwrap();
        let ask = KeyRequest::new(id, "to show your note");
        let opened = client.personal_key(&ask, pair).await.unwrap();
        // The key itself cannot be read, but its check value is known.
        let stored = CheckValue::from_bytes(check_value(key.as_bytes(), &salt));
        opened.check(&context, &stored).unwrap();
    }
    // The check above can fail.
    let wrong = CheckValue::from_bytes(check_value(b"another key", &salt));
    let stub = Stub::answering(|seen| {
        let pem = seen.body["public_key"].as_str().unwrap();
        let text = BASE64_STANDARD.encode(encrypt(pem, Padding::Pkcs1V15, PERSONAL_KEY.as_bytes()));
        Reply::json(
            200,
            json!({"result": {"unloq_id": 1234, "encryption_key": text}}).to_string(),
        )
    });
    let client = stub.builder().key_mode(KeyMode::ApiOnly).build().unwrap();
    let ask = KeyRequest::new(id, "to show your note");
    let opened = client
        .personal_key(&ask, crate::keys::pair())
        .await
        .unwrap();
    assert_eq!(
        opened.check(&context, &wrong).unwrap_err(),
        KeyError::KeyMismatch
    );
}

/// U 5.4, once more and by openssl's hand: two HMACs for HKDF, one for the value.
fn check_value(key: &[u8], salt: &Salt) -> [u8; 32] {
    let prk = hmac(salt.as_bytes(), key);
    let derived = hmac(&prk, b"unloq-pek/v1\0acme\x001234\0check\x01");
    hmac(&derived, b"kcv").try_into().unwrap()
}

fn hmac(key: &[u8], text: &[u8]) -> Vec<u8> {
    let mut child = Command::new("openssl")
        .args(["dgst", "-sha256", "-binary", "-mac", "HMAC", "-macopt"])
        .arg(format!("hexkey:{}", hex::encode(key)))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(text).unwrap();
    child.wait_with_output().unwrap().stdout
}
