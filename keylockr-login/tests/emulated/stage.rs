//! A site with its login service, an emulator behind it, and stores that can be in trouble.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use keylockr_client::Client;
use keylockr_emulator::Emulator;
use keylockr_login::{
    AttemptId, AttemptRecord, AttemptStore, BrowserHash, HttpSession, Inserted, KeyLockr,
    KeyLockrBuilder, MemoryAttempts, MemoryRevocations, Moment, Orphan, Replaced, RevocationStore,
    Revocations, Revoked, SESSION_KEY, SessionRecord, SessionUnavailable, Sought, StoreFuture,
    StoreUnavailable,
};
use serde_json::{Map, Value};
use tokio::sync::watch;

pub(crate) use crate::shelf::Common;
use crate::{
    browser::{Attempt, Browser},
    network::Network,
};

/// The site's origin.
pub(crate) const ORIGIN: &str = "https://site.example";

/// Everything a test plays with.
pub(crate) struct Stage {
    pub(crate) emulator: Arc<Emulator>,
    pub(crate) network: Network,
    pub(crate) keylockr: KeyLockr,
    pub(crate) sessions: Sessions,
    pub(crate) attempts: Trouble,
    pub(crate) revocations: Trouble,
}

impl Stage {
    /// A site of the seed family, with every default but the limit on starts.
    pub(crate) async fn new() -> Self {
        Self::with(|builder| builder).await
    }

    /// The same with settings of the test's own.
    pub(crate) async fn with(settings: impl FnOnce(KeyLockrBuilder) -> KeyLockrBuilder) -> Self {
        Self::of("demo", settings).await
    }

    /// The same for one of the emulator's services.
    pub(crate) async fn of(
        service: &str,
        settings: impl FnOnce(KeyLockrBuilder) -> KeyLockrBuilder,
    ) -> Self {
        let emulator = Emulator::builder()
            .in_process()
            .seed(7)
            .handshake_limit(0)
            .start()
            .await
            .unwrap();
        let emulator = Arc::new(emulator);
        let network = Network::new(Arc::clone(&emulator));
        let client = Client::builder("http://127.0.0.1:4600")
            .transport(Arc::new(network.clone()))
            .build()
            .unwrap();
        let (attempts, revocations) = (Trouble::default(), Trouble::default());
        let builder = KeyLockr::builder(service, "Acme Web")
            .client(client)
            .public_origin(ORIGIN)
            .start_limit(0)
            .attempts(Arc::new(Troubled(MemoryAttempts::new(), attempts.clone())))
            .revocations(Arc::new(Troubled(
                MemoryRevocations::default(),
                revocations.clone(),
            )));
        Self {
            keylockr: settings(builder).build().unwrap(),
            emulator,
            network,
            sessions: Sessions::default(),
            attempts,
            revocations,
        }
    }

    /// A browser that was never here.
    pub(crate) fn browser(&self) -> Browser {
        Browser::new(self.keylockr.clone(), self.sessions.clone())
    }

    /// Another process of the same site, with the same stores where `settings` says so.
    pub(crate) fn process(
        &self,
        service: &str,
        settings: impl FnOnce(KeyLockrBuilder) -> KeyLockrBuilder,
    ) -> KeyLockr {
        let client = Client::builder("http://127.0.0.1:4600")
            .transport(Arc::new(self.network.clone()))
            .build()
            .unwrap();
        let builder = KeyLockr::builder(service, "Acme Web")
            .client(client)
            .public_origin(ORIGIN)
            .start_limit(0);
        settings(builder).build().unwrap()
    }

    /// An attempt of this browser's that alice has approved and that is not finished yet.
    pub(crate) async fn approved(&self, browser: &Browser) -> Attempt {
        let attempt = browser.start().await;
        browser.until(&attempt, "connected").await;
        self.approve(&attempt.code);
        browser.until(&attempt, "done").await;
        attempt
    }

    /// Alice approves this code.
    pub(crate) fn approve(&self, code: &str) {
        self.approve_as(code, "alice");
    }

    pub(crate) fn approve_as(&self, code: &str, user: &str) {
        let tmp_id = self.emulator.scan(code).unwrap().tmp_id;
        let approve = keylockr_emulator::Approve {
            user: Some(user.to_owned()),
            ..keylockr_emulator::Approve::from(tmp_id.as_str())
        };
        self.emulator.approve(approve).unwrap();
    }

    pub(crate) fn deny(&self, code: &str) {
        let tmp_id = self.emulator.scan(code).unwrap().tmp_id;
        self.emulator.deny(&tmp_id).unwrap();
    }

    /// The SafeID of one of the emulator's users.
    pub(crate) fn safe_id(&self, user: &str) -> String {
        let users = self.emulator.users();
        users
            .into_iter()
            .find(|other| other.user == user)
            .unwrap()
            .safe_id
    }
}

/// How a store is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum State {
    #[default]
    Up,
    Down,
    ReadOnly,
    Hanging,
    /// Changes a record and cannot say so.
    Mute,
}

/// A store's switch.
#[derive(Clone)]
pub(crate) struct Trouble(Arc<watch::Sender<State>>);

impl Default for Trouble {
    fn default() -> Self {
        Self(Arc::new(watch::Sender::new(State::Up)))
    }
}

impl Trouble {
    pub(crate) fn set(&self, state: State) {
        self.0.send_replace(state);
    }

    async fn pass(&self, writes: bool) -> Result<(), StoreUnavailable> {
        let mut state = self.0.subscribe();
        let state = *state
            .wait_for(|state| *state != State::Hanging)
            .await
            .unwrap();
        match state {
            State::Up | State::Mute => Ok(()),
            State::ReadOnly if !writes => Ok(()),
            _ => Err(StoreUnavailable),
        }
    }
}

/// A store behind its switch.
pub(crate) struct Troubled<S>(pub(crate) S, pub(crate) Trouble);

macro_rules! troubled {
    ($self:ident, $writes:literal, $call:expr) => {
        Box::pin(async move {
            $self.1.pass($writes).await?;
            $call.await
        })
    };
}

impl<S: AttemptStore> AttemptStore for Troubled<S> {
    fn is_shared(&self) -> bool {
        self.0.is_shared()
    }

    fn insert(&self, record: AttemptRecord, most: usize, now: Moment) -> StoreFuture<'_, Inserted> {
        troubled!(self, true, self.0.insert(record, most, now))
    }

    fn load<'a>(&'a self, id: &'a AttemptId) -> StoreFuture<'a, Option<AttemptRecord>> {
        troubled!(self, false, self.0.load(id))
    }

    fn of_browser<'a>(&'a self, browser: &'a BrowserHash) -> StoreFuture<'a, Vec<AttemptRecord>> {
        troubled!(self, false, self.0.of_browser(browser))
    }

    fn replace(&self, record: AttemptRecord) -> StoreFuture<'_, Replaced> {
        Box::pin(async move {
            self.1.pass(true).await?;
            let replaced = self.0.replace(record).await?;
            match *self.1.0.borrow() {
                State::Mute => Err(StoreUnavailable),
                _ => Ok(replaced),
            }
        })
    }

    fn changed<'a>(
        &'a self,
        id: &'a AttemptId,
        seen: u64,
        at_most: Duration,
    ) -> StoreFuture<'a, Option<AttemptRecord>> {
        troubled!(self, false, self.0.changed(id, seen, at_most))
    }

    fn beat<'a>(&'a self, process: &'a str, life: Duration) -> StoreFuture<'a, Option<Moment>> {
        troubled!(self, false, self.0.beat(process, life))
    }

    fn orphans(&self, most: usize) -> StoreFuture<'_, Vec<Orphan>> {
        troubled!(self, false, self.0.orphans(most))
    }

    fn ping(&self) -> StoreFuture<'_, ()> {
        troubled!(self, false, self.0.ping())
    }
}

impl<S: RevocationStore> RevocationStore for Troubled<S> {
    fn revoke(&self, whom: Revoked, at: Moment, keep_until: Moment) -> StoreFuture<'_, ()> {
        troubled!(self, true, self.0.revoke(whom, at, keep_until))
    }

    fn look_up<'a>(&'a self, sought: Sought<'a>) -> StoreFuture<'a, Revocations> {
        troubled!(self, false, self.0.look_up(sought))
    }

    fn ping(&self) -> StoreFuture<'_, ()> {
        troubled!(self, false, self.0.ping())
    }
}

/// The site's session store.
#[derive(Clone, Default)]
pub(crate) struct Sessions {
    stored: Arc<Mutex<HashMap<String, Map<String, Value>>>>,
    pub(crate) trouble: Trouble,
}

impl Sessions {
    /// A session of the application's own, before anybody signed in.
    pub(crate) fn plant(&self, id: &str, entries: Map<String, Value>) {
        self.stored.lock().unwrap().insert(id.to_owned(), entries);
    }

    pub(crate) fn stored(&self, id: &str) -> Option<Map<String, Value>> {
        self.stored.lock().unwrap().get(id).cloned()
    }

    /// All that is stored, as text.
    pub(crate) fn text(&self) -> String {
        format!("{:?}", self.stored.lock().unwrap())
    }

    pub(crate) fn len(&self) -> usize {
        self.stored.lock().unwrap().len()
    }

    /// How many sessions are signed in.
    pub(crate) fn signed_in(&self) -> usize {
        let stored = self.stored.lock().unwrap();
        stored
            .values()
            .filter(|session| session.contains_key(SESSION_KEY))
            .count()
    }
}

/// One request's session.
pub(crate) struct Session {
    store: Sessions,
    pub(crate) id: Mutex<Option<String>>,
}

impl Session {
    pub(crate) fn new(store: Sessions, id: Option<String>) -> Self {
        Self {
            store,
            id: Mutex::new(id),
        }
    }

    fn id(&self) -> Option<String> {
        self.id.lock().unwrap().clone()
    }

    async fn pass(&self, writes: bool) -> Result<(), SessionUnavailable> {
        let passed = self.store.trouble.pass(writes).await;
        passed.map_err(|_| SessionUnavailable)
    }
}

impl HttpSession for Session {
    async fn read(&self) -> Result<Option<SessionRecord>, SessionUnavailable> {
        let Some(id) = self.id() else {
            return Ok(None);
        };
        self.pass(false).await?;
        let stored = self.store.stored.lock().unwrap();
        let value = stored.get(&id).and_then(|session| session.get(SESSION_KEY));
        Ok(value.and_then(|value| serde_json::from_value(value.clone()).ok()))
    }

    async fn sign_in(
        &self,
        record: &SessionRecord,
        carry: &[String],
    ) -> Result<(), SessionUnavailable> {
        self.pass(true).await?;
        let mut stored = self.store.stored.lock().unwrap();
        let before = self.id().and_then(|id| stored.remove(&id));
        let mut session = before.unwrap_or_default();
        session.retain(|key, _| carry.contains(key));
        session.insert(
            SESSION_KEY.to_owned(),
            serde_json::to_value(record).unwrap(),
        );
        let id = format!("{:032x}", rand_id());
        stored.insert(id.clone(), session);
        *self.id.lock().unwrap() = Some(id);
        Ok(())
    }

    async fn write(&self, record: &SessionRecord) -> Result<(), SessionUnavailable> {
        self.pass(true).await?;
        let mut stored = self.store.stored.lock().unwrap();
        let session = stored.entry(self.id().unwrap_or_default()).or_default();
        session.insert(
            SESSION_KEY.to_owned(),
            serde_json::to_value(record).unwrap(),
        );
        Ok(())
    }

    async fn sign_out(&self) -> Result<(), SessionUnavailable> {
        self.pass(true).await?;
        let mut stored = self.store.stored.lock().unwrap();
        if let Some(id) = self.id.lock().unwrap().take() {
            stored.remove(&id);
        }
        Ok(())
    }
}

fn rand_id() -> u64 {
    use std::sync::atomic::{AtomicU64, Ordering};
    static NEXT: AtomicU64 = AtomicU64::new(1);
    NEXT.fetch_add(1, Ordering::Relaxed)
}
