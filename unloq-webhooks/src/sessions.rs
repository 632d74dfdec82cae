//! Remote logout that works: the `sid` that UNLOQ gets is a random handle, and every request of its
//! session asks whether the handle still stands.
//!
//! A session's id is a credential, and so must not leave the application; `actix-session` does not
//! even show it. So UNLOQ gets a [`SessionHandle`], which opens nothing, and the session keeps the
//! handle's hash:
//!
//! 1. At sign-in, [draw](SessionHandle::random) a handle and send it as `sid` with the token.
//! 2. Once UNLOQ has said who it is, begin it in the new session: `begin` in `tower_sessions` or
//!    `actix_session`.
//! 3. The layer or middleware there empties the session of a handle that has ended, before any
//!    handler sees it. While the store of handles does not answer, such a session gets 503.
//! 4. On [`Logout`](crate::Logout), [`end`](SessionHandles::end) the handle; on
//!    [`Deactivate`](crate::Deactivate), [all of them](SessionHandles::end_all).

mod handle;
mod memory;

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::time::timeout;

pub use self::{
    handle::{HandleId, SessionHandle},
    memory::MemoryHandles,
};
use crate::{
    clock,
    id::UnloqId,
    replay::{StoreFuture, StoreUnavailable},
    time::UnixTime,
};

/// What a store gets to answer.
const STORE_TIME: Duration = Duration::from_secs(1);

/// The entry of a session that holds its [`HandleId`].
#[cfg(any(feature = "tower-sessions", feature = "actix-session"))]
pub(crate) const MARK: &str = "unloq";

/// Which sessions UNLOQ may end. Cheap to clone.
#[derive(Clone)]
pub struct SessionHandles(Arc<Inner>);

struct Inner {
    store: Arc<dyn HandleStore>,
    life: u64,
    not_theirs: AtomicU64,
}

/// Why a handle stands for no session. Sign nobody in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BeginError {
    /// The handle cannot be stored.
    #[error(transparent)]
    Handles(#[from] StoreUnavailable),
    /// The session cannot be read or written.
    #[error("the session cannot be read or written")]
    Session,
    /// Nothing would ask for the handle at the session's next request. Also in the log.
    #[error("no RemoteLogout and sessions around this handler")]
    LayerMissing,
}

/// What ending a handle came to. Answer each with 200: the session is not, or no longer, theirs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Ended {
    /// Its session is over.
    Now,
    /// Nobody knows it any more, or ever did.
    AlreadyGone,
    /// It is another user's, and lives on. Counted and logged.
    NotTheirs,
}

/// Keeps handles. Several processes may share one; keep it where the sessions are kept, for a handle
/// that is forgotten has ended.
///
/// A future that is dropped may or may not have had its effect.
pub trait HandleStore: Send + Sync + 'static {
    /// Keeps a handle of `user` that ends at `until`.
    fn begin<'a>(
        &'a self,
        handle: HandleId,
        user: UnloqId,
        until: UnixTime,
        now: UnixTime,
    ) -> StoreFuture<'a, ()>;

    /// Whether a handle lives. One that does ends at `until` from now on.
    fn check<'a>(
        &'a self,
        handle: HandleId,
        until: UnixTime,
        now: UnixTime,
    ) -> StoreFuture<'a, bool>;

    /// Ends a handle, if it is this user's.
    fn end<'a>(&'a self, handle: HandleId, user: UnloqId, now: UnixTime) -> StoreFuture<'a, Ended>;

    /// Ends all handles of a user, and says how many there were.
    fn end_all<'a>(&'a self, user: UnloqId, now: UnixTime) -> StoreFuture<'a, usize>;
}

impl SessionHandles {
    /// Handles in this process. `life` is how long a session lives without a request, as its session
    /// layer is configured: a handle ends with it.
    pub fn in_memory(life: Duration) -> Self {
        Self::with_store(Arc::new(MemoryHandles::default()), life)
    }

    /// Handles in a store that several processes share.
    pub fn with_store(store: Arc<dyn HandleStore>, life: Duration) -> Self {
        Self(Arc::new(Inner {
            store,
            life: life.as_secs().max(1),
            not_theirs: AtomicU64::new(0),
        }))
    }

    /// Ends the session of a handle, if it is this user's. It is over at its next request.
    ///
    /// # Errors
    ///
    /// [`StoreUnavailable`], also after a second without an answer: answer 503.
    pub async fn end(&self, user: &UnloqId, sid: &str) -> Result<Ended, StoreUnavailable> {
        let handle = HandleId::of(sid);
        let ended = bounded(self.0.store.end(handle, *user, clock::now())).await?;
        if ended == Ended::NotTheirs {
            self.0.not_theirs.fetch_add(1, Ordering::Relaxed);
            tracing::warn!(%user, "UNLOQ asked to end a session of another user; it lives on");
        }
        Ok(ended)
    }

    /// Ends all sessions of a user, and says how many there were.
    ///
    /// # Errors
    ///
    /// [`StoreUnavailable`], also after a second without an answer: answer 503.
    pub async fn end_all(&self, user: &UnloqId) -> Result<usize, StoreUnavailable> {
        bounded(self.0.store.end_all(*user, clock::now())).await
    }

    /// How often [`end`](Self::end) was asked for a handle of another user.
    pub fn not_theirs(&self) -> u64 {
        self.0.not_theirs.load(Ordering::Relaxed)
    }

    /// Makes a handle stand for a session: keep the [`HandleId`] in it, and
    /// [`check`](Self::check) it at every request. The integrations do both.
    ///
    /// # Errors
    ///
    /// [`StoreUnavailable`], also after a second without an answer: nobody is signed in, then.
    pub async fn begin(
        &self,
        handle: &SessionHandle,
        user: &UnloqId,
    ) -> Result<HandleId, StoreUnavailable> {
        let (id, now) = (handle.id(), clock::now());
        bounded(self.0.store.begin(id, *user, self.until(now), now)).await?;
        Ok(id)
    }

    /// Whether the session of a handle goes on. It may be idle for another `life` then.
    ///
    /// # Errors
    ///
    /// [`StoreUnavailable`], also after a second without an answer: answer 503, never as if signed
    /// out or in.
    pub async fn check(&self, handle: HandleId) -> Result<bool, StoreUnavailable> {
        let now = clock::now();
        bounded(self.0.store.check(handle, self.until(now), now)).await
    }

    fn until(&self, now: UnixTime) -> UnixTime {
        now.saturating_add(self.0.life)
    }
}

/// The answer of a store that is waited for a second.
pub(crate) async fn bounded<T>(
    answer: impl Future<Output = Result<T, StoreUnavailable>>,
) -> Result<T, StoreUnavailable> {
    let answer = timeout(STORE_TIME, answer).await;
    answer.unwrap_or(Err(StoreUnavailable))
}

impl fmt::Debug for SessionHandles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionHandles")
            .field("life", &self.0.life)
            .field("not_theirs", &self.not_theirs())
            .finish_non_exhaustive()
    }
}
