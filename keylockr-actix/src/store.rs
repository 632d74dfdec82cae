//! [`SteadyStore`]: a session store that fails in time, and as a 503.

use std::{collections::HashMap, fmt::Display, future::Future, sync::Arc};

use actix_session::storage::{LoadError, SaveError, SessionKey, SessionStore, UpdateError};
use actix_web::cookie::time;
use anyhow::Error;
use keylockr_login::Gate;

use crate::handle::Handle;

/// Wraps a store that can fail, Redis for instance, so that its failures are told apart.
///
/// Inside a [`KeyLockrMiddleware`](crate::KeyLockrMiddleware) a session that cannot be read is a 503
/// for those who ask who is signed in, and nothing to those who do not; one that cannot be saved is
/// a 503 in any case. Both keep the headers that outer middleware adds, and touch no cookie. A store
/// that does not answer within a second has failed; while it goes on like that one request at a time
/// waits for it, and the others are told at once. Elsewhere errors go through as they are.
///
/// Clones are ways to the same store: make one, and clone it for every worker.
///
/// ```
/// # use actix_session::SessionMiddleware;
/// # use actix_web::cookie::Key;
/// # use keylockr_actix::{MemoryStore, SteadyStore};
/// # let store = MemoryStore::default();
/// SessionMiddleware::new(SteadyStore::new(store), Key::generate())
/// # ;
/// ```
#[derive(Clone, Debug)]
pub struct SteadyStore<S> {
    store: S,
    gate: Arc<Gate>,
}

type State = HashMap<String, String>;

impl<S> SteadyStore<S> {
    /// Wraps `store`.
    pub fn new(store: S) -> Self {
        Self {
            store,
            gate: Arc::default(),
        }
    }

    /// The answer of an access, or what it is that none came in time.
    async fn in_time<T, E>(
        &self,
        access: impl Future<Output = Result<T, E>>,
        slow: impl FnOnce(Error) -> E,
    ) -> Result<T, E> {
        let mut failed = None;
        let access = async { access.await.map_err(|error| failed = Some(error)) };
        let passed = self.gate.pass(access).await;
        passed.map_err(|late| failed.unwrap_or_else(|| slow(Error::new(late))))
    }
}

impl<S: SessionStore> SteadyStore<S> {
    /// Deletes the session in whose place another one is saved now.
    async fn delete_replaced(&self) -> Result<(), SaveError> {
        let handle = Handle::current();
        let old = handle.and_then(|handle| handle.trouble().take_old_key());
        match old.and_then(key) {
            Some(old) => self.in_time(self.store.delete(&old), |error| error).await,
            None => Ok(()),
        }
        .map_err(SaveError::Other)
    }
}

impl<S: SessionStore> SessionStore for SteadyStore<S> {
    async fn load(&self, key: &SessionKey) -> Result<Option<State>, LoadError> {
        let loaded = self.in_time(self.store.load(key), LoadError::Other).await;
        match (loaded, Handle::current()) {
            (Err(LoadError::Other(error)), Some(handle)) => {
                tracing::error!(%error, "the session store does not answer");
                handle.trouble().note_unread();
                // With its key, or an answer would take the cookie away.
                Ok(Some(State::new()))
            }
            (loaded, _) => loaded,
        }
    }

    async fn save(&self, state: State, ttl: &time::Duration) -> Result<SessionKey, SaveError> {
        let saved = if is_unread() {
            // Under a new id somebody would be lost whose session could not be read.
            Err(SaveError::Other(unread()))
        } else {
            let save = self.store.save(state, ttl);
            self.in_time(save, SaveError::Other).await
        };
        let saved = match saved {
            Ok(saved) => self.delete_replaced().await.map(|()| saved),
            Err(error) => Err(error),
        };
        saved.or_else(|error| noted(error, || key(String::new())))
    }

    async fn update(
        &self,
        session_key: SessionKey,
        state: State,
        ttl: &time::Duration,
    ) -> Result<SessionKey, UpdateError> {
        let same = session_key.as_ref().to_owned();
        let updated = if is_unread() {
            // It would overwrite what could not be read.
            Err(UpdateError::Other(unread()))
        } else {
            let update = self.store.update(session_key, state, ttl);
            self.in_time(update, UpdateError::Other).await
        };
        updated.or_else(|error| noted(error, || key(same)))
    }

    async fn update_ttl(&self, key: &SessionKey, ttl: &time::Duration) -> Result<(), Error> {
        if is_unread() {
            return Ok(());
        }
        let update = self.store.update_ttl(key, ttl);
        let updated = self.in_time(update, |error| error).await;
        updated.or_else(|error| noted(error, || Some(())))
    }

    async fn delete(&self, key: &SessionKey) -> Result<(), Error> {
        let deleted = if is_unread() {
            Err(unread())
        } else if put_off_delete(key) {
            // Until the new one is saved; if it is not, this one goes on.
            Ok(())
        } else {
            self.in_time(self.store.delete(key), |error| error).await
        };
        deleted.or_else(|error| noted(error, || Some(())))
    }
}

/// Whether the session of this task's request could not be read.
fn is_unread() -> bool {
    Handle::current().is_some_and(|handle| handle.trouble().is_unread())
}

/// Notes the key for [`delete_replaced`](SteadyStore::delete_replaced), if the session of this task's request
/// is to get another one: `actix-session` deletes the old one first, and would lose somebody whose new
/// one cannot be saved. `false`: nothing is put off.
fn put_off_delete(key: &SessionKey) -> bool {
    let Some(handle) = Handle::current().filter(|handle| handle.session().is_renewed()) else {
        return false;
    };
    handle.trouble().note_old_key(key.as_ref().to_owned());
    true
}

fn unread() -> Error {
    Error::msg("it could not be read")
}

/// Puts a failed write on the request's slip; without one it stays an error. What stands there
/// `instead` goes no further than to the middleware, which throws the answer away.
fn noted<T, E: Display>(error: E, instead: impl FnOnce() -> Option<T>) -> Result<T, E> {
    match (Handle::current(), instead()) {
        (Some(handle), Some(instead)) => {
            tracing::error!(%error, "the session cannot be stored");
            handle.trouble().note_unsaved();
            Ok(instead)
        }
        _ => Err(error),
    }
}

fn key(text: String) -> Option<SessionKey> {
    SessionKey::try_from(text).ok()
}
