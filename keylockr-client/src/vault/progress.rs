//! How far the user's filekey is.

use tokio::sync::watch;

use super::key::Stage;

/// How far the filekey is, for a page that tells the user what to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum VaultProgress {
    /// It is not here, and the phone has not been asked: that happens at first use.
    Idle,
    /// The service is being asked.
    Asking,
    /// The phone asks its user, or is locked: *unlock your phone*.
    WaitingForPhone,
    /// It is here: the record can be read and written.
    Open,
    /// The user declined.
    Denied,
    /// The user did not answer within 300 s. The next use asks again.
    TimedOut,
    /// It could not be had, or not be used. The next use asks again and says why.
    Failed,
    /// The vault is of no more use: its link is over.
    Over,
}

/// Follows the [`VaultProgress`] of one vault. It keeps neither the vault nor its link alive.
#[derive(Clone, Debug)]
pub struct VaultWatch {
    stage: watch::Receiver<Stage>,
}

impl VaultWatch {
    pub(super) fn new(stage: watch::Receiver<Stage>) -> Self {
        Self { stage }
    }

    /// How far it is now.
    pub fn current(&self) -> VaultProgress {
        self.stage.borrow().progress
    }

    /// Waits for a change and gives the latest state; `None` when the vault is gone. States that
    /// follow each other quickly may be skipped. Dropping the future loses nothing.
    pub async fn changed(&mut self) -> Option<VaultProgress> {
        let seen = self.stage.borrow_and_update().progress;
        loop {
            if self.stage.changed().await.is_err() {
                return None;
            }
            let progress = self.stage.borrow_and_update().progress;
            if progress != seen {
                return Some(progress);
            }
        }
    }
}
