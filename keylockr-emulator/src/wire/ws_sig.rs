//! The `sig` that opens a socket (keylockr.md 5.1).

use super::{
    crypto::{self, SIGNATURE},
    envelope::Window,
    error::WireError,
    text,
};

/// Longest `sig` that is looked at: far above any identity.
const MAX: usize = 1024;

/// A signature whose text was read but not yet believed.
#[derive(Debug)]
pub(crate) struct WsSig {
    signed: Vec<u8>,
    identity: String,
    ts: u64,
}

impl WsSig {
    pub(crate) fn parse(sig: &str) -> Result<Self, WireError> {
        if sig.len() > MAX {
            return Err(WireError::Identity);
        }
        let signed = text::from_base64url(sig).ok_or(WireError::Identity)?;
        let (identity, ts) = signed
            .get(SIGNATURE..)
            .and_then(|message| std::str::from_utf8(message).ok())
            .and_then(read)
            .ok_or(WireError::Identity)?;
        Ok(Self {
            signed,
            identity,
            ts,
        })
    }

    /// `tmp.…` or `app.…`.
    pub(crate) fn identity(&self) -> &str {
        &self.identity
    }

    /// Signed by this identity's key, inside the window.
    pub(crate) fn verify(
        &self,
        key: &[u8; 32],
        now: u64,
        window: Window,
    ) -> Result<u64, WireError> {
        crypto::open_signed(&self.signed, key)?;
        if window.accepts(now, self.ts) {
            Ok(self.ts)
        } else {
            Err(WireError::Time)
        }
    }
}

/// `{type}.{id}.{ts}`, split at the first and the last dot.
fn read(message: &str) -> Option<(String, u64)> {
    let (identity, ts) = message.rsplit_once('.')?;
    let (kind, id) = identity.split_once('.')?;
    let known = matches!(kind, "tmp" | "app") && !id.is_empty() && !id.contains('.');
    let decimal = !ts.is_empty() && ts.bytes().all(|byte| byte.is_ascii_digit());
    if known && decimal {
        Some((identity.to_owned(), ts.parse().ok()?))
    } else {
        None
    }
}
