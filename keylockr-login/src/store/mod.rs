//! Where attempts and revocations are kept: traits for stores that processes share, and the bounded
//! defaults in memory.

mod attempts;
mod gate;
mod index;
mod memory;
mod rates;
#[cfg(feature = "redis")]
mod redis;
mod revocations;

use std::{future::Future, pin::Pin, time::Duration};

pub(crate) use self::attempts::{Attempts, Change};
#[cfg(feature = "redis")]
pub use self::redis::{RedisError, RedisStores};
pub use self::{
    gate::Gate,
    index::{ListedSession, MemorySessions, SessionIndex},
    memory::MemoryAttempts,
    rates::RateStore,
    revocations::MemoryRevocations,
};
use crate::{
    attempt::AttemptRecord,
    binding::{AttemptId, BrowserHash},
    moment::Moment,
    policy::Revocations,
    record::SessionRecord,
};

/// What the methods of the store traits return.
pub type StoreFuture<'a, T> =
    Pin<Box<dyn Future<Output = Result<T, StoreUnavailable>> + Send + 'a>>;

/// A store could not be asked, or could not write. Nothing follows from it about what it holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the store does not answer")]
pub struct StoreUnavailable;

/// Keeps attempts. Several processes may share one.
///
/// The caller bounds every wait. An implementation returns what was written before, never an older
/// version; it may forget a record at [`AttemptRecord::forget_at`], not earlier.
///
/// # A store of your own
///
/// A record is stored as it comes, by serde in any format that names fields, and never altered:
/// whoever reads one whose time is over ends it. What has to be found or compared without reading it
/// goes beside it:
///
/// | beside the record | for |
/// |---|---|
/// | [`id`](AttemptRecord::id) | every look-up |
/// | [`version`](AttemptRecord::version) | `replace` and `changed` |
/// | [`browser`](AttemptRecord::browser), [`created_at`](AttemptRecord::created_at) | `of_browser` |
/// | [`expires_at`](AttemptRecord::expires_at), where it [is live](AttemptRecord::is_live) | the count of `insert` |
/// | [`forget_at`](AttemptRecord::forget_at) | forgetting it |
/// | [`runner`](AttemptRecord::runner), where it has one | `orphans` |
///
/// All of it is written in one step with the record, and all of it changes with every version. In
/// SQL `replace` is an `UPDATE .. WHERE id = .. AND version = ..` with
/// [`replaces`](AttemptRecord::replaces).
pub trait AttemptStore: Send + Sync + 'static {
    /// Whether other processes see the same attempts. If so, running logins are sealed into their
    /// records, and processes take over from those that are gone.
    fn is_shared(&self) -> bool {
        true
    }

    /// Adds an attempt, unless `most` live ones have their end still to come at `now`. The count may be
    /// off by a few where processes race.
    fn insert(&self, record: AttemptRecord, most: usize, now: Moment) -> StoreFuture<'_, Inserted>;

    /// The attempt with this handle.
    fn load<'a>(&'a self, id: &'a AttemptId) -> StoreFuture<'a, Option<AttemptRecord>>;

    /// The attempts of one browser, oldest first.
    fn of_browser<'a>(&'a self, browser: &'a BrowserHash) -> StoreFuture<'a, Vec<AttemptRecord>>;

    /// Stores `record`, which carries its new version, if the stored version is still the one that it
    /// [replaces](AttemptRecord::replaces). The two happen in one step: of several that replace the
    /// same version one succeeds.
    fn replace(&self, record: AttemptRecord) -> StoreFuture<'_, Replaced>;

    /// The attempt as soon as its version is above `seen`, or as it is after `at_most`.
    fn changed<'a>(
        &'a self,
        id: &'a AttemptId,
        seen: u64,
        at_most: Duration,
    ) -> StoreFuture<'a, Option<AttemptRecord>>;

    /// Says that a process lives: for `life` from now, unless it says so again. Zero: it is leaving.
    /// The time is the store's own: no clock of one process is held against another's.
    ///
    /// The answer is what time it is by that clock, if it has one: processes follow it, so that a
    /// revocation on one is later than the session of another that it is to end.
    fn beat<'a>(&'a self, process: &'a str, life: Duration) -> StoreFuture<'a, Option<Moment>>;

    /// Up to `most` attempts whose [runner](AttemptRecord::runner) does not live.
    fn orphans(&self, most: usize) -> StoreFuture<'_, Vec<Orphan>>;

    /// Whether the store answers.
    fn ping(&self) -> StoreFuture<'_, ()>;
}

/// An attempt that nobody runs any more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Orphan {
    /// Which one.
    pub attempt: AttemptId,
    /// The process that ran it.
    pub runner: String,
}

/// What became of an insertion.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Inserted {
    /// The attempt is in the store.
    Yes,
    /// There are as many as there may be.
    Full,
}

/// What became of a compare-and-set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Replaced {
    /// The new record is stored.
    Yes,
    /// Somebody else was faster, or the record is gone.
    Conflict,
}

/// Keeps what was revoked. Several processes may share one.
pub trait RevocationStore: Send + Sync + 'static {
    /// Remembers at least until `keep_until` that this ended at `at`. A later moment replaces an
    /// earlier one.
    fn revoke(&self, whom: Revoked, at: Moment, keep_until: Moment) -> StoreFuture<'_, ()>;

    /// What is revoked of these three.
    fn look_up<'a>(&'a self, sought: Sought<'a>) -> StoreFuture<'a, Revocations>;

    /// The same without waiting, by a store that has it all at hand: every guarded request asks this
    /// where the store [is not empty](Self::is_empty), and [`look_up`](Self::look_up) only where it
    /// says `None`, as it does by default.
    fn known(&self, sought: Sought<'_>) -> Option<Revocations> {
        let _ = sought;
        None
    }

    /// Whether nothing at all is revoked, by a store that knows without waiting: spares each request
    /// even that look-up. `false`, as by default, says nothing.
    fn is_empty(&self) -> bool {
        false
    }

    /// Whether the store answers.
    fn ping(&self) -> StoreFuture<'_, ()>;
}

/// What can be revoked.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Revoked {
    /// One session, by its handle.
    Session(String),
    /// One KeyLockr connection.
    Connection(String),
    /// A person, by SafeID.
    Person(String),
}

/// What one session has to be looked up under.
#[derive(Clone, Copy, Debug)]
pub struct Sought<'a> {
    /// The session's handle.
    pub session: &'a str,
    /// Its connection.
    pub connection: &'a str,
    /// The person's SafeID.
    pub person: &'a str,
}

impl<'a> Sought<'a> {
    pub(crate) fn of(record: &'a SessionRecord) -> Self {
        Self {
            session: record.handle(),
            connection: record.app_id(),
            person: record.safe_id(),
        }
    }
}
