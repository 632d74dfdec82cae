//! The user in the result of a token (U 4.3).

use core::fmt;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::client::{Client, invalid};
use crate::envelope::object;
use crate::error::{Endpoint, Error, Problem};
use crate::key::DeliveredKey;
use crate::token::ApprovalId;
use crate::who::{Email, UnloqId};

/// Longest of the foreign texts that are kept, in bytes. Pictures may come as `data:` addresses.
const MAX_TEXT: usize = 64 * 1024;

/// Who signed in. Recognise users by [`unloq_id`](Self::unloq_id), then by e-mail address: two
/// profiles of one person are two users.
///
/// All text but the address is foreign and unchecked; escape it wherever it is shown. A text for show
/// that is longer than 64 KiB is left out; an id, a link key or a link signature like that refuses the
/// result.
pub struct SignedIn {
    unloq_id: UnloqId,
    email: Email,
    key: Option<DeliveredKey>,
    link_signature: Option<Box<str>>,
    rest: Rest,
}

/// What both kinds of result may hold.
#[derive(Default)]
struct Rest {
    approval_id: Option<ApprovalId>,
    ip_source: Option<Box<str>>,
    method: Option<Box<str>>,
    first_name: Option<Box<str>>,
    last_name: Option<Box<str>>,
    image: Option<Box<str>>,
    token_type: Option<Box<str>>,
    link_key: Option<Box<str>>,
    source_client: Option<SourceClient>,
    kind: Option<Box<str>>,
}

/// The user of a token from a mobile page (`/token/device`), whose shape UNLOQ does not document:
/// anything may be missing.
pub struct DeviceUser {
    unloq_id: Option<UnloqId>,
    email: Option<Email>,
    rest: Rest,
}

/// The browser that a sign-in was asked from. Compare it with the one that presents the token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceClient {
    /// Its address, as it was given.
    pub ip: Option<IpAddr>,
    /// Its `User-Agent`. Foreign text.
    #[serde(rename = "user-agent")]
    pub user_agent: Option<String>,
}

#[derive(Deserialize)]
struct Wire<'a> {
    unloq_id: Option<UnloqId>,
    id: Option<UnloqId>,
    #[serde(borrow)]
    email: Option<&'a RawValue>,
    #[serde(borrow)]
    encryption_key: Option<&'a RawValue>,
    approval_id: Option<Text>,
    ip_source: Option<Shown>,
    method: Option<Shown>,
    first_name: Option<Shown>,
    last_name: Option<Shown>,
    image: Option<Shown>,
    token_type: Option<Shown>,
    link_key: Option<Text>,
    link_signature: Option<Text>,
    #[serde(borrow)]
    source_client: Option<&'a RawValue>,
}

/// Text of a sane length, on which something depends.
struct Text(Box<str>);

/// Text on which nothing depends: nobody stays out for the size of a picture.
struct Shown(Option<Box<str>>);

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Box::<str>::deserialize(deserializer)?;
        if text.len() > MAX_TEXT {
            return Err(serde::de::Error::custom("too long"));
        }
        Ok(Self(text))
    }
}

impl<'de> Deserialize<'de> for Shown {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Box::<str>::deserialize(deserializer)?;
        Ok(Self((text.len() <= MAX_TEXT).then_some(text)))
    }
}

impl<'a> Wire<'a> {
    fn read(result: &'a RawValue) -> Option<Self> {
        let wire: Self = object(result.get().as_bytes())?;
        // Both generations' names at once must mean one user.
        match (wire.unloq_id, wire.id) {
            (Some(new), Some(old)) if new != old => None,
            _ => Some(wire),
        }
    }

    fn user(&self) -> Option<UnloqId> {
        self.unloq_id.or(self.id)
    }

    fn email(&self) -> Option<Email> {
        let text: String = serde_json::from_str(self.email?.get()).ok()?;
        Email::parse(&text).ok()
    }

    fn rest(self, kind: Option<Box<str>>) -> Option<Rest> {
        let shown = |text: Option<Shown>| text.and_then(|text| text.0);
        let approval_id = match self.approval_id {
            Some(id) => Some(ApprovalId::parse(&id.0).ok()?),
            None => None,
        };
        Some(Rest {
            approval_id,
            ip_source: shown(self.ip_source),
            method: shown(self.method),
            first_name: shown(self.first_name),
            last_name: shown(self.last_name),
            image: shown(self.image),
            token_type: shown(self.token_type),
            link_key: self.link_key.map(|text| text.0),
            // A courtesy of old installations; what it is worth is for the caller to say.
            source_client: self
                .source_client
                .and_then(|raw| object(raw.get().as_bytes())),
            kind,
        })
    }
}

impl SignedIn {
    /// Reads a result and holds it against the mode of personal keys (U 5.1).
    pub(super) fn read(
        client: &Client,
        endpoint: Endpoint,
        status: u16,
        result: &RawValue,
        kind: Option<Box<str>>,
    ) -> Result<Self, Error> {
        let unusable = || invalid(endpoint, status, Problem::Result);
        let mut signed_in = Self::unguarded(result, kind).ok_or_else(unusable)?;
        let allowed = client
            .config()
            .key_mode
            .is_some_and(crate::KeyMode::allows_widget);
        if !allowed && signed_in.key.take().is_some() {
            client.unexpected_key(endpoint);
        }
        Ok(signed_in)
    }

    /// Reads a result whose key was asked for.
    pub(super) fn unguarded(result: &RawValue, kind: Option<Box<str>>) -> Option<Self> {
        let mut wire = Wire::read(result)?;
        let unloq_id = wire.user()?;
        let email = wire.email()?;
        let key = match wire.encryption_key {
            Some(raw) => Some(DeliveredKey::from_json(raw, unloq_id)?),
            None => None,
        };
        let link_signature = wire.link_signature.take().map(|text| text.0);
        Some(Self {
            unloq_id,
            email,
            key,
            link_signature,
            rest: wire.rest(kind)?,
        })
    }

    /// The user.
    pub fn unloq_id(&self) -> UnloqId {
        self.unloq_id
    }

    /// The user's address; unlike the one in a hook it may be used to find an account.
    pub fn email(&self) -> &Email {
        &self.email
    }

    /// Takes the personal key out, if one came and the mode knows keys with a login.
    pub fn take_key(&mut self) -> Option<DeliveredKey> {
        self.key.take()
    }

    /// For the check of application linking (U 3.5), with [`link_key`](Self::link_key).
    pub fn link_signature(&self) -> Option<&str> {
        self.link_signature.as_deref()
    }
}

impl DeviceUser {
    pub(super) fn read(
        client: &Client,
        status: u16,
        result: &RawValue,
        kind: Option<Box<str>>,
    ) -> Result<Self, Error> {
        let endpoint = Endpoint::TokenDevice;
        let unusable = || invalid(endpoint, status, Problem::Result);
        let wire = Wire::read(result).ok_or_else(unusable)?;
        if wire.encryption_key.is_some() {
            client.unexpected_key(endpoint);
        }
        let email = match wire.email {
            Some(_) => Some(wire.email().ok_or_else(unusable)?),
            None => None,
        };
        Ok(Self {
            unloq_id: wire.user(),
            email,
            rest: wire.rest(kind).ok_or_else(unusable)?,
        })
    }

    /// The user.
    pub fn unloq_id(&self) -> Option<UnloqId> {
        self.unloq_id
    }

    /// The user's address.
    pub fn email(&self) -> Option<&Email> {
        self.email.as_ref()
    }
}

macro_rules! rest {
    ($($(#[$doc:meta])* $name:ident: $type:ty,)*) => {
        impl SignedIn {
            $($(#[$doc])* pub fn $name(&self) -> Option<$type> { self.rest.$name() })*
        }
        impl DeviceUser {
            $($(#[$doc])* pub fn $name(&self) -> Option<$type> { self.rest.$name() })*
        }
    };
}

rest! {
    /// The approval, which a session can be attached to.
    approval_id: &ApprovalId,
    /// The address that UNLOQ saw. Foreign text.
    ip_source: &str,
    /// How the user signed in: `UNLOQ`, `OTP` or `EMAIL`. Foreign text.
    method: &str,
    /// The user's first name. Foreign text.
    first_name: &str,
    /// The user's last name. Foreign text.
    last_name: &str,
    /// An address of a picture. Foreign text: not to be fetched or shown unchecked.
    image: &str,
    /// What the token was for, `AUTHENTICATE`. Foreign text.
    token_type: &str,
    /// What [`link_signature`](SignedIn::link_signature) signs.
    link_key: &str,
    /// The browser that the sign-in was asked from.
    source_client: &SourceClient,
    /// The informational `type` of the answer (U 4.2); none in an event stream.
    answer_type: &str,
}

impl Rest {
    fn approval_id(&self) -> Option<&ApprovalId> {
        self.approval_id.as_ref()
    }

    fn source_client(&self) -> Option<&SourceClient> {
        self.source_client.as_ref()
    }

    fn answer_type(&self) -> Option<&str> {
        self.kind.as_deref()
    }
}

macro_rules! texts {
    ($($name:ident)*) => {
        impl Rest {
            $(fn $name(&self) -> Option<&str> { self.$name.as_deref() })*
        }
    };
}

texts! { ip_source method first_name last_name image token_type link_key }

impl fmt::Debug for SignedIn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SignedIn")
            .field("unloq_id", &self.unloq_id)
            .field("key", &self.key.is_some())
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for DeviceUser {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DeviceUser")
            .field("unloq_id", &self.unloq_id)
            .finish_non_exhaustive()
    }
}
