//! The HTTP session as an adapter provides it.

use std::future::Future;

use crate::record::SessionRecord;

/// The key under which the [`SessionRecord`] stands in the session.
pub const SESSION_KEY: &str = "keylockr";

/// One request's HTTP session, implemented by the adapters over their framework's session crate.
///
/// The futures carry no `Send` bound, for single-threaded frameworks; where the implementation's
/// futures are `Send`, so is everything that awaits them. Every wait is bounded by the caller.
pub trait HttpSession {
    /// The record in the session; `None` also where something stands there that cannot be read.
    fn read(&self) -> impl Future<Output = Result<Option<SessionRecord>, SessionUnavailable>>;

    /// The same without waiting, by an adapter that has the session at hand; `None`, as by default,
    /// says nothing.
    fn at_hand(&self) -> Option<SessionRecord> {
        None
    }

    /// Begins a signed-in session: a new id, under which nothing but `record` and the entries named
    /// in `carry` is kept, and the old id dead in the store. Returns when that is stored.
    fn sign_in(
        &self,
        record: &SessionRecord,
        carry: &[String],
    ) -> impl Future<Output = Result<(), SessionUnavailable>>;

    /// Replaces the record in the session and leaves everything else alone.
    fn write(&self, record: &SessionRecord)
    -> impl Future<Output = Result<(), SessionUnavailable>>;

    /// Puts off the end of a session in whose place another one began, if [`sign_in`](Self::sign_in) returns before it is stored: once
    /// it is, the adapter says so by [`KeyLockr::replaced`]. By default there is nothing to wait for,
    /// and it comes back.
    ///
    /// [`KeyLockr::replaced`]: crate::KeyLockr::replaced
    fn put_off(&self, replaced: SessionRecord) -> Option<SessionRecord> {
        Some(replaced)
    }

    /// Ends the session; its id is dead in the store. Fine when there was none.
    fn sign_out(&self) -> impl Future<Output = Result<(), SessionUnavailable>>;

    /// The same for a session that is over, in a request that may have other uses for it: what is put
    /// into it from then on is kept.
    fn expire(&self) -> impl Future<Output = Result<(), SessionUnavailable>> {
        self.sign_out()
    }
}

/// The session store could not be asked. Says nothing about whether somebody is signed in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the session store does not answer")]
pub struct SessionUnavailable;
