//! Why a service cannot be built or started.

use std::{error::Error as _, fmt};

use keylockr_client::TransportErrorKind;

/// A setting that cannot work. `Debug` says the same as `Display`: it is what `main` prints.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// The service's name is no `svc_id`, or in the appdata family no app tag.
    #[error(
        "{0:?} is not the name of a service: give KeyLockr::builder the svc_id that KeyLockr's console \
         shows (a number as text), or with .family(Family::AppData) the app tag"
    )]
    Service(String),
    /// The app tag is not one.
    #[error("{0:?} is not an app tag: give .app_tag(..) the one that KeyLockr's console shows")]
    AppTag(String),
    /// The site's title is empty, or nothing of it can be shown.
    #[error(
        "the site's title has nothing that can be shown: give KeyLockr::builder the name that phones \
         should show"
    )]
    SiteTitle,
    /// The public origin is not one.
    #[error("{0:?} is not an origin such as https://example.org")]
    PublicOrigin(String),
    /// The mount is not a plain local path.
    #[error("{0:?} is not a path to mount the login routes at, such as /login")]
    Mount(String),
    /// An attempt's life is not between one second and 600.
    #[error("an attempt lives between 1 and 600 seconds")]
    AttemptLife,
    /// Fixed box keys outside revision 2 of the appdata family (K 10).
    #[error("fixed box keys need the appdata family with revision 2 as the minimum")]
    FixedKeys,
    /// A vault, and no app data asked for: there would be nothing to open.
    #[error("a vault needs app data: set an app tag, or ask for app data in the appdata family")]
    VaultWithoutAppData,
    /// A store that processes share needs a seal key that they share too.
    #[error("a shared attempt store needs a seal key: give .seal_key(..), the same on all servers")]
    SealKey,
    /// The system gives no random numbers.
    #[error("the system gives no random numbers")]
    NoEntropy,
    /// The connection to KeyLockr cannot be set up.
    #[error(transparent)]
    Client(#[from] keylockr_client::ConfigError),
}

impl fmt::Debug for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The service could not be started: what is wrong, and what to write where. `Debug` says the same as
/// `Display`: it is what `main` prints.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// A setting cannot work.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// KeyLockr cannot be reached, or is not who it should be.
    #[error("{source}{} ({api}): {}", cause(source), fix(source))]
    Service {
        /// The base address that was asked.
        api: String,
        /// Why.
        #[source]
        source: keylockr_client::Error,
    },
    /// KeyLockr does not take this site's requests: the service's name is wrong, or it does not know
    /// this server's address.
    #[error(
        "KeyLockr ({api}) refuses the service {service:?} ({code}): {}",
        keylockr_client::advice(code)
    )]
    Refused {
        /// The base address that was asked.
        api: String,
        /// The service's name, as it was given to the builder.
        service: String,
        /// KeyLockr's code, at most 64 characters, without control characters.
        code: String,
    },
}

impl fmt::Debug for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The innermost cause, which says most.
fn cause(error: &keylockr_client::Error) -> String {
    let keylockr_client::Error::Transport { source, .. } = error else {
        return String::new();
    };
    let mut text = String::new();
    let mut next = source.source();
    while let Some(error) = next {
        text = format!(", {error}");
        next = error.source();
    }
    text
}

fn fix(error: &keylockr_client::Error) -> &'static str {
    use keylockr_client::Error;
    match error {
        Error::Transport { source, .. } if source.kind() == TransportErrorKind::Tls => {
            "is .api(..) (or KEYLOCKR_API) the host that the certificate is made for? An emulator is http://"
        }
        Error::Transport { .. } => {
            "is .api(..) (or KEYLOCKR_API) right, and may this machine get there? To begin without an \
             account, run `keylockr emulator` and set KEYLOCKR_API=http://127.0.0.1:4600"
        }
        Error::Status { .. } | Error::Malformed { .. } => {
            "is .api(..) (or KEYLOCKR_API) the address of an API? KeyLockr's is https://api.keylockr.app/v3, \
             an emulator's what its first line calls `listen`"
        }
        Error::UnusableKey => "do not sign anybody in, and tell KeyLockr",
        Error::NotPinned { .. } => {
            "compare the fingerprint with KeyLockr's announcement, and give .pins(..) the old and the new keys"
        }
        _ => "`keylockr doctor` says more",
    }
}

#[cfg(test)]
mod tests {
    use keylockr_client::{Endpoint, Error, TransportError};

    use super::*;

    #[test]
    fn what_main_prints_says_what_to_do() {
        let source = Error::Transport {
            endpoint: Endpoint::Clock,
            source: TransportError::with_source(
                TransportErrorKind::Connect,
                std::io::Error::other("Connection refused (os error 111)"),
            ),
        };
        let api = "http://127.0.0.1:4600/v3".to_owned();
        assert_eq!(
            format!("{:?}", StartError::Service { api, source }),
            "KeyLockr's clock could not be reached: no connection to the service, Connection refused \
             (os error 111) (http://127.0.0.1:4600/v3): is .api(..) (or KEYLOCKR_API) right, and may \
             this machine get there? To begin without an account, run `keylockr emulator` and set \
             KEYLOCKR_API=http://127.0.0.1:4600"
        );
    }
}
