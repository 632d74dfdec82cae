//! Attempts in memory, bounded: the default, for one process.

use std::{
    collections::{BTreeSet, HashMap},
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::sync::watch;

use super::{AttemptStore, Inserted, Orphan, Replaced, StoreFuture};
use crate::{
    attempt::AttemptRecord,
    binding::{AttemptId, BrowserHash},
    moment::Moment,
};

/// Ends kept for their browsers, for each attempt that may live.
const ENDS: usize = 4;

/// Keeps attempts in this process.
#[derive(Default)]
pub struct MemoryAttempts(Mutex<Entries>);

#[derive(Default)]
struct Entries {
    attempts: HashMap<AttemptId, Entry>,
    browsers: HashMap<BrowserHash, Vec<AttemptId>>,
    /// Live ones by the moment they end, the others by the moment they are forgotten.
    live: BTreeSet<(Moment, AttemptId)>,
    over: BTreeSet<(Moment, AttemptId)>,
}

struct Entry {
    record: AttemptRecord,
    version: watch::Sender<u64>,
}

impl MemoryAttempts {
    /// An empty store.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn entries(&self) -> MutexGuard<'_, Entries> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Entries {
    fn add(&mut self, record: AttemptRecord) {
        let ids = self.browsers.entry(record.browser).or_default();
        ids.push(record.id.clone());
        self.index(&record);
        let entry = Entry {
            version: watch::Sender::new(record.version),
            record: record.clone(),
        };
        self.attempts.insert(record.id, entry);
    }

    fn put(&mut self, record: AttemptRecord) {
        let Some(entry) = self.attempts.get_mut(&record.id) else {
            return;
        };
        entry.version.send_replace(record.version);
        let (index, at) = key(&record);
        let id = record.id.clone();
        let before = std::mem::replace(&mut entry.record, record);
        self.unindex(&before);
        self.side(index).insert((at, id));
    }

    fn remove(&mut self, id: &AttemptId) {
        let Some(entry) = self.attempts.remove(id) else {
            return;
        };
        self.unindex(&entry.record);
        if let Some(ids) = self.browsers.get_mut(&entry.record.browser) {
            ids.retain(|other| other != id);
            if ids.is_empty() {
                self.browsers.remove(&entry.record.browser);
            }
        }
    }

    /// Ends what is over and forgets what is long over.
    fn sweep(&mut self, now: Moment, most: usize) {
        while let Some((_, id)) = self.live.first().filter(|(at, _)| *at <= now).cloned() {
            let Some(mut record) = self.attempts.get(&id).map(|entry| entry.record.clone()) else {
                self.live.pop_first();
                continue;
            };
            if !record.expire(now) {
                break;
            }
            self.put(record.next_version());
        }
        let ends = most.saturating_mul(ENDS);
        while let Some((_, id)) = self
            .over
            .first()
            .filter(|(at, _)| *at <= now || self.over.len() > ends)
            .cloned()
        {
            self.remove(&id);
        }
    }

    fn index(&mut self, record: &AttemptRecord) {
        let (index, at) = key(record);
        self.side(index).insert((at, record.id.clone()));
    }

    fn unindex(&mut self, record: &AttemptRecord) {
        let (index, at) = key(record);
        self.side(index).remove(&(at, record.id.clone()));
    }

    fn side(&mut self, live: bool) -> &mut BTreeSet<(Moment, AttemptId)> {
        if live { &mut self.live } else { &mut self.over }
    }
}

fn key(record: &AttemptRecord) -> (bool, Moment) {
    if record.is_live() {
        (true, record.expires_at)
    } else {
        (false, record.forget_at)
    }
}

impl AttemptStore for MemoryAttempts {
    fn is_shared(&self) -> bool {
        false
    }

    fn insert(&self, record: AttemptRecord, most: usize, now: Moment) -> StoreFuture<'_, Inserted> {
        let mut entries = self.entries();
        entries.sweep(now, most);
        let inserted = if entries.live.len() >= most {
            Inserted::Full
        } else {
            entries.add(record);
            Inserted::Yes
        };
        Box::pin(std::future::ready(Ok(inserted)))
    }

    fn load<'a>(&'a self, id: &'a AttemptId) -> StoreFuture<'a, Option<AttemptRecord>> {
        let entries = self.entries();
        let record = entries.attempts.get(id).map(|entry| entry.record.clone());
        Box::pin(std::future::ready(Ok(record)))
    }

    fn of_browser<'a>(&'a self, browser: &'a BrowserHash) -> StoreFuture<'a, Vec<AttemptRecord>> {
        let entries = self.entries();
        let ids = entries.browsers.get(browser).map_or(&[][..], Vec::as_slice);
        let records = ids
            .iter()
            .filter_map(|id| entries.attempts.get(id))
            .map(|entry| entry.record.clone())
            .collect();
        Box::pin(std::future::ready(Ok(records)))
    }

    fn replace(&self, record: AttemptRecord) -> StoreFuture<'_, Replaced> {
        let mut entries = self.entries();
        let stored = entries.attempts.get(&record.id);
        let replaced = if stored.is_some_and(|entry| entry.record.version == record.replaces()) {
            entries.put(record);
            Replaced::Yes
        } else {
            Replaced::Conflict
        };
        Box::pin(std::future::ready(Ok(replaced)))
    }

    fn changed<'a>(
        &'a self,
        id: &'a AttemptId,
        seen: u64,
        at_most: Duration,
    ) -> StoreFuture<'a, Option<AttemptRecord>> {
        Box::pin(async move {
            let version = {
                let entries = self.entries();
                entries
                    .attempts
                    .get(id)
                    .map(|entry| entry.version.subscribe())
            };
            if let Some(mut version) = version {
                // Either way the answer is the record as it is then.
                let _ = tokio::time::timeout(at_most, version.wait_for(|now| *now > seen)).await;
            }
            self.load(id).await
        })
    }

    fn beat<'a>(&'a self, _: &'a str, _: Duration) -> StoreFuture<'a, Option<Moment>> {
        Box::pin(std::future::ready(Ok(None)))
    }

    /// None: there is one process, and whoever asks is it.
    fn orphans(&self, _: usize) -> StoreFuture<'_, Vec<Orphan>> {
        Box::pin(std::future::ready(Ok(Vec::new())))
    }

    fn ping(&self) -> StoreFuture<'_, ()> {
        Box::pin(std::future::ready(Ok(())))
    }
}

impl std::fmt::Debug for MemoryAttempts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MemoryAttempts")
            .field("live", &self.entries().live.len())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        attempt::{End, Phase},
        binding::BrowserSecret,
        return_to::ReturnTo,
    };

    const LIFE: Duration = Duration::from_secs(180);

    fn at(seconds: u64) -> Moment {
        Moment::from_millis(seconds * 1_000)
    }

    fn started(browser: BrowserHash, second: u64) -> AttemptRecord {
        let id = AttemptId::random().unwrap();
        AttemptRecord::new(id, browser, at(second), LIFE, &ReturnTo::parse("/"), None)
    }

    fn browser() -> BrowserHash {
        BrowserSecret::random().unwrap().hash()
    }

    #[tokio::test]
    async fn live_attempts_are_capped_and_time_makes_room() {
        let store = MemoryAttempts::new();
        let insert = |second| store.insert(started(browser(), second), 2, at(second));
        assert_eq!(insert(0).await, Ok(Inserted::Yes));
        assert_eq!(insert(1).await, Ok(Inserted::Yes));
        assert_eq!(insert(2).await, Ok(Inserted::Full));
        assert_eq!(
            insert(180).await,
            Ok(Inserted::Yes),
            "the first has expired"
        );
        assert_eq!(insert(180).await, Ok(Inserted::Full));
    }

    #[tokio::test]
    async fn ends_stay_readable_until_they_are_forgotten() {
        let store = MemoryAttempts::new();
        let record = started(browser(), 0);
        let id = record.id.clone();
        store.insert(record, 9, at(0)).await.unwrap();
        store
            .insert(started(browser(), 599), 9, at(599))
            .await
            .unwrap();
        let ended = store.load(&id).await.unwrap().unwrap();
        assert_eq!(ended.phase, Phase::Ended(End::Expired));
        store
            .insert(started(browser(), 600), 9, at(600))
            .await
            .unwrap();
        assert_eq!(store.load(&id).await, Ok(None));
        assert_eq!(store.entries().browsers.len(), 2);
    }

    #[tokio::test]
    async fn ends_are_bounded_too() {
        let store = MemoryAttempts::new();
        for second in 0..100 {
            let mut record = started(browser(), second);
            record.end(End::Cancelled, at(second));
            store.insert(record, 2, at(second)).await.unwrap();
        }
        let entries = store.entries();
        assert_eq!(entries.attempts.len(), 2 * ENDS + 1);
        assert_eq!(entries.browsers.len(), 2 * ENDS + 1);
    }

    #[tokio::test]
    async fn only_the_version_that_was_read_is_replaced() {
        let store = MemoryAttempts::new();
        let mut record = started(browser(), 0);
        store.insert(record.clone(), 9, at(0)).await.unwrap();
        record.phase = Phase::Connected;
        assert_eq!(
            store.replace(record.clone().next_version()).await,
            Ok(Replaced::Yes)
        );
        record.phase = Phase::Waiting;
        assert_eq!(
            store.replace(record.clone().next_version()).await,
            Ok(Replaced::Conflict)
        );
        let stored = store.load(&record.id).await.unwrap().unwrap();
        assert_eq!((stored.phase, stored.version), (Phase::Connected, 2));
        assert_eq!(
            store.replace(started(browser(), 0).next_version()).await,
            Ok(Replaced::Conflict)
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_change_wakes_whoever_waits_for_it() {
        let store = MemoryAttempts::new();
        let record = started(browser(), 0);
        store.insert(record.clone(), 9, at(0)).await.unwrap();
        let waits = store.changed(&record.id, 1, Duration::from_secs(60));
        let mut changed = record.clone();
        changed.phase = Phase::Connected;
        let (seen, _) = tokio::join!(waits, store.replace(changed.next_version()));
        assert_eq!(seen.unwrap().unwrap().phase, Phase::Connected);
        let same = store.changed(&record.id, 2, Duration::from_secs(60)).await;
        assert_eq!(
            same.unwrap().unwrap().version,
            2,
            "nothing happened for a minute"
        );
        let none = AttemptId::random().unwrap();
        assert_eq!(
            store.changed(&none, 0, Duration::from_secs(60)).await,
            Ok(None)
        );
    }

    #[tokio::test]
    async fn a_browser_finds_its_own_oldest_first() {
        let store = MemoryAttempts::new();
        let (mine, other) = (browser(), browser());
        for (owner, second) in [(mine, 0), (other, 1), (mine, 2)] {
            store
                .insert(started(owner, second), 9, at(second))
                .await
                .unwrap();
        }
        let created: Vec<_> = store
            .of_browser(&mine)
            .await
            .unwrap()
            .iter()
            .map(|record| record.created_at)
            .collect();
        assert_eq!(created, [at(0), at(2)]);
        assert!(store.of_browser(&browser()).await.unwrap().is_empty());
    }
}
