//! Attempts behind their gate: bounded access, and changes by compare-and-set.

use std::{sync::Arc, time::Duration};

use super::{AttemptStore, Gate, Inserted, Orphan, Replaced, StoreUnavailable};
use crate::{
    attempt::AttemptRecord,
    binding::{AttemptId, BrowserHash},
    limits::STORE_WAIT,
    metrics::{self, Access, Store},
    moment::Moment,
};

/// How often a change is tried against others that are faster.
const TRIES: usize = 64;

/// The attempts of the site.
#[derive(Clone)]
pub(crate) struct Attempts {
    store: Arc<dyn AttemptStore>,
    gate: Arc<Gate>,
}

/// What a step decides about a record.
pub(crate) enum Change<T> {
    /// It stays as it is.
    Keep(T),
    /// It is to be stored as the step left it.
    Store(T),
}

impl Attempts {
    pub(crate) fn new(store: Arc<dyn AttemptStore>) -> Self {
        Self {
            store,
            gate: Arc::default(),
        }
    }

    pub(crate) fn is_shared(&self) -> bool {
        self.store.is_shared()
    }

    pub(crate) async fn insert(
        &self,
        record: AttemptRecord,
        most: usize,
        now: Moment,
    ) -> Result<Inserted, StoreUnavailable> {
        told(
            Access::Write,
            self.gate.pass(self.store.insert(record, most, now)).await,
        )
    }

    /// The attempt, ended if its time is over.
    pub(crate) async fn load(
        &self,
        id: &AttemptId,
        now: Moment,
    ) -> Result<Option<AttemptRecord>, StoreUnavailable> {
        let record = told(Access::Read, self.gate.pass(self.store.load(id)).await)?;
        Ok(record.and_then(|record| at(record, now)))
    }

    /// The attempts of a browser, oldest first, ended where their time is over.
    pub(crate) async fn of_browser(
        &self,
        browser: &BrowserHash,
        now: Moment,
    ) -> Result<Vec<AttemptRecord>, StoreUnavailable> {
        let records = told(
            Access::Read,
            self.gate.pass(self.store.of_browser(browser)).await,
        )?;
        Ok(records
            .into_iter()
            .filter_map(|record| at(record, now))
            .collect())
    }

    /// Waits until the attempt is another than the one `seen`, at most so long.
    pub(crate) async fn changed(
        &self,
        id: &AttemptId,
        seen: u64,
        at_most: Duration,
    ) -> Result<Option<AttemptRecord>, StoreUnavailable> {
        if self.gate.is_closed() {
            // A long wait is no way to find out whether the store is back.
            told(Access::Wait, self.gate.pass(self.store.load(id)).await)?;
        }
        let patience = at_most.saturating_add(STORE_WAIT);
        let changed = self.store.changed(id, seen, at_most);
        told(Access::Wait, self.gate.wait(changed, patience).await)
    }

    /// Lets `step` decide about the attempt until nobody interferes. `None`: there is none.
    pub(crate) async fn change<T>(
        &self,
        id: &AttemptId,
        mut step: impl FnMut(&mut AttemptRecord) -> Change<T>,
    ) -> Result<Option<T>, StoreUnavailable> {
        for _ in 0..TRIES {
            let loaded = told(Access::Read, self.gate.pass(self.store.load(id)).await)?;
            let Some(mut record) = loaded else {
                return Ok(None);
            };
            match step(&mut record) {
                Change::Keep(value) => return Ok(Some(value)),
                Change::Store(value) => {
                    let replaced = self
                        .gate
                        .pass(self.store.replace(record.next_version()))
                        .await;
                    match told(Access::Write, replaced)? {
                        Replaced::Yes => return Ok(Some(value)),
                        Replaced::Conflict => {}
                    }
                }
            }
        }
        Err(StoreUnavailable)
    }

    pub(crate) async fn beat(
        &self,
        process: &str,
        life: Duration,
    ) -> Result<Option<Moment>, StoreUnavailable> {
        told(
            Access::Lease,
            self.gate.pass(self.store.beat(process, life)).await,
        )
    }

    pub(crate) async fn orphans(&self, most: usize) -> Result<Vec<Orphan>, StoreUnavailable> {
        told(
            Access::Lease,
            self.gate.pass(self.store.orphans(most)).await,
        )
    }

    pub(crate) async fn ping(&self) -> Result<(), StoreUnavailable> {
        told(Access::Read, self.gate.pass(self.store.ping()).await)
    }
}

/// Counts what failed.
fn told<T>(access: Access, result: Result<T, StoreUnavailable>) -> Result<T, StoreUnavailable> {
    result.inspect_err(|_| metrics::store_failed(Store::Attempts, access))
}

/// The record as it reads at `now`; nothing when it is to be forgotten.
fn at(mut record: AttemptRecord, now: Moment) -> Option<AttemptRecord> {
    record.expire(now);
    (now < record.forget_at()).then_some(record)
}
