//! The browser's claim on its attempts: a random cookie, of which only the hash is kept.

use std::fmt;

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

/// No random numbers are to be had; nothing that needs them is begun.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the system gives no random numbers")]
pub(crate) struct NoEntropy;

pub(crate) fn random<const N: usize>() -> Result<[u8; N], NoEntropy> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|_| NoEntropy)?;
    Ok(bytes)
}

/// The cookie's value: 256 random bits. It exists in requests and in one `Set-Cookie`.
pub(crate) struct BrowserSecret(Zeroizing<[u8; 32]>);

impl BrowserSecret {
    pub(crate) fn random() -> Result<Self, NoEntropy> {
        Ok(Self(Zeroizing::new(random()?)))
    }

    /// Reads a cookie's value; exactly what [`Self::to_text`] writes, or nothing.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let mut bytes = Zeroizing::new([0; 32]);
        if text.len() != 43 {
            return None;
        }
        let length = BASE64_URL_SAFE_NO_PAD
            .decode_slice(text, bytes.as_mut_slice())
            .ok()?;
        (length == 32).then_some(Self(bytes))
    }

    pub(crate) fn to_text(&self) -> Zeroizing<String> {
        Zeroizing::new(BASE64_URL_SAFE_NO_PAD.encode(self.0.as_slice()))
    }

    pub(crate) fn hash(&self) -> BrowserHash {
        let mut hash = Sha256::new();
        hash.update(b"keylockr browser binding v1\n");
        hash.update(self.0.as_slice());
        BrowserHash(hash.finalize().into())
    }
}

/// Which browser an attempt belongs to, without saying how to prove it.
///
/// Compared in constant time. Stores may use it as a key: it is the hash of a random value.
#[derive(Clone, Copy, Eq)]
pub struct BrowserHash([u8; 32]);

impl BrowserHash {
    /// The bytes, to derive keys from.
    pub(crate) fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl PartialEq for BrowserHash {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl std::hash::Hash for BrowserHash {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}

impl fmt::Display for BrowserHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&BASE64_URL_SAFE_NO_PAD.encode(self.0))
    }
}

/// Enough to tell two browsers apart in a log.
impl fmt::Debug for BrowserHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self.to_string();
        write!(f, "BrowserHash({}…)", text.get(..6).unwrap_or_default())
    }
}

impl Serialize for BrowserHash {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for BrowserHash {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let bytes = BASE64_URL_SAFE_NO_PAD
            .decode(text)
            .map_err(D::Error::custom)?;
        bytes
            .try_into()
            .map(Self)
            .map_err(|_| D::Error::custom("not a browser hash"))
    }
}

/// The public handle of an attempt: 128 random bits in hex. Useless without the browser's cookie.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct AttemptId(String);

impl AttemptId {
    pub(crate) fn random() -> Result<Self, NoEntropy> {
        Ok(Self(hex(&random::<16>()?)))
    }

    /// Reads a handle: 32 lower-case hex digits.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text
            .bytes()
            .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        (text.len() == 32 && digits).then(|| Self(text.to_owned()))
    }

    /// The handle's text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for AttemptId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for AttemptId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AttemptId({})", self.0)
    }
}

impl<'de> Deserialize<'de> for AttemptId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| D::Error::custom("not an attempt id"))
    }
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        for digit in [byte >> 4, byte & 15] {
            text.extend(char::from_digit(u32::from(digit), 16));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cookie_has_one_spelling() {
        let secret = BrowserSecret::random().unwrap();
        let text = secret.to_text().to_string();
        assert_eq!(BrowserSecret::parse(&text).unwrap().hash(), secret.hash());
        let mut altered = text.clone();
        altered.replace_range(..1, if text.starts_with('A') { "B" } else { "A" });
        assert_ne!(
            BrowserSecret::parse(&altered).unwrap().hash(),
            secret.hash()
        );
        // The last character carries only four bits: other spellings of them are refused.
        let trailing = format!("{}B", &"A".repeat(42));
        for wrong in [
            "",
            "A",
            &text[1..],
            &format!("{text}="),
            &format!("{text}A"),
            &trailing,
            &"+".repeat(43),
        ] {
            assert!(BrowserSecret::parse(wrong).is_none(), "{wrong}");
        }
    }

    #[test]
    fn handles_have_one_spelling() {
        let id = AttemptId::random().unwrap();
        assert_eq!(AttemptId::parse(id.as_str()), Some(id.clone()));
        assert_ne!(AttemptId::random().unwrap(), id);
        for wrong in [
            "",
            "0",
            &"g".repeat(32),
            &"A".repeat(32),
            &"0".repeat(33),
            &"é".repeat(16),
        ] {
            assert_eq!(AttemptId::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn the_hash_survives_storage_and_shows_little() {
        let hash = BrowserSecret::random().unwrap().hash();
        let stored = serde_json::to_string(&hash).unwrap();
        assert_eq!(serde_json::from_str::<BrowserHash>(&stored).unwrap(), hash);
        assert!(format!("{hash:?}").len() < 30);
        assert!(serde_json::from_str::<BrowserHash>("\"AAAA\"").is_err());
    }
}
