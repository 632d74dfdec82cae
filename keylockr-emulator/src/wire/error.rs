//! The error classes of the protocol, under their public names.

use std::fmt;

/// Why bytes were refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WireError {
    Size,
    Msgpack,
    Shape,
    Key,
    Seal,
    Hash,
    Box,
    Inner,
    Time,
    Raw,
    Replay,
    Identity,
}

impl WireError {
    pub(crate) fn as_str(self) -> &'static str {
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
        }
    }
}

impl fmt::Display for WireError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
