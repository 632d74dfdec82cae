//! What an attempt keeps at rest: sealed under the site's key, good for that attempt alone.

use std::fmt;

use base64::{Engine, prelude::BASE64_STANDARD};
use crypto_secretbox::{AeadInPlace, KeyInit, Nonce, Tag, XSalsa20Poly1305};
use hmac::{Hmac, Mac};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use crate::binding::{AttemptId, BrowserHash, NoEntropy, random};

/// A key that seals attempts, 32 random bytes. All processes of a site use the same one.
///
/// It prints nothing, and is erased when dropped.
pub struct SealKey(Zeroizing<[u8; 32]>);

impl SealKey {
    /// A key of these bytes.
    #[must_use]
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// A key in base64; `None` unless it is 32 bytes.
    #[must_use]
    pub fn from_base64(text: &str) -> Option<Self> {
        let mut bytes = Zeroizing::new([0; 32]);
        // Room for one byte more: a longer key is an error, not cut.
        let mut room = Zeroizing::new([0; 36]);
        let length = BASE64_STANDARD
            .decode_slice(text.trim(), room.as_mut_slice())
            .ok()?;
        bytes.copy_from_slice(room.get(..length).filter(|bytes| bytes.len() == 32)?);
        Some(Self(bytes))
    }

    /// Tells keys apart without giving any of it away.
    fn id(&self) -> KeyId {
        let mut hash = Sha256::new();
        hash.update(b"keylockr seal key id v1\n");
        hash.update(self.0.as_slice());
        let hash: [u8; 32] = hash.finalize().into();
        let mut id = [0; 4];
        id.copy_from_slice(hash.get(..4).unwrap_or(&[0; 4]));
        KeyId(id)
    }

    /// The key of one attempt and one purpose: a blob of another one does not open under it.
    fn derive(&self, purpose: Purpose, owner: Owner<'_>) -> Option<XSalsa20Poly1305> {
        let mut mac = <Hmac<Sha256> as Mac>::new_from_slice(self.0.as_slice()).ok()?;
        mac.update(b"keylockr sealed attempt v1\n");
        mac.update(purpose.label());
        mac.update(owner.attempt.as_str().as_bytes());
        mac.update(owner.browser.as_bytes());
        let key = Zeroizing::new(<[u8; 32]>::from(mac.finalize().into_bytes()));
        Some(XSalsa20Poly1305::new((&*key).into()))
    }
}

impl From<[u8; 32]> for SealKey {
    fn from(bytes: [u8; 32]) -> Self {
        Self::from_bytes(bytes)
    }
}

impl fmt::Debug for SealKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SealKey(REDACTED)")
    }
}

/// The keys of a site: one seals, all open.
#[derive(Debug)]
pub(crate) struct SealKeys {
    current: SealKey,
    former: Vec<SealKey>,
}

/// What a blob is bound to.
#[derive(Clone, Copy)]
pub(crate) struct Owner<'a> {
    pub(crate) attempt: &'a AttemptId,
    pub(crate) browser: &'a BrowserHash,
}

/// What a blob is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// A running login, to be taken over by another process.
    Running,
    /// Who approved.
    Approved,
    /// The key that a browser holds itself, and its challenge.
    HeldKey,
}

impl Purpose {
    fn label(self) -> &'static [u8] {
        match self {
            Self::Running => b"running\n",
            Self::Approved => b"approved\n",
            Self::HeldKey => b"held key\n",
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
struct KeyId([u8; 4]);

/// A sealed blob: which key, a fresh nonce, the ciphertext with its tag.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Sealed {
    key: KeyId,
    nonce: [u8; 24],
    ciphertext: Vec<u8>,
}

impl SealKeys {
    pub(crate) fn new(current: SealKey, former: Vec<SealKey>) -> Self {
        Self { current, former }
    }

    pub(crate) fn seal(
        &self,
        purpose: Purpose,
        owner: Owner<'_>,
        plaintext: &[u8],
    ) -> Result<Sealed, NoEntropy> {
        let nonce = random::<24>()?;
        let cipher = self.current.derive(purpose, owner).ok_or(NoEntropy)?;
        let mut ciphertext = plaintext.to_vec();
        let tag = cipher
            .encrypt_in_place_detached(Nonce::from_slice(&nonce), b"", &mut ciphertext)
            .map_err(|_| NoEntropy)?;
        ciphertext.extend_from_slice(&tag);
        Ok(Sealed {
            key: self.current.id(),
            nonce,
            ciphertext,
        })
    }

    /// Opens a blob. A damaged or foreign one is nothing.
    pub(crate) fn open(
        &self,
        purpose: Purpose,
        owner: Owner<'_>,
        sealed: &Sealed,
    ) -> Option<Zeroizing<Vec<u8>>> {
        let key = std::iter::once(&self.current)
            .chain(&self.former)
            .find(|key| key.id() == sealed.key)?;
        let length = sealed.ciphertext.len().checked_sub(TAG)?;
        let (ciphertext, tag) = sealed.ciphertext.split_at_checked(length)?;
        let mut plaintext = Zeroizing::new(ciphertext.to_vec());
        key.derive(purpose, owner)?
            .decrypt_in_place_detached(
                Nonce::from_slice(&sealed.nonce),
                b"",
                &mut plaintext,
                Tag::from_slice(tag),
            )
            .ok()?;
        Some(plaintext)
    }
}

const TAG: usize = 16;

/// `1.KEYID.BLOB`, the blob in base64.
impl Serialize for Sealed {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut bytes = Vec::with_capacity(28 + self.ciphertext.len());
        bytes.extend_from_slice(&self.key.0);
        bytes.extend_from_slice(&self.nonce);
        bytes.extend_from_slice(&self.ciphertext);
        serializer.serialize_str(&format!("1.{}", BASE64_STANDARD.encode(bytes)))
    }
}

impl<'de> Deserialize<'de> for Sealed {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let bytes = text
            .strip_prefix("1.")
            .and_then(|text| BASE64_STANDARD.decode(text).ok())
            .unwrap_or_default();
        let (key, rest) = bytes
            .split_first_chunk()
            .ok_or_else(|| D::Error::custom("not a sealed blob"))?;
        let (nonce, ciphertext) = rest
            .split_first_chunk()
            .ok_or_else(|| D::Error::custom("not a sealed blob"))?;
        Ok(Self {
            key: KeyId(*key),
            nonce: *nonce,
            ciphertext: ciphertext.to_vec(),
        })
    }
}

impl fmt::Debug for Sealed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sealed({} bytes)", self.ciphertext.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::binding::BrowserSecret;

    struct Someone {
        attempt: AttemptId,
        browser: BrowserHash,
    }

    impl Someone {
        fn new() -> Self {
            Self {
                attempt: AttemptId::random().unwrap(),
                browser: BrowserSecret::random().unwrap().hash(),
            }
        }

        fn owner(&self) -> Owner<'_> {
            Owner {
                attempt: &self.attempt,
                browser: &self.browser,
            }
        }
    }

    fn keys(current: u8, former: &[u8]) -> SealKeys {
        let key = |byte| SealKey::from_bytes([byte; 32]);
        SealKeys::new(key(current), former.iter().map(|byte| key(*byte)).collect())
    }

    #[test]
    fn sealed_state_tamper() {
        let (someone, other) = (Someone::new(), Someone::new());
        let keys = keys(1, &[]);
        let sealed = keys
            .seal(Purpose::Approved, someone.owner(), b"2001")
            .unwrap();
        let open = |sealed: &Sealed, purpose, owner| {
            keys.open(purpose, owner, sealed)
                .map(|plain| plain.to_vec())
        };
        assert_eq!(
            open(&sealed, Purpose::Approved, someone.owner()).as_deref(),
            Some(&b"2001"[..])
        );
        // Every bit counts, of key id, nonce, text and tag; so does every byte's presence.
        let stored = serde_json::to_value(&sealed).unwrap();
        let bytes = BASE64_STANDARD
            .decode(stored.as_str().unwrap().trim_start_matches("1."))
            .unwrap();
        for bit in 0..bytes.len() * 8 {
            let mut altered = bytes.clone();
            altered[bit / 8] ^= 1 << (bit % 8);
            let text = format!("1.{}", BASE64_STANDARD.encode(&altered));
            let altered: Sealed = serde_json::from_value(text.into()).unwrap();
            assert_eq!(open(&altered, Purpose::Approved, someone.owner()), None);
        }
        for length in 0..bytes.len() {
            let text = format!("1.{}", BASE64_STANDARD.encode(&bytes[..length]));
            if let Ok(cut) = serde_json::from_value::<Sealed>(text.into()) {
                assert_eq!(open(&cut, Purpose::Approved, someone.owner()), None);
            }
        }
        // Another attempt, another browser, another purpose: each alone.
        for stranger in [
            other.owner(),
            Owner {
                attempt: &other.attempt,
                ..someone.owner()
            },
            Owner {
                browser: &other.browser,
                ..someone.owner()
            },
        ] {
            assert_eq!(open(&sealed, Purpose::Approved, stranger), None);
        }
        assert_eq!(open(&sealed, Purpose::Running, someone.owner()), None);
        for wrong in ["\"\"", "\"1.\"", "\"2.AAAA\"", "\"1.!\"", "1", "null"] {
            assert!(serde_json::from_str::<Sealed>(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn sealed_state_rotation() {
        let someone = Someone::new();
        let old = keys(1, &[])
            .seal(Purpose::Running, someone.owner(), b"state")
            .unwrap();
        let opens = |keys: &SealKeys, sealed: &Sealed| {
            keys.open(Purpose::Running, someone.owner(), sealed)
                .is_some()
        };
        let rotated = keys(2, &[1]);
        assert!(opens(&rotated, &old), "the former key still opens");
        let new = rotated
            .seal(Purpose::Running, someone.owner(), b"state")
            .unwrap();
        assert!(opens(&keys(2, &[]), &new), "the new key seals");
        assert!(!opens(&keys(2, &[]), &old), "a removed key is gone");
        assert!(!opens(&keys(1, &[]), &new));
    }

    #[test]
    fn equal_states_look_different_and_print_nothing() {
        let someone = Someone::new();
        let keys = keys(1, &[]);
        let seal = || {
            keys.seal(Purpose::Running, someone.owner(), b"state")
                .unwrap()
        };
        assert!(seal() != seal());
        assert_eq!(format!("{:?}", seal()), "Sealed(21 bytes)");
        assert!(format!("{keys:?}").contains("REDACTED"));
    }

    #[test]
    fn a_key_is_32_bytes_of_base64() {
        let text = BASE64_STANDARD.encode([7; 32]);
        assert!(SealKey::from_base64(&text).is_some());
        assert!(SealKey::from_base64(&format!("{text}\n")).is_some());
        for wrong in [
            "",
            "AAAA",
            &BASE64_STANDARD.encode([7; 31]),
            &BASE64_STANDARD.encode([7; 33]),
            &BASE64_STANDARD.encode([7; 64]),
        ] {
            assert!(SealKey::from_base64(wrong).is_none(), "{wrong}");
        }
    }
}
