//! The way to Redis: one address, one namespace, connections that come back.

use std::time::Duration;

use redis::{
    AsyncConnectionConfig, Client, FromRedisValue, RedisResult, Script,
    aio::{ConnectionManager, ConnectionManagerConfig, MultiplexedConnection, PubSub},
};

use super::{super::StoreUnavailable, RedisError};

/// What a command gets: less than the second after which whoever asks gives up.
const ANSWER: Duration = Duration::from_millis(900);
/// What a connection gets to come about.
const CONNECT: Duration = Duration::from_secs(1);
/// Between two tries to connect.
const RETRY: (Duration, Duration) = (Duration::from_millis(50), Duration::from_millis(500));

/// Cheap to clone.
#[derive(Clone)]
pub(super) struct Connection {
    client: Client,
    commands: ConnectionManager,
    namespace: String,
}

impl Connection {
    pub(super) fn new(url: &str, namespace: &str) -> Result<Self, RedisError> {
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.:".contains(&byte);
        if !(1..=64).contains(&namespace.len()) || !namespace.bytes().all(fits) {
            return Err(RedisError::Namespace);
        }
        if url.starts_with("rediss:") && rustls::crypto::CryptoProvider::get_default().is_none() {
            // Somebody else may be faster; then there is one.
            let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        }
        let client = Client::open(url).map_err(|_| RedisError::Address)?;
        let config = ConnectionManagerConfig::new()
            .set_response_timeout(Some(ANSWER))
            .set_connection_timeout(Some(CONNECT))
            .set_min_delay(RETRY.0)
            .set_max_delay(RETRY.1);
        let commands = ConnectionManager::new_lazy_with_config(client.clone(), config)
            .map_err(|_| RedisError::Address)?;
        Ok(Self {
            client,
            commands,
            // In braces: a cluster keeps all keys of a site on one node, as the scripts need it.
            namespace: format!("{{{namespace}}}"),
        })
    }

    /// A key of the site.
    pub(super) fn key(&self, kind: &str, name: &str) -> String {
        format!("{}:{kind}:{name}", self.namespace)
    }

    /// A key of which there is one.
    pub(super) fn only(&self, kind: &str) -> String {
        format!("{}:{kind}", self.namespace)
    }

    pub(super) async fn ask<T: FromRedisValue>(
        &self,
        command: &redis::Cmd,
    ) -> Result<T, StoreUnavailable> {
        let answer = command.query_async(&mut self.commands.clone()).await;
        available(answer)
    }

    pub(super) async fn run<T: FromRedisValue>(
        &self,
        script: &Script,
        keys: &[&str],
        arguments: &[&str],
    ) -> Result<T, StoreUnavailable> {
        let mut invocation = script.prepare_invoke();
        for key in keys {
            invocation.key(*key);
        }
        for argument in arguments {
            invocation.arg(*argument);
        }
        available(invocation.invoke_async(&mut self.commands.clone()).await)
    }

    pub(super) async fn ping(&self) -> Result<(), StoreUnavailable> {
        self.ask(&redis::cmd("PING")).await
    }

    /// A connection that hears what is published.
    pub(super) async fn listener(&self) -> Result<PubSub, StoreUnavailable> {
        let connecting = tokio::time::timeout(CONNECT, self.client.get_async_pubsub());
        available(connecting.await.map_err(|_| StoreUnavailable)?)
    }

    /// A connection whose commands may take `patience` to be answered.
    pub(super) async fn patient(
        &self,
        patience: Duration,
    ) -> Result<MultiplexedConnection, StoreUnavailable> {
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(CONNECT))
            .set_response_timeout(Some(patience));
        let connection = self
            .client
            .get_multiplexed_async_connection_with_config(&config);
        available(connection.await)
    }
}

/// What went wrong is for the log alone: it may quote what was asked.
pub(super) fn available<T>(answer: RedisResult<T>) -> Result<T, StoreUnavailable> {
    answer.map_err(|error| {
        tracing::warn!(
            name: "keylockr.redis.failed",
            kind = ?error.kind(),
            code = error.code(),
            "Redis does not answer as it should"
        );
        StoreUnavailable
    })
}
