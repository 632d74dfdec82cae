mod derivation;
mod known;
mod pairs;

use aws_lc_rs::rsa::{
    OAEP_SHA1_MGF1SHA1, OAEP_SHA256_MGF1SHA256, OaepPublicEncryptingKey, Pkcs1PublicEncryptingKey,
    PublicEncryptingKey,
};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde::Deserialize;

use super::{DeliveredKey, KeyPair, Padding, PublicKeyPem};
use crate::who::UnloqId;

pub(super) const PADDINGS: [Padding; 3] =
    [Padding::Pkcs1V15, Padding::OaepSha1, Padding::OaepSha256];

#[derive(Deserialize)]
pub(super) struct File {
    test_only_private_key_pkcs8_pem: String,
    public_key_spki_pem: String,
    vectors: Vec<Vector>,
}

#[derive(Deserialize)]
struct Vector {
    name: String,
    padding: String,
    plaintext: Option<String>,
    ciphertext_base64: String,
    expected: String,
}

pub(super) fn file() -> File {
    serde_json::from_str(include_str!("../../../tests/vectors/unloq-encryption.json")).unwrap()
}

/// The pair of the vectors, which everybody knows.
pub(super) fn pair(padding: Padding) -> KeyPair {
    let pem = file().test_only_private_key_pkcs8_pem;
    let body: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
    KeyPair::from_pkcs8(&BASE64_STANDARD.decode(body).unwrap(), padding)
}

pub(super) fn user() -> UnloqId {
    UnloqId::parse("1234").unwrap()
}

pub(super) fn delivered(text: &str) -> DeliveredKey {
    let json = serde_json::to_string(text).unwrap();
    DeliveredKey::from_json(serde_json::from_str(&json).unwrap(), user()).unwrap()
}

/// What a device does.
pub(super) fn encrypt(key: &PublicKeyPem, padding: Padding, text: &[u8]) -> Vec<u8> {
    let body: String = key
        .as_str()
        .lines()
        .filter(|line| !line.starts_with('-'))
        .collect();
    let der = BASE64_STANDARD.decode(body).unwrap();
    let public = PublicEncryptingKey::from_der(&der).unwrap();
    let mut out = vec![0; public.key_size_bytes()];
    let oaep = |algorithm, out: &mut [u8]| {
        let key = OaepPublicEncryptingKey::new(public.clone()).unwrap();
        key.encrypt(algorithm, text, out, Some(&[])).unwrap().len()
    };
    let length = match padding {
        Padding::Pkcs1V15 => {
            let key = Pkcs1PublicEncryptingKey::new(public.clone()).unwrap();
            key.encrypt(text, &mut out).unwrap().len()
        }
        Padding::OaepSha1 => oaep(&OAEP_SHA1_MGF1SHA1, &mut out),
        Padding::OaepSha256 => oaep(&OAEP_SHA256_MGF1SHA256, &mut out),
    };
    assert_eq!(length, out.len());
    out
}
