//! The way to Redis: one address, one namespace, connections that come back.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use redis::{
    AsyncConnectionConfig, Client, FromRedisValue, RedisError as Failure, RedisResult, Script,
    TlsCertificates,
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
    line: Arc<Mutex<Line>>,
    namespace: String,
}

/// What commands are sent on. It comes back by itself when it breaks.
struct Line {
    commands: ConnectionManager,
    /// Counts those before it.
    number: u64,
}

impl Connection {
    /// With a `root`, servers need a certificate by it, and by nobody else.
    pub(super) fn new(url: &str, namespace: &str, root: Option<&[u8]>) -> Result<Self, RedisError> {
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.:".contains(&byte);
        if !(1..=64).contains(&namespace.len()) || !namespace.bytes().all(fits) {
            return Err(RedisError::Namespace);
        }
        if url.starts_with("rediss:") && rustls::crypto::CryptoProvider::get_default().is_none() {
            // Somebody else may be faster; then there is one.
            let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        }
        let client = match root {
            None => Client::open(url).map_err(|_| RedisError::Address)?,
            Some(root) if url.starts_with("rediss:") => {
                let certificates = TlsCertificates {
                    client_tls: None,
                    root_cert: Some(root.to_vec()),
                };
                Client::build_with_tls(url, certificates).map_err(|_| RedisError::Root)?
            }
            Some(_) => return Err(RedisError::Root),
        };
        let line = Line {
            commands: commands(&client).map_err(|_| RedisError::Address)?,
            number: 0,
        };
        Ok(Self {
            client,
            line: Arc::new(Mutex::new(line)),
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
        let (number, mut commands) = self.commands();
        let answer = command.query_async(&mut commands).await;
        available(answer.inspect_err(|error| self.judge(number, error)))
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
        let (number, mut commands) = self.commands();
        let answer = invocation.invoke_async(&mut commands).await;
        available(answer.inspect_err(|error| self.judge(number, error)))
    }

    fn commands(&self) -> (u64, ConnectionManager) {
        let line = self.line();
        (line.number, line.commands.clone())
    }

    /// Gives a line up that does not answer: it may be half open, which nobody ever tells us, and
    /// then it would stay silent for ever. A Redis that is merely slow gets a new line a second at most.
    fn judge(&self, number: u64, error: &Failure) {
        let mut line = self.line();
        if error.is_timeout()
            && line.number == number
            && let Ok(commands) = commands(&self.client)
        {
            *line = Line {
                commands,
                number: number + 1,
            };
        }
    }

    fn line(&self) -> MutexGuard<'_, Line> {
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
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

fn commands(client: &Client) -> RedisResult<ConnectionManager> {
    let config = ConnectionManagerConfig::new()
        .set_response_timeout(Some(ANSWER))
        .set_connection_timeout(Some(CONNECT))
        .set_min_delay(RETRY.0)
        .set_max_delay(RETRY.1);
    ConnectionManager::new_lazy_with_config(client.clone(), config)
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
