//! The opening of an attempt: the handshake, the address of the socket, and what the QR code says
//! (K 4.1, 5.1, 7.6).

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use base64::Engine as _;
use base64::alphabet::URL_SAFE;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};

use crate::error::{Error, ErrorKind};
use crate::fields::{Fields, Origin, required};
use crate::id::{DisplayName, Family, Identity, Service, TmpId};
use crate::keys::{BoxPublic, ClientKeys, SignPublic};
use crate::msgpack::{Document, Value, View};
use crate::primitives::SIGNATURE_LENGTH;
use crate::time::{UnixTime, Window};

/// Largest answer to a handshake, in bytes (K 4).
const MAX_ANSWER: usize = 65_536;
/// Longest return address of a same-device link, in bytes.
const MAX_RETURN: usize = 2048;

/// base64url: written without padding, read with or without, and otherwise strictly (K 1.8).
const BASE64_URL: GeneralPurpose = GeneralPurpose::new(
    &URL_SAFE,
    GeneralPurposeConfig::new()
        .with_encode_padding(false)
        .with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// The body of `POST /handshake`.
#[derive(Clone, Copy, Debug)]
pub struct HandshakeRequest<'a> {
    /// The service, from our configuration.
    pub service: &'a Service,
    /// What the phone shows.
    pub name: &'a DisplayName,
    /// Our public signing key.
    pub sign: &'a SignPublic,
    /// Our public box key.
    pub enc: &'a BoxPublic,
}

impl HandshakeRequest<'_> {
    /// The bytes to send, as `application/octet-stream`.
    pub fn encode(&self) -> Vec<u8> {
        let bin = |key: &[u8; 32]| Value::Bin(key.to_vec());
        let text = |text: &str| Value::Text(text.into());
        let mut members = Vec::from([
            ("sign_pk", bin(self.sign.as_bytes())),
            ("enc_pk", bin(self.enc.as_bytes())),
            ("name", text(self.name.as_str())),
        ]);
        match self.service {
            Service::Seed { svc_id, app_tag } => {
                members.push(("svc_id", text(svc_id.as_str())));
                members.extend(app_tag.iter().map(|tag| ("app_tag", text(tag.as_str()))));
            }
            Service::AppData {
                app_tag, app_data, ..
            } => {
                members.push(("app_tag", text(app_tag.as_str())));
                members.extend(app_data.then_some(("app_data", Value::Bool(true))));
            }
        }
        Value::from_members(members).encode()
    }
}

/// Reads the body of a 2xx answer to the handshake.
///
/// # Errors
///
/// [`ErrorKind::Peer`] when the service refused, [`ErrorKind::Size`], [`ErrorKind::Msgpack`], and
/// [`ErrorKind::Shape`] for anything but a well-formed `tmp_id` of the family.
pub fn handshake_reply(family: Family, body: &[u8]) -> Result<TmpId, Error> {
    if body.len() > MAX_ANSWER {
        return Err(ErrorKind::Size.into());
    }
    let View::Map(members) = Document::parse(body)?.root() else {
        return Err(ErrorKind::Shape.into());
    };
    let fields = Fields::of(members);
    fields.check_result(Origin::Unasked, family)?;
    TmpId::parse(family, required(fields.text("tmp_id")?)?)
}

/// The `sig` of a socket's address: our name and the time, signed. A bearer value while its window
/// lasts, so it is never logged, and made anew for every connection.
#[derive(Clone, PartialEq, Eq)]
pub struct WsSig(String);

impl WsSig {
    /// Signs a name at a time.
    pub fn new(identity: &Identity, ts: UnixTime, keys: &ClientKeys) -> Self {
        let message = alloc::format!("{identity}.{ts}");
        Self(BASE64_URL.encode(keys.sign_secret().sign_message(message.as_bytes())))
    }

    /// The value of the query parameter; it needs no escaping.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The service's side: who knocks. `lookup` finds the signing key of the handshake that an
    /// identity came from.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Identity`] when it is malformed or unknown, then [`ErrorKind::Seal`], then
    /// [`ErrorKind::Time`].
    pub fn open(
        sig: &str,
        now: UnixTime,
        window: Window,
        lookup: impl FnOnce(&Identity) -> Option<SignPublic>,
    ) -> Result<WsClaim, Error> {
        let unknown = || Error::from(ErrorKind::Identity);
        let signed = BASE64_URL.decode(sig).map_err(|_| unknown())?;
        let message = signed.get(SIGNATURE_LENGTH..).ok_or_else(unknown)?;
        let claim = WsClaim::parse(message).ok_or_else(unknown)?;
        let key = lookup(&claim.identity).ok_or_else(unknown)?;
        key.open_signed(&signed)?;
        if !window.accepts(now, claim.ts) {
            return Err(ErrorKind::Time.into());
        }
        Ok(claim)
    }
}

impl fmt::Debug for WsSig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WsSig(..)")
    }
}

/// What a `sig` says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WsClaim {
    /// Who connects.
    pub identity: Identity,
    /// When it was signed.
    pub ts: UnixTime,
}

impl WsClaim {
    /// `type.id.ts`, split at the first and the last dot.
    fn parse(message: &[u8]) -> Option<Self> {
        let (identity, ts) = core::str::from_utf8(message).ok()?.rsplit_once('.')?;
        if !ts.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        Some(Self {
            identity: Identity::parse(identity).ok()?,
            ts: UnixTime::from_secs(ts.parse().ok()?),
        })
    }
}

/// What the QR code says. It is an open invitation: draw it only after `connected`, and remove it
/// at any end (K 7.6).
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct QrUri(String);

impl QrUri {
    const SCHEME: &'static str = "keylockr://sso?tmp_id=";
    const RETURN: &'static str = "&return_url=";

    /// For an attempt.
    pub fn new(tmp_id: &TmpId) -> Self {
        let mut uri = String::from(Self::SCHEME);
        push_percent_encoded(&mut uri, tmp_id.as_str());
        Self(uri)
    }

    /// The same-device link, which leads back to `return_url` after the approval. That address
    /// carries a random id of ours (K 7.7); on its own it finishes nothing.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Shape`] unless it is http or https, at most 2048 bytes of printable ASCII, with
    /// a host and without user info or fragment.
    pub fn with_return(tmp_id: &TmpId, return_url: &str) -> Result<Self, Error> {
        if !is_return_url(return_url) {
            return Err(ErrorKind::Shape.into());
        }
        let mut uri = Self::new(tmp_id).0;
        uri.push_str(Self::RETURN);
        push_percent_encoded(&mut uri, return_url);
        Ok(Self(uri))
    }

    /// Reads the attempt out of a code, as a phone does. Other parameters are ignored.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Shape`] when it is not such a code, or names no possible attempt.
    pub fn parse(text: &str) -> Result<TmpId, Error> {
        let malformed = || Error::from(ErrorKind::Shape);
        let rest = text.strip_prefix(Self::SCHEME).ok_or_else(malformed)?;
        let id = rest.split('&').next().unwrap_or_default();
        // No tmp_id has a character that needs escaping, so an escape names no attempt.
        TmpId::parse(Family::Seed, id)
    }

    /// The text to draw.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for QrUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for QrUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "QrUri({})", self.0)
    }
}

/// Everything but the unreserved characters of RFC 3986, byte by byte.
fn push_percent_encoded(uri: &mut String, text: &str) {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            uri.push(char::from(byte));
        } else {
            uri.push('%');
            uri.push(char::from(DIGITS[usize::from(byte >> 4)]));
            uri.push(char::from(DIGITS[usize::from(byte & 0x0f)]));
        }
    }
}

fn is_return_url(url: &str) -> bool {
    let rest = url
        .strip_prefix("https://")
        .or_else(|| url.strip_prefix("http://"));
    let Some(rest) = rest else { return false };
    let authority = rest.split(['/', '?']).next().unwrap_or_default();
    url.len() <= MAX_RETURN
        && url.bytes().all(|byte| byte.is_ascii_graphic())
        && !url.contains(['#', '\\'])
        && !authority.is_empty()
        && !authority.starts_with(':')
        && !authority.contains('@')
}
