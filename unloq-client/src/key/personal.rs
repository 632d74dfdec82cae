//! The personal key, from the moment it can be read to the moment it is erased: check value,
//! derivation, five minutes at most (U 5.4).

use core::fmt;
use core::time::Duration;

use aws_lc_rs::hkdf::{HKDF_SHA256, Salt as HkdfSalt};
use aws_lc_rs::{hmac, rand};
use subtle::ConstantTimeEq;
use tokio::time::Instant;
use zeroize::Zeroizing;

use super::{KeyError, RecordKey};
use crate::clock;
use crate::who::UnloqId;

/// How long a key may be held.
const MAX_HELD: Duration = Duration::from_secs(5 * 60);
/// Largest key (U 5.3).
const MAX_KEY: usize = 4096;
/// Longest application id and purpose.
const MAX_LABEL: usize = 256;
/// The purpose of the check value.
const CHECK: &str = "check";

/// A user's personal key: 1 to 4,096 opaque bytes. Erased on drop, never printed, cloned or
/// compared, and never a cipher key itself.
///
/// It encrypts nothing before it was compared with the check value of last time
/// ([`check`](Self::check)), or had none yet ([`first_use`](Self::first_use)). Hold it for one
/// operation; five minutes after it arrived it and all that was derived from it refuse to work.
pub struct PersonalKey {
    bytes: Zeroizing<Vec<u8>>,
    user: UnloqId,
    received: Instant,
}

impl PersonalKey {
    pub(super) fn new(bytes: Zeroizing<Vec<u8>>, user: UnloqId, received: Instant) -> Option<Self> {
        (1..=MAX_KEY).contains(&bytes.len()).then_some(Self {
            bytes,
            user,
            received,
        })
    }

    /// The user it belongs to.
    pub fn user(&self) -> UnloqId {
        self.user
    }

    #[cfg(test)]
    pub(super) fn exposed(&self) -> &[u8] {
        &self.bytes
    }

    /// For a user whose key was never used here: gives the check value to store beside the
    /// context. Call it **only where none is stored**, and store it before anything is encrypted;
    /// otherwise a swapped key goes unnoticed.
    pub fn first_use(self, context: &KeyContext) -> Result<(CheckedKey, CheckValue), KeyError> {
        let value = self.check_value(context)?;
        Ok((CheckedKey(self), value))
    }

    /// Compares it, in constant time, with the check value that was stored at the first use.
    /// Anything else is [`KeyError::KeyMismatch`], and the key is erased.
    pub fn check(self, context: &KeyContext, stored: &CheckValue) -> Result<CheckedKey, KeyError> {
        let value = self.check_value(context)?;
        if bool::from(value.0.ct_eq(&stored.0)) {
            Ok(CheckedKey(self))
        } else {
            Err(KeyError::KeyMismatch)
        }
    }

    fn check_value(&self, context: &KeyContext) -> Result<CheckValue, KeyError> {
        let key = self.expand(context, CHECK)?;
        let key = hmac::Key::new(hmac::HMAC_SHA256, &*key);
        let tag = hmac::sign(&key, b"kcv");
        let tag = tag.as_ref().try_into().map_err(|_| KeyError::Library)?;
        Ok(CheckValue(tag))
    }

    /// HKDF-SHA256 as in U 5.4.
    pub(super) fn expand(
        &self,
        context: &KeyContext,
        purpose: &str,
    ) -> Result<Zeroizing<[u8; 32]>, KeyError> {
        if context.user != self.user {
            return Err(KeyError::WrongUser);
        }
        if clock::since(self.received) > MAX_HELD {
            return Err(KeyError::Expired);
        }
        let user = context.user.to_string();
        let info: [&[u8]; 7] = [
            b"unloq-pek/v1",
            &[0],
            context.application.as_bytes(),
            &[0],
            user.as_bytes(),
            &[0],
            purpose.as_bytes(),
        ];
        let mut derived = Zeroizing::new([0; 32]);
        let prk = HkdfSalt::new(HKDF_SHA256, &context.salt.0).extract(&self.bytes);
        let okm = prk
            .expand(&info, HKDF_SHA256)
            .map_err(|_| KeyError::Library)?;
        okm.fill(&mut *derived).map_err(|_| KeyError::Library)?;
        Ok(derived)
    }
}

impl fmt::Debug for PersonalKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PersonalKey")
            .field("user", &self.user)
            .finish_non_exhaustive()
    }
}

/// A personal key that is the one of last time, or the first.
pub struct CheckedKey(PersonalKey);

impl CheckedKey {
    /// The key for one purpose, such as `notes`: 1 to 256 bytes without NUL, and not `check`.
    /// Fails with [`KeyError::WrongUser`] for another user's context.
    pub fn derive(&self, context: &KeyContext, purpose: &str) -> Result<RecordKey, KeyError> {
        if !is_label(purpose) || purpose == CHECK {
            return Err(KeyError::Label);
        }
        let key = self.0.expand(context, purpose)?;
        RecordKey::new(&key, self.0.received + MAX_HELD)
    }

    /// The user it belongs to.
    pub fn user(&self) -> UnloqId {
        self.0.user
    }
}

impl fmt::Debug for CheckedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CheckedKey")
            .field("user", &self.0.user)
            .finish_non_exhaustive()
    }
}

/// What a derivation depends on beside the key: the application, its salt, and the user.
#[derive(Clone, Debug)]
pub struct KeyContext {
    application: Box<str>,
    salt: Salt,
    user: UnloqId,
}

impl KeyContext {
    /// `application` is any name that stays the same for ever, 1 to 256 bytes without NUL.
    pub fn new(application: &str, salt: Salt, user: UnloqId) -> Result<Self, KeyError> {
        if !is_label(application) {
            return Err(KeyError::Label);
        }
        Ok(Self {
            application: application.into(),
            salt,
            user,
        })
    }
}

fn is_label(text: &str) -> bool {
    (1..=MAX_LABEL).contains(&text.len()) && !text.contains('\0')
}

/// 32 random bytes, made once and stored with the application. No secret, but without it nothing
/// that was encrypted can be read again.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Salt([u8; 32]);

impl Salt {
    /// A new one.
    pub fn generate() -> Result<Self, KeyError> {
        let mut salt = [0; 32];
        rand::fill(&mut salt).map_err(|_| KeyError::Library)?;
        Ok(Self(salt))
    }

    /// The stored one.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// To be stored.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for Salt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Salt(..)")
    }
}

/// HMAC-SHA256(key derived for `check`, `kcv`): tells a changed key, and nothing else about it as
/// long as the key cannot be guessed. Store it with the user; `Debug` hides it.
#[derive(Clone)]
pub struct CheckValue([u8; 32]);

impl CheckValue {
    /// The stored one.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// To be stored.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for CheckValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CheckValue(..)")
    }
}
