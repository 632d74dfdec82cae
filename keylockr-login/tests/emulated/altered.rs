//! Attempts under somebody else's hands.

use std::{sync::Mutex, time::Duration};

use keylockr_login::{
    AttemptId, AttemptRecord, AttemptStore, BrowserHash, Inserted, Moment, Orphan, Replaced,
    StoreFuture,
};
use serde_json::Value;

use crate::stage::Common;

/// A store that somebody else can write to: a record's members may be altered.
#[derive(Default)]
pub(crate) struct Altered {
    pub(crate) store: Common,
    pub(crate) alter: Mutex<Option<Alteration>>,
}

pub(crate) type Alteration = Box<dyn Fn(&mut Value) + Send>;

impl AttemptStore for Altered {
    fn load<'a>(&'a self, id: &'a AttemptId) -> StoreFuture<'a, Option<AttemptRecord>> {
        Box::pin(async move {
            let record = self.store.load(id).await?;
            let alter = self.alter.lock().unwrap();
            Ok(record.map(|record| {
                let mut stored = serde_json::to_value(record).unwrap();
                if let Some(alter) = &*alter {
                    alter(&mut stored);
                }
                serde_json::from_value(stored).unwrap()
            }))
        })
    }

    fn insert(&self, record: AttemptRecord, most: usize, now: Moment) -> StoreFuture<'_, Inserted> {
        self.store.insert(record, most, now)
    }

    fn of_browser<'a>(&'a self, browser: &'a BrowserHash) -> StoreFuture<'a, Vec<AttemptRecord>> {
        self.store.of_browser(browser)
    }

    fn replace(&self, record: AttemptRecord) -> StoreFuture<'_, Replaced> {
        self.store.replace(record)
    }

    fn changed<'a>(
        &'a self,
        id: &'a AttemptId,
        seen: u64,
        at_most: Duration,
    ) -> StoreFuture<'a, Option<AttemptRecord>> {
        self.store.changed(id, seen, at_most)
    }

    fn beat<'a>(&'a self, process: &'a str, life: Duration) -> StoreFuture<'a, Option<Moment>> {
        self.store.beat(process, life)
    }

    fn orphans(&self, most: usize) -> StoreFuture<'_, Vec<Orphan>> {
        self.store.orphans(most)
    }

    fn ping(&self) -> StoreFuture<'_, ()> {
        self.store.ping()
    }
}
