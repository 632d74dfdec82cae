//! The attempt store in memory, behind a switch.
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use std::time::Duration;

use keylockr_emulator::conformance::{
    Access::{self, Read, Write},
    StoreDown, StoreSwitch,
};
use keylockr_login::{
    AttemptId, AttemptRecord, AttemptStore, BrowserHash, Inserted, MemoryAttempts, Moment, Orphan,
    Replaced, StoreFuture, StoreUnavailable,
};

/// An attempt store that a test can take away.
pub(crate) struct SwitchedAttempts {
    memory: MemoryAttempts,
    switch: StoreSwitch,
}

impl SwitchedAttempts {
    pub(crate) fn new(switch: StoreSwitch) -> Self {
        Self {
            memory: MemoryAttempts::new(),
            switch,
        }
    }

    fn behind<'a, T: Send + 'a>(
        &'a self,
        access: Access,
        answer: StoreFuture<'a, T>,
    ) -> StoreFuture<'a, T> {
        Box::pin(async move {
            match self.switch.pass(access).await {
                Ok(()) => answer.await,
                Err(StoreDown) => Err(StoreUnavailable),
            }
        })
    }
}

impl AttemptStore for SwitchedAttempts {
    fn is_shared(&self) -> bool {
        self.memory.is_shared()
    }

    fn insert(&self, record: AttemptRecord, most: usize, now: Moment) -> StoreFuture<'_, Inserted> {
        self.behind(Write, self.memory.insert(record, most, now))
    }

    fn load<'a>(&'a self, id: &'a AttemptId) -> StoreFuture<'a, Option<AttemptRecord>> {
        self.behind(Read, self.memory.load(id))
    }

    fn of_browser<'a>(&'a self, browser: &'a BrowserHash) -> StoreFuture<'a, Vec<AttemptRecord>> {
        self.behind(Read, self.memory.of_browser(browser))
    }

    fn replace(&self, record: AttemptRecord) -> StoreFuture<'_, Replaced> {
        self.behind(Write, self.memory.replace(record))
    }

    fn changed<'a>(
        &'a self,
        id: &'a AttemptId,
        seen: u64,
        at_most: Duration,
    ) -> StoreFuture<'a, Option<AttemptRecord>> {
        self.behind(Read, self.memory.changed(id, seen, at_most))
    }

    fn beat<'a>(&'a self, process: &'a str, life: Duration) -> StoreFuture<'a, Option<Moment>> {
        self.behind(Read, self.memory.beat(process, life))
    }

    fn orphans(&self, most: usize) -> StoreFuture<'_, Vec<Orphan>> {
        self.behind(Read, self.memory.orphans(most))
    }

    fn ping(&self) -> StoreFuture<'_, ()> {
        self.behind(Read, self.memory.ping())
    }
}
