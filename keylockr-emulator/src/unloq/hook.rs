//! Web hooks: what is registered, and the signed request that goes out (unloq.md 1 and 3).

use std::{fmt, net::SocketAddr};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use hmac_013::{Hmac, KeyInit as _, Mac as _};
use serde::{Deserialize, Serialize};
use sha2_011::Sha256;

use crate::error::ControlError;

/// What a hook tells of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum HookEvent {
    /// The user ended a session from the device.
    Logout,
    /// The user finished onboarding.
    Activate,
    /// The user left.
    Deactivate,
}

/// A registered hook: `"http://127.0.0.1:3000/hooks/unloq/logout".into()` is one with a JSON body.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hook {
    /// Plain http on loopback, an IP address or `localhost`. What is signed is its path and query.
    pub url: String,
    /// A form instead of JSON.
    #[serde(default)]
    pub form: bool,
    /// Value of `X-Requested-With`, as old clients demand it; left out: no such header.
    #[serde(default)]
    pub requested_with: Option<String>,
    /// A secret of its own; left out: the application's.
    #[serde(default)]
    pub secret: Option<String>,
}

impl From<&str> for Hook {
    fn from(url: &str) -> Self {
        Self {
            url: url.to_owned(),
            form: false,
            requested_with: None,
            secret: None,
        }
    }
}

impl From<String> for Hook {
    fn from(url: String) -> Self {
        Self::from(url.as_str())
    }
}

impl fmt::Debug for Hook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hook")
            .field("url", &self.url)
            .field("form", &self.form)
            .field("requested_with", &self.requested_with)
            .finish_non_exhaustive()
    }
}

impl Hook {
    /// Whether UNLOQ, or at least the emulator, would take it.
    pub(crate) fn check(&self) -> Result<(), ControlError> {
        if Target::parse(&self.url).is_none() {
            let message = "a hook is an http address on loopback";
            return Err(ControlError::malformed(message));
        }
        let secret = self.secret.as_deref().unwrap_or("x");
        if secret.is_empty() || secret.len() > 256 || secret.contains('\0') {
            return Err(ControlError::malformed(
                "secret has 1 to 256 bytes and no NUL",
            ));
        }
        let header = self.requested_with.as_deref().unwrap_or("x");
        let plain = header.bytes().all(|byte| byte.is_ascii_graphic());
        if header.is_empty() || header.len() > 64 || !plain {
            return Err(ControlError::malformed(
                "requested_with has 1 to 64 printable characters",
            ));
        }
        Ok(())
    }
}

/// A hook's address, taken apart. Nothing is looked up: `localhost` is 127.0.0.1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Target {
    pub(crate) address: SocketAddr,
    pub(crate) host: String,
    /// Path and query, which is also what is signed.
    pub(crate) path: String,
}

impl Target {
    pub(crate) fn parse(url: &str) -> Option<Self> {
        let plain = |byte: u8| byte.is_ascii_graphic() && !b"#\"<>\\^`{|}@'".contains(&byte);
        let rest = url.strip_prefix("http://")?;
        if url.len() > 2048 || !url.bytes().all(plain) {
            return None;
        }
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        let (host, path) = rest.split_at_checked(end)?;
        let named = host.strip_prefix("localhost").filter(|rest| {
            // `localhost` alone, or with a port: not the start of another name.
            rest.is_empty() || rest.starts_with(':')
        });
        let numeric = named.map(|port| format!("127.0.0.1{port}"));
        let numeric = numeric.as_deref().unwrap_or(host);
        let address = numeric
            .parse()
            .or_else(|_| format!("{numeric}:80").parse::<SocketAddr>())
            .ok()?;
        address.ip().to_canonical().is_loopback().then(|| Self {
            address,
            host: host.to_owned(),
            path: signed_path(path),
        })
    }
}

/// unloq.md 1.2: exactly one slash in front of what has none.
fn signed_path(path: &str) -> String {
    if path.starts_with('/') {
        path.to_owned()
    } else {
        format!("/{path}")
    }
}

/// The text that is signed (unloq.md 1.5): path, then name and value by name, nothing between.
pub(crate) fn string_to_sign(path: &str, parameters: &[(&str, &str)]) -> String {
    let mut sorted = parameters.to_vec();
    sorted.sort_by(|(a, _), (b, _)| a.encode_utf16().cmp(b.encode_utf16()));
    let mut text = path.to_owned();
    for (name, value) in sorted {
        text.push_str(name);
        text.push_str(value);
    }
    text
}

/// `X-Unloq-Signature` of such a text.
pub(crate) fn signature(secret: &str, text: &str) -> Option<String> {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).ok()?;
    mac.update(text.as_bytes());
    Some(BASE64_STANDARD.encode(mac.finalize().into_bytes()))
}

/// A signed request, kept so that a redelivery is the same bytes.
#[derive(Clone)]
pub(crate) struct SignedHook {
    pub(crate) target: Target,
    pub(crate) content_type: &'static str,
    pub(crate) requested_with: Option<String>,
    pub(crate) body: String,
    pub(crate) signature: String,
}

impl SignedHook {
    pub(crate) fn new(hook: &Hook, secret: &str, parameters: &[(&str, &str)]) -> Option<Self> {
        let target = Target::parse(&hook.url)?;
        let secret = hook.secret.as_deref().unwrap_or(secret);
        let signature = signature(secret, &string_to_sign(&target.path, parameters))?;
        let (content_type, body) = if hook.form {
            ("application/x-www-form-urlencoded", form(parameters))
        } else {
            ("application/json", json(parameters))
        };
        Some(Self {
            target,
            content_type,
            requested_with: hook.requested_with.clone(),
            body,
            signature,
        })
    }
}

impl fmt::Debug for SignedHook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SignedHook")
            .field("target", &self.target)
            .finish_non_exhaustive()
    }
}

fn json(parameters: &[(&str, &str)]) -> String {
    let members = parameters
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).into()));
    serde_json::Value::Object(members.collect()).to_string()
}

/// `application/x-www-form-urlencoded`, `+` for a blank.
fn form(parameters: &[(&str, &str)]) -> String {
    let mut out = String::new();
    for (name, value) in parameters {
        if !out.is_empty() {
            out.push('&');
        }
        escape(&mut out, name);
        out.push('=');
        escape(&mut out, value);
    }
    out
}

/// Percent-encodes everything but the unreserved characters, and a blank as `+`.
pub(crate) fn escape(out: &mut String, text: &str) {
    for byte in text.bytes() {
        match byte {
            b' ' => out.push('+'),
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                out.push(char::from(byte));
            }
            _ => {
                out.push('%');
                for digit in [byte >> 4, byte & 15] {
                    let digit = char::from_digit(u32::from(digit), 16).unwrap_or('0');
                    out.push(digit.to_ascii_uppercase());
                }
            }
        }
    }
}

/// A return address with `?token=`, or `&token=` where it has a query.
pub(crate) fn with_token(url: &str, token: &str) -> String {
    let mark = if url.contains('?') { '&' } else { '?' };
    let mut out = format!("{url}{mark}token=");
    escape(&mut out, token);
    out
}
