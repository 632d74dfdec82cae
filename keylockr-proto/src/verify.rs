//! Asking the service whether an identity holds, and a browser's proof that it owns its key (K 4.2,
//! 7.8).

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::error::{Error, ErrorKind, ServerRefusal};
use crate::id::{AppId, Nickname, SafeId, Service};
use crate::json::{Json, write_object};
use crate::keys::{SignPublic, SignSecret};
use crate::msgpack::Value;
use crate::primitives::{self, SIGNATURE_LENGTH};

/// Largest answer, in bytes (K 4).
const MAX_ANSWER: usize = 65_536;
/// Keeps a possession proof apart from seals and addresses, which the same key signs.
const POSSESSION_PREFIX: &[u8] = b"klsso/pop/v1\n";

/// The question of `POST /app_verify`: do these belong together, and to our service?
///
/// Every member is a fact of ours: the service from configuration, the ids from a result that
/// opened under the attempt's keys, the key as it was stored when the attempt started. Nothing of
/// it comes from a browser.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifyRequest {
    /// Our service.
    pub service: Service,
    /// The connection.
    pub app_id: AppId,
    /// The user.
    pub safe_id: SafeId,
    /// The key of the handshake.
    pub sign: SignPublic,
}

impl VerifyRequest {
    /// The bytes to send, as `application/json`.
    pub fn to_json(&self) -> Vec<u8> {
        let (service, connection) = match &self.service {
            Service::Seed { .. } => ("svc_id", "sso_client_id"),
            Service::AppData { .. } => ("app_tag", "app_id"),
        };
        write_object(&[
            (service, self.service.name_on_wire()),
            (connection, self.app_id.as_str()),
            ("safe_id", self.safe_id.as_str()),
            ("sign_pk", &self.sign.to_base64()),
        ])
    }
}

/// The answer: three outcomes, because no answer is neither a yes nor a no.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub enum VerifyOutcome {
    /// They belong together.
    Valid {
        /// The user's name, to show.
        nickname: Option<Nickname>,
    },
    /// A definite no.
    Invalid,
    /// No answer: a transport error, a refusal, or anything that is not exactly one of the two
    /// others.
    Failed {
        /// What the service said, if that is what it was.
        refusal: Option<ServerRefusal>,
    },
}

impl VerifyOutcome {
    /// Classifies an answer. Only a 2xx with `_res` the text `ok` and `valid` a boolean counts; a
    /// name that occurs twice, or anything after the end, makes it no answer.
    pub fn from_response(status: u16, body: &[u8]) -> Self {
        let failed = Self::Failed { refusal: None };
        if !(200..300).contains(&status) || body.len() > MAX_ANSWER {
            return failed;
        }
        let Some(members) = Json::object(body) else {
            return failed;
        };
        let text = |name| members.get(name).and_then(Json::text);
        match (text("_res"), members.get("valid")) {
            (Some("ok"), Some(Json::Bool(true))) => Self::Valid {
                nickname: text("nickname").and_then(Nickname::parse),
            },
            (Some("ok"), Some(Json::Bool(false))) => Self::Invalid,
            (Some("err"), _) => Self::Failed {
                refusal: Some(ServerRefusal::new(
                    text("code").unwrap_or_default(),
                    text("msg"),
                )),
            },
            _ => failed,
        }
    }
}

/// What a browser signs to show that it owns the key it registered (K 7.8): without it, three
/// public values would sign anybody in.
#[derive(Clone, Copy)]
pub struct Possession<'a> {
    /// Our own origin, `https://host[:port]`.
    pub audience: &'a str,
    /// The attempt's challenge: random, ours, used once.
    pub challenge: &'a [u8; 32],
    /// The connection it claims.
    pub app_id: &'a AppId,
    /// The user it claims.
    pub safe_id: &'a SafeId,
}

impl Possession<'_> {
    /// The signed bytes: a prefix, then the hash of the claims.
    pub fn message(&self) -> Vec<u8> {
        let mut message = POSSESSION_PREFIX.to_vec();
        message.extend_from_slice(&primitives::sha256(&self.claims()));
        message
    }

    /// What is claimed, in canonical msgpack.
    pub fn claims(&self) -> Vec<u8> {
        Value::from_members([
            ("aud", self.audience.into()),
            ("ch", self.challenge.as_slice().into()),
            ("id", self.app_id.as_str().into()),
            ("safe", self.safe_id.as_str().into()),
            ("v", Value::Int(1)),
        ])
        .encode()
    }

    /// The browser's side.
    pub fn sign(&self, key: &SignSecret) -> PossessionProof {
        PossessionProof(key.sign(&self.message()))
    }

    /// The backend's side, with the key stored when the attempt started.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Seal`]
    pub fn verify(&self, key: &SignPublic, proof: &PossessionProof) -> Result<(), Error> {
        key.verify(&self.message(), &proof.0)
    }
}

/// Leaves the challenge out: until it is used, it is the attempt's.
impl fmt::Debug for Possession<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Possession")
            .field("audience", &self.audience)
            .field("app_id", &self.app_id)
            .field("safe_id", &self.safe_id)
            .finish_non_exhaustive()
    }
}

/// The signature of a [`Possession`]. Good once, for one attempt.
#[derive(Clone, PartialEq, Eq)]
pub struct PossessionProof([u8; SIGNATURE_LENGTH]);

impl PossessionProof {
    /// Bytes of a proof.
    pub const LENGTH: usize = SIGNATURE_LENGTH;

    /// From bytes.
    pub const fn from_bytes(bytes: [u8; Self::LENGTH]) -> Self {
        Self(bytes)
    }

    /// From strict base64 (standard alphabet, padded).
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Seal`]
    pub fn from_base64(text: &str) -> Result<Self, Error> {
        let mut bytes = [0; 66];
        match STANDARD.decode_slice(text, &mut bytes) {
            Ok(Self::LENGTH) => bytes.first_chunk().copied().map(Self),
            _ => None,
        }
        .ok_or_else(|| ErrorKind::Seal.into())
    }

    /// The proof.
    pub const fn as_bytes(&self) -> &[u8; Self::LENGTH] {
        &self.0
    }

    /// As it travels in JSON.
    pub fn to_base64(&self) -> String {
        STANDARD.encode(self.0)
    }
}

impl fmt::Debug for PossessionProof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PossessionProof(..)")
    }
}
