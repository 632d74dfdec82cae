//! The way to Redis.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use ::redis::{
    Client, FromRedisValue, RedisResult, Script, TlsCertificates,
    aio::{ConnectionManager, ConnectionManagerConfig},
};

use super::RedisError;
use crate::replay::StoreUnavailable;

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
            // In braces: a cluster keeps all keys of an application on one node, as the scripts need it.
            namespace: format!("{{{namespace}}}:unloq"),
        })
    }

    pub(super) fn key(&self, kind: &str, name: impl std::fmt::Display) -> String {
        format!("{}:{kind}:{name}", self.namespace)
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
        let (number, mut line) = {
            let line = self.line();
            (line.number, line.commands.clone())
        };
        let answer = invocation.invoke_async(&mut line).await;
        // The error itself may quote what was asked.
        answer.map_err(|error| {
            tracing::warn!(
                kind = ?error.kind(),
                code = error.code(),
                "Redis does not answer as it should"
            );
            if error.is_timeout() {
                self.give_up(number);
            }
            StoreUnavailable
        })
    }

    /// The line did not answer: it may be half open, which nobody ever tells us, and then it would
    /// stay silent for ever. A Redis that is merely slow gets a new line a second at most.
    fn give_up(&self, number: u64) {
        let mut line = self.line();
        if line.number == number
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
}

fn commands(client: &Client) -> RedisResult<ConnectionManager> {
    let config = ConnectionManagerConfig::new()
        .set_response_timeout(Some(ANSWER))
        .set_connection_timeout(Some(CONNECT))
        .set_min_delay(RETRY.0)
        .set_max_delay(RETRY.1);
    ConnectionManager::new_lazy_with_config(client.clone(), config)
}
