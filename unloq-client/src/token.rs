//! Short secrets that pass between browser, application and UNLOQ, and the handles beside them.

use core::fmt;

use serde::Serialize;
use serde_json::value::RawValue;
use zeroize::Zeroizing;

use crate::secret::text_of;
use crate::who::InvalidText;

/// An access token: good for one exchange, within one minute of its making (U 4.3).
///
/// Opaque: 1 to 4,096 characters of printable ASCII without a space. Erased on drop, never
/// printed, not cloned. Do not keep or log what it was parsed from.
pub struct AccessToken(Zeroizing<String>);

impl AccessToken {
    /// From the query of the browser's return, or from what the login widget's callback posted.
    pub fn parse(text: &str) -> Result<Self, InvalidText> {
        if (1..=4096).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic()) {
            Ok(Self(Zeroizing::new(text.to_owned())))
        } else {
            Err(InvalidText("access token"))
        }
    }

    pub(crate) fn from_json(raw: &RawValue) -> Option<Self> {
        text_of(raw).and_then(|text| Self::parse(&text).ok())
    }

    pub(crate) fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for AccessToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AccessToken(..)")
    }
}

/// The one-time password that the device shows: 4 to 10 digits. Erased on drop, never printed.
pub struct Otp(Zeroizing<String>);

impl Otp {
    /// Digits as the user typed them; blanks between them do not count.
    pub fn parse(text: &str) -> Result<Self, InvalidText> {
        let mut digits = Zeroizing::new(String::with_capacity(10));
        for char in text.chars().filter(|char| *char != ' ') {
            if !char.is_ascii_digit() || digits.len() == 10 {
                return Err(InvalidText("one-time password"));
            }
            digits.push(char);
        }
        if digits.len() < 4 {
            return Err(InvalidText("one-time password"));
        }
        Ok(Self(digits))
    }

    pub(crate) fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Otp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Otp(..)")
    }
}

/// The application's handle for one of its sessions, which UNLOQ returns in the logout hook:
/// 1 to 128 characters without control characters, and without the text `unloq_id`, which the
/// hook's signature could not keep apart (U 2.4).
///
/// Give a separate random value of at least 128 bits that maps to the session, **never the
/// session cookie**: UNLOQ and the device would then hold a credential (U 4.3). `Debug` hides it.
#[derive(Clone, PartialEq, Eq, Serialize)]
pub struct SessionHandle(Box<str>);

impl SessionHandle {
    /// Checks the form.
    pub fn parse(text: &str) -> Result<Self, InvalidText> {
        let length = (1..=128).contains(&text.chars().count());
        if length && !text.contains("unloq_id") && !text.chars().any(char::is_control) {
            Ok(Self(text.into()))
        } else {
            Err(InvalidText("session handle"))
        }
    }

    /// The handle.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for SessionHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SessionHandle(..)")
    }
}

/// UNLOQ's name for one approval, which a session can be attached to instead of a token: 1 to
/// 256 characters of printable ASCII. `Debug` hides it.
#[derive(Clone, PartialEq, Eq, Serialize)]
pub struct ApprovalId(Box<str>);

impl ApprovalId {
    /// Checks the form.
    pub fn parse(text: &str) -> Result<Self, InvalidText> {
        if (1..=256).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic()) {
            Ok(Self(text.into()))
        } else {
            Err(InvalidText("approval id"))
        }
    }

    /// The id.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for ApprovalId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ApprovalId(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::{AccessToken, ApprovalId, Otp, SessionHandle};

    #[test]
    fn tokens() {
        for good in ["x", "tok-0123_~", &"t".repeat(4096)] {
            let token = AccessToken::parse(good).unwrap();
            assert_eq!(token.expose(), good);
            assert_eq!(format!("{token:?}"), "AccessToken(..)");
        }
        for bad in ["", " ", "a b", "a\n", "tökén", "a\u{7f}", &"t".repeat(4097)] {
            assert!(AccessToken::parse(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn one_time_passwords() {
        assert_eq!(Otp::parse("123 456").unwrap().expose(), "123456");
        assert_eq!(Otp::parse("0000000000").unwrap().expose(), "0000000000");
        for bad in ["", "123", "12345678901", "12a456", "１２３４５６", "1234\n"] {
            assert!(Otp::parse(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn handles() {
        for bad in ["", "a\nb", "xunloq_id7", &"s".repeat(129)] {
            assert!(SessionHandle::parse(bad).is_err(), "{bad:?}");
        }
        let handle = SessionHandle::parse(&"ß".repeat(128)).unwrap();
        assert_eq!(format!("{handle:?}"), "SessionHandle(..)");
        for bad in ["", "a b", "ä"] {
            assert!(ApprovalId::parse(bad).is_err(), "{bad:?}");
        }
    }
}
