//! The user's device behind a service without a network: it encrypts under the key that it is
//! given.

use std::sync::Arc;

use aws_lc_rs::rsa::{
    OAEP_SHA1_MGF1SHA1, OAEP_SHA256_MGF1SHA256, OaepAlgorithm, OaepPublicEncryptingKey,
    Pkcs1PublicEncryptingKey, PublicEncryptingKey,
};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use bytes::Bytes;
use tokio::runtime::Runtime;
use unloq_client::{
    Body, BoxFuture, Client, DeliveredKey, HttpRequest, HttpResponse, KeyMode, KeyPair, KeyRequest,
    Padding, Transport, TransportError, UnloqId,
};

/// A personal key.
pub(crate) const KEY: &[u8] = b"q8Zt3VnB7xLm2RkP5wYc9JdF4sHg6TaE";

/// A client whose device has this padding.
pub(crate) fn client(padding: Padding) -> Client {
    Client::builder("https://unloq.test/v1", "live_5f2d8c1e9a7b4036")
        .key_mode(KeyMode::ApiOnly)
        .transport(Arc::new(Device(padding)))
        .build()
        .expect("a client")
}

/// The key, encrypted for this pair.
pub(crate) fn deliver(runtime: &Runtime, client: &Client, pair: &KeyPair) -> DeliveredKey {
    let ask = KeyRequest::new(UnloqId::parse("1234").expect("an id"), "a bench");
    let delivered = client.personal_key_for(&ask, pair.public_key());
    runtime.block_on(delivered).expect("a key")
}

/// The algorithm of the library, unless it is PKCS#1 v1.5.
pub(crate) fn oaep(padding: Padding) -> Option<&'static OaepAlgorithm> {
    match padding {
        Padding::Pkcs1V15 => None,
        Padding::OaepSha1 => Some(&OAEP_SHA1_MGF1SHA1),
        Padding::OaepSha256 => Some(&OAEP_SHA256_MGF1SHA256),
        other => panic!("{other:?}"),
    }
}

/// One ciphertext.
pub(crate) fn encrypt(public: PublicEncryptingKey, padding: Padding) -> Vec<u8> {
    let mut out = vec![0; public.key_size_bytes()];
    if let Some(algorithm) = oaep(padding) {
        let public = OaepPublicEncryptingKey::new(public).expect("a key");
        public
            .encrypt(algorithm, KEY, &mut out, None)
            .expect("a ciphertext");
    } else {
        let public = Pkcs1PublicEncryptingKey::new(public).expect("a key");
        public.encrypt(KEY, &mut out).expect("a ciphertext");
    }
    out
}

struct Device(Padding);

impl Transport for Device {
    fn send(&self, request: HttpRequest) -> BoxFuture<'_, Result<HttpResponse, TransportError>> {
        let request: serde_json::Value = serde_json::from_slice(&request.body).expect("JSON");
        let pem = request["public_key"].as_str().expect("a key");
        let body: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
        let der = BASE64_STANDARD.decode(body).expect("Base64");
        let public = PublicEncryptingKey::from_der(&der).expect("a key");
        let key = BASE64_STANDARD.encode(encrypt(public, self.0));
        let answer = serde_json::json!({"result": {"unloq_id": 1234, "encryption_key": key}});
        Box::pin(async move {
            Ok(HttpResponse {
                status: 200,
                event_stream: false,
                body: Box::new(Whole(Some(answer.to_string().into()))),
            })
        })
    }
}

struct Whole(Option<Bytes>);

impl Body for Whole {
    fn chunk(&mut self) -> BoxFuture<'_, Result<Option<Bytes>, TransportError>> {
        Box::pin(async { Ok(self.0.take()) })
    }
}
