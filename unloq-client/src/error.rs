//! Why a call did not succeed.

use core::fmt;

use thiserror::Error as ThisError;

use crate::key::KeyError;
use crate::refusal::{ErrorCode, Refusal};
use crate::transport::{TransportError, TransportErrorKind};

/// Why a call did not succeed. `Debug` and `Display` hold no key, token, one-time password or
/// message of UNLOQ's.
#[derive(Clone, Debug, ThisError)]
#[non_exhaustive]
pub enum Error {
    /// UNLOQ said no, for a reason that it names.
    #[error("UNLOQ's {endpoint} refused: {refusal}")]
    Refused {
        /// Which call was refused.
        endpoint: Endpoint,
        /// The reason.
        refusal: Refusal,
    },
    /// No whole answer came in time (U 4.1). An approval may still be waiting on the phone, and
    /// a token must be taken for used.
    #[error("UNLOQ's {endpoint} did not answer in time")]
    Timeout {
        /// Which call was given up.
        endpoint: Endpoint,
    },
    /// The connection failed.
    #[error("UNLOQ's {endpoint} could not be reached: {source}")]
    Network {
        /// Which call failed.
        endpoint: Endpoint,
        /// How.
        source: TransportError,
    },
    /// UNLOQ answered something that is not an answer.
    #[error("UNLOQ's {endpoint} gave an answer that cannot be used (status {status}): {problem}")]
    InvalidResponse {
        /// Which call was answered.
        endpoint: Endpoint,
        /// The HTTP status.
        status: u16,
        /// What is wrong with it.
        problem: Problem,
        /// The error that came with a status of success, where it was one.
        refusal: Option<Box<Refusal>>,
    },
    /// The request cannot be sent as it is; nothing was sent.
    #[error("this is no request for UNLOQ's {endpoint}: {problem}")]
    Config {
        /// Which call it would have been.
        endpoint: Endpoint,
        /// What is wrong with it.
        problem: InvalidRequest,
    },
    /// The configured [`KeyMode`](crate::KeyMode) does not let the application ask for keys;
    /// nothing was sent (U 5.1).
    #[error("the configured mode does not let the application ask for personal keys")]
    ModeForbidsApi,
    /// The personal key cannot be used.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The runtime is shutting down.
    #[error("the work was given up because the runtime is shutting down")]
    Aborted,
}

impl Error {
    /// UNLOQ's error code, if it gave one.
    pub fn code(&self) -> Option<&ErrorCode> {
        match self {
            Self::Refused { refusal, .. } => Some(refusal.code()),
            Self::InvalidResponse { refusal, .. } => refusal.as_ref().map(|refusal| refusal.code()),
            _ => None,
        }
    }

    /// Whether it is certain that UNLOQ never saw the request, so that repeating it rings no
    /// phone twice and uses no token up. Nothing here repeats a request by itself.
    pub fn was_not_sent(&self) -> bool {
        match self {
            Self::Network { source, .. } => matches!(
                source.kind(),
                TransportErrorKind::Connect | TransportErrorKind::Tls
            ),
            Self::Config { .. } | Self::ModeForbidsApi => true,
            _ => false,
        }
    }
}

/// What is wrong with an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ThisError)]
#[non_exhaustive]
pub enum Problem {
    /// Neither a success nor a failure of either generation, or not JSON at all.
    #[error("it is no envelope")]
    Envelope,
    /// A status of success with an error inside.
    #[error("it says success and holds an error")]
    ErrorInSuccess,
    /// A status of failure without an error that could be read.
    #[error("its status is no success and it names no reason")]
    Status,
    /// A redirect. It was not followed, since it would have taken the API key along.
    #[error("it is a redirect")]
    Redirect,
    /// A result that lacks a field, or holds one that cannot be right.
    #[error("its result is not the one of this call")]
    Result,
    /// More than 1 MiB, or an event above 64 KiB.
    #[error("it is too large")]
    TooLarge,
    /// An event stream that ended without an outcome, or holds something that is no event.
    #[error("its event stream is broken")]
    Events,
    /// An approval by somebody else than the user who was asked.
    #[error("it is about another user")]
    OtherUser,
}

/// What is wrong with a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ThisError)]
#[non_exhaustive]
pub enum InvalidRequest {
    /// A variable that is named like a field of the call, or has no name.
    #[error("a variable has the name of a field of the call, or none")]
    ReservedName,
    /// A message for the device that is empty or longer than 200 characters.
    #[error("the message is not 1 to 200 characters long")]
    Message,
    /// `generate_token` off with a mailed link, which can only end in a token.
    #[error("a mailed link always ends in a token")]
    NeedsToken,
    /// A name that is empty or longer than 200 characters.
    #[error("the name is not 1 to 200 characters long")]
    Name,
}

/// The calls (U 4.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Endpoint {
    /// `POST /authenticate`
    Authenticate,
    /// `POST /token`
    Token,
    /// `POST /token/session`
    TokenSession,
    /// `POST /token/device`
    TokenDevice,
    /// `POST /authorize/:code`
    Authorize,
    /// `POST /encryption/user`
    EncryptionUser,
    /// `GET /enrolled`
    Enrolled,
    /// `POST /enroll`
    Enroll,
    /// `POST /deactivate`
    Deactivate,
}

impl Endpoint {
    /// Its path below the base address.
    pub fn path(self) -> &'static str {
        match self {
            Self::Authenticate => "authenticate",
            Self::Token => "token",
            Self::TokenSession => "token/session",
            Self::TokenDevice => "token/device",
            Self::Authorize => "authorize",
            Self::EncryptionUser => "encryption/user",
            Self::Enrolled => "enrolled",
            Self::Enroll => "enroll",
            Self::Deactivate => "deactivate",
        }
    }

    /// Whether the call waits for the user (U 4.1).
    pub fn waits_for_approval(self) -> bool {
        matches!(
            self,
            Self::Authenticate | Self::Authorize | Self::EncryptionUser
        )
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.path())
    }
}
