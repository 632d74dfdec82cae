//! What can go wrong, by name.

use alloc::boxed::Box;
use alloc::string::String;
use core::fmt;

use crate::entropy::EntropyError;
use crate::id::plain_text;

/// The class of a failure: the codes that the protocol's vectors use, plus [`ErrorKind::Entropy`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// Larger than the limit; nothing was parsed.
    Size,
    /// Not acceptable msgpack.
    Msgpack,
    /// Members missing, or of the wrong type or length.
    Shape,
    /// A public key that nobody may use.
    Key,
    /// A signature that does not verify.
    Seal,
    /// The sealed hash is not the hash of `kps`.
    Hash,
    /// The box does not open.
    Box,
    /// The content of the box is malformed.
    Inner,
    /// The timestamp is outside the window.
    Time,
    /// A reference into the raw side channel is wrong.
    Raw,
    /// This `kps` hash was seen before.
    Replay,
    /// The identity is unknown or malformed.
    Identity,
    /// The peer answered with a refusal; see [`Error::refusal`].
    Peer,
    /// The filekey box does not open.
    Filekey,
    /// The sender of a filekey is unknown, or is not the expected one.
    FilekeySender,
    /// The filekey blob is malformed.
    FilekeyShape,
    /// The record does not decrypt, or may not be written this way.
    Record,
    /// The source of randomness failed.
    Entropy,
}

impl ErrorKind {
    /// The code as the protocol writes it, `E_SEAL` for instance. Fit for logs and counters.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Size => "E_SIZE",
            Self::Msgpack => "E_MSGPACK",
            Self::Shape => "E_SHAPE",
            Self::Key => "E_KEY",
            Self::Seal => "E_SEAL",
            Self::Hash => "E_HASH",
            Self::Box => "E_BOX",
            Self::Inner => "E_INNER",
            Self::Time => "E_TIME",
            Self::Raw => "E_RAW",
            Self::Replay => "E_REPLAY",
            Self::Identity => "E_IDENTITY",
            Self::Peer => "E_PEER",
            Self::Filekey => "E_FILEKEY",
            Self::FilekeySender => "E_FILEKEY_SENDER",
            Self::FilekeyShape => "E_FILEKEY_SHAPE",
            Self::Record => "E_RECORD",
            Self::Entropy => "E_ENTROPY",
        }
    }
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A failure of this crate. It holds its [kind](Error::kind) and, for [`ErrorKind::Peer`], the
/// peer's words; never a key, a plaintext or a piece of the input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    kind: ErrorKind,
    refusal: Option<Box<ServerRefusal>>,
}

impl Error {
    /// The class of the failure.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// What the peer said, when it was the peer who refused.
    pub fn refusal(&self) -> Option<&ServerRefusal> {
        self.refusal.as_deref()
    }
}

impl From<ErrorKind> for Error {
    fn from(kind: ErrorKind) -> Self {
        Self {
            kind,
            refusal: None,
        }
    }
}

impl From<ServerRefusal> for Error {
    fn from(refusal: ServerRefusal) -> Self {
        Self {
            kind: ErrorKind::Peer,
            refusal: Some(Box::new(refusal)),
        }
    }
}

impl From<EntropyError> for Error {
    fn from(_: EntropyError) -> Self {
        ErrorKind::Entropy.into()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.refusal {
            Some(refusal) => refusal.fmt(f),
            None => write!(f, "refused ({})", self.kind),
        }
    }
}

impl core::error::Error for Error {}

/// `_res: "err"`: the service understood and said no (K 3.7).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerRefusal {
    code: String,
    msg: Option<String>,
}

impl ServerRefusal {
    /// Longest code kept, in characters.
    pub const CODE_CHARS: usize = 64;
    /// Longest message kept, in characters.
    pub const MSG_CHARS: usize = 256;

    pub(crate) fn new(code: &str, msg: Option<&str>) -> Self {
        Self {
            code: plain_text(code, Self::CODE_CHARS),
            msg: msg.map(|msg| plain_text(msg, Self::MSG_CHARS)),
        }
    }

    /// The service's code, without control or direction characters. Unknown codes are generic
    /// failures.
    pub fn code(&self) -> &str {
        &self.code
    }

    /// The service's free text: for logs only, never for a page. `Display` leaves it out.
    pub fn msg(&self) -> Option<&str> {
        self.msg.as_deref()
    }

    /// Whether the code says that the user declined (K 7.5), as opposed to something having gone
    /// wrong.
    pub fn is_denial(&self) -> bool {
        matches!(
            self.code.as_str(),
            "authorization_denied" | "app_auth_denied" | "safe_auth_denied" | "denied"
        )
    }
}

impl fmt::Display for ServerRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "refused by the service ({})", self.code)
    }
}
