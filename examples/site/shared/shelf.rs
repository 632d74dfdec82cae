//! Texts in Redis, each with a life: sessions under the hashes of their ids, and the site's own.
//!
//! ```text
//! {site}:session:<hash of its id>   a session, until it is over
//! {site}:account:<number>           somebody's account, by the number that UNLOQ gave them
//! {site}:seal-key                   the seal key, where nobody gave one
//! ```

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use redis::{
    Client, Cmd, FromRedisValue, Pipeline, RedisError, RedisResult, Script,
    aio::{ConnectionManager, ConnectionManagerConfig},
    cmd,
};
use sha2_011::{Digest, Sha256};
use tokio::time::timeout;

/// What a command gets: less than the second after which whoever asks gives up.
const ANSWER: Duration = Duration::from_millis(900);
/// What a command gets with all that comes before it: a line that is broken is made anew first, in several
/// tries. Longer than an answer, or nobody would find out that a line is half open.
const PATIENCE: Duration = Duration::from_millis(950);
/// What a connection gets to come about.
const CONNECT: Duration = Duration::from_secs(1);
/// Between two tries to connect, at most.
const RETRY: Duration = Duration::from_millis(500);

/// Redis did not answer, or refused: nobody can tell what it holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Away {
    kind: String,
}

/// The site's own texts in Redis. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Shelf {
    redis: Arc<Redis>,
    namespace: String,
}

struct Redis {
    client: Client,
    line: Mutex<Line>,
}

/// What commands are sent on. It comes back by itself when it breaks.
struct Line {
    commands: ConnectionManager,
    /// Counts those before it.
    number: u64,
}

impl Shelf {
    /// Connects when first asked, and again when the connection is gone.
    pub(crate) fn new(url: &str, name: &str) -> Result<Self, Away> {
        let client = available(Client::open(url))?;
        let line = Line {
            commands: available(commands(&client))?,
            number: 0,
        };
        Ok(Self {
            redis: Arc::new(Redis {
                client,
                line: Mutex::new(line),
            }),
            namespace: format!("{{{name}}}"),
        })
    }

    /// The session with this id, which nobody can read off Redis: it is kept as a hash.
    pub(crate) async fn session(&self, id: &str) -> Result<Option<String>, Away> {
        self.ask(cmd("GET").arg(self.session_key(id))).await
    }

    /// Keeps a new session; `false`: there is one with this id.
    pub(crate) async fn add_session(
        &self,
        id: &str,
        text: &str,
        life: Duration,
    ) -> Result<bool, Away> {
        self.set_session(id, text, life, "NX").await
    }

    /// Keeps what a session has become; `false`: it is over, and stays so.
    pub(crate) async fn change_session(
        &self,
        id: &str,
        text: &str,
        life: Duration,
    ) -> Result<bool, Away> {
        self.set_session(id, text, life, "XX").await
    }

    /// Lets a session last this long from now; one that is over stays so.
    #[allow(dead_code, reason = "tower-sessions stores the whole session instead")]
    pub(crate) async fn extend_session(&self, id: &str, life: Duration) -> Result<(), Away> {
        let (key, life) = (self.session_key(id), millis(life));
        self.ask(cmd("PEXPIRE").arg(key).arg(life)).await
    }

    /// Ends a session.
    pub(crate) async fn remove_session(&self, id: &str) -> Result<(), Away> {
        self.ask(cmd("DEL").arg(self.session_key(id))).await
    }

    /// What is kept under this name for good: `text`, if there was nothing.
    pub(crate) async fn add_once(&self, name: &str, text: &str) -> Result<String, Away> {
        let key = format!("{}:{name}", self.namespace);
        let before: Option<String> = self
            .ask(cmd("SET").arg(key).arg(text).arg("NX").arg("GET"))
            .await?;
        Ok(before.unwrap_or_else(|| text.to_owned()))
    }

    async fn set_session(
        &self,
        id: &str,
        text: &str,
        life: Duration,
        only: &str,
    ) -> Result<bool, Away> {
        let mut set = cmd("SET");
        set.arg(self.session_key(id)).arg(text);
        set.arg("PX").arg(millis(life)).arg(only);
        let done: Option<String> = self.ask(&set).await?;
        Ok(done.is_some())
    }

    fn session_key(&self, id: &str) -> String {
        let hash = URL_SAFE_NO_PAD.encode(Sha256::digest(id));
        self.key("session", &hash)
    }

    /// The name of something of this kind.
    pub(crate) fn key(&self, kind: &str, name: &str) -> String {
        format!("{}:{kind}:{name}", self.namespace)
    }

    pub(crate) async fn ask<T: FromRedisValue>(&self, command: &Cmd) -> Result<T, Away> {
        let (number, mut commands) = self.commands();
        let answer = command.query_async(&mut commands);
        self.judged(number, answer).await
    }

    pub(crate) async fn ask_all<T: FromRedisValue>(&self, all: &Pipeline) -> Result<T, Away> {
        let (number, mut commands) = self.commands();
        self.judged(number, all.query_async(&mut commands)).await
    }

    /// Runs a script about one key.
    pub(crate) async fn run<T: FromRedisValue>(
        &self,
        script: &Script,
        key: &str,
        argument: &str,
    ) -> Result<T, Away> {
        let mut call = script.prepare_invoke();
        call.key(key).arg(argument);
        let (number, mut commands) = self.commands();
        self.judged(number, call.invoke_async(&mut commands)).await
    }

    fn commands(&self) -> (u64, ConnectionManager) {
        let line = self.line();
        (line.number, line.commands.clone())
    }

    async fn judged<T>(
        &self,
        number: u64,
        answer: impl Future<Output = RedisResult<T>>,
    ) -> Result<T, Away> {
        let Ok(answer) = timeout(PATIENCE, answer).await else {
            let kind = "no connection".to_owned();
            tracing::warn!(%kind, "Redis does not answer as it should");
            return Err(Away { kind });
        };
        available(answer.inspect_err(|error| self.judge(number, error)))
    }

    /// Gives up a line that does not answer: it may be half open, and would stay silent for ever.
    fn judge(&self, number: u64, error: &RedisError) {
        let mut line = self.line();
        if error.is_timeout()
            && line.number == number
            && let Ok(commands) = commands(&self.redis.client)
        {
            *line = Line {
                commands,
                number: number + 1,
            };
        }
    }

    fn line(&self) -> MutexGuard<'_, Line> {
        let line = self.redis.line.lock();
        line.unwrap_or_else(PoisonError::into_inner)
    }
}

fn commands(client: &Client) -> RedisResult<ConnectionManager> {
    let config = ConnectionManagerConfig::new()
        .set_response_timeout(Some(ANSWER))
        .set_connection_timeout(Some(CONNECT))
        .set_max_delay(RETRY);
    ConnectionManager::new_lazy_with_config(client.clone(), config)
}

/// Redis refuses a life of zero.
fn millis(life: Duration) -> u64 {
    u64::try_from(life.as_millis()).unwrap_or(u64::MAX).max(1)
}

/// The error itself may quote what was asked.
fn available<T>(answer: RedisResult<T>) -> Result<T, Away> {
    answer.map_err(|error| {
        let kind = match error.code() {
            Some(code) => format!("{:?}, {code}", error.kind()),
            None => format!("{:?}", error.kind()),
        };
        tracing::warn!(%kind, "Redis does not answer as it should");
        Away { kind }
    })
}

impl fmt::Display for Away {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Redis does not answer as it should: {}", self.kind)
    }
}

impl std::error::Error for Away {}

impl fmt::Debug for Shelf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shelf").finish_non_exhaustive()
    }
}
