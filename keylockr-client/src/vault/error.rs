//! What a vault can answer instead of doing what it was asked.

use keylockr_proto::{ErrorKind, Ver};
use thiserror::Error;

/// Why a vault did not do what it was asked.
///
/// Each says what became of the record: see [`VaultError::outcome`]. None holds content, a key, or
/// words of the service beyond its error code.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum VaultError {
    /// The phone has to be unlocked first, or has not been looked at yet. The request has been made
    /// and waits there for up to 300 s: ask the user to unlock the phone and try again, or wait
    /// ([`Vault::unlock`](super::Vault::unlock)).
    #[error("the phone must be unlocked first")]
    Locked,
    /// The user declined to release the record. Reported once; the next call asks the phone again.
    #[error("the user declined to release the record")]
    Denied,
    /// The user has removed the connection, or the service does not know it any more: end its
    /// sessions.
    #[error("the connection was revoked")]
    Revoked,
    /// The link under this vault is over for another reason: it was stopped, or another process
    /// took the connection over. Make a new vault over a new link.
    #[error("the connection is not kept here any more")]
    Closed,
    /// The service cannot be had at the moment. A write that ends so has not taken place: it never
    /// left, or the record was read again and is the old one.
    #[error("the service cannot be reached")]
    Unavailable,
    /// The connection was lost with a write on its way, and what was read since does not show
    /// whether it took place: the record cannot be read now, or somebody else has written to it.
    /// The record is what it was before, or what was written, or what came after that.
    #[error("the connection was lost, and whether the record was written is unknown")]
    UnknownOutcome,
    /// The service answered something that cannot be right (K 8.4), such as a write that leaves the
    /// version alone.
    #[error("the service gave an answer that cannot be right ({kind})")]
    Malformed {
        /// What is wrong with the answer.
        kind: ErrorKind,
        /// What became of the write, if there was one: the record was read again to find out.
        outcome: WriteOutcome,
    },
    /// Somebody else has written since: at once for a conditional write, after three tries for the
    /// others.
    #[error("somebody else has written to the record")]
    Conflict,
    /// The service shows an older record than it did before. It can still be read; writing waits
    /// for [`Vault::accept_rollback`](super::Vault::accept_rollback).
    #[error("the record is older than one seen before ({})", .0.found.as_str())]
    RolledBack(Rollback),
    /// The record does not decrypt under the user's filekey (E_RECORD): it is damaged, or somebody
    /// else's. Nothing overwrites it but after
    /// [`Vault::accept_damage`](super::Vault::accept_damage).
    #[error("the record is damaged or not this user's (E_RECORD)")]
    Damaged,
    /// The content does not fit in a record.
    #[error("{length} bytes do not fit: a record takes {limit}")]
    TooLarge {
        /// Bytes of the content. For a document too large to be written out, one more than fit.
        length: usize,
        /// Bytes that fit: [`Vault::capacity`](super::Vault::capacity).
        limit: usize,
    },
    /// The service has no App Data Storage, or no record for this connection: for the developer,
    /// not for the user.
    #[error("the service is not set up for app data ({code})")]
    NotConfigured {
        /// The service's word for it.
        code: String,
    },
    /// The service refused, for a reason of its own.
    #[error("the service refused ({code})")]
    Refused {
        /// The service's word for it: short, without control characters.
        code: String,
    },
    /// The phone's filekey cannot be used: E_FILEKEY, E_FILEKEY_SHAPE, E_FILEKEY_SENDER or E_KEY.
    #[error("the phone's filekey cannot be used ({0})")]
    Filekey(ErrorKind),
    /// The filekey was sent by another phone key than before, and
    /// [`SenderPin::Enforce`](super::SenderPin::Enforce) is configured. Once the user has linked
    /// the account anew: [`Vault::accept_sender`](super::Vault::accept_sender).
    #[error("the filekey comes from another phone key than before (E_FILEKEY_SENDER)")]
    SenderChanged,
    /// A raw write to a record that has had the inner layer (K 8.3): the two are never mixed.
    #[error("the record has the inner layer; a raw write would betray both")]
    InnerLayerUsed,
    /// The content is not a document of the type asked for: another version of the program wrote
    /// it, or another program.
    #[error("the record does not hold what was expected")]
    Decode,
    /// The value cannot be written as a document.
    #[error("the value cannot be written as a document")]
    Encode,
    /// The record does not carry this account's binding secret (K 8.7). Sign nobody in.
    #[error("the record's binding secret is {0}")]
    Binding(BindingError),
    /// What is remembered of the record could not be asked for or kept, and without it the write or
    /// the check of the sender would not be safe.
    #[error("the memory of records does not answer")]
    Memory,
    /// The source of randomness failed.
    #[error("no randomness")]
    Entropy,
}

impl VaultError {
    /// What became of the write that ended with this error. Reads change nothing, so of theirs this
    /// always says [`WriteOutcome::NotWritten`].
    pub fn outcome(&self) -> WriteOutcome {
        match self {
            Self::UnknownOutcome => WriteOutcome::Unknown,
            Self::Malformed { outcome, .. } => *outcome,
            _ => WriteOutcome::NotWritten,
        }
    }
}

/// What became of a write that was not acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum WriteOutcome {
    /// The record is what it was.
    NotWritten,
    /// The record is what was to be written.
    Written,
    /// It cannot be said.
    Unknown,
}

/// A record that went back in time (K 8.4).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rollback {
    /// The newest version ever seen.
    pub known: Ver,
    /// The version that the service shows now.
    pub found: Ver,
}

/// What is wrong with a binding secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Error)]
#[non_exhaustive]
pub enum BindingError {
    /// The record carries none.
    #[error("missing")]
    Missing,
    /// The record carries another one, or another site's.
    #[error("wrong")]
    Wrong,
}
