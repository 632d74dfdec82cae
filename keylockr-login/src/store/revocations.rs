//! Revocations in memory, bounded: the default, for one process.

use std::{
    collections::{BTreeSet, HashMap},
    sync::{
        PoisonError, RwLock, RwLockReadGuard,
        atomic::{AtomicBool, Ordering},
    },
};

use super::{RevocationStore, Revoked, Sought, StoreFuture};
use crate::{moment::Moment, policy::Revocations};

/// Keeps revocations in this process.
///
/// At its limit it forgets the oldest, and from then on says of every session that began before
/// that one that its person was revoked: safe, if sometimes too strict.
pub struct MemoryRevocations {
    limit: usize,
    /// Whether anything was ever revoked. Set before the revocation returns, so whoever was told of
    /// it sees it; until then no request touches the lock.
    has_any: AtomicBool,
    entries: RwLock<Entries>,
}

#[derive(Default)]
struct Entries {
    sessions: HashMap<String, Entry>,
    connections: HashMap<String, Entry>,
    people: HashMap<String, Entry>,
    by_age: BTreeSet<(Moment, Revoked)>,
    /// Everything up to here counts as revoked.
    floor: Option<Moment>,
}

#[derive(Clone, Copy)]
struct Entry {
    at: Moment,
    keep_until: Moment,
}

impl MemoryRevocations {
    /// How many are kept by default: a few hundred bytes each.
    pub const LIMIT: usize = 100_000;

    /// A store of at most this many.
    #[must_use]
    pub fn with_limit(limit: usize) -> Self {
        Self {
            limit: limit.max(1),
            has_any: AtomicBool::new(false),
            entries: RwLock::default(),
        }
    }

    /// For reading, as every guarded request does.
    fn entries(&self) -> RwLockReadGuard<'_, Entries> {
        self.entries.read().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for MemoryRevocations {
    fn default() -> Self {
        Self::with_limit(Self::LIMIT)
    }
}

impl Entries {
    fn add(&mut self, whom: Revoked, at: Moment, keep_until: Moment) {
        let (map, name) = self.map(&whom);
        let before = map.get(name).copied();
        let entry = before.map_or(Entry { at, keep_until }, |before| Entry {
            at: before.at.max(at),
            keep_until: before.keep_until.max(keep_until),
        });
        map.insert(name.to_owned(), entry);
        if let Some(before) = before {
            self.by_age.remove(&(before.at, whom.clone()));
        }
        self.by_age.insert((entry.at, whom));
    }

    fn find(&self, sought: Sought<'_>) -> Revocations {
        let at = |map: &HashMap<String, Entry>, name| map.get(name).map(|entry| entry.at);
        Revocations {
            session: at(&self.sessions, sought.session),
            connection: at(&self.connections, sought.connection),
            person: at(&self.people, sought.person).max(self.floor),
        }
    }

    fn make_room(&mut self, now: Moment, limit: usize) {
        while self.by_age.len() > limit {
            let Some((at, whom)) = self.by_age.pop_first() else {
                return;
            };
            let (map, name) = self.map(&whom);
            let gone = map.remove(name);
            if gone.is_some_and(|entry| entry.keep_until > now) {
                tracing::warn!(
                    name: "keylockr.revocations.full",
                    "too many revocations: sessions older than the oldest one are ended"
                );
                self.floor = self.floor.max(Some(at));
            }
        }
    }

    fn map<'a>(&mut self, whom: &'a Revoked) -> (&mut HashMap<String, Entry>, &'a str) {
        match whom {
            Revoked::Session(name) => (&mut self.sessions, name),
            Revoked::Connection(name) => (&mut self.connections, name),
            Revoked::Person(name) => (&mut self.people, name),
        }
    }
}

impl RevocationStore for MemoryRevocations {
    fn revoke(&self, whom: Revoked, at: Moment, keep_until: Moment) -> StoreFuture<'_, ()> {
        let entries = self.entries.write();
        let mut entries = entries.unwrap_or_else(PoisonError::into_inner);
        entries.add(whom, at, keep_until);
        entries.make_room(at, self.limit);
        self.has_any.store(true, Ordering::Release);
        Box::pin(std::future::ready(Ok(())))
    }

    fn look_up<'a>(&'a self, sought: Sought<'a>) -> StoreFuture<'a, Revocations> {
        Box::pin(std::future::ready(Ok(self.entries().find(sought))))
    }

    fn known(&self, sought: Sought<'_>) -> Option<Revocations> {
        Some(match self.is_empty() {
            true => Revocations::default(),
            false => self.entries().find(sought),
        })
    }

    fn is_empty(&self) -> bool {
        !self.has_any.load(Ordering::Acquire)
    }

    fn ping(&self) -> StoreFuture<'_, ()> {
        Box::pin(std::future::ready(Ok(())))
    }
}

impl std::fmt::Debug for MemoryRevocations {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MemoryRevocations")
            .field("kept", &self.entries().by_age.len())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> Moment {
        Moment::from_millis(millis)
    }

    fn connection(name: &str) -> Revoked {
        Revoked::Connection(name.to_owned())
    }

    async fn of(store: &MemoryRevocations, connection: &str) -> Revocations {
        let sought = Sought {
            session: "s",
            connection,
            person: "p",
        };
        let found = store.look_up(sought).await.unwrap();
        assert_eq!(store.known(sought), Some(found), "at once too");
        found
    }

    #[tokio::test]
    async fn the_latest_moment_counts_and_kinds_do_not_mix() {
        let store = MemoryRevocations::default();
        assert_eq!(of(&store, "c").await, Revocations::default());
        store.revoke(connection("c"), at(5), at(100)).await.unwrap();
        store.revoke(connection("c"), at(3), at(100)).await.unwrap();
        store
            .revoke(Revoked::Person("c".into()), at(9), at(100))
            .await
            .unwrap();
        let expected = Revocations {
            connection: Some(at(5)),
            ..Revocations::default()
        };
        assert_eq!(of(&store, "c").await, expected);
        assert_eq!(of(&store, "d").await, Revocations::default());
    }

    #[tokio::test]
    async fn a_full_store_ends_too_much_rather_than_too_little() {
        let store = MemoryRevocations::with_limit(2);
        for (name, moment) in [("a", 1), ("b", 2), ("c", 3)] {
            store
                .revoke(connection(name), at(moment), at(100))
                .await
                .unwrap();
        }
        assert_eq!(of(&store, "a").await.person, Some(at(1)));
        assert_eq!(of(&store, "b").await.connection, Some(at(2)));
        // Those whose time is over are forgotten without a trace.
        let store = MemoryRevocations::with_limit(1);
        store.revoke(connection("a"), at(1), at(2)).await.unwrap();
        store.revoke(connection("b"), at(3), at(9)).await.unwrap();
        assert_eq!(of(&store, "a").await, Revocations::default());
    }
}
