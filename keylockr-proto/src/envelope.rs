//! The KPS envelope: one message, boxed for its reader and sealed by its writer (K 3).
//!
//! Reading goes through four types, each of which says what has been proven: [`Frame`] (well
//! formed), [`Authentic`] (sealed by the expected key), [`Opened`] (boxed for us), [`Message`]
//! (recent, and its references lead somewhere). There is no way from one to the next but the check,
//! and the order is that of K 3.4. What an action means is not known here.
//!
//! One walk over the bytes finds the parts, as offsets; from then on nothing is looked for, copied
//! or re-encoded, unless the peer's spelling is not the canonical one.

use core::fmt;

mod body;
mod channel;
mod frame;
mod open;
mod refused;
mod replay;
mod seal;
mod server;

pub use body::Body;
pub use channel::{APP_VERSION, Channel};
pub use frame::{Authentic, Frame};
pub use open::{Message, Opened};
pub use refused::Refused;
pub use replay::{Replay, ReplayWindow};
pub use server::{ClientPublic, ServerChannel};

/// Largest frame sent or accepted, in bytes.
pub const MAX_FRAME: usize = 65_536;

/// Bytes of a seal: signature, then the hash it covers.
const SEAL_LENGTH: usize = 96;

/// SHA-256 of a `kps` in canonical form: the name of a message, whatever spelling it came in.
/// Replay memories are keyed on it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KpsHash([u8; 32]);

impl KpsHash {
    /// Bytes of a hash.
    pub const LENGTH: usize = 32;

    /// From a store.
    pub const fn from_bytes(bytes: [u8; Self::LENGTH]) -> Self {
        Self(bytes)
    }

    /// For a store.
    pub const fn as_bytes(&self) -> &[u8; Self::LENGTH] {
        &self.0
    }
}

/// The first eight digits, as logs carry them.
impl fmt::Display for KpsHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&crate::keys::hex(&self.0[..4]))
    }
}

impl fmt::Debug for KpsHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KpsHash({self})")
    }
}

/// Which way a frame travels. The box has one key for both directions: this, and the seal, keep
/// them apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Direction {
    /// The header says `from`.
    FromServer,
    /// The header says `to`, and `kps` names its sender.
    FromClient,
}

impl Direction {
    fn member(self) -> &'static str {
        match self {
            Self::FromServer => "from",
            Self::FromClient => "to",
        }
    }
}
