//! The number of a user.

use std::{fmt, str};

/// An UnloqID: a positive decimal number of up to 20 digits, one for each e-mail profile, so that
/// one person can have several. The only field of an event to know a user by.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UnloqId {
    // Ordered as numbers are: by length, then by digits.
    len: u8,
    digits: [u8; Self::MAX_DIGITS],
}

impl UnloqId {
    /// The most digits.
    pub const MAX_DIGITS: usize = 20;

    /// Reads a number: `^[1-9][0-9]{0,19}$`, or nothing.
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = text.as_bytes();
        let starts = matches!(bytes.first(), Some(b'1'..=b'9'));
        if !starts || bytes.len() > Self::MAX_DIGITS || !bytes.iter().all(u8::is_ascii_digit) {
            return None;
        }
        let mut digits = [0; Self::MAX_DIGITS];
        digits.get_mut(..bytes.len())?.copy_from_slice(bytes);
        Some(Self {
            len: u8::try_from(bytes.len()).ok()?,
            digits,
        })
    }

    /// The digits.
    pub fn as_str(&self) -> &str {
        self.digits
            .get(..usize::from(self.len))
            .and_then(|digits| str::from_utf8(digits).ok())
            .unwrap_or_default()
    }
}

impl fmt::Display for UnloqId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for UnloqId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("UnloqId").field(&self.as_str()).finish()
    }
}
