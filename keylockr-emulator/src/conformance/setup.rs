//! What a check asks of an adapter, and what it gets back.

use std::fmt;
use std::future::Future;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// One framework's way of serving the suite's application.
///
/// Implement it once for each adapter and hand it to [`conformance_suite!`](crate::conformance_suite).
pub trait Adapter {
    /// Binds a free port on 127.0.0.1 and serves the suite's application there, as `setup` says.
    ///
    /// The application mounts the login routes at `/login` and has these of its own:
    ///
    /// | Route | Behaviour |
    /// |---|---|
    /// | `GET /` | public: 200 `text/plain`, `hello ` and the nickname, the SafeID or `stranger` |
    /// | `GET /private` | guarded page: 200 `text/plain`, the SafeID |
    /// | `GET /api/me` | guarded: 200 JSON `{"safe_id","nickname","signed_in_at"}`, `no-store` |
    /// | `GET /account` | guarded: 200 `text/plain`, the account that the admit hook loaded, as its extractor gives it |
    /// | `GET`, `PUT /api/notes` | guarded: the person's encrypted record, as in section 3 of the project's contract |
    /// | `GET /sessions` | guarded: 200 JSON array of the person's sessions, last seen first: `{"handle","browser","here"}`, `here` whether it is this one |
    /// | `DELETE /sessions/{handle}` | guarded, own origin: ends one of them, 204; 404 when none of theirs has this handle |
    /// | `PUT /remember` | public: JSON object of texts, each written into the session under its name: 204 |
    /// | `GET /remember` | public: 200 JSON object of every text that `PUT /remember` can have left in the session (names: see [`REMEMBERED`]) |
    ///
    /// A store that fails in one of the last four is a 503.
    fn serve(&self, setup: Setup) -> impl Future<Output = Running>;
}

/// The names that the application's `/remember` knows; only `locale` is on the carry-over list.
pub const REMEMBERED: [&str; 2] = ["locale", "basket"];

/// Everything an application of the suite is built from.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Setup {
    /// The emulator's API, as `KeyLockr::builder(..).api(..)` takes it.
    pub api: String,
    /// The service's `svc_id`, or its app tag in the appdata family.
    pub service: String,
    /// `seed` or `appdata`.
    pub family: &'static str,
    /// Whether the login asks for app data (appdata only).
    pub ask_app_data: bool,
    /// The record's app tag (seed only).
    pub app_tag: Option<String>,
    /// Whether signed-in people have a vault; without app data there is none.
    pub vault: bool,
    /// Whether the filekey is asked for during the sign-in.
    pub filekey_at_sign_in: bool,
    /// The oldest revision that is accepted, 1 or 2 (appdata only).
    pub minimum_revision: u8,
    /// The site's title on page and phone.
    pub site_title: String,
    /// A second language, `ar` from right to left, that says each text as its key in `‹›`.
    pub keys_for_words: bool,
    /// The public origin; `None` is the address that the application listens at.
    pub public_origin: Option<String>,
    /// Life of one attempt.
    pub attempt_life: Duration,
    /// Attempts started a minute and address; 0 lifts the limit.
    pub start_limit: u32,
    /// Live attempts in all; `None` keeps the default.
    pub live_attempts: Option<usize>,
    /// Whose forwarded headers are believed.
    pub trusted_proxies: Vec<IpAddr>,
    /// What the admit hook does.
    pub admit: AdmitMode,
    /// Where the admit hook writes down what it was shown.
    pub admissions: Admissions,
    /// The session store's switch; every access of the store asks it first.
    pub store: StoreSwitch,
    /// The attempt store's switch; every access of the store asks it first.
    pub attempt_store: StoreSwitch,
    /// Keep the app connection open while signed in.
    pub keep_connection: bool,
    /// Delete the connection at sign-out.
    pub delete_connection_on_logout: bool,
    /// A session's idle limit.
    pub idle: Duration,
    /// A session's absolute limit.
    pub absolute: Duration,
    /// How old the last good check of the connection may be.
    pub recheck: Duration,
    /// How long sessions live on while the connection cannot be checked.
    pub grace: Duration,
    /// Session entries that outlive the change of the session id.
    pub carry_over: Vec<String>,
}

impl Setup {
    /// The defaults of the product, for `service` of the seed family, with every limit on starts lifted.
    #[must_use]
    pub fn new(api: impl Into<String>, service: impl Into<String>) -> Self {
        Self {
            api: api.into(),
            service: service.into(),
            family: "seed",
            ask_app_data: false,
            app_tag: None,
            vault: false,
            filekey_at_sign_in: false,
            minimum_revision: 1,
            site_title: "Conformance".to_owned(),
            keys_for_words: false,
            public_origin: None,
            attempt_life: Duration::from_secs(180),
            start_limit: 0,
            live_attempts: None,
            trusted_proxies: Vec::new(),
            admit: AdmitMode::Everyone,
            admissions: Admissions::default(),
            store: StoreSwitch::default(),
            attempt_store: StoreSwitch::default(),
            keep_connection: false,
            delete_connection_on_logout: false,
            idle: Duration::from_secs(30 * 60),
            absolute: Duration::from_secs(12 * 3600),
            recheck: Duration::from_secs(15 * 60),
            grace: Duration::from_secs(3600),
            carry_over: vec!["locale".to_owned()],
        }
    }
}

/// What the application's admit hook does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum AdmitMode {
    /// Admits everybody; the account is `account of {safe_id}`.
    Everyone,
    /// Refuses everybody.
    Nobody,
    /// Cannot tell: the application's own user store is down.
    Unavailable,
}

/// What the admit hook was shown, in order.
#[derive(Debug, Clone, Default)]
pub struct Admissions(Arc<Mutex<Vec<Admission>>>);

/// One call of the admit hook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Admission {
    /// Who signs in.
    pub safe_id: String,
    /// The browser's address, as the library works it out.
    pub address: Option<IpAddr>,
    /// The browser's `User-Agent`.
    pub agent: Option<String>,
    /// Seconds since 1970.
    pub time: u64,
}

impl Admissions {
    /// Called by the adapter's hook, before it decides.
    pub fn note(&self, admission: Admission) {
        self.lock().push(admission);
    }

    /// All so far.
    #[must_use]
    pub fn all(&self) -> Vec<Admission> {
        self.lock().clone()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Admission>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Puts trouble between an application and one of its stores.
///
/// The adapter wraps the store and awaits [`StoreSwitch::pass`] before each access.
#[derive(Clone)]
pub struct StoreSwitch(Arc<watch::Sender<StoreState>>);

/// How a store behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum StoreState {
    /// Answers.
    Up,
    /// Refuses everything at once.
    Down,
    /// Reads well and refuses to write.
    ReadOnly,
    /// Does not answer until the state changes.
    Hanging,
}

/// Whether an access changes the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Looks something up.
    Read,
    /// Writes or deletes.
    Write,
}

/// The store did not take part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the store is down")]
pub struct StoreDown;

impl StoreSwitch {
    /// Sets the state for every access from now on.
    pub fn set(&self, state: StoreState) {
        self.0.send_replace(state);
    }

    /// Awaited by the wrapped store before each access.
    ///
    /// # Errors
    /// The access must fail as if the store could not be reached.
    pub async fn pass(&self, access: Access) -> Result<(), StoreDown> {
        let mut state = self.0.subscribe();
        let now = state
            .wait_for(|state| *state != StoreState::Hanging)
            .await
            .map_or(StoreState::Down, |state| *state);
        match (now, access) {
            (StoreState::Up, _) | (StoreState::ReadOnly, Access::Read) => Ok(()),
            _ => Err(StoreDown),
        }
    }
}

impl Default for StoreSwitch {
    fn default() -> Self {
        Self(Arc::new(watch::Sender::new(StoreState::Up)))
    }
}

impl fmt::Debug for StoreSwitch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("StoreSwitch")
            .field(&*self.0.borrow())
            .finish()
    }
}

/// An application that serves. Dropping it ends it at once.
#[derive(Debug)]
pub struct Running {
    origin: String,
    stop: CancellationToken,
    server: JoinHandle<()>,
}

impl Running {
    /// An application at `origin` (`http://127.0.0.1:PORT`, no slash at the end).
    ///
    /// Cancelling `stop` begins its graceful stop, `KeyLockr::shutdown` included, after which
    /// `server` ends. Aborting `server` ends the application without grace.
    #[must_use]
    pub fn new(origin: impl Into<String>, stop: CancellationToken, server: JoinHandle<()>) -> Self {
        Self {
            origin: origin.into(),
            stop,
            server,
        }
    }

    /// Where it listens.
    #[must_use]
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// Stops it gracefully: resolves when nothing of it is left.
    pub async fn stop(mut self) {
        self.stop.cancel();
        // A server that panicked has stopped too; its own task has said why.
        let _ended = (&mut self.server).await;
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop.cancel();
        self.server.abort();
    }
}
