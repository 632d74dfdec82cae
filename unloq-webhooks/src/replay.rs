//! Deliveries that were seen before (section 2.3).
//!
//! A genuine second event can equal the replay of an old one byte for byte, so nothing is refused
//! for having been seen. What was seen is remembered, in two steps: a delivery [begins](ReplayStore::begin),
//! and is [committed](ReplayStore::commit) once its handler succeeded. One whose handler failed is
//! not remembered as accepted, and may come again.

mod memory;
mod turn;

use std::{fmt, future::Future, pin::Pin};

pub use self::{
    memory::MemoryReplay,
    turn::{Claim, Turn},
};
use crate::{hook::Hook, id::UnloqId, time::UnixTime};

/// What the methods of [`ReplayStore`] return.
pub type StoreFuture<'a, T> =
    Pin<Box<dyn Future<Output = Result<T, StoreUnavailable>> + Send + 'a>>;

/// A store could not be asked, or could not write: that of deliveries, or that of session handles.
/// The delivery has to be answered with 503, never with 200.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a store does not answer")]
pub struct StoreUnavailable;

/// SHA-256 of the hook's name, a NUL and the signed text: equal for equal events, whichever secret
/// signed and in whatever encoding.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest([u8; 32]);

impl Digest {
    pub(crate) const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The 32 bytes, as a key for a store.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Digest(..)")
    }
}

/// A verified delivery, as a replay store sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arrival {
    /// What was delivered.
    pub digest: Digest,
    /// By which hook.
    pub hook: Hook,
    /// About whom; `None` for [`Other`](crate::Other) events, which all count as one user's.
    pub user: Option<UnloqId>,
}

/// A number that a store gives to a delivery it has begun, so that a late commit is told from a
/// timely one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Fence(pub u64);

/// What a store says of a delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Begun {
    /// Not seen within the time that digests are kept.
    Fresh(Fence),
    /// Seen and accepted before. It may be genuine all the same.
    PossibleReplay(Fence),
    /// The last accepted event of this user, within [`ReplayPolicy::duplicate`] seconds: answer 200
    /// and run nothing.
    Duplicate,
    /// The same is being handled at this moment, and nobody knows yet how that ends: answer 503.
    Running,
}

/// How long what is remembered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ReplayPolicy {
    /// Seconds in which the same delivery again is a duplicate. 120.
    pub duplicate: u64,
    /// Seconds that digests are kept. 30 days.
    pub keep: u64,
    /// Seconds after which a delivery that was begun and never ended may be begun again. 40: more than
    /// the longest [budget](crate::HooksBuilder::MAX_TIME), so that it never runs twice at once.
    pub lease: u64,
}

impl Default for ReplayPolicy {
    fn default() -> Self {
        Self {
            duplicate: 120,
            keep: 30 * 24 * 60 * 60,
            lease: 40,
        }
    }
}

/// Remembers deliveries. Several processes may share one.
///
/// The methods are asynchronous because shared stores are; the caller bounds every wait. A future
/// that is dropped may or may not have had its effect.
pub trait ReplayStore: Send + Sync + 'static {
    /// Claims a delivery, or says why it need not or must not be handled. Atomic: of two callers with
    /// the same digest, at most one gets a [`Fence`].
    fn begin<'a>(&'a self, arrival: &'a Arrival, now: UnixTime) -> StoreFuture<'a, Begun>;

    /// Remembers the delivery as accepted, as the last of its user, and ends the claim. A claim that
    /// was taken over meanwhile is left alone; the delivery is remembered even so.
    fn commit<'a>(
        &'a self,
        arrival: &'a Arrival,
        fence: Fence,
        now: UnixTime,
    ) -> StoreFuture<'a, ()>;

    /// Ends the claim without remembering anything: the handler failed.
    fn release<'a>(&'a self, arrival: &'a Arrival, fence: Fence) -> StoreFuture<'a, ()>;

    /// The same where nothing can be awaited: a claim was dropped. A store that cannot do it at once
    /// leaves it to the end of the lease.
    fn abandon(&self, arrival: &Arrival, fence: Fence) {
        let _ = (arrival, fence);
    }
}
