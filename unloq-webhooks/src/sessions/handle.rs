use std::fmt;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use sha2_011::{Digest as _, Sha256};
use zeroize::Zeroizing;

use crate::replay::StoreUnavailable;

/// The name under which UNLOQ knows one session: 32 random bytes as 43 characters, drawn for one
/// session and never again.
///
/// It opens nothing. All it is good for is to end its session, in a signed delivery.
pub struct SessionHandle(Zeroizing<String>);

/// The SHA-256 of a [`SessionHandle`]: what stores and sessions keep.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HandleId([u8; 32]);

impl SessionHandle {
    /// Draws a handle from the system's randomness.
    ///
    /// # Errors
    ///
    /// [`StoreUnavailable`] if the system has none.
    pub fn random() -> Result<Self, StoreUnavailable> {
        let mut bytes = Zeroizing::new([0; 32]);
        getrandom::fill(bytes.as_mut()).map_err(|_| StoreUnavailable)?;
        Ok(Self(Zeroizing::new(URL_SAFE_NO_PAD.encode(bytes.as_ref()))))
    }

    /// The `sid` for UNLOQ.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What is kept of it.
    pub fn id(&self) -> HandleId {
        HandleId::of(self.as_str())
    }
}

impl HandleId {
    /// Sorts before all others.
    pub(crate) const LEAST: Self = Self([0; 32]);

    /// That of the `sid` in a delivery, whatever that is.
    pub fn of(sid: &str) -> Self {
        Self(Sha256::digest(sid).into())
    }

    /// The 32 bytes, as a key for a store.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// As a session keeps it: 43 characters.
    pub fn to_text(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.0)
    }

    /// From what a session kept.
    pub fn from_text(text: &str) -> Option<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        bytes.try_into().ok().map(Self)
    }
}

impl fmt::Debug for SessionHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SessionHandle(..)")
    }
}

impl fmt::Debug for HandleId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HandleId(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn handles_are_random_and_fit_for_unloq() {
        let first = SessionHandle::random().unwrap();
        let second = SessionHandle::random().unwrap();
        assert_ne!(first.as_str(), second.as_str());
        assert_eq!(first.as_str().len(), 43);
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        assert!(first.as_str().bytes().all(plain));
        assert!(!format!("{first:?}{:?}", first.id()).contains(first.as_str()));
    }

    #[test]
    fn a_session_keeps_what_leads_back_to_no_handle() {
        let handle = SessionHandle::random().unwrap();
        let text = handle.id().to_text();
        assert_eq!(HandleId::from_text(&text), Some(handle.id()));
        assert!(!text.contains(handle.as_str()));
        assert_ne!(HandleId::of(&text), handle.id(), "the mark is no handle");
        for damaged in ["", "x", &text[1..], &format!("{text}A"), "=", "\0"] {
            assert_eq!(HandleId::from_text(damaged), None, "{damaged}");
        }
    }
}
