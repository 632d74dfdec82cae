//! A session store that counts how often it is asked, and that a test can take away.
#![allow(dead_code, reason = "every test file uses its own part of this")]
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use std::{
    fmt,
    future::Future,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

use keylockr_emulator::conformance::{Access, StoreDown, StoreSwitch};
use tower_sessions::{
    MemoryStore, SessionStore,
    session::{Id, Record},
    session_store::{Error, Result},
};

/// The memory store behind a switch and two counters.
#[derive(Clone, Default)]
pub(crate) struct SwitchedStore {
    memory: MemoryStore,
    switch: StoreSwitch,
    reads: Arc<AtomicUsize>,
    writes: Arc<AtomicUsize>,
    is_elsewhere: Arc<AtomicBool>,
}

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

    /// Whether it answers like one behind a network: never at once.
    pub(crate) fn set_elsewhere(&self, is_elsewhere: bool) {
        self.is_elsewhere.store(is_elsewhere, Ordering::SeqCst);
    }

    /// How often it was read since the last question.
    pub(crate) fn reads(&self) -> usize {
        self.reads.swap(0, Ordering::SeqCst)
    }

    /// How often it was written or deleted from since the last question.
    pub(crate) fn writes(&self) -> usize {
        self.writes.swap(0, Ordering::SeqCst)
    }

    /// Whether something is stored under the text of a session cookie.
    pub(crate) async fn holds(&self, cookie: &str) -> bool {
        let id: Id = cookie.parse().expect("a session id");
        self.memory.load(&id).await.expect("memory").is_some()
    }

    async fn pass(&self, access: Access) -> Result<()> {
        match access {
            Access::Read => &self.reads,
            Access::Write => &self.writes,
        }
        .fetch_add(1, Ordering::SeqCst);
        if self.is_elsewhere.load(Ordering::SeqCst) {
            // The gate before it looks twice in one go.
            for _ in 0..3 {
                tokio::task::yield_now().await;
            }
        }
        self.switch
            .pass(access)
            .await
            .map_err(|StoreDown| Error::Backend("switched off".to_owned()))
    }
}

impl fmt::Debug for SwitchedStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SwitchedStore")
    }
}

type Boxed<'f, T> = Pin<Box<dyn Future<Output = Result<T>> + Send + 'f>>;

// Spelled out instead of `#[async_trait]`: one dependency less for four methods.
impl SessionStore for SwitchedStore {
    fn create<'s, 'r, 'f>(&'s self, record: &'r mut Record) -> Boxed<'f, ()>
    where
        's: 'f,
        'r: 'f,
    {
        Box::pin(async move {
            self.pass(Access::Write).await?;
            self.memory.create(record).await
        })
    }

    fn save<'s, 'r, 'f>(&'s self, record: &'r Record) -> Boxed<'f, ()>
    where
        's: 'f,
        'r: 'f,
    {
        Box::pin(async move {
            self.pass(Access::Write).await?;
            self.memory.save(record).await
        })
    }

    fn load<'s, 'r, 'f>(&'s self, id: &'r Id) -> Boxed<'f, Option<Record>>
    where
        's: 'f,
        'r: 'f,
    {
        Box::pin(async move {
            self.pass(Access::Read).await?;
            self.memory.load(id).await
        })
    }

    fn delete<'s, 'r, 'f>(&'s self, id: &'r Id) -> Boxed<'f, ()>
    where
        's: 'f,
        'r: 'f,
    {
        Box::pin(async move {
            self.pass(Access::Write).await?;
            self.memory.delete(id).await
        })
    }
}
