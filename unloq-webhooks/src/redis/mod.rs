//! Stores in Redis, for an application of several processes (feature `redis`).
//!
//! ```
//! use std::{sync::Arc, time::Duration};
//! use unloq_webhooks::{Hooks, Logout, Secret, redis::Redis, sessions::SessionHandles};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # tokio::runtime::Runtime::new()?.block_on(async {
//! let redis = Redis::new("redis://127.0.0.1/", "acme")?;
//! let hooks = Hooks::builder(Secret::new("7f3c1a9e5b2d48c6a0e4f1b8d2c37a65")?)
//!     .replay(redis.replay())
//!     .on::<Logout>("/hooks/unloq/logout")
//!     .build()?;
//! let handles = SessionHandles::with_store(redis.handles(), Duration::from_secs(43_200));
//! # Ok(()) })
//! # }
//! ```
//!
//! While Redis is away every hook that needs it is answered 503, so that UNLOQ shows the failure, and
//! every session with a handle 503: nobody is taken for signed in, or out, by mistake. Time is Redis'
//! own. Use a database with `maxmemory-policy noeviction`: a handle that is evicted ends its session.

mod connection;
mod handles;
mod replay;

use std::{fmt, sync::Arc};

use self::{connection::Connection, handles::RedisHandles, replay::RedisReplay};
use crate::{
    replay::{ReplayPolicy, ReplayStore},
    sessions::HandleStore,
};

/// Stores in one Redis (7.0 or later). Clones are cheap and share its connection, which comes back by
/// itself after Redis was away.
#[derive(Clone)]
pub struct Redis {
    connection: Connection,
    policy: ReplayPolicy,
}

/// Why there can be no connection to Redis.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
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

impl Redis {
    /// Stores at this address, their keys beginning with `{namespace}`: applications that share a
    /// Redis need different ones. Connects when first asked.
    ///
    /// With `rediss://` this installs aws-lc-rs as the default provider of `rustls` for the process,
    /// unless there is one.
    ///
    /// # Errors
    ///
    /// [`RedisError`]
    ///
    /// # Panics
    ///
    /// Outside a tokio runtime.
    pub fn new(url: &str, namespace: &str) -> Result<Self, RedisError> {
        Connection::new(url, namespace, None).map(Self::on)
    }

    /// The same with `rediss://` and a root certificate (PEM) of your own, which takes the place of the
    /// public ones.
    ///
    /// # Errors
    ///
    /// [`RedisError`]
    ///
    /// # Panics
    ///
    /// Outside a tokio runtime.
    pub fn with_root(url: &str, namespace: &str, root: &[u8]) -> Result<Self, RedisError> {
        Connection::new(url, namespace, Some(root)).map(Self::on)
    }

    fn on(connection: Connection) -> Self {
        Self {
            connection,
            policy: ReplayPolicy::default(),
        }
    }

    /// Sets how long deliveries are remembered. All processes of an application use the same.
    #[must_use]
    pub fn with_policy(mut self, policy: ReplayPolicy) -> Self {
        self.policy = policy;
        self
    }

    /// For [`HooksBuilder::replay`](crate::HooksBuilder::replay).
    pub fn replay(&self) -> Arc<dyn ReplayStore> {
        Arc::new(RedisReplay::new(self.connection.clone(), self.policy))
    }

    /// For [`SessionHandles::with_store`](crate::sessions::SessionHandles::with_store).
    pub fn handles(&self) -> Arc<dyn HandleStore> {
        Arc::new(RedisHandles::new(self.connection.clone()))
    }
}

impl fmt::Debug for Redis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Redis")
            .field("policy", &self.policy)
            .finish_non_exhaustive()
    }
}
