//! What the application proves itself with.

use core::fmt;

use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::config::ConfigError;

/// Longest key or secret that is taken for one.
const MAX: usize = 1024;

/// The application's API key, the bearer credential of every call. Erased on drop, never printed.
///
/// It comes from text, and [`build`](crate::ClientBuilder::build) checks it: 1 to 1,024
/// characters of printable ASCII without a space.
pub struct ApiKey(Zeroizing<String>);

/// The API secret of the time before bearer keys (U 4.1). Not the secret that signs web hooks,
/// though dashboards have shown both under one name. Erased on drop, never printed.
pub struct ApiSecret(Zeroizing<String>);

macro_rules! credential {
    ($name:ident, $what:literal) => {
        impl $name {
            pub(crate) fn check(&self) -> Result<(), ConfigError> {
                let length = 1..=MAX;
                let fits = length.contains(&self.0.len());
                if fits && self.0.bytes().all(|byte| byte.is_ascii_graphic()) {
                    Ok(())
                } else {
                    Err(ConfigError::Credential($what))
                }
            }

            pub(crate) fn expose(&self) -> &str {
                &self.0
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                Self(Zeroizing::new(text.to_owned()))
            }
        }

        /// Takes the memory over, so that it is erased with the rest.
        impl From<String> for $name {
            fn from(text: String) -> Self {
                Self(Zeroizing::new(text))
            }
        }

        impl PartialEq for $name {
            /// In constant time for equal lengths.
            fn eq(&self, other: &Self) -> bool {
                self.0.as_bytes().ct_eq(other.0.as_bytes()).into()
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!(stringify!($name), "(..)"))
            }
        }
    };
}

credential!(ApiKey, "API key");
credential!(ApiSecret, "API secret");

/// How requests are signed in. Never both at once (U 4.1).
pub(crate) enum Credentials {
    Bearer(ApiKey),
    Legacy(ApiKey, ApiSecret),
}

impl Credentials {
    pub(crate) fn check(&self) -> Result<(), ConfigError> {
        match self {
            Self::Bearer(key) => key.check(),
            Self::Legacy(key, secret) => key.check().and_then(|()| secret.check()),
        }
    }

    /// Names and values of the header fields that carry them.
    pub(crate) fn headers(&self) -> Vec<(&'static str, Zeroizing<String>)> {
        let copy = |text: &str| Zeroizing::new(text.to_owned());
        match self {
            Self::Bearer(key) => {
                let mut value = Zeroizing::new(String::with_capacity(7 + MAX));
                value.push_str("Bearer ");
                value.push_str(key.expose());
                vec![("authorization", value)]
            }
            Self::Legacy(key, secret) => vec![
                ("x-api-key", copy(key.expose())),
                ("x-api-secret", copy(secret.expose())),
            ],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{ApiKey, ApiSecret, Credentials};

    #[test]
    fn keys_are_checked_and_not_printed() {
        for good in ["live_0123456789", "x", &"k".repeat(1024)] {
            ApiKey::from(good).check().unwrap();
        }
        for bad in [
            "",
            " live",
            "live key",
            "live\n",
            "löve",
            "\u{0}",
            &"k".repeat(1025),
        ] {
            let refused = ApiKey::from(bad).check().unwrap_err();
            assert!(
                bad.is_empty() || !refused.to_string().contains(bad),
                "{bad:?}"
            );
        }
        assert_eq!(format!("{:?}", ApiKey::from("live_0123")), "ApiKey(..)");
        assert_eq!(format!("{:?}", ApiSecret::from("s3cret")), "ApiSecret(..)");
        assert_eq!(ApiKey::from("a"), ApiKey::from("a".to_owned()));
        assert_ne!(ApiKey::from("a"), ApiKey::from("b"));
    }

    #[test]
    fn one_or_the_other_never_both() {
        let bearer = Credentials::Bearer("k".into()).headers();
        assert_eq!(bearer.len(), 1);
        assert_eq!(
            (bearer[0].0, bearer[0].1.as_str()),
            ("authorization", "Bearer k")
        );
        let legacy = Credentials::Legacy("k".into(), "s".into()).headers();
        let names: Vec<_> = legacy
            .iter()
            .map(|(name, value)| (*name, value.as_str()))
            .collect();
        assert_eq!(names, [("x-api-key", "k"), ("x-api-secret", "s")]);
    }
}
