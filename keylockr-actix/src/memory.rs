//! [`MemoryStore`]: sessions in this process, for small sites, examples and tests.

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use actix_session::storage::{LoadError, SaveError, SessionKey, SessionStore, UpdateError};
use actix_web::cookie::time;
use anyhow::Error;
use sha2::{Digest, Sha256};
use tokio::time::Instant;

use crate::clock;

/// How many sessions are kept unless told otherwise.
const MOST: usize = 100_000;

/// How often at least, while sessions come, those that are over make room.
const SWEEP: Duration = Duration::from_secs(60);

/// Sessions in memory: shared by all workers that hold a clone, gone at a restart.
///
/// It is bounded: once so many sessions are alive, new ones cannot be stored (503), and nobody is
/// signed out for them. Ids are kept as hashes; who can read this memory finds no cookie in it.
///
/// Make it once, outside the closure that `HttpServer::new` calls for each worker.
#[derive(Clone)]
pub struct MemoryStore(Arc<Mutex<Shelf>>);

struct Shelf {
    sessions: HashMap<IdHash, Kept>,
    most: usize,
    swept: Instant,
}

type IdHash = [u8; 32];
type State = HashMap<String, String>;

struct Kept {
    state: State,
    until: Instant,
}

impl MemoryStore {
    /// At most so many sessions.
    #[must_use]
    pub fn with_sessions(most: usize) -> Self {
        Self(Arc::new(Mutex::new(Shelf {
            sessions: HashMap::new(),
            most,
            swept: clock::now(),
        })))
    }

    fn shelf(&self) -> MutexGuard<'_, Shelf> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn keep(&self, state: State, ttl: &time::Duration) -> Result<SessionKey, Error> {
        let mut id = [0; 32];
        getrandom::fill(&mut id).map_err(|_| Error::msg("there is no randomness"))?;
        let id: String = id.iter().map(|byte| format!("{byte:02x}")).collect();
        let now = clock::now();
        let mut shelf = self.shelf();
        if now.duration_since(shelf.swept) >= SWEEP || shelf.sessions.len() >= shelf.most {
            shelf.sessions.retain(|_, kept| kept.until > now);
            shelf.swept = now;
        }
        if shelf.sessions.len() >= shelf.most {
            return Err(Error::msg("there are too many sessions"));
        }
        let kept = Kept {
            state,
            until: later(now, ttl),
        };
        shelf.sessions.insert(hash(&id), kept);
        Ok(SessionKey::try_from(id)?)
    }
}

impl Default for MemoryStore {
    fn default() -> Self {
        Self::with_sessions(MOST)
    }
}

impl SessionStore for MemoryStore {
    async fn load(&self, key: &SessionKey) -> Result<Option<State>, LoadError> {
        let now = clock::now();
        let shelf = self.shelf();
        let kept = shelf.sessions.get(&hash(key.as_ref()));
        Ok(kept
            .filter(|kept| kept.until > now)
            .map(|kept| kept.state.clone()))
    }

    async fn save(&self, state: State, ttl: &time::Duration) -> Result<SessionKey, SaveError> {
        self.keep(state, ttl).map_err(SaveError::Other)
    }

    async fn update(
        &self,
        key: SessionKey,
        state: State,
        ttl: &time::Duration,
    ) -> Result<SessionKey, UpdateError> {
        let now = clock::now();
        if let Some(kept) = self.shelf().sessions.get_mut(&hash(key.as_ref())) {
            kept.state = state;
            kept.until = later(now, ttl);
            return Ok(key);
        }
        // It ended while this request was answered; its id stays dead.
        self.keep(state, ttl).map_err(UpdateError::Other)
    }

    async fn update_ttl(&self, key: &SessionKey, ttl: &time::Duration) -> Result<(), Error> {
        let now = clock::now();
        if let Some(kept) = self.shelf().sessions.get_mut(&hash(key.as_ref())) {
            kept.until = later(now, ttl);
        }
        Ok(())
    }

    async fn delete(&self, key: &SessionKey) -> Result<(), Error> {
        self.shelf().sessions.remove(&hash(key.as_ref()));
        Ok(())
    }
}

fn hash(id: &str) -> IdHash {
    Sha256::digest(id).into()
}

/// A life that is over before it began ends now; one without an end lasts a hundred years.
fn later(now: Instant, ttl: &time::Duration) -> Instant {
    let century = Duration::from_secs(100 * 365 * 86_400);
    let ttl = Duration::try_from(*ttl).unwrap_or_default().min(century);
    now + ttl
}

/// How many, and not whose.
impl fmt::Debug for MemoryStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryStore")
            .field("sessions", &self.shelf().sessions.len())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(text: &str) -> State {
        State::from([("name".to_owned(), text.to_owned())])
    }

    const HOUR: time::Duration = time::Duration::HOUR;

    #[tokio::test(start_paused = true)]
    async fn sessions_come_change_and_go() {
        let store = MemoryStore::default();
        let key = store.save(state("a"), &HOUR).await.unwrap();
        assert_eq!(key.as_ref().len(), 64);
        assert_eq!(store.load(&key).await.unwrap(), Some(state("a")));
        let id = key.as_ref().to_owned();
        let key = store.update(key, state("b"), &HOUR).await.unwrap();
        assert_eq!(key.as_ref(), id);
        assert_eq!(store.load(&key).await.unwrap(), Some(state("b")));
        store.delete(&key).await.unwrap();
        assert_eq!(store.load(&key).await.unwrap(), None);
        let other = store.update(key, state("c"), &HOUR).await.unwrap();
        assert_ne!(other.as_ref(), id, "a dead id stays dead");
    }

    #[tokio::test(start_paused = true)]
    async fn sessions_end_in_time() {
        let store = MemoryStore::default();
        let key = store.save(state("a"), &HOUR).await.unwrap();
        tokio::time::advance(Duration::from_secs(1800)).await;
        store.update_ttl(&key, &HOUR).await.unwrap();
        tokio::time::advance(Duration::from_secs(3599)).await;
        assert!(store.load(&key).await.unwrap().is_some());
        tokio::time::advance(Duration::from_secs(1)).await;
        assert!(store.load(&key).await.unwrap().is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn a_full_store_signs_nobody_out() {
        let store = MemoryStore::with_sessions(2);
        let first = store.save(state("a"), &HOUR).await.unwrap();
        store.save(state("b"), &(HOUR * 2)).await.unwrap();
        assert!(store.save(state("c"), &HOUR).await.is_err());
        assert!(store.load(&first).await.unwrap().is_some());
        tokio::time::advance(Duration::from_secs(3600)).await;
        store.save(state("c"), &HOUR).await.unwrap();
        assert!(store.save(state("d"), &HOUR).await.is_err());
    }

    #[test]
    fn debug_shows_no_session() {
        let store = MemoryStore::default();
        let key = store.keep(state("secret"), &HOUR).unwrap();
        let text = format!("{store:?}");
        assert!(
            !text.contains("secret") && !text.contains(key.as_ref()),
            "{text}"
        );
    }
}
