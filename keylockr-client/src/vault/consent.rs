//! What a vault refuses until its user has consented.

use super::Vault;
use super::error::{Rollback, VaultError};

impl Vault {
    /// Whether the last read or write saw an older record than one before it (K 8.4). Nothing is
    /// written then.
    pub fn rollback(&self) -> Option<Rollback> {
        self.inner.facts.rollback()
    }

    /// The user has been told, and wants to go on from the older record. It holds for the version
    /// seen last and no older one. `false`: there was no rollback.
    ///
    /// # Errors
    ///
    /// [`VaultError::Memory`]
    pub async fn accept_rollback(&self) -> Result<bool, VaultError> {
        self.inner.facts.accept_rollback().await
    }

    /// The user has been told that the record is [damaged](VaultError::Damaged), and gives it up:
    /// the next write may replace it, as if there were no data yet. It holds for the state seen
    /// last, and until the record is seen whole again or written. `false`: none is damaged.
    pub fn accept_damage(&self) -> bool {
        self.inner.facts.accept_damage()
    }

    /// The user has linked the account anew: the sender refused last with
    /// [`VaultError::SenderChanged`] is the right one from now on. `false`: none was refused.
    ///
    /// # Errors
    ///
    /// [`VaultError::Memory`]
    pub async fn accept_sender(&self) -> Result<bool, VaultError> {
        self.inner.facts.accept_sender().await
    }
}
