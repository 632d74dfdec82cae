//! Where the HTTP sessions are: in memory, or in the Redis that the site's processes share.
//!
//! This is all that a `tower-sessions` store takes. Whatever cannot be asked is an error, and becomes
//! a 503; it is never "no session".

use std::{collections::HashMap, pin::Pin, time::Duration};

use serde_json::{Value, json};
use tower_sessions::{
    MemoryStore, SessionStore,
    cookie::time::OffsetDateTime,
    session::{Id, Record},
    session_store::{Error, Result},
};

use crate::{clock, shared::Shelf};

/// The sessions of this site.
#[derive(Clone, Debug)]
pub(crate) enum Sessions {
    Memory(MemoryStore),
    Redis(Shelf),
}

impl Sessions {
    /// In memory without a shelf.
    pub(crate) fn on(shelf: Option<Shelf>) -> Self {
        shelf.map_or_else(|| Self::Memory(MemoryStore::default()), Self::Redis)
    }
}

type Boxed<'f, T> = Pin<Box<dyn Future<Output = Result<T>> + Send + 'f>>;

// Spelled out instead of `#[async_trait]`: one dependency less for four methods.
impl SessionStore for Sessions {
    fn create<'s, 'r, 'f>(&'s self, record: &'r mut Record) -> Boxed<'f, ()>
    where
        's: 'f,
        'r: 'f,
    {
        match self {
            Self::Memory(memory) => memory.create(record),
            Self::Redis(shelf) => Box::pin(async move {
                // An id of 128 random bits that is taken already is somebody else's session.
                while !shelf
                    .add_session(&record.id.to_string(), &text(record), life(record))
                    .await
                    .map_err(away)?
                {
                    record.id = Id::default();
                }
                Ok(())
            }),
        }
    }

    fn save<'s, 'r, 'f>(&'s self, record: &'r Record) -> Boxed<'f, ()>
    where
        's: 'f,
        'r: 'f,
    {
        match self {
            Self::Memory(memory) => memory.save(record),
            Self::Redis(shelf) => Box::pin(async move {
                let (id, text) = (record.id.to_string(), text(record));
                let changed = shelf.change_session(&id, &text, life(record));
                if !changed.await.map_err(away)? {
                    // Signed out while this request was answered: that stays so.
                    tracing::debug!("a session ended before it was stored");
                }
                Ok(())
            }),
        }
    }

    fn load<'s, 'r, 'f>(&'s self, id: &'r Id) -> Boxed<'f, Option<Record>>
    where
        's: 'f,
        'r: 'f,
    {
        match self {
            Self::Memory(memory) => memory.load(id),
            Self::Redis(shelf) => Box::pin(async move {
                let kept = shelf.session(&id.to_string()).await.map_err(away)?;
                kept.map(|kept| record(*id, &kept)).transpose()
            }),
        }
    }

    fn delete<'s, 'r, 'f>(&'s self, id: &'r Id) -> Boxed<'f, ()>
    where
        's: 'f,
        'r: 'f,
    {
        match self {
            Self::Memory(memory) => memory.delete(id),
            Self::Redis(shelf) => Box::pin(async move {
                let id = id.to_string();
                shelf.remove_session(&id).await.map_err(away)
            }),
        }
    }
}

/// Without its id, which is the cookie.
fn text(record: &Record) -> String {
    json!({ "data": record.data, "until": record.expiry_date.unix_timestamp() }).to_string()
}

fn record(id: Id, kept: &str) -> Result<Record> {
    let damaged = || Error::Decode("not a session of this site".to_owned());
    let mut kept: HashMap<String, Value> = serde_json::from_str(kept).map_err(|_| damaged())?;
    let until = kept.get("until").and_then(Value::as_i64);
    let until = until.and_then(|until| OffsetDateTime::from_unix_timestamp(until).ok());
    let data = kept.remove("data").ok_or_else(damaged)?;
    Ok(Record {
        id,
        data: serde_json::from_value(data).map_err(|_| damaged())?,
        expiry_date: until.ok_or_else(damaged)?,
    })
}

/// What is left of a session.
fn life(record: &Record) -> Duration {
    let until = u64::try_from(record.expiry_date.unix_timestamp()).unwrap_or_default();
    Duration::from_secs(until.saturating_sub(clock::now()))
}

#[expect(
    clippy::needless_pass_by_value,
    reason = "the shape that `map_err` calls"
)]
fn away(away: crate::shared::Away) -> Error {
    Error::Backend(away.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_comes_back_as_it_was_and_without_its_cookie() {
        let before = Record {
            id: Id::default(),
            data: HashMap::from([("a".to_owned(), json!({ "b": [1, null, "c"] }))]),
            expiry_date: OffsetDateTime::from_unix_timestamp(1_785_000_000).unwrap(),
        };
        let kept = text(&before);
        assert!(!kept.contains(&before.id.to_string()));
        assert_eq!(record(before.id, &kept).unwrap(), before);
    }

    #[test]
    fn what_is_no_session_is_an_error() {
        for damaged in ["", "[]", "{}", r#"{"data":{}}"#, r#"{"data":1,"until":2}"#] {
            assert!(record(Id::default(), damaged).is_err(), "{damaged}");
        }
    }
}
