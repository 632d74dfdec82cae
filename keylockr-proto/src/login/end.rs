use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use super::config::ConfigError;
use crate::error::ErrorKind;
use crate::filekey::FilekeyBlob;
use crate::id::{AppId, Nickname, Revision, SafeId, Ver};
use crate::keys::BoxPublic;

/// How an attempt ended.
#[derive(Debug)]
#[non_exhaustive]
pub enum LoginEnd {
    /// Signed in.
    Done(Box<Authorized>),
    /// The user said no.
    Denied {
        /// The service's word for it.
        code: String,
    },
    /// Something went wrong.
    Failed(LoginFailure),
    /// Nobody approved in time.
    Expired,
    /// Given up by its owner.
    Cancelled,
}

impl LoginEnd {
    /// Whether this counts as a failed login for a lock-out (K 7.5): a refusal by the user or an
    /// identity that does not fit, never trouble with the wire.
    pub fn counts_for_lockout(&self) -> bool {
        match self {
            Self::Denied { .. } => true,
            Self::Failed(failure) => failure.counts_for_lockout(),
            Self::Done(_) | Self::Expired | Self::Cancelled => false,
        }
    }
}

/// Who approved, and what came with the approval.
#[derive(Debug)]
#[non_exhaustive]
pub struct Authorized {
    /// The connection that the approval made.
    pub app_id: AppId,
    /// The user.
    pub safe_id: SafeId,
    /// For display only.
    pub nickname: Option<Nickname>,
    /// The revision that the result speaks; `None` in the seed family.
    pub revision: Option<Revision>,
    /// The version of the record, for the first write.
    pub ver: Option<Ver>,
    /// The phone's box key as the poll gave it: the sender of a filekey blob that names none (K 8.1).
    pub sender: Option<BoxPublic>,
    /// The filekey, when it came with the result.
    pub filekey: Option<FilekeyBlob>,
    /// The record, as far as it came with the result.
    pub data: DataState,
}

/// What the result said about the user's record.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum DataState {
    /// App data was not asked for, or is not spoken of.
    Absent,
    /// Too large for the result: to be read over the link (K 7.5).
    Deferred,
    /// It came along.
    Here {
        /// Opaque bytes that the service can read and change: never trust them, never hide in them.
        plain: Option<Vec<u8>>,
        /// The encrypted record; `None` means that there is none yet.
        encrypted: Option<Vec<u8>>,
    },
}

impl fmt::Debug for DataState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Absent => f.write_str("Absent"),
            Self::Deferred => f.write_str("Deferred"),
            Self::Here { plain, encrypted } => f
                .debug_struct("Here")
                .field("plain_len", &plain.as_ref().map(Vec::len))
                .field("encrypted_len", &encrypted.as_ref().map(Vec::len))
                .finish(),
        }
    }
}

/// Why an attempt failed.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum LoginFailure {
    /// The configuration must not be used, so nothing was tried: it fails every time, until it is
    /// mended.
    Config(ConfigError),
    /// The handshake could not be made.
    HandshakeFailed,
    /// The service refused, with this code.
    Refused {
        /// The service's code, short and without control characters.
        code: String,
    },
    /// A message that cannot be right: the keys were looked up again and are the same, or the
    /// result is malformed.
    Protocol(ErrorKind),
    /// The socket was not greeted within 15 s.
    NotConnected,
    /// The socket was refused, with a fresh clock too.
    Unauthorised,
    /// The service keeps refusing our time.
    Clock,
    /// A newer connection of this attempt took over: another process owns it.
    Superseded,
    /// Too many bad or out-of-phase messages.
    Strikes,
    /// More messages than an attempt has any use for: 4,096.
    TooManyFrames,
    /// The result belongs to another attempt, or does not say to which.
    ForeignResult,
    /// Two results, or result and poll, name different people or connections.
    Disagreement,
    /// The result speaks revision 1, and revision 2 is the minimum.
    Revision,
    /// The result grants more or less than was asked for.
    Capabilities,
    /// `app_verify` said no.
    NotVerified,
    /// `app_verify` gave no answer.
    VerifyUnavailable,
    /// The replay memory is full or unreachable, so nothing can be accepted.
    ReplayMemory,
    /// The source of randomness failed.
    Entropy,
}

impl LoginFailure {
    /// A word for logs and for the page. For [`LoginFailure::Refused`] it is the service's own.
    pub fn code(&self) -> &str {
        match self {
            Self::Config(_) => "config",
            Self::HandshakeFailed => "unreachable",
            Self::Refused { code } => code,
            Self::Protocol(kind) => kind.as_str(),
            Self::NotConnected => "not_connected",
            Self::Unauthorised => "unauthorised",
            Self::Clock => "clock",
            Self::Superseded => "superseded",
            Self::Strikes => "too_many_bad_frames",
            Self::TooManyFrames => "too_many_frames",
            Self::ForeignResult => "foreign_result",
            Self::Disagreement => "results_disagree",
            Self::Revision => "revision_too_old",
            Self::Capabilities => "capabilities",
            Self::NotVerified => "not_verified",
            Self::VerifyUnavailable => "verify_unavailable",
            Self::ReplayMemory => "replay_memory",
            Self::Entropy => "entropy",
        }
    }

    /// Whether this counts as a failed login for a lock-out (K 7.5): only an identity that does
    /// not fit.
    pub fn counts_for_lockout(&self) -> bool {
        matches!(
            self,
            Self::ForeignResult | Self::Disagreement | Self::NotVerified
        )
    }
}

impl fmt::Display for LoginFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Config(error) => write!(f, "the login failed ({}): {error}", self.code()),
            _ => write!(f, "the login failed ({})", self.code()),
        }
    }
}

impl core::error::Error for LoginFailure {}
