//! Attempts and revocations in Redis, for a site of several processes (feature `redis`).
//!
//! Any server may answer any request: one starts an attempt, another shows its events, a third
//! finishes it. No value here is worth stealing: identities and running logins are sealed under the
//! site's [`SealKey`](crate::SealKey), which Redis never sees.

mod attempts;
mod changes;
mod connection;
mod index;
mod rates;
mod replay;
mod revocations;
mod tail;

use std::{fmt, sync::Arc};

use keylockr_client::ReplayMemory;

use self::{
    attempts::RedisAttempts, connection::Connection, index::RedisSessions, rates::RedisRates,
    replay::RedisReplay, revocations::RedisRevocations,
};
use super::{AttemptStore, RateStore, RevocationStore, SessionIndex};

/// Attempts, revocations, lists of sessions, limits and seen frames in one Redis (7.0 or later), shared by all processes
/// of a site: [`KeyLockrBuilder::redis`](crate::KeyLockrBuilder::redis).
///
/// Clones are cheap and share the connections: one for commands, one that hears of changed attempts,
/// one that follows revocations. Each comes back by itself after Redis was away; until then stores
/// answer [`StoreUnavailable`](super::StoreUnavailable), which is 503 and never "signed out".
///
/// Use a database with `maxmemory-policy noeviction`: an evicted attempt is a lost sign-in. A Redis
/// that loses its contents has forgotten who was revoked, so everybody who signed in before is signed
/// out; that is also so where Redis is used for the first time.
#[derive(Clone)]
pub struct RedisStores {
    attempts: Arc<RedisAttempts>,
    revocations: Arc<RedisRevocations>,
    sessions: Arc<RedisSessions>,
    rates: Arc<RedisRates>,
    replay: Arc<RedisReplay>,
}

/// Why there is no connection to Redis.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RedisError {
    /// Not an address of Redis. It is not repeated here, for it may hold a password.
    #[error(
        "not an address of Redis: redis://[user:password@]host[:port][/database], or rediss:// with TLS"
    )]
    Address,
    /// A namespace is 1 to 64 letters, digits, `-`, `_`, `.` or `:`.
    #[error("not a namespace: 1 to 64 letters, digits, '-', '_', '.' or ':'")]
    Namespace,
    /// Not a root certificate in PEM, or the address has no TLS to use it for.
    #[error("not a root certificate in PEM, or not an address with rediss://")]
    Root,
}

impl RedisStores {
    /// Stores at this address, their keys beginning with `{namespace}`: sites that share a Redis need
    /// different ones. Connects when first needed, so that a site starts, not ready, without Redis.
    ///
    /// With `rediss://` this installs aws-lc-rs as the default provider of `rustls` for the process,
    /// unless there is one.
    ///
    /// # Errors
    /// [`RedisError`]
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub fn new(url: &str, namespace: &str) -> Result<Self, RedisError> {
        Connection::new(url, namespace, None).map(Self::on)
    }

    /// The same with `rediss://` and a root certificate (PEM) of your own, which takes the place of the
    /// public ones.
    ///
    /// # Errors
    /// [`RedisError`]
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub fn with_root(url: &str, namespace: &str, root: &[u8]) -> Result<Self, RedisError> {
        Connection::new(url, namespace, Some(root)).map(Self::on)
    }

    fn on(connection: Connection) -> Self {
        Self {
            attempts: Arc::new(RedisAttempts::new(connection.clone())),
            revocations: Arc::new(RedisRevocations::new(connection.clone())),
            sessions: Arc::new(RedisSessions::new(connection.clone())),
            rates: Arc::new(RedisRates::new(connection.clone())),
            replay: Arc::new(RedisReplay(connection)),
        }
    }

    /// For [`KeyLockrBuilder::attempts`](crate::KeyLockrBuilder::attempts).
    #[must_use]
    pub fn attempts(&self) -> Arc<dyn AttemptStore> {
        self.attempts.clone()
    }

    /// For [`KeyLockrBuilder::revocations`](crate::KeyLockrBuilder::revocations).
    #[must_use]
    pub fn revocations(&self) -> Arc<dyn RevocationStore> {
        self.revocations.clone()
    }

    /// For [`KeyLockrBuilder::session_index`](crate::KeyLockrBuilder::session_index).
    #[must_use]
    pub fn sessions(&self) -> Arc<dyn SessionIndex> {
        self.sessions.clone()
    }

    /// For [`KeyLockrBuilder::rates`](crate::KeyLockrBuilder::rates).
    #[must_use]
    pub fn rates(&self) -> Arc<dyn RateStore> {
        self.rates.clone()
    }

    /// For `ClientBuilder::replay_memory`, where [`KeyPolicy::Fixed`](crate::KeyPolicy::Fixed) keys
    /// are used by several processes.
    #[must_use]
    pub fn replay(&self) -> Arc<dyn ReplayMemory> {
        self.replay.clone()
    }
}

impl fmt::Debug for RedisStores {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisStores").finish_non_exhaustive()
    }
}

#[cfg(test)]
#[path = "../../../../unloq-webhooks/tests/redis/server.rs"]
mod server;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod tls_tests;
