//! One state of a record, with its version.

use core::fmt;

use serde::de::DeserializeOwned;
use zeroize::Zeroizing;

use super::document;
use super::error::{Rollback, VaultError};
use super::version::RecordVersion;

/// The content of a record at one moment. Erased on drop; prints nothing of it.
pub struct Snapshot {
    pub(super) content: Option<Zeroizing<Vec<u8>>>,
    pub(super) version: RecordVersion,
    pub(super) rollback: Option<Rollback>,
}

impl Snapshot {
    /// The content; `None` is "no data yet".
    pub fn content(&self) -> Option<&[u8]> {
        self.content.as_deref().map(Vec::as_slice)
    }

    /// The content, to keep.
    pub fn into_content(self) -> Option<Zeroizing<Vec<u8>>> {
        self.content
    }

    /// The content as a document.
    ///
    /// # Errors
    ///
    /// [`VaultError::Decode`]
    pub fn decode<T: DeserializeOwned>(&self) -> Result<Option<T>, VaultError> {
        self.content().map(document::decode).transpose()
    }

    /// What names this state in a conditional write.
    pub fn version(&self) -> &RecordVersion {
        &self.version
    }

    /// Set when an earlier read or write saw a newer record than this (K 8.4): show a warning.
    /// Nothing is written before [`Vault::accept_rollback`](super::Vault::accept_rollback).
    pub fn rollback(&self) -> Option<&Rollback> {
        self.rollback.as_ref()
    }
}

impl fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Snapshot")
            .field("version", &self.version)
            .field("has_content", &self.content.is_some())
            .field("rollback", &self.rollback)
            .finish_non_exhaustive()
    }
}
