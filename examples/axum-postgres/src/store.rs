//! A `tower-sessions` store in PostgreSQL: all that it takes.
//!
//! A row for each session, under the hash of its id: who can read the table finds no cookie in it.
//! Whatever cannot be asked is an error, and becomes a 503; it is never "no session".

use std::{fmt, pin::Pin, time::Duration};

use serde_json::Value;
use sha2_011::{Digest, Sha256};
use sqlx::{
    PgPool, Row,
    postgres::{PgConnectOptions, PgPoolOptions},
};
use tower_sessions::{
    SessionStore,
    cookie::time::OffsetDateTime,
    session::{Id, Record},
    session_store::{Error, Result},
};

/// Connections of this process.
const CONNECTIONS: u32 = 8;
/// What a question gets, in milliseconds, and whoever waits for a connection: less than the second
/// after which whoever asks gives up.
const PATIENCE: u64 = 900;

/// Two processes that make the same table at once would get into each other's way.
const ALONE: &str = "select pg_advisory_xact_lock(hashtext('web_session'))";
const TABLE: &str = "create table if not exists web_session (
    id bytea primary key,
    data text not null,
    ends_at timestamptz not null
)";
const BY_END: &str = "create index if not exists web_session_ends_at on web_session (ends_at)";
/// A row that is over gives way; one that is not keeps its place.
const CREATE: &str = "insert into web_session (id, data, ends_at) values ($1, $2, to_timestamp($3))
    on conflict (id) do update set data = excluded.data, ends_at = excluded.ends_at
    where web_session.ends_at <= now()";
/// What has ended while a request was answered stays so.
const SAVE: &str = "update web_session set data = $2, ends_at = to_timestamp($3)
    where id = $1 and ends_at > now()";
const LOAD: &str = "select data, extract(epoch from ends_at)::bigint from web_session
    where id = $1 and ends_at > now()";
const DELETE: &str = "delete from web_session where id = $1";
const SWEEP: &str = "delete from web_session where id in
    (select id from web_session where ends_at <= now() limit 1000)";

/// Sessions in one table. Clones share the connections.
#[derive(Clone)]
pub(crate) struct PostgresSessions(PgPool);

impl PostgresSessions {
    /// Connects, and makes the table where there is none.
    pub(crate) async fn connect(options: PgConnectOptions) -> sqlx::Result<Self> {
        let options = options.options([("statement_timeout", PATIENCE)]);
        let pool = PgPoolOptions::new()
            .max_connections(CONNECTIONS)
            .acquire_timeout(Duration::from_millis(PATIENCE))
            .connect_with(options)
            .await?;
        let mut together = pool.begin().await?;
        for statement in [ALONE, TABLE, BY_END] {
            sqlx::query(statement).execute(&mut *together).await?;
        }
        together.commit().await?;
        Ok(Self(pool))
    }

    /// Whether it answers.
    pub(crate) async fn ping(&self) -> sqlx::Result<()> {
        sqlx::query("select 1").execute(&self.0).await?;
        Ok(())
    }

    /// Removes what is over; how many that were. Some at a time: no statement may take longer than any
    /// other here.
    pub(crate) async fn sweep(&self) -> sqlx::Result<u64> {
        let mut all = 0;
        loop {
            let swept = sqlx::query(SWEEP).execute(&self.0).await?.rows_affected();
            if swept == 0 {
                return Ok(all);
            }
            all += swept;
        }
    }

    /// Whether a row was written.
    async fn write(&self, statement: &'static str, record: &Record) -> Result<bool> {
        let data = serde_json::to_string(&record.data);
        let written = sqlx::query(statement)
            .bind(key(&record.id))
            .bind(data.map_err(|error| Error::Encode(error.to_string()))?)
            .bind(ends_at(record))
            .execute(&self.0);
        let written = written.await.map_err(away)?;
        Ok(written.rows_affected() == 1)
    }
}

type Boxed<'f, T> = Pin<Box<dyn Future<Output = Result<T>> + Send + 'f>>;

// Spelled out instead of `#[async_trait]`: one dependency less for four methods.
impl SessionStore for PostgresSessions {
    fn create<'s, 'r, 'f>(&'s self, record: &'r mut Record) -> Boxed<'f, ()>
    where
        's: 'f,
        'r: 'f,
    {
        Box::pin(async move {
            // An id of 128 random bits that is taken already is somebody else's session.
            while !self.write(CREATE, record).await? {
                record.id = Id::default();
            }
            Ok(())
        })
    }

    fn save<'s, 'r, 'f>(&'s self, record: &'r Record) -> Boxed<'f, ()>
    where
        's: 'f,
        'r: 'f,
    {
        Box::pin(async move {
            if !self.write(SAVE, record).await? {
                tracing::debug!("a session ended before it was stored");
            }
            Ok(())
        })
    }

    fn load<'s, 'r, 'f>(&'s self, id: &'r Id) -> Boxed<'f, Option<Record>>
    where
        's: 'f,
        'r: 'f,
    {
        Box::pin(async move {
            let found = sqlx::query(LOAD).bind(key(id)).fetch_optional(&self.0);
            let Some(row) = found.await.map_err(away)? else {
                return Ok(None);
            };
            let data: String = row.try_get(0).map_err(away)?;
            let ends_at: i64 = row.try_get(1).map_err(away)?;
            let damaged = || Error::Decode("not a session".to_owned());
            let data: Value = serde_json::from_str(&data).map_err(|_| damaged())?;
            Ok(Some(Record {
                id: *id,
                data: serde_json::from_value(data).map_err(|_| damaged())?,
                expiry_date: OffsetDateTime::from_unix_timestamp(ends_at).map_err(|_| damaged())?,
            }))
        })
    }

    fn delete<'s, 'r, 'f>(&'s self, id: &'r Id) -> Boxed<'f, ()>
    where
        's: 'f,
        'r: 'f,
    {
        Box::pin(async move {
            let deleted = sqlx::query(DELETE).bind(key(id)).execute(&self.0);
            deleted.await.map_err(away)?;
            Ok(())
        })
    }
}

/// The cookie is not in the table.
fn key(id: &Id) -> Vec<u8> {
    Sha256::digest(id.to_string()).to_vec()
}

/// In seconds since 1970; by the table's own clock it is over then.
fn ends_at(record: &Record) -> f64 {
    record.expiry_date.unix_timestamp() as f64
}

#[expect(
    clippy::needless_pass_by_value,
    reason = "the shape that `map_err` calls"
)]
fn away(error: sqlx::Error) -> Error {
    Error::Backend(error.to_string())
}

/// Nothing of where the table is.
impl fmt::Debug for PostgresSessions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PostgresSessions")
    }
}

#[cfg(test)]
#[path = "../tests/postgres/server.rs"]
mod server;

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use serde_json::json;

    use super::{server::Server, *};

    fn record(text: &str, unix: i64) -> Record {
        Record {
            id: Id::default(),
            data: HashMap::from([("a".to_owned(), json!({ "b": [text, null] }))]),
            expiry_date: OffsetDateTime::from_unix_timestamp(unix).unwrap(),
        }
    }

    /// Far enough.
    const LATER: i64 = 4_000_000_000;
    const OVER: i64 = 1_000_000_000;

    #[tokio::test]
    async fn sessions_come_change_and_go_and_none_overwrites_another() {
        let Some(server) = Server::start() else {
            return;
        };
        let store = async || {
            let options = server.url().parse().unwrap();
            PostgresSessions::connect(options).await.unwrap()
        };
        let (one, other) = (store().await, store().await);
        let mut first = record("first", LATER);
        one.create(&mut first).await.unwrap();
        assert_eq!(other.load(&first.id).await.unwrap(), Some(first.clone()));

        let mut second = record("second", LATER);
        second.id = first.id;
        other.create(&mut second).await.unwrap();
        assert_ne!(second.id, first.id, "the id was taken");
        assert_eq!(one.load(&first.id).await.unwrap(), Some(first.clone()));
        assert_eq!(one.load(&second.id).await.unwrap(), Some(second));

        first.data.insert("more".to_owned(), json!(1));
        other.save(&first).await.unwrap();
        assert_eq!(one.load(&first.id).await.unwrap(), Some(first.clone()));
        one.delete(&first.id).await.unwrap();
        one.delete(&first.id).await.unwrap();
        other.save(&first).await.unwrap();
        assert_eq!(one.load(&first.id).await.unwrap(), None, "it stays dead");

        let mut over = record("over", OVER);
        one.create(&mut over).await.unwrap();
        assert_eq!(one.load(&over.id).await.unwrap(), None);
        one.save(&record("over", LATER)).await.unwrap();
        let mut again = record("again", LATER);
        again.id = over.id;
        one.create(&mut again).await.unwrap();
        assert_eq!(again.id, over.id, "what is over gives way");
        let mut over = record("over", OVER);
        one.create(&mut over).await.unwrap();
        assert_eq!(
            (one.sweep().await.unwrap(), one.sweep().await.unwrap()),
            (1, 0)
        );
        assert!(one.load(&again.id).await.unwrap().is_some());
    }

    #[tokio::test]
    async fn what_cannot_be_asked_is_an_error() {
        let Some(mut server) = Server::start() else {
            return;
        };
        let options = server.url().parse().unwrap();
        let store = PostgresSessions::connect(options).await.unwrap();
        let mut first = record("first", LATER);
        store.create(&mut first).await.unwrap();
        server.stop();
        assert!(store.load(&first.id).await.is_err());
        assert!(store.create(&mut record("second", LATER)).await.is_err());
        assert!(store.save(&first).await.is_err());
        assert!(store.delete(&first.id).await.is_err());
        assert!(store.ping().await.is_err());
        server.run();
        store.ping().await.unwrap();
        assert_eq!(store.load(&first.id).await.unwrap(), Some(first));
    }
}
