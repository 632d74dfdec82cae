//! What can go wrong outside a login. A login itself never fails with these: it ends, and its
//! [`LoginEnd`](keylockr_proto::login::LoginEnd) says how.

use core::fmt;

use keylockr_proto::ErrorKind;
use keylockr_proto::login::{LoginFailure, ResumeError};
use thiserror::Error as ThisError;

use crate::transport::TransportError;

/// Why the service could not be used.
#[derive(Clone, Debug, ThisError)]
#[non_exhaustive]
pub enum Error {
    /// It could not be reached.
    #[error("KeyLockr's {endpoint} could not be reached: {source}")]
    Transport {
        /// Which call failed.
        endpoint: Endpoint,
        /// How.
        source: TransportError,
    },
    /// It answered with a status that is not 2xx, so the body was not read (K section 4).
    #[error("KeyLockr's {endpoint} answered with status {status}")]
    Status {
        /// Which call was answered.
        endpoint: Endpoint,
        /// The HTTP status.
        status: u16,
    },
    /// It answered something that is not an answer, or refused where there is nothing to refuse.
    #[error("KeyLockr's {endpoint} gave an answer that cannot be understood")]
    Malformed {
        /// Which call was answered.
        endpoint: Endpoint,
    },
    /// It serves something that is no key, or a key that protects nothing (K 1.4, 1.5).
    #[error("KeyLockr serves a key that cannot be used")]
    UnusableKey,
    /// It serves keys that are not among the pinned ones.
    #[error("KeyLockr serves keys that are not pinned (fingerprint {fingerprint})")]
    NotPinned {
        /// Of the keys that were served.
        fingerprint: String,
    },
    /// The local clock is too far off, and correcting it is not allowed by configuration
    /// (K 3.10).
    #[error(
        "the local clock is {drift} s ahead of KeyLockr's, which the configuration forbids: set this \
         machine's by NTP, and start this program again"
    )]
    ClockDrift {
        /// Local minus service time in seconds.
        drift: i64,
    },
    /// What was suspended cannot be taken up again.
    #[error("the login cannot be resumed: {0}")]
    Resume(#[source] ResumeError),
    /// The service claims a time that cannot be right.
    #[error(
        "KeyLockr's clock is {drift} s behind the local one: one of them cannot be right, so set this \
         machine's by NTP, and start this program again"
    )]
    ClockAbsurd {
        /// Local minus service time in seconds.
        drift: i64,
    },
}

impl Error {
    /// How a login ends that cannot begin, or cannot be taken up, for this reason.
    pub fn login_failure(&self) -> LoginFailure {
        match self {
            Self::UnusableKey | Self::NotPinned { .. } => LoginFailure::Protocol(ErrorKind::Key),
            Self::ClockDrift { .. } | Self::ClockAbsurd { .. } => LoginFailure::Clock,
            Self::Resume(ResumeError::Config(error)) => LoginFailure::Config(*error),
            Self::Transport { .. }
            | Self::Status { .. }
            | Self::Malformed { .. }
            | Self::Resume(_) => LoginFailure::HandshakeFailed,
        }
    }
}

/// The service's calls (K section 4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Endpoint {
    /// `GET /key_enc`
    KeyEnc,
    /// `GET /key_sign`
    KeySign,
    /// `GET /clock`
    Clock,
    /// `POST /handshake`
    Handshake,
    /// `POST /app_verify`
    Verify,
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.path())
    }
}

impl Endpoint {
    /// Its path below the base address.
    pub fn path(self) -> &'static str {
        match self {
            Endpoint::KeyEnc => "key_enc",
            Endpoint::KeySign => "key_sign",
            Endpoint::Clock => "clock",
            Endpoint::Handshake => "handshake",
            Endpoint::Verify => "app_verify",
        }
    }
}

/// A setting that cannot be used.
#[derive(Debug, ThisError)]
#[non_exhaustive]
pub enum ConfigError {
    /// The address is no absolute http(s) address, or has a user, a query or a fragment.
    #[error(
        "`{0}` is not the address of an API: give an origin or a base such as https://api.keylockr.app/v3"
    )]
    Address(String),
    /// Plain http to another machine.
    #[error("`{0}`: plain http is for loopback addresses only, use https")]
    PlainHttp(String),
    /// A time limit of zero.
    #[error("the time limit `{0}` is zero")]
    NoTime(&'static str),
    /// A root certificate that cannot be read, or TLS that cannot be set up.
    #[error("the connections cannot be set up: {0}")]
    Transport(#[source] TransportError),
    /// The crate was built without its feature `net` and no transport was given.
    #[error("no transport: give one to the builder, or build with the feature `net`")]
    NoTransport,
}
