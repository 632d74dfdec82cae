//! The filekey: asked of the phone, held in one place, and dropped.
//!
//! One task for each vault asks and listens, so that the answer is not lost with whoever asked.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::future::BoxFuture;
use keylockr_proto::link::{LinkEvent, Reply, Request, RequestError};
use keylockr_proto::{
    ErrorKind, Family, Filekey, FilekeyBlob, FilekeyStatus, OpenedFilekey, RecordCodec,
    RecordLayout,
};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep_until};

use super::config::{SenderPin, VaultConfig, VaultGrant};
use super::error::VaultError;
use super::exchange::failure;
use super::facts::Facts;
use super::progress::VaultProgress;
use crate::clock::monotonic;
use crate::link::{LinkEvents, LinkHandle};

/// How long the phone may take (K 7.3), and a little more: the link gives up first.
const PHONE: Duration = Duration::from_secs(305);

/// An asker: the link to ask over, and how many asks had been settled when it came.
pub(super) type Ask = (LinkHandle, u64);

/// Where the key is kept, shared by the vault and its task. The task holds it no longer than the
/// vault does, and nothing else has the key.
pub(super) struct KeyDesk {
    state: Mutex<State>,
    stage: watch::Sender<Stage>,
    facts: Arc<Facts>,
    grant: VaultGrant,
    config: VaultConfig,
}

struct State {
    key: Option<Unlocked>,
    /// Came with the sign-in and has not been opened yet.
    blob: Option<FilekeyBlob>,
    used: Instant,
    /// The user's no, until somebody is told.
    unheard: bool,
}

struct Unlocked {
    filekey: Filekey,
    codec: RecordCodec,
}

/// What waiting callers are told.
#[derive(Clone, Debug)]
pub(super) struct Stage {
    pub(super) progress: VaultProgress,
    /// How many times the key came, or did not.
    pub(super) settled: u64,
    /// Why it did not, the last time.
    pub(super) failure: Option<VaultError>,
}

impl KeyDesk {
    pub(super) fn new(mut grant: VaultGrant, config: VaultConfig, facts: Arc<Facts>) -> Self {
        let state = State {
            key: None,
            blob: grant.filekey.take(),
            used: monotonic(),
            unheard: false,
        };
        let stage = Stage {
            progress: VaultProgress::Idle,
            settled: 0,
            failure: None,
        };
        Self {
            state: Mutex::new(state),
            stage: watch::Sender::new(stage),
            facts,
            grant,
            config,
        }
    }

    pub(super) fn watch(&self) -> watch::Receiver<Stage> {
        self.stage.subscribe()
    }

    /// Uses the key, if it is here. Never across an await: this is the only place it is in.
    pub(super) fn with_key<T>(
        &self,
        work: impl FnOnce(&Filekey, &mut RecordCodec) -> T,
    ) -> Option<T> {
        let mut state = self.state();
        let Unlocked { filekey, codec } = state.key.as_mut()?;
        let done = work(filekey, codec);
        state.used = monotonic();
        Some(done)
    }

    pub(super) fn has_key(&self) -> bool {
        self.state().key.is_some()
    }

    /// The user's no that nobody was told of.
    pub(super) fn take_unheard(&self) -> bool {
        core::mem::take(&mut self.state().unheard)
    }

    /// Erases the key and what it could be had from.
    pub(super) fn forget(&self) {
        let had = {
            let mut state = self.state();
            state.blob = None;
            state.key.take().is_some()
        };
        if had {
            self.show(VaultProgress::Idle);
        }
    }

    fn show(&self, progress: VaultProgress) {
        self.stage.send_if_modified(|stage| {
            let changed = stage.progress != progress;
            stage.progress = progress;
            changed
        });
    }

    fn settle(&self, progress: VaultProgress, failure: Option<VaultError>) {
        self.stage.send_modify(|stage| {
            stage.progress = progress;
            stage.settled += 1;
            stage.failure = failure;
        });
    }

    fn fail(&self, error: VaultError) {
        let progress = match error {
            VaultError::Denied => VaultProgress::Denied,
            VaultError::Locked => VaultProgress::TimedOut,
            _ => VaultProgress::Failed,
        };
        self.state().unheard = error == VaultError::Denied;
        tracing::debug!(name: "keylockr.vault.key", ?progress, "the filekey did not come");
        self.settle(progress, Some(error));
    }

    fn over(&self) {
        self.forget();
        self.settle(VaultProgress::Over, Some(VaultError::Closed));
    }

    /// When the key, if there is one, has been idle for too long.
    fn idle_at(&self) -> Option<Instant> {
        let state = self.state();
        let holds = state.key.is_some() || state.blob.is_some();
        holds.then(|| state.used + self.config.idle)
    }

    /// Opens a blob and takes the key in.
    async fn take_in(&self, blob: &FilekeyBlob) {
        match self.open(blob).await {
            Ok(unlocked) => {
                {
                    let mut state = self.state();
                    state.key = Some(unlocked);
                    state.blob = None;
                    state.used = monotonic();
                    state.unheard = false;
                }
                self.settle(VaultProgress::Open, None);
            }
            Err(error) => self.fail(error),
        }
    }

    async fn open(&self, blob: &FilekeyBlob) -> Result<Unlocked, VaultError> {
        let facts = match self.facts.recall().await {
            Ok(facts) => facts,
            Err(_) if self.config.sender_pin == SenderPin::Observe => self.facts.known(),
            Err(error) => return Err(error),
        };
        let opened = blob
            .open(self.grant.keys.box_secret(), self.grant.sender.as_ref())
            .map_err(|error| VaultError::Filekey(error.kind()))?;
        if facts
            .sender
            .as_ref()
            .is_some_and(|known| *known != opened.sender)
        {
            tracing::warn!(
                name: "keylockr.vault.sender_changed",
                enforced = self.config.sender_pin == SenderPin::Enforce,
                "the filekey comes from another phone key than before"
            );
            if self.config.sender_pin == SenderPin::Enforce {
                self.facts.refuse_sender(&opened.sender);
                return Err(VaultError::SenderChanged);
            }
        }
        self.facts.learn_sender(&opened.sender).await;
        self.unlocked(opened, facts.inner_used)
    }

    fn unlocked(&self, opened: OpenedFilekey, inner_used: bool) -> Result<Unlocked, VaultError> {
        let codec = match (self.grant.service.family(), opened.data_nonce) {
            (Family::AppData, nonce) => {
                RecordCodec::new(RecordLayout::Prefix).with_fixed_nonce_fallback(nonce)
            }
            (Family::Seed, Some(nonce)) => {
                let codec =
                    RecordCodec::new(RecordLayout::FixedNonce(nonce)).with_read_fallback(true);
                if self.config.raw_nd_writes {
                    codec.with_insecure_raw_writes()
                } else {
                    codec
                }
            }
            // A blob without the nonce that every record of this family is written with.
            (Family::Seed, None) => return Err(VaultError::Filekey(ErrorKind::FilekeyShape)),
        };
        Ok(Unlocked {
            filekey: opened.filekey,
            codec: codec.with_inner_used(inner_used),
        })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Every change is made of moves and assignments: never half done.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The task beside a vault.
pub(super) struct Keeper {
    desk: Arc<KeyDesk>,
    asks: mpsc::Receiver<Ask>,
    events: LinkEvents,
    /// Until when the phone's decision is awaited.
    waiting: Option<Instant>,
}

impl Keeper {
    pub(super) fn new(desk: Arc<KeyDesk>, asks: mpsc::Receiver<Ask>, events: LinkEvents) -> Self {
        Self {
            desk,
            asks,
            events,
            waiting: None,
        }
    }

    /// Ends with the vault or with the link, whichever is over first. Then the key is erased.
    pub(super) async fn run(mut self) {
        // The link is held by the request alone, so that it closes with its last user.
        let mut request: Option<Asking> = None;
        let mut retry: Option<LinkHandle> = None;
        loop {
            let alarm = [self.waiting, self.desk.idle_at()]
                .into_iter()
                .flatten()
                .min();
            tokio::select! {
                biased;
                event = self.events.next() => match event.as_deref() {
                    Some(LinkEvent::FilekeyResult(status)) => self.on_status(status).await,
                    Some(LinkEvent::FilekeyTimedOut) if self.waiting.take().is_some() => {
                        self.desk.fail(VaultError::Locked);
                    }
                    Some(_) => {}
                    None => return self.desk.over(),
                },
                answer = answered(&mut request) => {
                    request = match answer {
                        // Asking twice asks the phone once.
                        Err(RequestError::ConnectionLost | RequestError::TimedOut) => {
                            retry.take().map(ask_over)
                        }
                        _ => None,
                    };
                    if request.is_none() {
                        retry = None;
                        self.on_answer(answer).await;
                    }
                }
                ask = self.asks.recv() => {
                    let Some((link, settled)) = ask else {
                        return self.desk.over();
                    };
                    // Whoever asked before the last time it was settled hears of that.
                    let settled_since = self.desk.stage.borrow().settled != settled;
                    let busy = request.is_some() || self.waiting.is_some();
                    if settled_since || busy || self.desk.has_key() {
                        continue;
                    }
                    let blob = self.desk.state().blob.take();
                    match blob {
                        Some(blob) => self.desk.take_in(&blob).await,
                        None => {
                            self.desk.show(VaultProgress::Asking);
                            retry = Some(link.clone());
                            request = Some(ask_over(link));
                        }
                    }
                }
                () = at(alarm) => self.on_alarm(),
            }
        }
    }

    fn on_alarm(&mut self) {
        let now = monotonic();
        if self.waiting.is_some_and(|until| until <= now) {
            self.waiting = None;
            self.desk.fail(VaultError::Locked);
        }
        if self.desk.idle_at().is_some_and(|at| at <= now) {
            tracing::debug!(name: "keylockr.vault.key", "the filekey was not used and is dropped");
            self.desk.forget();
        }
    }

    async fn on_answer(&mut self, answer: Result<Reply, RequestError>) {
        match answer {
            Ok(Reply::Filekey(status)) => self.on_status(&status).await,
            Ok(_) => self.fail(VaultError::Filekey(ErrorKind::Shape)),
            // A blob that is too large is refused before it becomes one.
            Err(RequestError::Protocol(kind)) => self.fail(VaultError::Filekey(kind)),
            Err(RequestError::Refused(refusal)) if refusal.is_denial() => {
                self.fail(VaultError::Denied);
            }
            // The link itself goes on asking once it stands again. What comes of it is taken in.
            Err(error) => self.fail(failure(error)),
        }
    }

    /// Push and answer may come in either order (K 12.4); the first that decides counts.
    async fn on_status(&mut self, status: &FilekeyStatus) {
        match status {
            FilekeyStatus::Done(grant) => {
                self.waiting = None;
                if !self.desk.has_key() {
                    self.desk.take_in(&grant.data_filekey).await;
                }
            }
            FilekeyStatus::SafeAuthRequired if self.desk.has_key() => {}
            FilekeyStatus::SafeAuthRequired => {
                self.waiting = Some(monotonic() + PHONE);
                self.desk.show(VaultProgress::WaitingForPhone);
            }
            FilekeyStatus::Denied => self.fail(VaultError::Denied),
            FilekeyStatus::Unknown(_) => self.fail(VaultError::Filekey(ErrorKind::Shape)),
        }
    }

    fn fail(&mut self, error: VaultError) {
        self.waiting = None;
        self.desk.fail(error);
    }
}

type Asking = BoxFuture<'static, Result<Reply, RequestError>>;

fn ask_over(link: LinkHandle) -> Asking {
    Box::pin(async move { link.request(Request::ReqFilekey).await })
}

async fn answered(request: &mut Option<Asking>) -> Result<Reply, RequestError> {
    match request {
        Some(request) => request.await,
        None => core::future::pending().await,
    }
}

async fn at(alarm: Option<Instant>) {
    match alarm {
        Some(at) => sleep_until(at).await,
        None => core::future::pending().await,
    }
}
