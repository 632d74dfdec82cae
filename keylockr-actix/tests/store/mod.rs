//! A session store that counts how often it is asked, and that a test can take away.
#![allow(dead_code, reason = "every test file uses its own part of this")]

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

use actix_session::storage::{LoadError, SaveError, SessionKey, SessionStore, UpdateError};
use actix_web::cookie::time::Duration;
use anyhow::Error;
use keylockr_actix::MemoryStore;
use keylockr_emulator::conformance::{Access, StoreDown, StoreSwitch};

/// The memory store behind a switch and two counters.
#[derive(Clone, Default)]
pub(crate) struct SwitchedStore {
    memory: MemoryStore,
    switch: StoreSwitch,
    reads: Arc<AtomicUsize>,
    writes: Arc<AtomicUsize>,
    is_full: Arc<AtomicBool>,
}

type State = HashMap<String, String>;

impl SwitchedStore {
    pub(crate) fn new(switch: StoreSwitch) -> Self {
        Self {
            switch,
            ..Self::default()
        }
    }

    /// Takes the store away, or gives it back.
    pub(crate) fn switch(&self) -> &StoreSwitch {
        &self.switch
    }

    /// From now on it saves nothing new, and all else goes on: a Redis without room does that.
    pub(crate) fn refuse_new(&self) {
        self.is_full.store(true, Ordering::SeqCst);
    }

    pub(crate) fn admit_new(&self) {
        self.is_full.store(false, Ordering::SeqCst);
    }

    /// How often it was read since the last question.
    pub(crate) fn reads(&self) -> usize {
        self.reads.swap(0, Ordering::SeqCst)
    }

    /// How often it was written or deleted from since the last question.
    pub(crate) fn writes(&self) -> usize {
        self.writes.swap(0, Ordering::SeqCst)
    }

    async fn pass(&self, access: Access) -> Result<(), Error> {
        match access {
            Access::Read => &self.reads,
            Access::Write => &self.writes,
        }
        .fetch_add(1, Ordering::SeqCst);
        let passed = self.switch.pass(access).await;
        passed.map_err(|StoreDown| Error::msg("switched off"))
    }
}

impl SessionStore for SwitchedStore {
    async fn load(&self, key: &SessionKey) -> Result<Option<State>, LoadError> {
        self.pass(Access::Read).await.map_err(LoadError::Other)?;
        self.memory.load(key).await
    }

    async fn save(&self, state: State, ttl: &Duration) -> Result<SessionKey, SaveError> {
        self.pass(Access::Write).await.map_err(SaveError::Other)?;
        if self.is_full.load(Ordering::SeqCst) {
            return Err(SaveError::Other(Error::msg("no room")));
        }
        self.memory.save(state, ttl).await
    }

    async fn update(
        &self,
        key: SessionKey,
        state: State,
        ttl: &Duration,
    ) -> Result<SessionKey, UpdateError> {
        self.pass(Access::Write).await.map_err(UpdateError::Other)?;
        self.memory.update(key, state, ttl).await
    }

    async fn update_ttl(&self, key: &SessionKey, ttl: &Duration) -> Result<(), Error> {
        self.pass(Access::Write).await?;
        self.memory.update_ttl(key, ttl).await
    }

    async fn delete(&self, key: &SessionKey) -> Result<(), Error> {
        self.pass(Access::Write).await?;
        self.memory.delete(key).await
    }
}
