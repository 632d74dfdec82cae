//! Where the HTTP sessions are: in memory, or in the Redis that the site's processes share.
//!
//! This is all that an `actix-session` store takes. What it brings along for Redis would be a second
//! client of another version, with its keys in the clear.

use std::{collections::HashMap, time::Duration};

use actix_session::storage::{LoadError, SaveError, SessionKey, SessionStore, UpdateError};
use actix_web::cookie::time;
use anyhow::Error;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use keylockr_actix::MemoryStore;

use crate::shared::Shelf;

/// The sessions of this site.
#[derive(Clone, Debug)]
pub(crate) enum Sessions {
    Memory(MemoryStore),
    Redis(Shelf),
}

type State = HashMap<String, String>;

impl Sessions {
    /// In memory without a shelf.
    pub(crate) fn on(shelf: Option<Shelf>) -> Self {
        shelf.map_or_else(|| Self::Memory(MemoryStore::default()), Self::Redis)
    }
}

impl SessionStore for Sessions {
    async fn load(&self, key: &SessionKey) -> Result<Option<State>, LoadError> {
        let shelf = match self {
            Self::Memory(memory) => return memory.load(key).await,
            Self::Redis(shelf) => shelf,
        };
        let kept = shelf.session(key.as_ref()).await;
        let Some(kept) = kept.map_err(|away| LoadError::Other(away.into()))? else {
            return Ok(None);
        };
        let state = serde_json::from_str(&kept);
        state
            .map(Some)
            .map_err(|_| LoadError::Deserialization(Error::msg("not a session of this site")))
    }

    async fn save(&self, state: State, ttl: &time::Duration) -> Result<SessionKey, SaveError> {
        match self {
            Self::Memory(memory) => memory.save(state, ttl).await,
            Self::Redis(shelf) => add(shelf, &state, ttl).await.map_err(SaveError::Other),
        }
    }

    async fn update(
        &self,
        key: SessionKey,
        state: State,
        ttl: &time::Duration,
    ) -> Result<SessionKey, UpdateError> {
        let shelf = match self {
            Self::Memory(memory) => return memory.update(key, state, ttl).await,
            Self::Redis(shelf) => shelf,
        };
        let changed = async {
            let text = serde_json::to_string(&state)?;
            match shelf.change_session(key.as_ref(), &text, life(ttl)).await? {
                true => Ok(key),
                // It ended while this request was answered; its id stays dead.
                false => add(shelf, &state, ttl).await,
            }
        };
        changed.await.map_err(UpdateError::Other)
    }

    async fn update_ttl(&self, key: &SessionKey, ttl: &time::Duration) -> Result<(), Error> {
        match self {
            Self::Memory(memory) => memory.update_ttl(key, ttl).await,
            Self::Redis(shelf) => Ok(shelf.extend_session(key.as_ref(), life(ttl)).await?),
        }
    }

    async fn delete(&self, key: &SessionKey) -> Result<(), Error> {
        match self {
            Self::Memory(memory) => memory.delete(key).await,
            Self::Redis(shelf) => Ok(shelf.remove_session(key.as_ref()).await?),
        }
    }
}

/// Under a new id of 256 random bits.
async fn add(shelf: &Shelf, state: &State, ttl: &time::Duration) -> Result<SessionKey, Error> {
    let mut id = [0; 32];
    getrandom::fill(&mut id).map_err(|_| Error::msg("there is no randomness"))?;
    let id = URL_SAFE_NO_PAD.encode(id);
    match shelf
        .add_session(&id, &serde_json::to_string(state)?, life(ttl))
        .await?
    {
        true => Ok(SessionKey::try_from(id)?),
        false => Err(Error::msg("the randomness repeats itself")),
    }
}

fn life(ttl: &time::Duration) -> Duration {
    Duration::try_from(*ttl).unwrap_or_default()
}
