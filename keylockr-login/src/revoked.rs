//! What this process knows to be revoked: the store, and what could not be stored yet.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use crate::{
    metrics::{self, Access, Store},
    moment::Moment,
    policy::Revocations,
    record::SessionRecord,
    store::{Gate, RevocationStore, Revoked, Sought, StoreUnavailable},
};

/// Revocations that wait for their store to come back, at most.
const UNSAVED: usize = 10_000;

/// Revocations, effective in this process at once, whatever the store does.
pub(crate) struct RevokedList {
    store: Arc<dyn RevocationStore>,
    gate: Gate,
    /// No session lives longer than this, so nothing has to be remembered longer.
    keep: Duration,
    unsaved: Mutex<Vec<(Revoked, Moment)>>,
    /// Whether there may be any. Set before a revocation returns that could not be stored.
    has_unsaved: AtomicBool,
}

impl RevokedList {
    pub(crate) fn new(store: Arc<dyn RevocationStore>, keep: Duration) -> Self {
        Self {
            store,
            gate: Gate::default(),
            keep,
            unsaved: Mutex::default(),
            has_unsaved: AtomicBool::new(false),
        }
    }

    /// Ends everything of `whom` that began up to `at`. On failure it holds in this process, and is
    /// stored when the store answers again.
    pub(crate) async fn revoke(&self, whom: Revoked, at: Moment) -> Result<(), StoreUnavailable> {
        let mut unsaved = Unsaved {
            list: self,
            entry: Some((whom.clone(), at)),
        };
        let saved = self.save(whom, at).await;
        if saved.is_ok() {
            unsaved.entry = None;
        }
        saved
    }

    /// Holds what could not be stored, until it can.
    fn keep(&self, entry: (Revoked, Moment)) {
        let mut unsaved = self.unsaved();
        if unsaved.len() < UNSAVED {
            unsaved.push(entry);
            self.has_unsaved.store(true, Ordering::Release);
            tracing::error!(
                name: "keylockr.revocation.unsaved",
                "the revocation store does not answer: the revocation holds in this process only, for now"
            );
        } else {
            tracing::error!(
                name: "keylockr.revocations.lost",
                "too many revocations wait for their store: one is lost"
            );
        }
    }

    /// The same without waiting, where the store can say so and nothing waits to be stored.
    pub(crate) fn known(&self, record: &SessionRecord) -> Option<Revocations> {
        // Before the store: what leaves the list is in the store by then. Whoever was told of a revocation
        // before asking here sees the flag as it was left then.
        if self.has_unsaved.load(Ordering::Acquire) {
            return None;
        }
        match self.store.is_empty() {
            true => Some(Revocations::default()),
            false => self.store.known(Sought::of(record)),
        }
    }

    /// What concerns this session.
    pub(crate) async fn look_up(
        &self,
        record: &SessionRecord,
    ) -> Result<Revocations, StoreUnavailable> {
        let sought = Sought::of(record);
        // Before the store: what leaves the list is in the store by then.
        let here = self.not_stored(sought);
        let found = self.gate.pass(self.store.look_up(sought)).await;
        let found =
            found.inspect_err(|_| metrics::store_failed(Store::Revocations, Access::Read))?;
        self.save_one().await;
        Ok(Revocations {
            session: found.session.max(here.session),
            connection: found.connection.max(here.connection),
            person: found.person.max(here.person),
        })
    }

    fn not_stored(&self, sought: Sought<'_>) -> Revocations {
        let mut found = Revocations::default();
        for (whom, at) in self.unsaved().iter() {
            let place = match whom {
                Revoked::Session(name) if name == sought.session => &mut found.session,
                Revoked::Connection(name) if name == sought.connection => &mut found.connection,
                Revoked::Person(name) if name == sought.person => &mut found.person,
                _ => continue,
            };
            *place = (*place).max(Some(*at));
        }
        found
    }

    pub(crate) async fn ping(&self) -> Result<(), StoreUnavailable> {
        let answer = self.gate.pass(self.store.ping()).await;
        answer.inspect_err(|_| metrics::store_failed(Store::Revocations, Access::Read))
    }

    async fn save(&self, whom: Revoked, at: Moment) -> Result<(), StoreUnavailable> {
        self.gate
            .pass(self.store.revoke(whom, at, at.after(self.keep)))
            .await
            .inspect_err(|_| metrics::store_failed(Store::Revocations, Access::Write))
    }

    /// The store answers: it gets one more of what it missed.
    async fn save_one(&self) {
        let next = self.unsaved().first().cloned();
        if let Some((whom, at)) = next
            && self.save(whom.clone(), at).await.is_ok()
        {
            let mut unsaved = self.unsaved();
            unsaved.retain(|unsaved| *unsaved != (whom.clone(), at));
            self.has_unsaved
                .store(!unsaved.is_empty(), Ordering::Release);
        }
    }

    fn unsaved(&self) -> MutexGuard<'_, Vec<(Revoked, Moment)>> {
        self.unsaved.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A revocation on its way to the store. Who is dropped on that way has revoked all the same: a browser
/// may leave while the store hangs.
struct Unsaved<'a> {
    list: &'a RevokedList,
    entry: Option<(Revoked, Moment)>,
}

impl Drop for Unsaved<'_> {
    fn drop(&mut self) {
        if let Some(entry) = self.entry.take() {
            self.list.keep(entry);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{
        future::Future as _,
        pin::pin,
        sync::atomic::{AtomicBool, Ordering},
        task::{Context, Waker},
    };

    use super::*;
    use crate::{
        record::tests::record,
        store::{MemoryRevocations, StoreFuture},
    };

    #[derive(Default)]
    struct ReadOnly {
        inner: MemoryRevocations,
        read_only: AtomicBool,
        hangs: AtomicBool,
    }

    impl RevocationStore for ReadOnly {
        fn revoke(&self, whom: Revoked, at: Moment, keep: Moment) -> StoreFuture<'_, ()> {
            if self.hangs.load(Ordering::Relaxed) {
                return Box::pin(std::future::pending());
            }
            if self.read_only.load(Ordering::Relaxed) {
                return Box::pin(std::future::ready(Err(StoreUnavailable)));
            }
            self.inner.revoke(whom, at, keep)
        }

        fn look_up<'a>(&'a self, sought: Sought<'a>) -> StoreFuture<'a, Revocations> {
            self.inner.look_up(sought)
        }

        fn ping(&self) -> StoreFuture<'_, ()> {
            self.inner.ping()
        }
    }

    #[tokio::test]
    async fn a_revocation_holds_at_once_and_is_stored_later() {
        let store = Arc::new(ReadOnly::default());
        let at = Moment::from_millis;
        let list = RevokedList::new(store.clone(), Duration::from_secs(60));
        let session = record(at(1));
        store.read_only.store(true, Ordering::Relaxed);
        let gone = Revoked::Connection(session.app_id().to_owned());
        assert_eq!(list.revoke(gone, at(7)).await, Err(StoreUnavailable));
        let found = list.look_up(&session).await.unwrap();
        assert_eq!(found.connection, Some(at(7)), "in this process");
        store.read_only.store(false, Ordering::Relaxed);
        list.look_up(&session).await.unwrap();
        let other = RevokedList::new(store, Duration::from_secs(60));
        let found = other.look_up(&session).await.unwrap();
        assert_eq!(
            found.connection,
            Some(at(7)),
            "and everywhere once it is stored"
        );
        assert!(list.unsaved().is_empty());
    }

    #[tokio::test]
    async fn a_revocation_holds_though_nobody_waits_for_it() {
        let store = Arc::new(ReadOnly::default());
        let list = RevokedList::new(store.clone(), Duration::from_secs(60));
        let session = record(Moment::from_millis(1));
        let (gone, at) = (
            Revoked::Session(session.handle().to_owned()),
            Moment::from_millis(7),
        );
        store.hangs.store(true, Ordering::Relaxed);
        {
            let revoking = pin!(list.revoke(gone, at));
            assert!(
                revoking
                    .poll(&mut Context::from_waker(Waker::noop()))
                    .is_pending()
            );
        }
        store.hangs.store(false, Ordering::Relaxed);
        assert_eq!(list.known(&session), None, "it has to be looked up");
        let found = list.look_up(&session).await.unwrap();
        assert_eq!(found.session, Some(at));
    }
}
