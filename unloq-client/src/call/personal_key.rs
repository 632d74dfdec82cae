//! `POST /encryption/user`: the personal key, after the user approved (U 5.2).

use std::net::IpAddr;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::token_result::SignedIn;
use crate::client::{Client, invalid};
use crate::envelope::{self, object};
use crate::error::{Endpoint, Error, InvalidRequest, Problem};
use crate::key::{DeliveredKey, KeyError, KeyMode, KeyPair, PersonalKey, PublicKeyPem};
use crate::token::AccessToken;
use crate::who::{Email, UnloqId, User};

const ENDPOINT: Endpoint = Endpoint::EncryptionUser;

/// A request for a user's personal key.
#[derive(Clone, Debug)]
#[must_use = "it is sent by `Client::personal_key`"]
pub struct KeyRequest {
    user: User,
    message: Box<str>,
    requester: Option<UnloqId>,
    generate_token: bool,
    ip: Option<IpAddr>,
}

impl KeyRequest {
    /// Of this user, by id where it is known. `message`, 1 to 200 characters, is shown on the
    /// device: say what the key is for.
    pub fn new(user: impl Into<User>, message: &str) -> Self {
        Self {
            user: user.into(),
            message: message.into(),
            requester: None,
            generate_token: false,
            ip: None,
        }
    }

    /// The person who asks, if not the user; their identity is shown on the device.
    pub fn requester(mut self, requester: UnloqId) -> Self {
        self.requester = Some(requester);
        self
    }

    /// Has UNLOQ deliver by way of a token, which the client then exchanges itself; off by
    /// default. Makes no difference to the result.
    pub fn generate_token(mut self, generate: bool) -> Self {
        self.generate_token = generate;
        self
    }

    /// The address of the browser, shown on the device.
    pub fn ip(mut self, ip: IpAddr) -> Self {
        self.ip = Some(ip);
        self
    }
}

#[derive(Serialize)]
struct Wire<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    unloq_id: Option<UnloqId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    email: Option<&'a Email>,
    message: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    requester_id: Option<UnloqId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    public_key: Option<&'a str>,
    generate_token: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    ip: Option<IpAddr>,
}

#[derive(Deserialize)]
struct Delivered<'a> {
    unloq_id: UnloqId,
    #[serde(borrow)]
    encryption_key: Option<&'a RawValue>,
    #[serde(borrow)]
    token: Option<&'a RawValue>,
}

impl Client {
    /// Asks the user for the personal key, waits for the approval (40 s by default), and decrypts
    /// what comes with this pair, which is used up whatever happens. Never repeated by itself.
    ///
    /// The key is the asked user's, or the error is [`KeyError::WrongUser`]; a user who is asked
    /// by address must be known by it in the answer, where that holds one. Needs a [`KeyMode`]
    /// that allows asking.
    ///
    /// The decryption runs on a blocking thread of tokio's. Dropping the future destroys the
    /// pair and stops the waiting, not the asking: the push stays on the device.
    pub async fn personal_key(
        &self,
        ask: &KeyRequest,
        pair: KeyPair,
    ) -> Result<PersonalKey, Error> {
        let delivered = self.deliver(ask, Some(pair.public_key())).await?;
        let opened = tokio::task::spawn_blocking(move || delivered.open(pair)).await;
        let opened = opened.map_err(|_| Error::Aborted)?;
        if let Err(KeyError::NotEncrypted) = opened {
            tracing::warn!(
                name: "unloq.key.clear",
                "a personal key that should have been encrypted was not, and was erased"
            );
        }
        Ok(opened?)
    }

    /// The same for a pair that lives elsewhere, such as in the browser: what comes is still
    /// encrypted, or should be, and is for that place to open.
    pub async fn personal_key_for(
        &self,
        ask: &KeyRequest,
        public_key: &PublicKeyPem,
    ) -> Result<DeliveredKey, Error> {
        self.deliver(ask, Some(public_key)).await
    }

    /// The same without a pair: UNLOQ sees the key, and so does whoever reads its logs (U 5.5).
    pub async fn insecure_personal_key_in_clear(
        &self,
        ask: &KeyRequest,
    ) -> Result<PersonalKey, Error> {
        Ok(self.deliver(ask, None).await?.insecure_in_clear()?)
    }

    async fn deliver(
        &self,
        ask: &KeyRequest,
        public_key: Option<&PublicKeyPem>,
    ) -> Result<DeliveredKey, Error> {
        if !self.config().key_mode.is_some_and(KeyMode::allows_api) {
            return Err(Error::ModeForbidsApi);
        }
        if !(1..=200).contains(&ask.message.chars().count()) {
            return Err(Error::Config {
                endpoint: ENDPOINT,
                problem: InvalidRequest::Message,
            });
        }
        let wire = Wire {
            unloq_id: ask.user.id(),
            email: ask.user.email(),
            message: &ask.message,
            requester_id: ask.requester,
            public_key: public_key.map(PublicKeyPem::as_str),
            generate_token: ask.generate_token,
            ip: ask.ip,
        };
        let answer = self.post(ENDPOINT, "", &wire).await?;
        let success = envelope::read(ENDPOINT, answer.status, answer.body.as_slice())?;
        let unusable = || invalid(ENDPOINT, answer.status, Problem::Result);
        let delivered: Delivered<'_> =
            object(success.result.get().as_bytes()).ok_or_else(unusable)?;
        if ask
            .user
            .id()
            .is_some_and(|asked| asked != delivered.unloq_id)
        {
            return Err(KeyError::WrongUser.into());
        }
        if let Some(raw) = delivered.encryption_key {
            return DeliveredKey::from_json(raw, delivered.unloq_id).ok_or_else(unusable);
        }
        let token = delivered.token.and_then(AccessToken::from_json);
        self.by_token(ask, delivered.unloq_id, &token.ok_or_else(unusable)?)
            .await
    }

    /// The second half of a delivery by token.
    async fn by_token(
        &self,
        ask: &KeyRequest,
        user: UnloqId,
        token: &AccessToken,
    ) -> Result<DeliveredKey, Error> {
        let answer = self.exchange_for_key(token).await?;
        let success = envelope::read(Endpoint::Token, answer.status, answer.body.as_slice())?;
        let unusable = || invalid(Endpoint::Token, answer.status, Problem::Result);
        let mut signed_in = SignedIn::unguarded(success.result, None).ok_or_else(unusable)?;
        let other_address = match &ask.user {
            User::Email(email) => !signed_in
                .email()
                .as_str()
                .eq_ignore_ascii_case(email.as_str()),
            User::Id(_) => false,
        };
        if signed_in.unloq_id() != user || other_address {
            return Err(KeyError::WrongUser.into());
        }
        signed_in.take_key().ok_or_else(unusable)
    }
}
