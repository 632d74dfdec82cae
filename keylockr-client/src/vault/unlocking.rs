//! Getting hold of the filekey, waiting for it, and letting it go.

use std::time::Duration;

use tokio::time::timeout_at;

use super::error::VaultError;
use super::progress::{VaultProgress, VaultWatch};
use super::{Inner, LONGEST_WAIT, Vault};
use crate::clock::monotonic;

impl Vault {
    /// Gets hold of the filekey and waits for the phone as long as it may take, 305 s. Whoever
    /// waits can follow [`progress`](Self::progress) meanwhile. Dropping the future leaves the
    /// request with the phone.
    ///
    /// # Errors
    ///
    /// [`VaultError::Locked`] when the user did not react; otherwise those of
    /// [`get`](Self::get) that come from the phone and the connection.
    pub async fn unlock(&self) -> Result<(), VaultError> {
        self.inner.key(LONGEST_WAIT).await
    }

    /// Asks for the filekey and does not wait for the phone: `true` when the record can be read
    /// now, `false` when the user has to unlock the phone first.
    ///
    /// # Errors
    ///
    /// Those of [`unlock`](Self::unlock) but for [`VaultError::Locked`].
    pub async fn prepare(&self) -> Result<bool, VaultError> {
        match self.inner.key(Duration::ZERO).await {
            Ok(()) => Ok(true),
            Err(VaultError::Locked) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// How far the filekey is, now and from now on. It asks for nothing.
    pub fn progress(&self) -> VaultWatch {
        VaultWatch::new(self.inner.desk.watch())
    }

    /// Erases the filekey: at sign-out, or when the user locks their data. Calls that run may fail
    /// with [`VaultError::Locked`]; later ones ask the phone again.
    pub fn forget_key(&self) {
        self.inner.desk.forget();
    }
}

impl Inner {
    /// Makes sure that the filekey is here. Dropping the future takes nothing back.
    pub(super) async fn key(&self, patience: Duration) -> Result<(), VaultError> {
        let deadline = monotonic() + patience.min(LONGEST_WAIT);
        let mut stage = self.desk.watch();
        // What is settled from here on is the answer to this call.
        let mut settled = stage.borrow().settled;
        let mut asked = false;
        loop {
            if let Some(over) = self.over() {
                self.desk.forget();
                return Err(over);
            }
            let now = stage.borrow_and_update().clone();
            if self.desk.has_key() {
                return Ok(());
            }
            if self.desk.take_unheard() {
                return Err(VaultError::Denied);
            }
            if now.settled != settled {
                if let Some(failure) = now.failure {
                    return Err(failure);
                }
                // The key came, and has gone again.
                (settled, asked) = (now.settled, false);
            }
            let waiting = now.progress == VaultProgress::WaitingForPhone;
            if waiting && monotonic() >= deadline {
                return Err(VaultError::Locked);
            }
            if !waiting && !core::mem::replace(&mut asked, true) {
                // An error says that the link is over, which shows above.
                let _ = self.asks.send((self.link.clone(), settled)).await;
            }
            // The service answers within its own time; patience is for the phone.
            let changed = if waiting {
                timeout_at(deadline, stage.changed()).await
            } else {
                Ok(stage.changed().await)
            };
            match changed {
                Ok(Ok(())) => {}
                Ok(Err(_)) => return Err(VaultError::Closed),
                Err(_) => return Err(VaultError::Locked),
            }
        }
    }
}
