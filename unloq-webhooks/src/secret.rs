//! Secrets, and sets of them for the time of a rotation.

use std::fmt;

use subtle::{Choice, ConstantTimeEq};
use zeroize::Zeroizing;

use crate::{error::ConfigError, mac::Keyed, time::UnixTime};

/// The text that UNLOQ and this application share, and the key of every signature.
///
/// Its bytes are the key exactly as given: never trimmed, never decoded. They are erased on drop,
/// as are the keyed states made from them, and nothing prints them.
pub struct Secret {
    text: Zeroizing<Vec<u8>>,
    keyed: Keyed,
    until: Option<UnixTime>,
}

/// What is doubtful about a secret that is not wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SecretWarning {
    /// Fewer than 16 bytes.
    Short,
    /// White space at the start or the end, which is part of the key. Often a mistake of copying.
    SurroundingSpace,
}

impl Secret {
    /// A secret, by its text.
    ///
    /// # Errors
    ///
    /// [`ConfigError::EmptySecret`] and [`ConfigError::NulInSecret`].
    pub fn new(text: impl Into<String>) -> Result<Self, ConfigError> {
        let text = Zeroizing::new(text.into().into_bytes());
        if text.is_empty() {
            return Err(ConfigError::EmptySecret);
        }
        if text.contains(&0) {
            return Err(ConfigError::NulInSecret);
        }
        let keyed = Keyed::new(&text);
        Ok(Self {
            text,
            keyed,
            until: None,
        })
    }

    /// Sets an end date. From `end` on the secret verifies nothing.
    #[must_use]
    pub fn until(mut self, end: UnixTime) -> Self {
        self.until = Some(end);
        self
    }

    /// The end date.
    pub fn end(&self) -> Option<UnixTime> {
        self.until
    }

    /// What an operator should be told at start-up.
    pub fn warnings(&self) -> impl Iterator<Item = SecretWarning> {
        let short = (self.text.len() < 16).then_some(SecretWarning::Short);
        let text = String::from_utf8_lossy(&self.text);
        let spaced = text.trim().len() != text.len();
        short
            .into_iter()
            .chain(spaced.then_some(SecretWarning::SurroundingSpace))
    }

    pub(crate) fn keyed(&self) -> &Keyed {
        &self.keyed
    }

    pub(crate) fn text(&self) -> &[u8] {
        &self.text
    }

    /// Whether the end date lies ahead.
    pub(crate) fn is_live(&self, now: UnixTime) -> bool {
        self.until.is_none_or(|end| now < end)
    }

    /// Whether the texts are equal; the time depends on their lengths alone.
    pub(crate) fn equals(&self, other: &[u8]) -> Choice {
        self.text.as_slice().ct_eq(other)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Secret")
            .field("until", &self.until)
            .finish_non_exhaustive()
    }
}

/// One to four secrets, any of which may have signed.
///
/// To rotate, add the new one, give the old one an [end date](Secret::until), and watch
/// [`Verified::secret_index`](crate::Verified::secret_index) fall silent for the old one.
#[derive(Debug)]
pub struct SecretSet {
    secrets: Vec<Secret>,
}

impl SecretSet {
    /// The most secrets of one set.
    pub const MAX: usize = 4;

    /// A set. The order counts: it is what a verified delivery reports.
    ///
    /// # Errors
    ///
    /// [`ConfigError::SecretCount`] unless there are 1 to 4, [`ConfigError::RepeatedSecret`] if two
    /// are equal.
    pub fn new(secrets: impl IntoIterator<Item = Secret>) -> Result<Self, ConfigError> {
        let secrets: Vec<Secret> = secrets.into_iter().collect();
        if secrets.is_empty() || secrets.len() > Self::MAX {
            return Err(ConfigError::SecretCount(secrets.len()));
        }
        for (at, secret) in secrets.iter().enumerate() {
            if secrets
                .iter()
                .skip(at + 1)
                .any(|other| bool::from(secret.equals(other.text())))
            {
                return Err(ConfigError::RepeatedSecret);
            }
        }
        Ok(Self { secrets })
    }

    /// The secrets, in order.
    pub fn iter(&self) -> impl Iterator<Item = &Secret> {
        self.secrets.iter()
    }

    /// How many there are.
    #[expect(clippy::len_without_is_empty, reason = "a set is never empty")]
    pub fn len(&self) -> usize {
        self.secrets.len()
    }
}

impl From<Secret> for SecretSet {
    fn from(secret: Secret) -> Self {
        Self {
            secrets: vec![secret],
        }
    }
}
