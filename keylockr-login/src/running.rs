//! Attempts at work: driven to their end, one task each. [`written`] is what their records say of it.

mod written;

use std::{collections::HashMap, sync::Arc, time::Duration};

use keylockr_client::{
    CancellationToken, FrameReturn, ReturnedFrames, VaultGrant,
    proto::login::{Authorized, Login, LoginConfig, LoginEnd, LoginFailure, Progress},
    return_channel,
};
use keylockr_proto::ClientKeys;
use serde::{Deserialize, Serialize};
use tokio::sync::watch;
use zeroize::Zeroizing;

use self::written::{Shown, advice_on, failure_of, not_resumed};
use crate::{
    attempt::{AttemptRecord, End, Failure, Held, Phase},
    binding::AttemptId,
    connections::Handover,
    metrics::{self, Gauged},
    moment::Moment,
    principal::Principal,
    returning::Returning,
    sealed::{Purpose, Sealed},
    shared::Shared,
    store::{Change, StoreUnavailable},
    vault::NotReady,
};

/// Whoever waits for changes looks after this time whether all is well.
pub(crate) const LOOK: Duration = Duration::from_secs(10);

/// Between two tries to write what must not be lost.
pub(crate) const RETRY: Duration = Duration::from_millis(500);

/// Who approved, as it is sealed into the record.
#[derive(Serialize, Deserialize)]
pub(crate) struct Approved {
    pub(crate) principal: Principal,
    pub(crate) at: Moment,
}

/// An attempt to be driven: from its beginning, or from where another process left it.
pub(crate) struct Work {
    config: LoginConfig,
    start: Start,
}

enum Start {
    Beginning(Arc<ClientKeys>),
    Suspended(Zeroizing<Vec<u8>>),
}

impl Work {
    pub(crate) fn new(config: LoginConfig, keys: Arc<ClientKeys>) -> Self {
        Self {
            config,
            start: Start::Beginning(keys),
        }
    }

    /// `suspended` is what [`Login::suspend`] made of it.
    pub(crate) fn resumed(config: LoginConfig, suspended: Zeroizing<Vec<u8>>) -> Self {
        Self {
            config,
            start: Start::Suspended(suspended),
        }
    }
}

impl Shared {
    /// Drives one attempt to its end, and says in its record how far it is.
    pub(crate) async fn run(self: Arc<Self>, held: Held, work: Work) {
        let _live = Gauged::attempt();
        let cancel = self.stop.child_token();
        let (shown, latest) = watch::channel(None);
        let suspends = self.attempts.is_shared();
        let mut keys = None;
        let mut show = |login: &Login, progress: &Progress| {
            keys.get_or_insert_with(|| Arc::clone(login.keys()));
            shown.send_replace(Some(Shown::of(login, progress, suspends, || {
                self.client.now()
            })));
        };
        let (returns, returned) = return_channel();
        let end = tokio::select! {
            biased;
            end = self.login(&held.id, work, &mut show, returned, &cancel) => end,
            () = self.follow(&held, latest, &returns, &cancel) => return,
        };
        let end = match end {
            Ok(end) => end,
            Err(not_resumed) => return self.write_end(&held, not_resumed).await,
        };
        match end {
            LoginEnd::Done(authorized) => match keys {
                Some(keys) => self.approved(&held, &authorized, keys).await,
                // Nothing is approved before anything was shown.
                None => self.write_end(&held, End::Failed(Failure::Protocol)).await,
            },
            LoginEnd::Denied { .. } => self.write_end(&held, End::Denied).await,
            LoginEnd::Expired => self.write_end(&held, End::Expired).await,
            LoginEnd::Cancelled if self.stop.is_cancelled() => {
                // Another process takes over what is kept; nobody can what is not.
                if !self.attempts.is_shared() {
                    self.write_end(&held, End::Failed(Failure::Stopped)).await;
                }
            }
            // Whoever cancelled it has said so in the record.
            LoginEnd::Cancelled => self.write_end(&held, End::Cancelled).await,
            // Another process took the attempt over: it is for that one to say how it ends.
            LoginEnd::Failed(LoginFailure::Superseded) if self.attempts.is_shared() => {}
            LoginEnd::Failed(failure) => {
                tracing::warn!(
                    name: "keylockr.attempt.failed",
                    attempt = %held.id,
                    %failure,
                    "the attempt failed: {}",
                    advice_on(&failure)
                );
                self.write_end(&held, End::Failed(failure_of(&failure)))
                    .await;
            }
            _ => self.write_end(&held, End::Failed(Failure::Protocol)).await,
        }
    }

    /// How the login ends, or the attempt that could not be taken up.
    async fn login(
        &self,
        id: &AttemptId,
        work: Work,
        show: &mut (dyn FnMut(&Login, &Progress) + Send),
        returned: ReturnedFrames,
        cancel: &CancellationToken,
    ) -> Result<LoginEnd, End> {
        let config = work.config;
        match work.start {
            Start::Beginning(keys) => {
                let login = self
                    .client
                    .login_with_return(config, keys, show, returned, cancel);
                Ok(login.await)
            }
            Start::Suspended(state) => {
                let login = self
                    .client
                    .resume_with_return(config, &state, show, returned, cancel);
                login.await.map_err(|error| {
                    tracing::warn!(
                        name: "keylockr.attempt.not_resumed",
                        attempt = %id,
                        %error,
                        "not taken over"
                    );
                    not_resumed(&error)
                })
            }
        }
    }

    /// Writes what the driver shows, hands it what a phone on the same device brought along, and
    /// cancels the driver when the attempt was ended or taken over by somebody else. Never ends by
    /// itself.
    async fn follow(
        &self,
        held: &Held,
        mut latest: watch::Receiver<Option<Shown>>,
        returns: &FrameReturn,
        cancel: &CancellationToken,
    ) {
        let mut version = 0;
        loop {
            tokio::select! {
                changed = latest.changed() => {
                    if changed.is_err() {
                        return std::future::pending().await;
                    }
                    let Some(shown) = latest.borrow_and_update().clone() else {
                        continue;
                    };
                    if self.write_progress(held, &shown).await.is_err() {
                        tokio::time::sleep(RETRY).await;
                        latest.mark_changed();
                    }
                }
                changed = self.attempts.changed(&held.id, version, LOOK) => match changed {
                    Ok(Some(record)) if record.is_live() && record.is_under(&held.lease) => {
                        let returning = record.returning.as_ref();
                        if returning.is_some_and(Returning::has_arrived)
                            && self.pass_on_return(held, returns).await.is_err()
                        {
                            // Looked at again; the service repeats its result in any case.
                            tokio::time::sleep(RETRY).await;
                            continue;
                        }
                        version = record.version;
                    }
                    Ok(_) => {
                        cancel.cancel();
                        return std::future::pending().await;
                    }
                    Err(StoreUnavailable) => tokio::time::sleep(RETRY).await,
                }
            }
        }
    }

    /// Takes the frame that came back out of the record, which only one can, and gives it to the
    /// driver.
    async fn pass_on_return(
        &self,
        held: &Held,
        returns: &FrameReturn,
    ) -> Result<(), StoreUnavailable> {
        let frame = self
            .attempts
            .change(&held.id, |record| {
                let ours = record.is_under(&held.lease);
                let returning = record.returning.as_mut().filter(|_| ours);
                match returning.and_then(Returning::take) {
                    Some(frame) => Change::Store(Some(frame)),
                    None => Change::Keep(None),
                }
            })
            .await?;
        if let Some(frame) = frame.flatten().and_then(|frame| frame.bytes()) {
            let taken = returns.hand_in(frame);
            tracing::debug!(
                name: "keylockr.attempt.returned",
                attempt = %held.id,
                taken,
                "a result came back through the browser"
            );
        }
        Ok(())
    }

    /// An approval, checked by the machine: the browser may now finish, and nobody else.
    async fn approved(
        self: &Arc<Self>,
        held: &Held,
        authorized: &Authorized,
        keys: Arc<ClientKeys>,
    ) {
        let id = &held.id;
        // What is revoked while the phone is unlocked counts as later.
        let now = self.now();
        let approved = Approved {
            principal: Principal {
                safe_id: authorized.safe_id.as_str().to_owned(),
                app_id: authorized.app_id.as_str().to_owned(),
                nickname: authorized
                    .nickname
                    .as_ref()
                    .map(|name| name.as_str().to_owned()),
                sign_pk: keys.sign_public().to_base64(),
            },
            at: now,
        };
        let Ok(plain) = serde_json::to_vec(&approved).map(Zeroizing::new) else {
            return self.write_end(held, End::Failed(Failure::Site)).await;
        };
        if self.wants_handovers() {
            let service = self.service.clone();
            let mut handover = Handover {
                app_id: authorized.app_id.clone(),
                revision: authorized.revision,
                grant: VaultGrant::from_authorized(service, Arc::clone(&keys), authorized),
                keys,
                opened: None,
            };
            let safe_id = authorized.safe_id.as_str();
            match self.ready_vault(held, &mut handover, safe_id).await {
                Ok(()) => {}
                Err(NotReady::End(end)) => return self.write_end(held, end).await,
                Err(NotReady::NotOurs) => return,
            }
            self.handovers().insert(id.clone(), handover);
        }
        let approved = self
            .persist(id, |record| {
                if !record.is_under(&held.lease) {
                    return Change::Keep(None);
                }
                if record.phase == Phase::Done {
                    // Stored before, by a store whose answer got lost.
                    return Change::Keep(Some(record.created_at));
                }
                let sealed = self.seal.seal(Purpose::Approved, record.owner(), &plain);
                match sealed.is_ok_and(|sealed| record.approve(sealed, self.now())) {
                    true => Change::Store(Some(record.created_at)),
                    false => Change::Keep(None),
                }
            })
            .await;
        if let Some(begun) = approved.flatten() {
            metrics::approved(now.since(begun));
            tracing::info!(name: "keylockr.attempt.approved", attempt = %id, "approved");
            self.until_finished(id).await;
        } else {
            tracing::info!(
                name: "keylockr.attempt.approved_late",
                attempt = %id,
                "approved when it was over, or could not be stored: nobody is signed in by it"
            );
            if approved == Some(None) {
                // By its time, if that is over; else it could not be sealed.
                self.write_end(held, End::Failed(Failure::Site)).await;
            }
        }
        self.handovers().remove(id);
    }

    /// Waits until an approved attempt is finished, cancelled or out of time.
    async fn until_finished(&self, id: &AttemptId) {
        let mut version = 0;
        loop {
            let now = self.now();
            let left = match self.attempts.load(id, now).await {
                Ok(Some(record)) if record.phase == Phase::Done => {
                    version = record.version.max(version);
                    record.expires_at.since(now)
                }
                Ok(_) => break,
                Err(StoreUnavailable) => RETRY,
            };
            tokio::select! {
                () = self.stop.cancelled() => return,
                () = tokio::time::sleep(left) => {}
                changed = self.attempts.changed(id, version, left) => {
                    if changed.is_err() {
                        tokio::time::sleep(RETRY).await;
                    }
                }
            }
        }
        // Where its time ran out, the record is made to say so.
        let expired = self
            .attempts
            .change(id, |record| match record.expire(self.now()) {
                true => Change::Store(true),
                false => Change::Keep(false),
            })
            .await;
        if let Ok(Some(true)) = expired {
            metrics::ended(End::Expired);
        }
    }

    /// Who approved, if the seal holds.
    pub(crate) fn open_approved(
        &self,
        record: &AttemptRecord,
        sealed: &Sealed,
    ) -> Option<Approved> {
        let plain = self.seal.open(Purpose::Approved, record.owner(), sealed)?;
        serde_json::from_slice(&plain).ok()
    }

    pub(crate) fn handovers(&self) -> std::sync::MutexGuard<'_, HashMap<AttemptId, Handover>> {
        self.handovers
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}
