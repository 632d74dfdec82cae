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
    /// The memory has answered.
    recalled: bool,
    /// It knows what is known here.
    told: bool,
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

    /// What is known anywhere. Asks the memory until it has answered once.
    pub(super) async fn recall(&self) -> Result<RecordFacts, VaultError> {
        if !self.local().recalled {
            self.learn(RecordFacts::default()).await;
        }
        let local = self.local();
        if local.recalled {
            Ok(local.facts.clone())
        } else {
            Err(VaultError::Memory)
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
            if local.told {
                news
            } else {
                local.facts.clone()
            }
        };
        match timeout(MEMORY, self.memory.learn(&self.record, told)).await {
            Ok(Ok(known)) => {
                let mut local = self.local();
                (local.recalled, local.told, local.missed) = (true, true, None);
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
        let mut local = self.local();
        (local.told, local.missed) = (false, Some(monotonic()));
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

    /// The record opens, or is a new one: what was damaged before it is past, and with it the
    /// consent to lose that. The same bytes shown again are damage anew.
    pub(super) fn saw_whole(&self) {
        let mut local = self.local();
        (local.damaged, local.given_up) = (None, None);
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

#[cfg(test)]
mod tests {
    use keylockr_proto::{AppTag, Family, Revision, SafeId, Service};

    use super::*;
    use crate::vault::MemoryRecords;

    fn ver(text: &str) -> Ver {
        Ver::parse(text).unwrap()
    }

    fn facts(memory: &Arc<MemoryRecords>, ver: Option<Ver>) -> Facts {
        let service = Service::AppData {
            app_tag: AppTag::parse("tag").unwrap(),
            app_data: true,
            minimum: Revision::One,
        };
        let safe_id = SafeId::parse(Family::AppData, Revision::Two, "7").unwrap();
        let memory = Arc::clone(memory) as Arc<dyn RecordMemory>;
        Facts::new(RecordId::new(&service, &safe_id), memory, ver)
    }

    /// What is written while a read is under way makes the read no rollback, here or elsewhere.
    #[tokio::test]
    async fn a_write_beside_a_read_is_no_rollback() {
        let memory = Arc::new(MemoryRecords::default());
        let (ours, theirs) = (facts(&memory, Some(ver("4"))), facts(&memory, None));
        let newest = ours.newest().await;
        theirs.wrote_ver(&ver("6")).await;
        ours.wrote_ver(&ver("5")).await;
        assert_eq!(ours.read_ver(&ver("4"), newest).await, None);
        // What comes after it knows better.
        for facts in [&ours, &theirs] {
            let newest = facts.newest().await;
            assert_eq!(newest, Some(ver("6")));
            let rollback = facts.read_ver(&ver("4"), newest).await.unwrap();
            assert_eq!((rollback.known, rollback.found), (ver("6"), ver("4")));
        }
    }

    /// Consent given in one process holds in the other.
    #[tokio::test]
    async fn consent_is_shared() {
        let memory = Arc::new(MemoryRecords::default());
        let (ours, theirs) = (facts(&memory, Some(ver("9"))), facts(&memory, None));
        for facts in [&ours, &theirs] {
            facts.recall().await.unwrap();
            let newest = facts.newest().await;
            assert!(facts.read_ver(&ver("2"), newest).await.is_some());
        }
        assert_eq!(ours.accept_rollback().await, Ok(true));
        for facts in [&theirs, &ours] {
            let newest = facts.newest().await;
            assert_eq!(facts.read_ver(&ver("2"), newest).await, None);
        }
        assert!(theirs.read_ver(&ver("1"), Some(ver("2"))).await.is_some());
    }

    /// What a full memory has forgotten is still known to whoever uses the record.
    #[tokio::test]
    async fn a_forgetful_memory_takes_nothing_away() {
        let memory = Arc::new(MemoryRecords::with_capacity(1));
        let ours = facts(&memory, Some(ver("9")));
        ours.recall().await.unwrap();
        ours.learn_inner().await;
        let service = Service::AppData {
            app_tag: AppTag::parse("other").unwrap(),
            app_data: true,
            minimum: Revision::One,
        };
        let safe_id = SafeId::parse(Family::AppData, Revision::Two, "7").unwrap();
        let other = RecordId::new(&service, &safe_id);
        memory.learn(&other, RecordFacts::default()).await.unwrap();
        assert_eq!(ours.newest().await, Some(ver("9")));
        assert!(ours.known().inner_used);
    }
}
