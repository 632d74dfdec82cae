//! Handles in this process.

use std::{
    collections::{BTreeSet, HashMap},
    fmt,
    future::ready,
    sync::{Mutex, MutexGuard, PoisonError},
};

use super::{Ended, HandleId, HandleStore};
use crate::{
    id::UnloqId,
    replay::{StoreFuture, StoreUnavailable},
    time::UnixTime,
};

/// Keeps handles in this process, bounded: the default.
///
/// When it is full, nobody new is signed in and nobody is signed out. A restart ends every session
/// that has a handle.
pub struct MemoryHandles {
    limit: usize,
    kept: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    handles: HashMap<HandleId, (UnloqId, UnixTime)>,
    by_end: BTreeSet<(UnixTime, HandleId)>,
    /// The handles of each user, by their end.
    by_user: BTreeSet<(UnloqId, UnixTime, HandleId)>,
}

impl MemoryHandles {
    /// How many handles are kept by default: about 300 bytes each.
    pub const LIMIT: usize = 100_000;
    /// How many sessions one user may have; at the next one, the one that would end first is over.
    pub const PER_USER: usize = 64;

    /// A store of at most `limit` handles.
    #[must_use]
    pub fn with_limit(limit: usize) -> Self {
        Self {
            limit: limit.max(1),
            kept: Mutex::default(),
        }
    }

    /// How many handles are kept at this moment.
    pub fn len(&self) -> usize {
        self.kept().handles.len()
    }

    /// Whether no session has a handle.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        // Every change below is complete before the next can fail.
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for MemoryHandles {
    fn default() -> Self {
        Self::with_limit(Self::LIMIT)
    }
}

impl Kept {
    fn insert(&mut self, handle: HandleId, user: UnloqId, until: UnixTime) {
        self.remove(handle);
        self.handles.insert(handle, (user, until));
        self.by_end.insert((until, handle));
        self.by_user.insert((user, until, handle));
    }

    fn remove(&mut self, handle: HandleId) {
        if let Some((user, until)) = self.handles.remove(&handle) {
            self.by_end.remove(&(until, handle));
            self.by_user.remove(&(user, until, handle));
        }
    }

    /// Forgets what has ended by itself.
    fn forget(&mut self, now: UnixTime) {
        while let Some(&(until, handle)) = self.by_end.first()
            && until <= now
        {
            self.remove(handle);
        }
    }

    fn of(&self, user: UnloqId) -> Vec<HandleId> {
        let least = (user, UnixTime::from_secs(0), HandleId::LEAST);
        self.by_user
            .range(least..)
            .take_while(|(owner, ..)| *owner == user)
            .map(|(_, _, handle)| *handle)
            .collect()
    }

    fn begin(
        &mut self,
        handle: HandleId,
        user: UnloqId,
        until: UnixTime,
        limit: usize,
    ) -> Result<(), StoreUnavailable> {
        let theirs = self.of(user);
        if let Some(oldest) = theirs.first()
            && theirs.len() >= MemoryHandles::PER_USER
        {
            self.remove(*oldest);
        }
        if self.handles.len() >= limit {
            return Err(StoreUnavailable);
        }
        self.insert(handle, user, until);
        Ok(())
    }
}

impl HandleStore for MemoryHandles {
    fn begin<'a>(
        &'a self,
        handle: HandleId,
        user: UnloqId,
        until: UnixTime,
        now: UnixTime,
    ) -> StoreFuture<'a, ()> {
        let mut kept = self.kept();
        kept.forget(now);
        let begun = kept.begin(handle, user, until, self.limit);
        Box::pin(ready(begun))
    }

    fn check<'a>(
        &'a self,
        handle: HandleId,
        until: UnixTime,
        now: UnixTime,
    ) -> StoreFuture<'a, bool> {
        let mut kept = self.kept();
        kept.forget(now);
        let live = kept.handles.get(&handle).copied();
        if let Some((user, _)) = live {
            kept.insert(handle, user, until);
        }
        Box::pin(ready(Ok(live.is_some())))
    }

    fn end<'a>(&'a self, handle: HandleId, user: UnloqId, now: UnixTime) -> StoreFuture<'a, Ended> {
        let mut kept = self.kept();
        kept.forget(now);
        let ended = match kept.handles.get(&handle) {
            None => Ended::AlreadyGone,
            Some((owner, _)) if *owner != user => Ended::NotTheirs,
            Some(_) => {
                kept.remove(handle);
                Ended::Now
            }
        };
        Box::pin(ready(Ok(ended)))
    }

    fn end_all<'a>(&'a self, user: UnloqId, now: UnixTime) -> StoreFuture<'a, usize> {
        let mut kept = self.kept();
        kept.forget(now);
        let theirs = kept.of(user);
        for handle in &theirs {
            kept.remove(*handle);
        }
        Box::pin(ready(Ok(theirs.len())))
    }
}

/// How many, and not whose.
impl fmt::Debug for MemoryHandles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryHandles")
            .field("handles", &self.len())
            .field("limit", &self.limit)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(secs: u64) -> UnixTime {
        UnixTime::from_secs(secs)
    }

    fn user(number: u32) -> UnloqId {
        UnloqId::parse(&number.to_string()).unwrap()
    }

    fn handle(number: usize) -> HandleId {
        HandleId::of(&number.to_string())
    }

    #[tokio::test]
    async fn a_handle_ends_once_and_by_its_own_user() {
        let store = MemoryHandles::default();
        store
            .begin(handle(1), user(1), at(100), at(0))
            .await
            .unwrap();
        assert_eq!(
            store.end(handle(2), user(1), at(1)).await,
            Ok(Ended::AlreadyGone)
        );
        assert_eq!(
            store.end(handle(1), user(2), at(1)).await,
            Ok(Ended::NotTheirs)
        );
        assert_eq!(store.check(handle(1), at(100), at(1)).await, Ok(true));
        assert_eq!(store.end(handle(1), user(1), at(1)).await, Ok(Ended::Now));
        assert_eq!(
            store.end(handle(1), user(1), at(1)).await,
            Ok(Ended::AlreadyGone)
        );
        assert_eq!(store.check(handle(1), at(100), at(1)).await, Ok(false));
        assert!(store.is_empty());
    }

    #[tokio::test]
    async fn a_handle_lives_as_long_as_it_is_used() {
        let store = MemoryHandles::default();
        store
            .begin(handle(1), user(1), at(100), at(0))
            .await
            .unwrap();
        assert_eq!(store.check(handle(1), at(199), at(99)).await, Ok(true));
        assert_eq!(store.check(handle(1), at(298), at(198)).await, Ok(true));
        assert_eq!(store.check(handle(1), at(398), at(298)).await, Ok(false));
        assert_eq!(
            store.end(handle(1), user(1), at(298)).await,
            Ok(Ended::AlreadyGone)
        );
        assert!(store.is_empty(), "and is forgotten then");
    }

    #[tokio::test]
    async fn all_handles_of_one_user_end_and_no_others() {
        let store = MemoryHandles::default();
        for number in 0..9 {
            let owner = user(9 + u32::from(number % 3 == 0));
            store
                .begin(handle(number), owner, at(100), at(0))
                .await
                .unwrap();
        }
        assert_eq!(store.end_all(user(9), at(1)).await, Ok(6));
        assert_eq!(store.end_all(user(9), at(1)).await, Ok(0));
        for number in 0..9 {
            let live = store.check(handle(number), at(100), at(1)).await.unwrap();
            assert_eq!(live, number % 3 == 0, "{number}");
        }
    }

    #[tokio::test]
    async fn a_full_store_signs_nobody_out() {
        let store = MemoryHandles::with_limit(2);
        store
            .begin(handle(1), user(1), at(100), at(0))
            .await
            .unwrap();
        store
            .begin(handle(2), user(2), at(200), at(0))
            .await
            .unwrap();
        let refused = store.begin(handle(3), user(3), at(200), at(1)).await;
        assert_eq!(refused, Err(StoreUnavailable));
        assert_eq!(store.check(handle(1), at(100), at(1)).await, Ok(true));
        store
            .begin(handle(3), user(3), at(200), at(100))
            .await
            .unwrap();
        assert_eq!(store.len(), 2);
    }

    #[tokio::test]
    async fn nobody_fills_the_store_alone() {
        let store = MemoryHandles::default();
        for number in 0..MemoryHandles::PER_USER + 5 {
            store
                .begin(handle(number), user(1), at(1_000), at(0))
                .await
                .unwrap();
            store
                .check(handle(number), at(1_000 + number as u64), at(0))
                .await
                .unwrap();
        }
        assert_eq!(store.len(), MemoryHandles::PER_USER);
        assert_eq!(store.check(handle(4), at(9_000), at(1)).await, Ok(false));
        assert_eq!(store.check(handle(5), at(9_000), at(1)).await, Ok(true));
    }
}
