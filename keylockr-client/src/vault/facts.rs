//! What one vault knows of its record, beside the memory that outlives it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use keylockr_proto::{BoxPublic, RecordDigest, Ver};
use tokio::time::{Instant, timeout};

use super::error::{Rollback, VaultError};
use super::memory::{MemoryUnavailable, RecordFacts, RecordId, RecordMemory};
use crate::clock::monotonic;

/// How long the memory may take.
const MEMORY: Duration = Duration::from_secs(5);
/// How long reads do without it after it did not answer.
const PAUSE: Duration = Duration::from_secs(30);

pub(super) struct Facts {
    record: RecordId,
    memory: Arc<dyn RecordMemory>,
    local: Mutex<Local>,
}

#[derive(Default)]
struct Local {
    facts: RecordFacts,
    recalled: bool,
    /// When the memory did not answer the last time.
    missed: Option<Instant>,
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
                self.missed();
                Err(VaultError::Memory)
            }
        }
    }

    /// The newest version that anybody has seen. Ask before a read is sent: what others write while
    /// it is under way makes it no older.
    pub(super) async fn newest(&self) -> Option<Ver> {
        let missed = self.local().missed;
        if missed.is_none_or(|missed| monotonic().saturating_duration_since(missed) > PAUSE) {
            self.learn(RecordFacts::default()).await;
        }
        self.known().ver
    }

    /// Looks at the version that a read brought: is it older than the newest one before it?
    pub(super) async fn read_ver(&self, ver: &Ver, newest: Option<Ver>) -> Option<Rollback> {
        let rollback = newest
            .filter(|newest| ver.is_older_than(newest))
            .map(|known| Rollback {
                known,
                found: ver.clone(),
            });
        let before = core::mem::replace(&mut self.local().rollback, rollback.clone());
        match &rollback {
            Some(rollback) if before.as_ref() != Some(rollback) => tracing::warn!(
                name: "keylockr.vault.rolled_back",
                known = rollback.known.as_str(),
                found = rollback.found.as_str(),
                "the service shows an older record than before"
            ),
            Some(_) => {}
            None => self.wrote_ver(ver).await,
        }
        rollback
    }

    /// Remembers the version that a write brought.
    pub(super) async fn wrote_ver(&self, ver: &Ver) {
        let known = self.known().ver;
        if known.is_none_or(|known| known.is_older_than(ver)) {
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

    /// Best effort: what could not be kept is known here all the same, and told the next time.
    async fn learn(&self, news: RecordFacts) {
        let told = {
            let mut local = self.local();
            local.facts = core::mem::take(&mut local.facts).merge(news.clone());
            match local.missed {
                Some(_) => local.facts.clone(),
                None => news,
            }
        };
        match timeout(MEMORY, self.memory.learn(&self.record, told)).await {
            Ok(Ok(known)) => {
                let mut local = self.local();
                local.missed = None;
                // What is known here is known there, and what was consented to elsewhere holds
                // here; what a full memory has forgotten is still known here.
                let mine = core::mem::take(&mut local.facts);
                local.facts = RecordFacts {
                    sender: known.sender.or(mine.sender),
                    ver: known.ver.or(mine.ver),
                    inner_used: known.inner_used || mine.inner_used,
                };
            }
            Ok(Err(MemoryUnavailable)) | Err(_) => self.missed(),
        }
    }

    fn missed(&self) {
        tracing::warn!(name: "keylockr.vault.memory", "the memory of records does not answer");
        self.local().missed = Some(monotonic());
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
