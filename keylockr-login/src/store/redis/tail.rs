//! Follows the stream of revocations, so that guarded requests need not ask Redis.
//!
//! A stream and not a channel: nothing that was written while the connection was away is lost.

use std::{
    sync::{Arc, LazyLock, Mutex, PoisonError, Weak},
    time::Duration,
};

use redis::{
    Script,
    aio::MultiplexedConnection,
    streams::{StreamId, StreamReadReply},
};
use tokio::{
    task::AbortHandle,
    time::{self, Instant},
};

use super::{
    super::{MemoryRevocations, RevocationStore, Revoked, StoreUnavailable},
    connection::{Connection, available},
    revocations::whom,
};
use crate::{clock, moment::Moment};

/// How long Redis holds a question about what is new.
const HOLD: Duration = Duration::from_millis(500);
/// What its answer gets on top.
const PATIENCE: Duration = Duration::from_secs(1);
/// For so long after an answer the list counts as complete. With [`HOLD`] this keeps to 2 s from one
/// server to all others.
const FRESH: Duration = Duration::from_millis(1_200);
/// Between two tries to connect.
const RETRY: Duration = Duration::from_millis(250);
/// Before the first entry.
const BEGINNING: &str = "0";
/// Entries of one answer.
const PAGE: usize = 1_000;
/// Sessions of the last minutes before contents were lost count as older than the loss: clocks of
/// servers differ, and the first sign-ins after it must stand.
const MARGIN: Duration = Duration::from_secs(60);

/// Follows until it is dropped.
pub(super) struct Tail {
    end: Arc<Mutex<Option<End>>>,
    task: AbortHandle,
}

/// The end of the stream was seen.
#[derive(Clone, Copy)]
struct End {
    at: Instant,
    floor: Moment,
}

impl Tail {
    pub(super) fn follow(redis: Connection, known: &Arc<MemoryRevocations>) -> Self {
        let end = Arc::<Mutex<Option<End>>>::default();
        let task = tokio::spawn(follow(redis, Arc::downgrade(known), Arc::clone(&end)));
        Self {
            end,
            task: task.abort_handle(),
        }
    }

    /// Whether all that is revoked is known here, and since when nothing was lost.
    pub(super) fn is_at_the_end(&self) -> Option<Moment> {
        let end = (*self.end.lock().unwrap_or_else(PoisonError::into_inner))?;
        let age = clock::monotonic().saturating_duration_since(end.at);
        (age < FRESH).then_some(end.floor)
    }
}

impl Drop for Tail {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Sessions that began up to here may have been revoked in a list that is lost.
pub(super) async fn floor(redis: &Connection) -> Result<Moment, StoreUnavailable> {
    static SINCE: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("since.lua")));
    let since: u64 = redis.run(&SINCE, &[&redis.only("since")], &[]).await?;
    Ok(before(since))
}

fn before(since: u64) -> Moment {
    let margin = u64::try_from(MARGIN.as_millis()).unwrap_or_default();
    Moment::from_millis(since.saturating_sub(margin))
}

async fn follow(redis: Connection, known: Weak<MemoryRevocations>, end: Arc<Mutex<Option<End>>>) {
    while known.strong_count() > 0 {
        // However it ended: Redis was away, and comes back.
        let _ = read(&redis, &known, &end).await;
        time::sleep(RETRY).await;
    }
}

async fn read(
    redis: &Connection,
    known: &Weak<MemoryRevocations>,
    end: &Mutex<Option<End>>,
) -> Result<(), StoreUnavailable> {
    let mut connection = redis.patient(HOLD + PATIENCE).await?;
    let key = redis.only("revocations");
    // From the beginning at each new connection: it may be another Redis, or an emptied one.
    let mut last = BEGINNING.to_owned();
    loop {
        let floor = floor(redis).await?;
        let entries = next(&mut connection, &key, &last).await?;
        let Some(known) = known.upgrade() else {
            return Ok(());
        };
        let all = entries.len() < PAGE;
        for entry in entries {
            if let Some((whom, at, keep_until)) = revocation(&entry) {
                known.revoke(whom, at, keep_until).await?;
            }
            last = entry.id;
        }
        let seen = all.then(|| End {
            at: clock::monotonic(),
            floor,
        });
        let mut end = end.lock().unwrap_or_else(PoisonError::into_inner);
        if end.is_some_and(|end| end.floor != floor) {
            last = BEGINNING.to_owned();
            *end = None;
        } else if seen.is_some() {
            *end = seen;
        }
    }
}

/// What follows `last`, at once or within [`HOLD`].
async fn next(
    connection: &mut MultiplexedConnection,
    key: &str,
    last: &str,
) -> Result<Vec<StreamId>, StoreUnavailable> {
    let mut command = redis::cmd("XREAD");
    command.arg("COUNT").arg(PAGE);
    command.arg("BLOCK").arg(HOLD.as_millis().to_string());
    command.arg("STREAMS").arg(key).arg(last);
    let reply: Option<StreamReadReply> = available(command.query_async(connection).await)?;
    let streams = reply.map(|reply| reply.keys).unwrap_or_default();
    Ok(streams.into_iter().flat_map(|stream| stream.ids).collect())
}

/// An entry that another version wrote may be none.
fn revocation(entry: &StreamId) -> Option<(Revoked, Moment, Moment)> {
    let whom = whom(&entry.get::<String>("kind")?, entry.get("name")?)?;
    let at = Moment::from_millis(entry.get("at")?);
    let keep_until = at.after(Duration::from_millis(entry.get("for")?));
    Some((whom, at, keep_until))
}
