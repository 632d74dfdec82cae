//! `POST /authorize/:code`: one approval for one operation.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::variables::Variables;
use crate::client::{Client, invalid};
use crate::envelope::{self, object};
use crate::error::{Endpoint, Error, InvalidRequest, Problem};
use crate::token::AccessToken;
use crate::who::{Email, InvalidText, UnloqId, User};

const ENDPOINT: Endpoint = Endpoint::Authorize;
/// Names that a variable of this call cannot have.
const FIELDS: [&str; 5] = ["unloq_id", "email", "reference", "ip", "generate_token"];

/// The code of an action in UNLOQ's dashboard: 1 to 20 letters, digits, `_` and `-`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ActionCode(Box<str>);

impl ActionCode {
    /// Checks the form: the code becomes part of an address.
    pub fn parse(text: &str) -> Result<Self, InvalidText> {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_-".contains(&byte);
        if (1..=20).contains(&text.len()) && text.bytes().all(plain) {
            Ok(Self(text.into()))
        } else {
            Err(InvalidText("action code"))
        }
    }

    /// The code.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What the user recognises the operation by: 1 to 20 characters, shown on the device.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Reference(Box<str>);

impl Reference {
    /// Checks the form.
    pub fn parse(text: &str) -> Result<Self, InvalidText> {
        let length = (1..=20).contains(&text.chars().count());
        if length && !text.chars().any(char::is_control) {
            Ok(Self(text.into()))
        } else {
            Err(InvalidText("reference"))
        }
    }

    /// The reference.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// An operation that the user is to approve.
#[derive(Clone, Debug)]
#[must_use = "it is sent by `Client::authorize`"]
pub struct Authorize {
    code: ActionCode,
    user: User,
    reference: Reference,
    ip: Option<IpAddr>,
    generate_token: bool,
    variables: Variables,
}

impl Authorize {
    /// This action, by this user.
    pub fn new(code: ActionCode, user: impl Into<User>, reference: Reference) -> Self {
        Self {
            code,
            user: user.into(),
            reference,
            ip: None,
            generate_token: false,
            variables: Variables::default(),
        }
    }

    /// The address of the browser, shown on the device.
    pub fn ip(mut self, ip: IpAddr) -> Self {
        self.ip = Some(ip);
        self
    }

    /// Whether the answer carries a token; off by default.
    pub fn generate_token(mut self, generate: bool) -> Self {
        self.generate_token = generate;
        self
    }

    /// A variable of the action's template, `$name` there; not named like a field of the call.
    pub fn variable(mut self, name: &str, value: &str) -> Self {
        self.variables.set(name, value);
        self
    }
}

/// The user approved this operation, with exactly these variables, once. Record it.
#[derive(Debug)]
pub struct Authorized {
    unloq_id: UnloqId,
    token: Option<AccessToken>,
    kind: Option<Box<str>>,
}

impl Authorized {
    /// Who approved; the user who was asked, where that was by id.
    pub fn unloq_id(&self) -> UnloqId {
        self.unloq_id
    }

    /// Takes the token out, if one was asked for.
    pub fn take_token(&mut self) -> Option<AccessToken> {
        self.token.take()
    }

    /// The informational `type` of the answer (U 4.2).
    pub fn answer_type(&self) -> Option<&str> {
        self.kind.as_deref()
    }
}

#[derive(Serialize)]
struct Wire<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    unloq_id: Option<UnloqId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    email: Option<&'a Email>,
    reference: &'a Reference,
    #[serde(skip_serializing_if = "Option::is_none")]
    ip: Option<IpAddr>,
    #[serde(skip_serializing_if = "core::ops::Not::not")]
    generate_token: bool,
    #[serde(flatten)]
    variables: &'a Variables,
}

#[derive(Deserialize)]
struct Approved<'a> {
    unloq_id: UnloqId,
    #[serde(borrow)]
    token: Option<&'a RawValue>,
}

impl Client {
    /// Asks the user to approve an operation, and waits for the answer, 40 s by default. `Ok` is
    /// approval; **every** error means that it was not approved. Never repeated by itself.
    ///
    /// Dropping the future stops the waiting, not the asking: the push stays on the device.
    pub async fn authorize(&self, ask: &Authorize) -> Result<Authorized, Error> {
        if !ask.variables.clear_of(&FIELDS) {
            return Err(Error::Config {
                endpoint: ENDPOINT,
                problem: InvalidRequest::ReservedName,
            });
        }
        let wire = Wire {
            unloq_id: ask.user.id(),
            email: ask.user.email(),
            reference: &ask.reference,
            ip: ask.ip,
            generate_token: ask.generate_token,
            variables: &ask.variables,
        };
        let answer = self.post(ENDPOINT, ask.code.as_str(), &wire).await?;
        let success = envelope::read(ENDPOINT, answer.status, answer.body.as_slice())?;
        let unusable = || invalid(ENDPOINT, answer.status, Problem::Result);
        let approved: Approved<'_> =
            object(success.result.get().as_bytes()).ok_or_else(unusable)?;
        if ask
            .user
            .id()
            .is_some_and(|asked| asked != approved.unloq_id)
        {
            return Err(invalid(ENDPOINT, answer.status, Problem::OtherUser));
        }
        let token = match approved.token {
            Some(raw) => Some(AccessToken::from_json(raw).ok_or_else(unusable)?),
            None => None,
        };
        if ask.generate_token && token.is_none() {
            return Err(unusable());
        }
        Ok(Authorized {
            unloq_id: approved.unloq_id,
            token,
            kind: success.kind,
        })
    }
}
