//! Waiting for the filekey.

use std::time::Duration;

use tokio::time::timeout_at;

use super::error::VaultError;
use super::progress::VaultProgress;
use super::{Inner, LONGEST_WAIT};
use crate::clock::monotonic;

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
