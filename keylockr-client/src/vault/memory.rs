//! What is remembered of a record beyond one connection: public facts alone.

use core::fmt;
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use futures_util::future::BoxFuture;
use keylockr_proto::{BoxPublic, SafeId, Service, Ver};

/// Remembers public facts of records, so that a rollback or a changed sender is noticed over the
/// end of a connection.
///
/// It is asked before every read and told of every newer version, so it should be near. Several
/// processes need one memory between them; one that outlives the process notices more. An
/// implementation answers within 5 s, or is given up for that call. While it is away, records are
/// read by what their vault knows itself; a vault that it has never answered writes nothing.
pub trait RecordMemory: Send + Sync + 'static {
    /// Adds to what is known, in one step with reading it: [`RecordFacts::merge`]. Answers with
    /// what is known from now on; what is added may be nothing.
    fn learn<'a>(
        &'a self,
        record: &'a RecordId,
        facts: RecordFacts,
    ) -> BoxFuture<'a, Result<RecordFacts, MemoryUnavailable>>;

    /// Puts this in the place of all that was known: the user has consented to a rollback or to a
    /// new sender.
    fn replace<'a>(
        &'a self,
        record: &'a RecordId,
        facts: RecordFacts,
    ) -> BoxFuture<'a, Result<(), MemoryUnavailable>>;
}

/// Which record: a user at a service. The text is stable and holds nothing secret.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RecordId(String);

impl RecordId {
    /// The record of this user at this service.
    pub fn new(service: &Service, safe_id: &SafeId) -> Self {
        // Safe ids have no dots and names are preceded by their length: no two pairs are alike.
        Self(match service {
            Service::Seed { svc_id, app_tag } => {
                let tag = app_tag.as_ref().map_or("", |tag| tag.as_str());
                let (service, length) = (svc_id.as_str(), svc_id.as_str().len());
                format!("seed.{safe_id}.{length}.{service}.{tag}")
            }
            Service::AppData { app_tag, .. } => format!("appdata.{safe_id}.{app_tag}"),
        })
    }

    /// The text, at most some 400 bytes.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What is known of a record. Nothing of it is secret.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct RecordFacts {
    /// Who sent the filekey the last time.
    pub sender: Option<BoxPublic>,
    /// The newest version seen; appdata only.
    pub ver: Option<Ver>,
    /// Whether the record has had the inner layer (K 8.3). It never loses it.
    pub inner_used: bool,
}

impl RecordFacts {
    /// These facts and later ones. The newer version stays, the later sender, and the inner layer
    /// once it was used.
    #[must_use]
    pub fn merge(mut self, later: Self) -> Self {
        self.sender = later.sender.or(self.sender);
        self.ver = match (self.ver, later.ver) {
            (Some(known), Some(seen)) if seen.is_older_than(&known) => Some(known),
            (known, seen) => seen.or(known),
        };
        self.inner_used |= later.inner_used;
        self
    }
}

/// The memory of records does not answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MemoryUnavailable;

impl fmt::Display for MemoryUnavailable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the memory of records does not answer")
    }
}

impl core::error::Error for MemoryUnavailable {}

/// The memory of one process, bounded: when it is full, what was used the longest ago is forgotten.
pub struct MemoryRecords {
    capacity: usize,
    entries: Mutex<Entries>,
}

#[derive(Default)]
struct Entries {
    facts: HashMap<RecordId, (u64, RecordFacts)>,
    uses: u64,
}

impl MemoryRecords {
    /// Records of the default memory: some 300 bytes each, taken as they are needed.
    pub const CAPACITY: usize = 100_000;

    /// A memory of at most this many records, and of one at least.
    pub fn with_capacity(capacity: usize) -> Self {
        Self {
            capacity: capacity.max(1),
            entries: Mutex::default(),
        }
    }

    fn with<T>(&self, record: &RecordId, change: impl FnOnce(&mut RecordFacts) -> T) -> T {
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        let entries = &mut *entries;
        entries.uses += 1;
        if !entries.facts.contains_key(record) && entries.facts.len() >= self.capacity {
            entries.forget_some();
        }
        let entry = entries.facts.entry(record.clone()).or_default();
        entry.0 = entries.uses;
        change(&mut entry.1)
    }
}

impl Entries {
    /// A tenth at a time, so that a full memory does not sort itself at every turn.
    fn forget_some(&mut self) {
        let mut ages: Vec<u64> = self.facts.values().map(|(used, _)| *used).collect();
        let tenth = ages.len() / 10;
        let (_, limit, _) = ages.select_nth_unstable(tenth);
        let limit = *limit;
        self.facts.retain(|_, (used, _)| *used > limit);
        tracing::warn!(name: "keylockr.vault.memory_full", "old facts about records are forgotten");
    }
}

impl Default for MemoryRecords {
    fn default() -> Self {
        Self::with_capacity(Self::CAPACITY)
    }
}

impl fmt::Debug for MemoryRecords {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryRecords")
            .field("capacity", &self.capacity)
            .finish_non_exhaustive()
    }
}

impl RecordMemory for MemoryRecords {
    fn learn<'a>(
        &'a self,
        record: &'a RecordId,
        facts: RecordFacts,
    ) -> BoxFuture<'a, Result<RecordFacts, MemoryUnavailable>> {
        let known = self.with(record, |known| {
            *known = core::mem::take(known).merge(facts);
            known.clone()
        });
        Box::pin(core::future::ready(Ok(known)))
    }

    fn replace<'a>(
        &'a self,
        record: &'a RecordId,
        facts: RecordFacts,
    ) -> BoxFuture<'a, Result<(), MemoryUnavailable>> {
        self.with(record, |known| *known = facts);
        Box::pin(core::future::ready(Ok(())))
    }
}

#[cfg(test)]
mod tests {
    use keylockr_proto::{AppTag, Family, Revision, SvcId};

    use super::*;

    fn user(id: u32) -> RecordId {
        let service = Service::Seed {
            svc_id: SvcId::parse("svc").unwrap(),
            app_tag: Some(AppTag::parse("notes").unwrap()),
        };
        let safe_id = SafeId::parse(Family::Seed, Revision::One, &id.to_string()).unwrap();
        RecordId::new(&service, &safe_id)
    }

    fn at(ver: &str) -> RecordFacts {
        RecordFacts {
            ver: Some(Ver::parse(ver).unwrap()),
            ..RecordFacts::default()
        }
    }

    #[test]
    fn the_newer_version_stays_in_whichever_order_they_come() {
        for (first, second) in [("9", "10"), ("10", "9")] {
            assert_eq!(at(first).merge(at(second)).ver, at("10").ver);
        }
        assert_eq!(at("9").merge(RecordFacts::default()).ver, at("9").ver);
        let inner = RecordFacts {
            inner_used: true,
            ..at("1")
        };
        assert!(inner.merge(at("2")).inner_used);
    }

    #[test]
    fn no_two_records_share_an_id() {
        let seed = |svc: &str, tag: Option<&str>| Service::Seed {
            svc_id: SvcId::parse(svc).unwrap(),
            app_tag: tag.map(|tag| AppTag::parse(tag).unwrap()),
        };
        let appdata = |tag: &str| Service::AppData {
            app_tag: AppTag::parse(tag).unwrap(),
            app_data: true,
            minimum: Revision::One,
        };
        let safe = SafeId::parse(Family::Seed, Revision::One, "7").unwrap();
        let ids: std::collections::HashSet<RecordId> = [
            seed("a", Some("b.c")),
            seed("a.b", Some("c")),
            seed("a", None),
            seed("a.b.c", None),
            appdata("a.b.c"),
            appdata("a"),
        ]
        .iter()
        .map(|service| RecordId::new(service, &safe))
        .collect();
        assert_eq!(ids.len(), 6);
    }

    #[tokio::test]
    async fn a_full_memory_forgets_the_oldest() {
        let memory = MemoryRecords::with_capacity(20);
        for id in 1..=20 {
            memory.learn(&user(id), at("5")).await.unwrap();
        }
        let known = async |id| memory.learn(&user(id), RecordFacts::default()).await;
        known(1).await.unwrap();
        memory.learn(&user(21), at("5")).await.unwrap();
        assert_eq!(known(1).await, Ok(at("5")), "just used");
        assert_eq!(known(21).await, Ok(at("5")));
        assert_eq!(known(2).await, Ok(RecordFacts::default()));
        assert!(memory.entries.lock().unwrap().facts.len() <= 20);
    }
}
