//! Which client keys an attempt uses.

use std::sync::Arc;

use keylockr_client::Client;
use keylockr_proto::{BoxSecret, ClientKeys, Error, KeyLifetime, SignSecret};

/// Which keys sign-ins use (K 10).
///
/// Fresh keys for everything are the default and the safest: what is caught of one sign-in says
/// nothing about another. A service of the appdata family may have registered a fixed signing key,
/// and, with revision 2 alone, a fixed box key beside it.
#[derive(Default)]
#[non_exhaustive]
pub enum KeyPolicy {
    /// New keys for each attempt.
    #[default]
    Fresh,
    /// The service's signing key, and a new box key for each attempt.
    FixedSign(SignSecret),
    /// The service's own keys for all attempts: frames of one attempt open in all others, and only
    /// the tmp id and the shared replay memory keep them apart.
    Fixed(SignSecret, BoxSecret),
}

impl std::fmt::Debug for KeyPolicy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Fresh => "Fresh",
            Self::FixedSign(_) => "FixedSign(REDACTED)",
            Self::Fixed(..) => "Fixed(REDACTED)",
        })
    }
}

/// [`KeyPolicy`] at work.
pub(crate) enum KeySource {
    Fresh,
    FixedSign(SignSecret),
    Fixed(Arc<ClientKeys>),
}

impl From<KeyPolicy> for KeySource {
    fn from(policy: KeyPolicy) -> Self {
        match policy {
            KeyPolicy::Fresh => Self::Fresh,
            KeyPolicy::FixedSign(sign) => Self::FixedSign(sign),
            KeyPolicy::Fixed(sign, enc) => Self::Fixed(Arc::new(ClientKeys::from_parts(
                sign,
                enc,
                KeyLifetime::Fixed,
            ))),
        }
    }
}

impl KeySource {
    /// The keys of a new attempt.
    pub(crate) fn keys(&self, client: &Client) -> Result<Arc<ClientKeys>, Error> {
        let mut entropy = client.entropy();
        match self {
            Self::Fresh => ClientKeys::generate(&mut entropy, KeyLifetime::Fresh).map(Arc::new),
            Self::FixedSign(sign) => {
                let sign = SignSecret::from_bytes(sign.as_bytes());
                let enc = BoxSecret::generate(&mut entropy)?;
                Ok(Arc::new(ClientKeys::from_parts(
                    sign,
                    enc,
                    KeyLifetime::FixedSign,
                )))
            }
            Self::Fixed(keys) => Ok(Arc::clone(keys)),
        }
    }
}
