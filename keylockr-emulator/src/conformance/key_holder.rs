//! A page that holds its own keys (topology A, keylockr.md 7.8): what its script does, and what
//! others make of what they overhear.

use serde_json::{Value, json};

use super::agent::{Browser, Call, Reply};
use super::service::Service;
use super::stage::{MOUNT, Stage};
use crate::wire::{
    crypto::{self, SIGNATURE, SignPair},
    reader,
    text::{from_base64, to_base64},
    value::{Map, Value as Packed},
    writer,
};

/// The keys of one page.
#[derive(Debug)]
pub struct KeyHolder {
    sign: SignPair,
    enc_public: [u8; 32],
}

/// What `challenge` answered.
#[derive(Debug, Clone)]
pub struct Challenge {
    /// The attempt's handle.
    pub attempt: String,
    /// The site's origin, as it says.
    pub aud: String,
    /// 32 bytes.
    pub bytes: Vec<u8>,
    /// The service's name.
    pub svc_id: String,
    /// The whole answer.
    pub answer: Value,
}

/// An approval for a page's keys, and its attempt at the application.
#[derive(Debug)]
pub struct Approved {
    /// The page's keys.
    pub keys: KeyHolder,
    /// Its attempt.
    pub challenge: Challenge,
    /// The connection.
    pub app_id: String,
    /// Who approved.
    pub safe_id: String,
}

impl Challenge {
    #[track_caller]
    fn of(answer: Value) -> Self {
        let member = |name: &str| match answer[name].as_str() {
            Some(text) => text.to_owned(),
            None => panic!("challenge answers `{name}`: {answer}"),
        };
        Self {
            attempt: member("attempt_id"),
            aud: member("aud"),
            bytes: from_base64(&member("challenge")).expect("base64"),
            svc_id: member("svc_id"),
            answer,
        }
    }

    /// A route below the mount, about this attempt.
    #[must_use]
    pub fn at(&self, route: &str) -> String {
        format!("{MOUNT}{route}?attempt={}", self.attempt)
    }
}

impl KeyHolder {
    /// New keys.
    #[must_use]
    pub fn new() -> Self {
        let random = || {
            let mut bytes = [0; 32];
            getrandom::fill(&mut bytes).expect("random bytes");
            bytes
        };
        Self {
            sign: SignPair::from_seed(&random()),
            enc_public: crypto::box_public_of(&random()),
        }
    }

    /// The public signing key, as it travels in JSON.
    #[must_use]
    pub fn sign_pk(&self) -> String {
        to_base64(&self.sign.public)
    }

    /// Registers the key with the application.
    pub async fn challenge(&self, browser: &Browser) -> Challenge {
        Challenge::of(self.ask(browser).await.expect(201).json())
    }

    /// The same, whatever comes.
    pub async fn ask(&self, browser: &Browser) -> Reply {
        browser
            .post("/login/challenge")
            .json(&json!({ "sign_pk": self.sign_pk() }))
            .send()
            .await
    }

    /// Shakes hands with KeyLockr itself: the `tmp_id`.
    pub async fn handshake(&self, service: &Service, svc_id: &str) -> String {
        let hello = Map::new()
            .with("sign_pk", self.sign.public.as_slice())
            .with("enc_pk", self.enc_public.as_slice())
            .with("name", "Conformance")
            .with("svc_id", svc_id);
        let api = Browser::new(&service.api());
        let reply = api
            .post("/v3/handshake")
            .body("application/octet-stream", writer::encode_map(&hello))
            .send()
            .await
            .expect(200);
        match reader::decode(&reply.body) {
            Ok(Packed::Map(answer)) => answer.text("tmp_id").expect("a tmp_id").to_owned(),
            other => panic!("the handshake answers {other:?}"),
        }
    }

    /// The body that claims these ids, with the proof that `challenge` asks for.
    #[must_use]
    pub fn claim(&self, challenge: &Challenge, app_id: &str, safe_id: &str) -> Value {
        json!({
            "attempt_id": challenge.attempt,
            "app_id": app_id,
            "safe_id": safe_id,
            "signature": self.prove(challenge, app_id, safe_id),
        })
    }

    /// The proof alone.
    #[must_use]
    pub fn prove(&self, challenge: &Challenge, app_id: &str, safe_id: &str) -> String {
        let claims = Map::new()
            .with("aud", challenge.aud.as_str())
            .with("ch", challenge.bytes.as_slice())
            .with("id", app_id)
            .with("safe", safe_id)
            .with("v", 1_i64);
        let mut message = b"klsso/pop/v1\n".to_vec();
        message.extend_from_slice(&crypto::sha256(&writer::encode_map(&claims)));
        let signed = self.sign.sign(&message);
        to_base64(&signed[..SIGNATURE])
    }
}

impl Default for KeyHolder {
    fn default() -> Self {
        Self::new()
    }
}

impl Approved {
    /// The body that signs this page in.
    #[must_use]
    pub fn claim(&self) -> Value {
        self.keys
            .claim(&self.challenge, &self.app_id, &self.safe_id)
    }
}

impl Stage {
    /// New keys of a page in this browser, registered, and approved by the user's phone.
    pub async fn approved_keys(&self, browser: &Browser, user: &str) -> Approved {
        let keys = KeyHolder::new();
        let challenge = keys.challenge(browser).await;
        let tmp_id = keys.handshake(&self.service, &challenge.svc_id).await;
        let (app_id, safe_id) = self.service.approve(&tmp_id, user);
        Approved {
            keys,
            challenge,
            app_id,
            safe_id,
        }
    }
}

impl Browser {
    /// Posts a claim.
    pub fn verify(&self, claim: &Value) -> Call<'_> {
        self.post("/login/verify").json(claim)
    }
}
