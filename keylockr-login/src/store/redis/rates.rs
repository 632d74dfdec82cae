//! Limits in Redis: for each key the moments of its last events, by Redis' own clock.

use std::time::Duration;

use redis::Script;

use super::{
    super::{RateStore, StoreFuture},
    connection::Connection,
};

pub(super) struct RedisRates {
    redis: Connection,
    admit: Script,
}

impl RedisRates {
    pub(super) fn new(redis: Connection) -> Self {
        Self {
            redis,
            admit: Script::new(include_str!("admit.lua")),
        }
    }
}

impl RateStore for RedisRates {
    fn admit<'a>(
        &'a self,
        key: &'a str,
        limit: u32,
        window: Duration,
    ) -> StoreFuture<'a, Result<(), u64>> {
        Box::pin(async move {
            let key = self.redis.key("rate", key);
            let arguments = [limit.to_string(), window.as_millis().to_string()];
            let arguments = arguments.each_ref().map(String::as_str);
            let wait: i64 = self.redis.run(&self.admit, &[&key], &arguments).await?;
            // Negative: admitted.
            Ok(u64::try_from(wait).map_or(Ok(()), Err))
        })
    }
}
