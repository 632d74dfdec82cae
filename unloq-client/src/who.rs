//! Whom a call is about.

use core::fmt;

use serde::de::{self, Deserializer, Visitor};
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// UNLOQ's number for one e-mail profile. One person with two profiles has two (U 4.3).
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct UnloqId(u128);

/// JavaScript's largest exact integer: above it a JSON number has already lost digits.
const MAX_SAFE: u64 = (1 << 53) - 1;

impl UnloqId {
    /// 1 to 20 digits, the first not zero (U 3.2).
    pub fn parse(text: &str) -> Result<Self, InvalidText> {
        let digits = (1..=20).contains(&text.len())
            && !text.starts_with('0')
            && text.bytes().all(|byte| byte.is_ascii_digit());
        let id = if digits { text.parse().ok() } else { None };
        id.map(Self).ok_or(InvalidText("UnloqID"))
    }
}

impl fmt::Display for UnloqId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for UnloqId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "UnloqId({})", self.0)
    }
}

/// Goes out as a JSON integer.
impl Serialize for UnloqId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u128(self.0)
    }
}

/// Comes back as text, or as a number that JavaScript would print so.
impl<'de> Deserialize<'de> for UnloqId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct IdVisitor;
        impl Visitor<'_> for IdVisitor {
            type Value = UnloqId;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an UnloqID")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<UnloqId, E> {
                UnloqId::parse(text).map_err(|_| E::custom("not an UnloqID"))
            }

            fn visit_u64<E: de::Error>(self, number: u64) -> Result<UnloqId, E> {
                if (1..=MAX_SAFE).contains(&number) {
                    Ok(UnloqId(number.into()))
                } else {
                    Err(E::custom("not an UnloqID"))
                }
            }

            fn visit_f64<E: de::Error>(self, number: f64) -> Result<UnloqId, E> {
                #[expect(clippy::cast_precision_loss, reason = "2^53 - 1 is exact")]
                let max = MAX_SAFE as f64;
                if number.fract() != 0.0 || !(1.0..=max).contains(&number) {
                    return Err(E::custom("not an UnloqID"));
                }
                #[expect(
                    clippy::cast_possible_truncation,
                    clippy::cast_sign_loss,
                    reason = "an integer between 1 and 2^53 - 1"
                )]
                Ok(UnloqId(number as u128))
            }
        }
        deserializer.deserialize_any(IdVisitor)
    }
}

/// An e-mail address as UNLOQ takes it: 3 to 254 characters with one `@` inside, no white space
/// and no control characters.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
pub struct Email(Box<str>);

impl Email {
    /// Checks the form, and nothing else.
    pub fn parse(text: &str) -> Result<Self, InvalidText> {
        let inside = text.split_once('@').is_some_and(|(local, domain)| {
            !local.is_empty() && !domain.is_empty() && !domain.contains('@')
        });
        let length = (3..=254).contains(&text.chars().count());
        if inside
            && length
            && !text
                .chars()
                .any(|char| char.is_whitespace() || char.is_control())
        {
            Ok(Self(text.into()))
        } else {
            Err(InvalidText("e-mail address"))
        }
    }

    /// The address.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Email {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The user a call is about: by e-mail address, or by id where the application has no address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum User {
    /// By address.
    Email(Email),
    /// By id.
    Id(UnloqId),
}

impl User {
    pub(crate) fn email(&self) -> Option<&Email> {
        match self {
            Self::Email(email) => Some(email),
            Self::Id(_) => None,
        }
    }

    pub(crate) fn id(&self) -> Option<UnloqId> {
        match self {
            Self::Email(_) => None,
            Self::Id(id) => Some(*id),
        }
    }
}

impl From<Email> for User {
    fn from(email: Email) -> Self {
        Self::Email(email)
    }
}

impl From<UnloqId> for User {
    fn from(id: UnloqId) -> Self {
        Self::Id(id)
    }
}

/// Text that is not what it should be. The text itself is not shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("this is no {0}")]
pub struct InvalidText(pub(crate) &'static str);

#[cfg(test)]
mod tests {
    use super::{Email, UnloqId};

    #[test]
    fn ids() {
        for (json, want) in [
            (r#""1234""#, Some("1234")),
            ("1234", Some("1234")),
            ("1234.0", Some("1234")),
            ("1e3", Some("1000")),
            ("9007199254740991", Some("9007199254740991")),
            ("9007199254740992", None),
            ("9.1e15", None),
            (r#""99999999999999999999""#, Some("99999999999999999999")),
            (r#""100000000000000000000""#, None),
            ("0", None),
            ("-1", None),
            ("1.5", None),
            ("1e400", None),
            (r#""""#, None),
            (r#""0123""#, None),
            (r#""+1""#, None),
            (r#"" 1""#, None),
            (r#""1a""#, None),
            (r#""١""#, None),
            ("null", None),
            ("true", None),
            ("[1]", None),
        ] {
            let id = serde_json::from_str::<UnloqId>(json).ok();
            assert_eq!(id.map(|id| id.to_string()).as_deref(), want, "{json}");
        }
        let id = UnloqId::parse("99999999999999999999").unwrap();
        assert_eq!(serde_json::to_string(&id).unwrap(), "99999999999999999999");
    }

    #[test]
    fn addresses() {
        for good in [
            "a@b",
            "a.b+c@d.example",
            "ü@ü",
            &format!("{}@b", "a".repeat(252)),
        ] {
            Email::parse(good).unwrap();
        }
        for bad in [
            "",
            "a@",
            "@b",
            "ab",
            "a@@b",
            "a@b@c",
            "a b@c",
            "a@b\n",
            "a\u{a0}@b",
            "a\u{0}@b",
            &format!("{}@b", "a".repeat(253)),
        ] {
            assert!(Email::parse(bad).is_err(), "{bad:?}");
        }
    }
}
