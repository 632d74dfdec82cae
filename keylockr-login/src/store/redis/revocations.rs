//! Revocations in Redis.
//!
//! ```text
//! {site}:revoked:<kind>:<name> when it ended; expires when no session can be older
//! {site}:revocations           stream: each as it is made, for the processes that follow
//! {site}:since                 since when nothing has been lost
//! ```
//!
//! Guarded requests read none of these: each process [follows](Tail) the stream and holds the list
//! itself. Only while it does not know the list's end does it ask.

use std::sync::Arc;

use redis::Script;

use super::{
    super::{MemoryRevocations, RevocationStore, Revoked, Sought, StoreFuture, StoreUnavailable},
    connection::Connection,
    tail::{Tail, floor},
};
use crate::{moment::Moment, policy::Revocations};

pub(super) struct RedisRevocations {
    redis: Connection,
    known: Arc<MemoryRevocations>,
    tail: Tail,
    revoke: Script,
}

impl RedisRevocations {
    pub(super) fn new(redis: Connection) -> Self {
        let known = Arc::<MemoryRevocations>::default();
        Self {
            tail: Tail::follow(redis.clone(), &known),
            known,
            redis,
            revoke: Script::new(include_str!("revoke.lua")),
        }
    }

    async fn add(
        &self,
        whom: Revoked,
        at: Moment,
        keep_until: Moment,
    ) -> Result<(), StoreUnavailable> {
        let (kind, name) = place(&whom);
        let keys = [self.entry(kind, name), self.redis.only("revocations")];
        let arguments = [
            at.as_millis().to_string(),
            keep_until.since(at).as_millis().max(1).to_string(),
        ];
        let [at_text, kept_for] = arguments.each_ref().map(String::as_str);
        let keys = keys.each_ref().map(String::as_str);
        let arguments = [at_text, kept_for, kind, name];
        let at: u64 = self.redis.run(&self.revoke, &keys, &arguments).await?;
        let at = Moment::from_millis(at);
        // Here at once; elsewhere as soon as they hear of it.
        let keep_until = keep_until.max(at);
        self.known.revoke(whom, at, keep_until).await
    }

    async fn ask(&self, sought: Sought<'_>) -> Result<Revocations, StoreUnavailable> {
        let mut command = redis::cmd("MGET");
        command
            .arg(self.entry(SESSION, sought.session))
            .arg(self.entry(CONNECTION, sought.connection))
            .arg(self.entry(PERSON, sought.person));
        let found: [Option<u64>; 3] = self.redis.ask(&command).await?;
        let [session, connection, person] = found.map(|at| at.map(Moment::from_millis));
        let floor = floor(&self.redis).await?;
        Ok(Revocations {
            session,
            connection,
            person: person.max(Some(floor)),
        })
    }

    fn entry(&self, kind: &str, name: &str) -> String {
        format!("{}:{name}", self.redis.key("revoked", kind))
    }
}

impl RevocationStore for RedisRevocations {
    fn revoke(&self, whom: Revoked, at: Moment, keep_until: Moment) -> StoreFuture<'_, ()> {
        Box::pin(self.add(whom, at, keep_until))
    }

    fn look_up<'a>(&'a self, sought: Sought<'a>) -> StoreFuture<'a, Revocations> {
        Box::pin(self.ask(sought))
    }

    fn known(&self, sought: Sought<'_>) -> Option<Revocations> {
        let floor = self.tail.is_at_the_end()?;
        let mut found = self.known.known(sought)?;
        found.person = found.person.max(Some(floor));
        Some(found)
    }

    fn ping(&self) -> StoreFuture<'_, ()> {
        Box::pin(self.redis.ping())
    }
}

const SESSION: &str = "session";
const CONNECTION: &str = "connection";
const PERSON: &str = "person";

fn place(whom: &Revoked) -> (&'static str, &str) {
    match whom {
        Revoked::Session(name) => (SESSION, name),
        Revoked::Connection(name) => (CONNECTION, name),
        Revoked::Person(name) => (PERSON, name),
    }
}

/// What [`place`] took apart.
pub(super) fn whom(kind: &str, name: String) -> Option<Revoked> {
    match kind {
        SESSION => Some(Revoked::Session(name)),
        CONNECTION => Some(Revoked::Connection(name)),
        PERSON => Some(Revoked::Person(name)),
        _ => None,
    }
}
