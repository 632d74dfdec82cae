//! Session handles in Redis.
//!
//! ```text
//! {app}:unloq:handle:<hash> whose it is, for as long as its session may be idle
//! {app}:unloq:user:<number> sorted set: the hashes of a user, by the moment they end
//! ```

use ::redis::Script;

use super::connection::Connection;
use crate::{
    id::UnloqId,
    replay::{StoreFuture, StoreUnavailable},
    sessions::{Ended, HandleId, HandleStore, MemoryHandles},
    time::UnixTime,
};

pub(super) struct RedisHandles {
    redis: Connection,
    begin: Script,
    check: Script,
    end: Script,
    end_all: Script,
}

impl RedisHandles {
    pub(super) fn new(redis: Connection) -> Self {
        Self {
            redis,
            begin: Script::new(include_str!("handle_begin.lua")),
            check: Script::new(include_str!("handle_check.lua")),
            end: Script::new(include_str!("handle_end.lua")),
            end_all: Script::new(include_str!("handle_end_all.lua")),
        }
    }

    /// What all keys of handles, and of users, begin with.
    fn prefixes(&self) -> [String; 2] {
        ["handle", "user"].map(|kind| self.redis.key(kind, ""))
    }
}

impl HandleStore for RedisHandles {
    fn begin<'a>(
        &'a self,
        handle: HandleId,
        user: UnloqId,
        until: UnixTime,
        now: UnixTime,
    ) -> StoreFuture<'a, ()> {
        Box::pin(async move {
            let [handles, users] = self.prefixes();
            let (user, most) = (user.to_string(), MemoryHandles::PER_USER.to_string());
            let arguments = [&*handle.to_text(), &user, &life(until, now), &most];
            self.redis
                .run(&self.begin, &[&handles, &users], &arguments)
                .await
        })
    }

    fn check<'a>(
        &'a self,
        handle: HandleId,
        until: UnixTime,
        now: UnixTime,
    ) -> StoreFuture<'a, bool> {
        Box::pin(async move {
            let [handles, users] = self.prefixes();
            let arguments = [&*handle.to_text(), &life(until, now)];
            self.redis
                .run(&self.check, &[&handles, &users], &arguments)
                .await
        })
    }

    fn end<'a>(&'a self, handle: HandleId, user: UnloqId, _: UnixTime) -> StoreFuture<'a, Ended> {
        Box::pin(async move {
            let [handles, users] = self.prefixes();
            let arguments = [&*handle.to_text(), &user.to_string()];
            let said: u8 = self
                .redis
                .run(&self.end, &[&handles, &users], &arguments)
                .await?;
            match said {
                0 => Ok(Ended::Now),
                1 => Ok(Ended::AlreadyGone),
                2 => Ok(Ended::NotTheirs),
                _ => Err(StoreUnavailable),
            }
        })
    }

    fn end_all<'a>(&'a self, user: UnloqId, _: UnixTime) -> StoreFuture<'a, usize> {
        Box::pin(async move {
            let [handles, users] = self.prefixes();
            let user = user.to_string();
            self.redis
                .run(&self.end_all, &[&handles, &users], &[&user])
                .await
        })
    }
}

/// What is left, in milliseconds; Redis refuses a life of zero.
fn life(until: UnixTime, now: UnixTime) -> String {
    let seconds = until.saturating_secs_since(now);
    seconds.saturating_mul(1_000).max(1).to_string()
}
