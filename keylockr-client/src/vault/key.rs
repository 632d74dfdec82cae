//! The filekey: held in one place, used there, and dropped.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use keylockr_proto::{
    ErrorKind, Family, Filekey, FilekeyBlob, OpenedFilekey, RecordCodec, RecordLayout,
};
use tokio::sync::watch;
use tokio::time::Instant;

use super::config::{SenderPin, VaultConfig, VaultGrant};
use super::error::VaultError;
use super::facts::Facts;
use super::progress::VaultProgress;
use crate::clock::monotonic;

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
    /// Somebody has asked, and neither let go of the key since nor heard the user's no. Otherwise
    /// an answer that comes late is not taken in.
    wanted: bool,
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
            wanted: false,
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

    /// An answer of the phone is taken in from now on.
    pub(super) fn want(&self) {
        self.state().wanted = true;
    }

    pub(super) fn is_wanted(&self) -> bool {
        self.state().wanted
    }

    /// Erases the key and what it could be had from, an answer that is on its way included.
    pub(super) fn forget(&self) {
        // Held until it is told: see `take_in`.
        let mut state = self.state();
        (state.key, state.blob, state.wanted) = (None, None, false);
        self.stage.send_if_modified(|stage| {
            let waited_for = matches!(
                stage.progress,
                VaultProgress::Asking | VaultProgress::WaitingForPhone
            );
            if waited_for {
                stage.settled += 1;
                stage.failure = Some(VaultError::Locked);
            }
            let held = core::mem::replace(&mut stage.progress, VaultProgress::Idle);
            waited_for || held == VaultProgress::Open
        });
    }

    pub(super) fn show(&self, progress: VaultProgress) {
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

    pub(super) fn fail(&self, error: VaultError) {
        let progress = match error {
            VaultError::Denied => VaultProgress::Denied,
            VaultError::Locked => VaultProgress::TimedOut,
            _ => VaultProgress::Failed,
        };
        if error == VaultError::Denied {
            let mut state = self.state();
            (state.wanted, state.unheard) = (false, true);
        }
        tracing::debug!(name: "keylockr.vault.key", ?progress, "the filekey did not come");
        self.settle(progress, Some(error));
    }

    pub(super) fn over(&self) {
        self.forget();
        self.settle(VaultProgress::Over, Some(VaultError::Closed));
    }

    /// When the key, if there is one, has been idle for too long.
    pub(super) fn idle_at(&self) -> Option<Instant> {
        let state = self.state();
        let holds = state.key.is_some() || state.blob.is_some();
        holds.then(|| state.used + self.config.idle)
    }

    /// Opens a blob and takes the key in.
    pub(super) async fn take_in(&self, blob: &FilekeyBlob) {
        match self.open(blob).await {
            Ok(unlocked) => {
                let mut state = self.state();
                if !state.wanted {
                    // Let go of meanwhile, as whoever waited was told.
                    return;
                }
                state.key = Some(unlocked);
                state.blob = None;
                state.used = monotonic();
                state.unheard = false;
                // With the key still held: what is told must not come after a `forget` that came
                // after the key. Whoever has both takes the state first, the stage second.
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

    /// How many times the key came, or did not.
    pub(super) fn settled(&self) -> u64 {
        self.stage.borrow().settled
    }

    /// The blob that came with the sign-in, once.
    pub(super) fn take_blob(&self) -> Option<FilekeyBlob> {
        self.state().blob.take()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Every change is made of moves and assignments: never half done.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
