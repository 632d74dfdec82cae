//! Deliveries in Redis.
//!
//! ```text
//! {app}:unloq:seen:<digest>    an accepted delivery, for as long as digests are kept
//! {app}:unloq:last:<user>      the digest of the user's last one, while it would be a duplicate
//! {app}:unloq:running:<digest> the fence of whoever handles it, for the lease
//! ```

use std::sync::Arc;

use ::redis::Script;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};

use super::connection::Connection;
use crate::{
    replay::{Arrival, Begun, Fence, ReplayPolicy, ReplayStore, StoreFuture, StoreUnavailable},
    time::UnixTime,
};

pub(super) struct RedisReplay {
    redis: Connection,
    policy: ReplayPolicy,
    begin: Script,
    commit: Script,
    release: Arc<Script>,
}

impl RedisReplay {
    pub(super) fn new(redis: Connection, policy: ReplayPolicy) -> Self {
        Self {
            redis,
            policy,
            begin: Script::new(include_str!("begin.lua")),
            commit: Script::new(include_str!("commit.lua")),
            release: Arc::new(Script::new(include_str!("release.lua"))),
        }
    }

    /// `last`, `running` and `seen` of a delivery, and its digest as text.
    fn keys(&self, arrival: &Arrival) -> ([String; 3], String) {
        let digest = URL_SAFE_NO_PAD.encode(arrival.digest.as_bytes());
        let user = arrival.user.map_or("-".to_owned(), |user| user.to_string());
        let keys = [
            self.redis.key("last", user),
            self.redis.key("running", &digest),
            self.redis.key("seen", &digest),
        ];
        (keys, digest)
    }
}

impl ReplayStore for RedisReplay {
    fn begin<'a>(&'a self, arrival: &'a Arrival, _: UnixTime) -> StoreFuture<'a, Begun> {
        Box::pin(async move {
            let (keys, digest) = self.keys(arrival);
            let keys = keys.each_ref().map(String::as_str);
            let lease = millis(self.policy.lease);
            let (said, fence): (u8, u64) = self
                .redis
                .run(&self.begin, &keys, &[&digest, &lease])
                .await?;
            match said {
                0 => Ok(Begun::Fresh(Fence(fence))),
                1 => Ok(Begun::PossibleReplay(Fence(fence))),
                2 => Ok(Begun::Duplicate),
                3 => Ok(Begun::Running),
                _ => Err(StoreUnavailable),
            }
        })
    }

    fn commit<'a>(
        &'a self,
        arrival: &'a Arrival,
        fence: Fence,
        _: UnixTime,
    ) -> StoreFuture<'a, ()> {
        Box::pin(async move {
            let (keys, digest) = self.keys(arrival);
            let keys = keys.each_ref().map(String::as_str);
            let (keep, duplicate) = (millis(self.policy.keep), millis(self.policy.duplicate));
            let fence = fence.0.to_string();
            let arguments = [&*digest, &fence, &keep, &duplicate];
            self.redis.run(&self.commit, &keys, &arguments).await
        })
    }

    fn release<'a>(&'a self, arrival: &'a Arrival, fence: Fence) -> StoreFuture<'a, ()> {
        Box::pin(async move {
            let ([_, running, _], _) = self.keys(arrival);
            let fence = fence.0.to_string();
            self.redis.run(&self.release, &[&running], &[&fence]).await
        })
    }

    /// On a task of its own, as far as there is a runtime; else the lease ends it.
    fn abandon(&self, arrival: &Arrival, fence: Fence) {
        let Ok(runtime) = tokio::runtime::Handle::try_current() else {
            return;
        };
        let (redis, release) = (self.redis.clone(), Arc::clone(&self.release));
        let ([_, running, _], _) = self.keys(arrival);
        runtime.spawn(async move {
            let fence = fence.0.to_string();
            // The lease ends it where this does not.
            let _: Result<(), _> = redis.run(&release, &[&running], &[&fence]).await;
        });
    }
}

fn millis(seconds: u64) -> String {
    // Redis refuses a life of zero.
    seconds.saturating_mul(1_000).max(1).to_string()
}
