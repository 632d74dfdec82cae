//! The user's device: encrypts under the key of a request.

use aws_lc_rs::rsa::{
    OAEP_SHA1_MGF1SHA1, OAEP_SHA256_MGF1SHA256, OaepPublicEncryptingKey, Pkcs1PublicEncryptingKey,
    PublicEncryptingKey,
};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use unloq_client::Padding;

use crate::stub::Seen;

pub(crate) const PERSONAL_KEY: &str = "q8Zt3VnB7xLm2RkP5wYc9JdF4sHg6TaE";

/// The personal key as the device sends it, Base64 of one ciphertext.
pub(crate) fn encrypted(request: &Seen, padding: Padding, key: &str) -> String {
    let pem = request.body["public_key"].as_str().unwrap();
    let body: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
    let public = PublicEncryptingKey::from_der(&BASE64_STANDARD.decode(body).unwrap()).unwrap();
    let mut out = vec![0; public.key_size_bytes()];
    let algorithm = match padding {
        Padding::Pkcs1V15 => {
            let public = Pkcs1PublicEncryptingKey::new(public).unwrap();
            public.encrypt(key.as_bytes(), &mut out).unwrap();
            return BASE64_STANDARD.encode(out);
        }
        Padding::OaepSha1 => &OAEP_SHA1_MGF1SHA1,
        Padding::OaepSha256 => &OAEP_SHA256_MGF1SHA256,
        other => panic!("{other:?}"),
    };
    let public = OaepPublicEncryptingKey::new(public).unwrap();
    public
        .encrypt(algorithm, key.as_bytes(), &mut out, None)
        .unwrap();
    BASE64_STANDARD.encode(out)
}
