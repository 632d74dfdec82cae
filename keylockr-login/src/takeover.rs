//! Attempts of processes that are gone go on in another one; the code on the screen stays good.

use std::{
    sync::{Arc, Weak, atomic::Ordering},
    time::Duration,
};

use keylockr_client::{CancellationToken, proto::login::LoginConfig};
use tokio::{
    runtime::Handle,
    time::{MissedTickBehavior, interval},
};
use tracing::Instrument as _;

use crate::{
    attempt::{AttemptRecord, End, Failure, Held, Phase},
    metrics::{self, TakenOver},
    running::Work,
    sealed::Purpose,
    shared::Shared,
    store::{Change, Orphan, StoreUnavailable},
};

/// How often a process says that it lives, and looks for those that do not.
const BEAT: Duration = Duration::from_millis(700);
/// Whoever has not said so for this long is gone. With [`BEAT`] and the way to the service it keeps to
/// 5 s from the end of one process to the code being good again.
const LIFE: Duration = Duration::from_millis(2_500);
/// Beats in a row before others are judged by theirs: while the store was away, nobody could.
const STEADY: u32 = 4;
/// Attempts that are taken over in one go.
const MOST: usize = 128;

impl Shared {
    /// From now on, until it stops: says that this process lives, and takes over from those that do
    /// not. Does nothing where there are no others, or outside a runtime; whoever starts an attempt
    /// is in one.
    pub(crate) fn stand_by(self: &Arc<Self>) {
        if !self.attempts.is_shared() {
            return;
        }
        let Ok(runtime) = Handle::try_current() else {
            return;
        };
        if self.stands_by.swap(true, Ordering::Relaxed) {
            return;
        }
        let watch = watch(Arc::downgrade(self), self.stop.clone());
        self.tasks.spawn_on(watch, &runtime);
    }

    async fn take_over(self: &Arc<Self>) -> Result<(), StoreUnavailable> {
        loop {
            let orphans = self.attempts.orphans(MOST).await?;
            let all = orphans.len() < MOST;
            let mut some = false;
            for orphan in orphans
                .iter()
                .filter(|orphan| orphan.runner != self.process)
            {
                let span = tracing::info_span!("keylockr.takeover", attempt = %orphan.attempt);
                let turn = async {
                    let Some((record, held)) = self.claim(orphan).await? else {
                        return Ok(false);
                    };
                    self.go_on(record, held).await;
                    Ok(true)
                };
                some |= turn.instrument(span).await?;
            }
            // What nobody can claim would be found for ever.
            if all || !some {
                return Ok(());
            }
            // There may be so many that it takes longer than a beat: nobody may think us gone meanwhile.
            self.beat(LIFE).await?;
        }
    }

    /// The attempt, if it is ours now. Of several processes that try one succeeds.
    async fn claim(
        &self,
        orphan: &Orphan,
    ) -> Result<Option<(AttemptRecord, Held)>, StoreUnavailable> {
        let claimed = self.attempts.change(&orphan.attempt, |record| {
            if record.expire(self.now()) {
                return Change::Store(Claimed::Expired);
            }
            match record.take_over(&orphan.runner, &self.process) {
                Some(held) => Change::Store(Claimed::Ours(Box::new((record.clone(), held)))),
                None => Change::Keep(Claimed::Not),
            }
        });
        Ok(match claimed.await? {
            Some(Claimed::Ours(ours)) => Some(*ours),
            Some(Claimed::Expired) => {
                metrics::ended(End::Expired);
                None
            }
            Some(Claimed::Not) | None => None,
        })
    }

    /// Runs an attempt from where its former process left it.
    async fn go_on(self: &Arc<Self>, record: AttemptRecord, held: Held) {
        let left = record.expires_at().since(self.now());
        // The service has the name from the handshake; it is told none again.
        let config = LoginConfig::new(self.service.clone(), self.plain_name.clone())
            .with_life(left.max(Duration::from_secs(1)))
            .with_verify(self.verify);
        let suspended = record
            .running
            .as_ref()
            .and_then(|sealed| self.seal.open(Purpose::Running, record.owner(), sealed));
        let keys = self.keys.keys(&self.client);
        let (outcome, work) = match (suspended, keys) {
            (Some(state), _) => (TakenOver::Resumed, Work::resumed(config, state)),
            // Nobody has a code of it yet.
            (None, Ok(keys)) if record.phase == Phase::Waiting && record.code.is_none() => {
                (TakenOver::Restarted, Work::new(config, keys))
            }
            (None, _) => {
                metrics::taken_over(TakenOver::Lost);
                tracing::warn!(
                    name: "keylockr.attempt.lost",
                    attempt = %record.id(),
                    "an attempt of a process that is gone cannot go on: other seal keys here?"
                );
                // Where that fails, it ends with its time.
                let _ = self.end(record.id(), End::Failed(Failure::Stopped)).await;
                return;
            }
        };
        tracing::info!(
            name: "keylockr.attempt.taken_over",
            attempt = %record.id(),
            "taken over from a process that is gone"
        );
        metrics::taken_over(outcome);
        let shared = Arc::clone(self);
        let span = tracing::info_span!(parent: None, "keylockr.attempt", attempt = %record.id, taken_over = true);
        let run = Box::pin(shared.run(held, work));
        self.tasks.spawn(run.instrument(span));
    }
}

/// What became of trying to claim an attempt.
enum Claimed {
    Ours(Box<(AttemptRecord, Held)>),
    /// Its time was over; that is stored now.
    Expired,
    /// Somebody else's, or over.
    Not,
}

async fn watch(shared: Weak<Shared>, stop: CancellationToken) {
    let mut beats = interval(BEAT);
    beats.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut steady = 0_u32;
    loop {
        tokio::select! {
            () = stop.cancelled() => break,
            _ = beats.tick() => {}
        }
        let Some(shared) = shared.upgrade() else {
            return;
        };
        let beat = shared.beat(LIFE).await;
        steady = beat.map_or(0, |()| steady.saturating_add(1));
        if steady >= STEADY && shared.take_over().await.is_err() {
            steady = 0;
        }
    }
    // Leaving: others need not wait to notice.
    if let Some(shared) = shared.upgrade() {
        let _ = shared.beat(Duration::ZERO).await;
    }
}
