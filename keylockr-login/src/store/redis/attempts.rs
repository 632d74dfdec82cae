//! Attempts in Redis.
//!
//! ```text
//! {site}:attempt:<id>   hash: v the version, r the record in JSON, p the process that runs it; expires when it may be forgotten
//! {site}:browser:<hash> sorted set: its attempts by the moment they began
//! {site}:live           sorted set: live attempts by the moment they end
//! {site}:runners        set: processes that run attempts
//! {site}:runners:<name> set: the attempts that one runs
//! {site}:alive:<name>   while that process says that it lives
//! {site}:changed        channel: the id of each attempt that changed
//! ```
//!
//! What must happen together happens in a script.

use std::time::Duration;

use redis::Script;
use tokio::time;

use super::{
    super::{AttemptStore, Inserted, Orphan, Replaced, StoreFuture, StoreUnavailable},
    changes::Changes,
    connection::Connection,
};
use crate::{
    attempt::AttemptRecord,
    binding::{AttemptId, BrowserHash},
    moment::Moment,
};

/// Clocks of several servers differ: nothing is forgotten on the dot.
const MARGIN: Duration = Duration::from_secs(60);

pub(super) struct RedisAttempts {
    redis: Connection,
    changes: Changes,
    insert: Script,
    replace: Script,
    of_browser: Script,
    orphans: Script,
    beat: Script,
}

impl RedisAttempts {
    pub(super) fn new(redis: Connection) -> Self {
        Self {
            changes: Changes::follow(redis.clone()),
            redis,
            insert: Script::new(include_str!("insert.lua")),
            replace: Script::new(include_str!("replace.lua")),
            of_browser: Script::new(include_str!("of_browser.lua")),
            orphans: Script::new(include_str!("orphans.lua")),
            beat: Script::new(include_str!("beat.lua")),
        }
    }

    fn keys(&self, record: &AttemptRecord) -> [String; 4] {
        [
            self.redis.only("live"),
            self.redis.key("attempt", record.id().as_str()),
            self.redis.key("browser", &record.browser().to_string()),
            self.redis.only("runners"),
        ]
    }

    async fn add(
        &self,
        record: &AttemptRecord,
        most: usize,
        now: Moment,
    ) -> Result<Inserted, StoreUnavailable> {
        let keys = self.keys(record);
        let row = Row::of(record)?;
        let arguments = [
            &*text(now),
            &most.to_string(),
            record.id().as_str(),
            &row.ends,
            &text(record.created_at()),
            &row.kept_for,
            &row.record,
            &row.version,
            &row.runner,
        ];
        let added: bool = self
            .redis
            .run(
                &self.insert,
                &keys.each_ref().map(String::as_str),
                &arguments,
            )
            .await?;
        Ok(if added { Inserted::Yes } else { Inserted::Full })
    }

    async fn put(&self, record: AttemptRecord) -> Result<Replaced, StoreUnavailable> {
        let read = record.replaces().to_string();
        let keys = self.keys(&record);
        let row = Row::of(&record)?;
        let arguments = [
            &*read,
            &row.version,
            &row.record,
            record.id().as_str(),
            &row.kept_for,
            &row.ends,
            &row.runner,
            self.changes.channel(),
        ];
        let replaced: bool = self
            .redis
            .run(
                &self.replace,
                &keys.each_ref().map(String::as_str),
                &arguments,
            )
            .await?;
        Ok(if replaced {
            Replaced::Yes
        } else {
            Replaced::Conflict
        })
    }

    async fn get(&self, id: &AttemptId) -> Result<Option<AttemptRecord>, StoreUnavailable> {
        let mut command = redis::cmd("HGET");
        command.arg(self.redis.key("attempt", id.as_str())).arg("r");
        let json: Option<String> = self.redis.ask(&command).await?;
        Ok(json.and_then(|json| record(&json)))
    }

    async fn wait(
        &self,
        id: &AttemptId,
        seen: u64,
        at_most: Duration,
    ) -> Result<Option<AttemptRecord>, StoreUnavailable> {
        // Before the record is read, or a change between the two would be missed.
        let mut change = self.changes.of(id);
        let newer = async {
            loop {
                match self.get(id).await? {
                    Some(record) if record.version() <= seen => change.next().await,
                    found => return Ok(found),
                }
            }
        };
        match time::timeout(at_most, newer).await {
            Ok(found) => found,
            Err(_) => self.get(id).await,
        }
    }
}

impl AttemptStore for RedisAttempts {
    fn insert(&self, record: AttemptRecord, most: usize, now: Moment) -> StoreFuture<'_, Inserted> {
        Box::pin(async move { self.add(&record, most, now).await })
    }

    fn load<'a>(&'a self, id: &'a AttemptId) -> StoreFuture<'a, Option<AttemptRecord>> {
        Box::pin(self.get(id))
    }

    fn of_browser<'a>(&'a self, browser: &'a BrowserHash) -> StoreFuture<'a, Vec<AttemptRecord>> {
        Box::pin(async move {
            let key = self.redis.key("browser", &browser.to_string());
            let prefix = self.redis.key("attempt", "");
            let found: Vec<String> = self
                .redis
                .run(&self.of_browser, &[&key], &[&prefix])
                .await?;
            Ok(found.iter().filter_map(|json| record(json)).collect())
        })
    }

    fn replace(&self, record: AttemptRecord) -> StoreFuture<'_, Replaced> {
        Box::pin(self.put(record))
    }

    fn changed<'a>(
        &'a self,
        id: &'a AttemptId,
        seen: u64,
        at_most: Duration,
    ) -> StoreFuture<'a, Option<AttemptRecord>> {
        Box::pin(self.wait(id, seen, at_most))
    }

    fn beat<'a>(&'a self, process: &'a str, life: Duration) -> StoreFuture<'a, Option<Moment>> {
        Box::pin(async move {
            let key = self.redis.key("alive", process);
            let life = life.as_millis().to_string();
            let now: u64 = self.redis.run(&self.beat, &[&key], &[&life]).await?;
            Ok(Some(Moment::from_millis(now)))
        })
    }

    fn orphans(&self, most: usize) -> StoreFuture<'_, Vec<Orphan>> {
        Box::pin(async move {
            let key = self.redis.only("runners");
            let (attempts, alive) = (self.redis.key("attempt", ""), self.redis.key("alive", ""));
            let arguments = [&*most.to_string(), &attempts, &alive];
            let found: Vec<(String, String)> =
                self.redis.run(&self.orphans, &[&key], &arguments).await?;
            let orphan = |(id, runner): (String, String)| {
                let attempt = AttemptId::parse(&id)?;
                Some(Orphan { attempt, runner })
            };
            Ok(found.into_iter().filter_map(orphan).collect())
        })
    }

    fn ping(&self) -> StoreFuture<'_, ()> {
        Box::pin(self.redis.ping())
    }
}

/// A record as the scripts take it.
struct Row {
    record: String,
    version: String,
    kept_for: String,
    /// Empty when it is over.
    ends: String,
    /// Empty when nobody has to run it.
    runner: String,
}

impl Row {
    fn of(record: &AttemptRecord) -> Result<Self, StoreUnavailable> {
        let kept = record.forget_at().since(record.created_at()) + MARGIN;
        let ends = record.is_live().then(|| text(record.expires_at()));
        Ok(Self {
            record: serde_json::to_string(record).map_err(|_| StoreUnavailable)?,
            version: record.version().to_string(),
            kept_for: kept.as_millis().to_string(),
            ends: ends.unwrap_or_default(),
            runner: record.runner().unwrap_or_default().to_owned(),
        })
    }
}

fn text(moment: Moment) -> String {
    moment.as_millis().to_string()
}

/// What cannot be read is not ours, or damaged: there is no such attempt.
fn record(json: &str) -> Option<AttemptRecord> {
    let record = serde_json::from_str(json);
    if record.is_err() {
        tracing::warn!(name: "keylockr.redis.foreign", "an attempt in Redis cannot be read");
    }
    record.ok()
}
