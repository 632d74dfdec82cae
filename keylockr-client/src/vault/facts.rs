//! What one vault knows of its record, beside the memory that outlives it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use keylockr_proto::{BoxPublic, RecordDigest, Ver};
use tokio::time::timeout;

use super::error::{Rollback, VaultError};
use super::memory::{MemoryUnavailable, RecordFacts, RecordId, RecordMemory};

/// How long the memory may take.
const MEMORY: Duration = Duration::from_secs(5);

pub(super) struct Facts {
    record: RecordId,
    memory: Arc<dyn RecordMemory>,
    local: Mutex<Local>,
}

#[derive(Default)]
struct Local {
    facts: RecordFacts,
    recalled: bool,
    rollback: Option<Rollback>,
    /// The sender that was refused the last time.
    refused: Option<BoxPublic>,
    /// The last record that did not open, and the one that may be overwritten all the same.
    damaged: Option<RecordDigest>,
    given_up: Option<RecordDigest>,
}

impl Facts {
    pub(super) fn new(record: RecordId, memory: Arc<dyn RecordMemory>, ver: Option<Ver>) -> Self {
        let local = Local {
            facts: RecordFacts {
                ver,
                ..RecordFacts::default()
            },
            ..Local::default()
        };
        Self {
            record,
            memory,
            local: Mutex::new(local),
        }
    }

    /// What is known here.
    pub(super) fn known(&self) -> RecordFacts {
        self.local().facts.clone()
    }

    pub(super) fn rollback(&self) -> Option<Rollback> {
        self.local().rollback.clone()
    }

    /// What is known anywhere. Asks the memory once.
    pub(super) async fn recall(&self) -> Result<RecordFacts, VaultError> {
        {
            let local = self.local();
            if local.recalled {
                return Ok(local.facts.clone());
            }
        }
        let facts = self.known();
        let answer = timeout(MEMORY, self.memory.learn(&self.record, facts)).await;
        match answer {
            Ok(Ok(facts)) => {
                let mut local = self.local();
                local.facts = core::mem::take(&mut local.facts).merge(facts);
                local.recalled = true;
                Ok(local.facts.clone())
            }
            Ok(Err(MemoryUnavailable)) | Err(_) => {
                tracing::warn!(name: "keylockr.vault.memory", "the memory of records does not answer");
                Err(VaultError::Memory)
            }
        }
    }

    /// Looks at the version that a read or a write brought: is it older than one seen before?
    pub(super) async fn saw_ver(&self, ver: &Ver) {
        let news = {
            let mut local = self.local();
            match local.facts.ver.clone() {
                Some(known) if ver.is_older_than(&known) => {
                    let rollback = Rollback {
                        known,
                        found: ver.clone(),
                    };
                    if local.rollback.as_ref() != Some(&rollback) {
                        tracing::warn!(
                            name: "keylockr.vault.rolled_back",
                            known = rollback.known.as_str(),
                            found = rollback.found.as_str(),
                            "the service shows an older record than before"
                        );
                    }
                    local.rollback = Some(rollback);
                    return;
                }
                known => {
                    local.rollback = None;
                    known.as_ref() != Some(ver)
                }
            }
        };
        if news {
            self.learn(RecordFacts {
                ver: Some(ver.clone()),
                ..RecordFacts::default()
            })
            .await;
        }
    }

    pub(super) async fn learn_sender(&self, sender: &BoxPublic) {
        if self.known().sender.as_ref() != Some(sender) {
            self.learn(RecordFacts {
                sender: Some(sender.clone()),
                ..RecordFacts::default()
            })
            .await;
        }
    }

    pub(super) async fn learn_inner(&self) {
        if !self.known().inner_used {
            self.learn(RecordFacts {
                inner_used: true,
                ..RecordFacts::default()
            })
            .await;
        }
    }

    /// Best effort: what could not be kept is known here all the same.
    async fn learn(&self, facts: RecordFacts) {
        {
            let mut local = self.local();
            local.facts = core::mem::take(&mut local.facts).merge(facts.clone());
        }
        match timeout(MEMORY, self.memory.learn(&self.record, facts)).await {
            Ok(Ok(known)) => {
                let mut local = self.local();
                local.facts = core::mem::take(&mut local.facts).merge(known);
            }
            Ok(Err(MemoryUnavailable)) | Err(_) => {
                tracing::warn!(name: "keylockr.vault.memory", "the memory of records does not answer");
            }
        }
    }

    /// The user consents to the rollback that was seen, and to no other.
    pub(super) async fn accept_rollback(&self) -> Result<bool, VaultError> {
        let Some(rollback) = self.rollback() else {
            return Ok(false);
        };
        let facts = RecordFacts {
            ver: Some(rollback.found),
            ..self.known()
        };
        self.replace(facts).await?;
        self.local().rollback = None;
        Ok(true)
    }

    pub(super) fn refuse_sender(&self, sender: &BoxPublic) {
        self.local().refused = Some(sender.clone());
    }

    /// The user has linked the account anew: the sender that was refused is the one from now on.
    pub(super) async fn accept_sender(&self) -> Result<bool, VaultError> {
        let Some(sender) = self.local().refused.clone() else {
            return Ok(false);
        };
        let facts = RecordFacts {
            sender: Some(sender),
            ..self.known()
        };
        self.replace(facts).await?;
        self.local().refused = None;
        Ok(true)
    }

    async fn replace(&self, facts: RecordFacts) -> Result<(), VaultError> {
        match timeout(MEMORY, self.memory.replace(&self.record, facts.clone())).await {
            Ok(Ok(())) => {
                self.local().facts = facts;
                Ok(())
            }
            Ok(Err(MemoryUnavailable)) | Err(_) => Err(VaultError::Memory),
        }
    }

    /// This record does not open.
    pub(super) fn saw_damage(&self, record: &[u8]) {
        let digest = RecordDigest::of(record);
        let mut local = self.local();
        if local.damaged != Some(digest) {
            tracing::warn!(name: "keylockr.vault.damaged", "the record does not open (E_RECORD)");
        }
        local.damaged = Some(digest);
    }

    /// Whether the user has given up this record.
    pub(super) fn is_given_up(&self, record: Option<&[u8]>) -> bool {
        let given_up = self.local().given_up;
        given_up.is_some() && given_up == record.map(RecordDigest::of)
    }

    /// The user gives up the record that did not open, and no other.
    pub(super) fn accept_damage(&self) -> bool {
        let mut local = self.local();
        local.given_up = local.damaged;
        local.given_up.is_some()
    }

    fn local(&self) -> MutexGuard<'_, Local> {
        // Every change is made of moves and assignments: never half done.
        self.local.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
