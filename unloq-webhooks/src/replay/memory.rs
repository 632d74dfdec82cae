//! What was seen, in this process.

use std::{
    collections::{BTreeMap, HashMap},
    fmt,
    future::ready,
    sync::{Mutex, MutexGuard, PoisonError},
};

use super::{
    Arrival, Begun, Digest, Fence, ReplayPolicy, ReplayStore, StoreFuture, StoreUnavailable,
};
use crate::{id::UnloqId, time::UnixTime};

/// Remembers deliveries in this process, bounded: the default.
///
/// At its limit it forgets the digest that was accepted longest ago, and after a restart it has seen
/// nothing. With [`ActivationPolicy::Confirm`](crate::ActivationPolicy::Confirm) that loses a flag and
/// nothing else: every [`Activate`](crate::Activate) needs its confirmation. With
/// [`Trust`](crate::ActivationPolicy::Trust) the replay of a forgotten activation is trusted, so do not
/// use the two together.
pub struct MemoryReplay {
    policy: ReplayPolicy,
    limit: usize,
    seen: Mutex<Seen>,
}

#[derive(Default)]
struct Seen {
    /// Accepted deliveries, and the same by age.
    digests: HashMap<Digest, Stamp>,
    by_age: BTreeMap<Stamp, Digest>,
    /// The last accepted delivery of each user, and the same by age.
    last: HashMap<Option<UnloqId>, (Digest, Stamp)>,
    last_by_age: BTreeMap<Stamp, Option<UnloqId>>,
    /// Deliveries in hand: by whom, and since when.
    running: HashMap<Digest, (Fence, UnixTime)>,
    count: u64,
}

/// A time, made unique by a running number.
type Stamp = (UnixTime, u64);

impl MemoryReplay {
    /// How many digests are kept by default: about 200 bytes each.
    pub const LIMIT: usize = 100_000;
    /// The most deliveries in hand at once; more get [`StoreUnavailable`].
    pub const MAX_RUNNING: usize = 4_096;

    /// A store of at most `limit` digests.
    #[must_use]
    pub fn with_limit(limit: usize) -> Self {
        Self {
            policy: ReplayPolicy::default(),
            limit: limit.max(1),
            seen: Mutex::default(),
        }
    }

    /// Sets how long what is remembered.
    #[must_use]
    pub fn with_policy(mut self, policy: ReplayPolicy) -> Self {
        self.policy = policy;
        self
    }

    /// How many digests are kept at this moment.
    pub fn len(&self) -> usize {
        self.seen().digests.len()
    }

    /// Whether nothing was accepted yet, or all is forgotten.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        // Every change below is complete before the next can fail.
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for MemoryReplay {
    fn default() -> Self {
        Self::with_limit(Self::LIMIT)
    }
}

impl Seen {
    fn begin(
        &mut self,
        arrival: &Arrival,
        policy: ReplayPolicy,
        now: UnixTime,
    ) -> Result<Begun, StoreUnavailable> {
        self.forget(policy, now);
        if let Some((digest, (at, _))) = self.last.get(&arrival.user)
            && *digest == arrival.digest
            && now.saturating_secs_since(*at) <= policy.duplicate
        {
            return Ok(Begun::Duplicate);
        }
        if let Some((_, since)) = self.running.get(&arrival.digest)
            && now.saturating_secs_since(*since) < policy.lease
        {
            return Ok(Begun::Running);
        }
        if self.running.len() >= MemoryReplay::MAX_RUNNING
            && !self.running.contains_key(&arrival.digest)
        {
            self.running
                .retain(|_, (_, since)| now.saturating_secs_since(*since) < policy.lease);
            if self.running.len() >= MemoryReplay::MAX_RUNNING {
                return Err(StoreUnavailable);
            }
        }
        self.count += 1;
        let fence = Fence(self.count);
        self.running.insert(arrival.digest, (fence, now));
        Ok(if self.digests.contains_key(&arrival.digest) {
            Begun::PossibleReplay(fence)
        } else {
            Begun::Fresh(fence)
        })
    }

    fn commit(&mut self, arrival: &Arrival, fence: Fence, limit: usize, now: UnixTime) {
        self.release(arrival, fence);
        self.count += 1;
        let stamp = (now, self.count);
        if let Some(old) = self.digests.insert(arrival.digest, stamp) {
            self.by_age.remove(&old);
        }
        self.by_age.insert(stamp, arrival.digest);
        if let Some((_, old)) = self.last.insert(arrival.user, (arrival.digest, stamp)) {
            self.last_by_age.remove(&old);
        }
        self.last_by_age.insert(stamp, arrival.user);
        while self.digests.len() > limit
            && let Some((_, digest)) = self.by_age.pop_first()
        {
            self.digests.remove(&digest);
        }
        while self.last.len() > limit
            && let Some((_, user)) = self.last_by_age.pop_first()
        {
            self.last.remove(&user);
        }
    }

    fn release(&mut self, arrival: &Arrival, fence: Fence) {
        if self
            .running
            .get(&arrival.digest)
            .is_some_and(|(holder, _)| *holder == fence)
        {
            self.running.remove(&arrival.digest);
        }
    }

    fn forget(&mut self, policy: ReplayPolicy, now: UnixTime) {
        while let Some(entry) = self.by_age.first_entry()
            && now.saturating_secs_since(entry.key().0) > policy.keep
        {
            self.digests.remove(&entry.remove());
        }
        while let Some(entry) = self.last_by_age.first_entry()
            && now.saturating_secs_since(entry.key().0) > policy.duplicate
        {
            self.last.remove(&entry.remove());
        }
    }
}

impl ReplayStore for MemoryReplay {
    fn begin<'a>(&'a self, arrival: &'a Arrival, now: UnixTime) -> StoreFuture<'a, Begun> {
        let begun = self.seen().begin(arrival, self.policy, now);
        Box::pin(ready(begun))
    }

    fn commit<'a>(
        &'a self,
        arrival: &'a Arrival,
        fence: Fence,
        now: UnixTime,
    ) -> StoreFuture<'a, ()> {
        self.seen().commit(arrival, fence, self.limit, now);
        Box::pin(ready(Ok(())))
    }

    fn release<'a>(&'a self, arrival: &'a Arrival, fence: Fence) -> StoreFuture<'a, ()> {
        self.seen().release(arrival, fence);
        Box::pin(ready(Ok(())))
    }

    fn abandon(&self, arrival: &Arrival, fence: Fence) {
        self.seen().release(arrival, fence);
    }
}

impl fmt::Debug for MemoryReplay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryReplay")
            .field("policy", &self.policy)
            .field("limit", &self.limit)
            .finish_non_exhaustive()
    }
}
