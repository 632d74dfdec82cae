//! What is written into the record of an attempt at work: how far it is, and how it ended.

use std::sync::Arc;

use keylockr_client::{
    Error, advice,
    proto::login::{Login, LoginFailure, Progress, ResumeError},
};
use keylockr_proto::QrUri;
use zeroize::Zeroizing;

use super::RETRY;
use crate::{
    attempt::{AttemptRecord, Code, End, Failure, Held, Phase},
    binding::AttemptId,
    metrics,
    sealed::Purpose,
    shared::Shared,
    store::{Change, StoreUnavailable},
};

/// What the driver last showed.
#[derive(Clone)]
pub(super) struct Shown {
    phase: Phase,
    code: Option<Code>,
    suspended: Option<Arc<Zeroizing<Vec<u8>>>>,
}

impl Shown {
    pub(super) fn of(
        login: &Login,
        progress: &Progress,
        suspends: bool,
        now: impl FnOnce() -> keylockr_proto::Now,
    ) -> Self {
        let (phase, code) = match progress {
            Progress::Connected(uri) => (Phase::Connected, Some(uri.clone())),
            Progress::Authorized => (Phase::Authorized, None),
            // The handshake is made: the code is known, if not yet to be shown.
            _ => (Phase::Waiting, login.tmp_id().map(QrUri::new)),
        };
        // From the handshake on, for from then on somebody may have the code.
        let suspended = if suspends && phase != Phase::Authorized {
            login
                .suspend(now())
                .map(|state| Arc::new(Zeroizing::new(state.as_bytes().to_vec())))
        } else {
            None
        };
        Shown {
            phase,
            code: code.map(|uri| Code(uri.as_str().to_owned())),
            suspended,
        }
    }
}

impl Shared {
    pub(super) async fn write_progress(
        &self,
        held: &Held,
        shown: &Shown,
    ) -> Result<(), StoreUnavailable> {
        self.attempts
            .change(&held.id, |record| {
                if !record.is_under(&held.lease) {
                    return Change::Keep(());
                }
                let mut changed = record.progress(shown.phase, shown.code.clone());
                if let Some(suspended) = &shown.suspended {
                    let sealed = self.seal.seal(Purpose::Running, record.owner(), suspended);
                    record.running = sealed.ok();
                    changed = true;
                }
                if changed {
                    Change::Store(())
                } else {
                    Change::Keep(())
                }
            })
            .await
            .map(|_| ())
    }

    pub(super) async fn write_end(&self, held: &Held, end: End) {
        let ended = self
            .persist(&held.id, |record| {
                if !record.is_under(&held.lease) || !record.is_live() {
                    return Change::Keep(None);
                }
                // By its time, where that is over.
                record.end(end, self.now());
                Change::Store(metrics::end_of(record))
            })
            .await;
        if let Some(end) = ended.flatten() {
            metrics::ended(end);
        }
    }

    /// Changes a record even if the store is away for a while; an attempt's life is long enough to
    /// be worth waiting for, and then over.
    pub(crate) async fn persist<T>(
        &self,
        id: &AttemptId,
        mut step: impl FnMut(&mut AttemptRecord) -> Change<T>,
    ) -> Option<T> {
        let until = self.now().after(self.attempt_life);
        loop {
            match self.attempts.change(id, &mut step).await {
                Ok(value) => return value,
                Err(StoreUnavailable) if self.now() < until && !self.stop.is_cancelled() => {
                    tokio::time::sleep(RETRY).await;
                }
                Err(StoreUnavailable) => return None,
            }
        }
    }
}

pub(super) fn failure_of(failure: &LoginFailure) -> Failure {
    match failure {
        LoginFailure::HandshakeFailed
        | LoginFailure::NotConnected
        | LoginFailure::VerifyUnavailable => Failure::Unavailable,
        LoginFailure::Refused { .. } => Failure::ServiceRefused,
        LoginFailure::Clock => Failure::Clock,
        LoginFailure::NotVerified | LoginFailure::ForeignResult | LoginFailure::Disagreement => {
            Failure::NotVerified
        }
        LoginFailure::Config(_) | LoginFailure::ReplayMemory | LoginFailure::Entropy => {
            Failure::Site
        }
        _ => Failure::Protocol,
    }
}

/// The end of an attempt that its next process could not take up.
pub(super) fn not_resumed(error: &Error) -> End {
    match error {
        Error::Resume(ResumeError::Expired) => End::Expired,
        // Another version or another service left it: KeyLockr has nothing to do with that.
        Error::Resume(ResumeError::Malformed | ResumeError::OtherService) => {
            End::Failed(Failure::Stopped)
        }
        error => End::Failed(failure_of(&error.login_failure())),
    }
}

/// What whoever runs the site can do about it.
pub(super) fn advice_on(failure: &LoginFailure) -> &str {
    match failure {
        LoginFailure::Config(_) => "nobody can sign in before the configuration is mended",
        LoginFailure::HandshakeFailed => {
            "is .api(..) (or KEYLOCKR_API) right, and can this server get there? `keylockr doctor` says more"
        }
        LoginFailure::NotConnected => {
            "no WebSocket to KeyLockr: does a proxy on the way out let the upgrade pass?"
        }
        LoginFailure::Refused { code } => advice(code),
        LoginFailure::Clock | LoginFailure::Unauthorised => {
            "set this machine's clock by NTP, and start this program again"
        }
        LoginFailure::VerifyUnavailable => {
            "KeyLockr does not confirm anything to this server: are this server's addresses (IPv6 too) among \
             the service's server IPs in its console? `keylockr doctor` says more"
        }
        LoginFailure::NotVerified => {
            "KeyLockr does not confirm the approval: nobody is signed in by it"
        }
        _ => "`keylockr doctor` looks at each step",
    }
}

#[cfg(test)]
mod tests {
    use keylockr_client::proto::login::ConfigError;

    use super::*;

    #[test]
    fn a_wrong_configuration_is_the_sites_and_not_the_services() {
        let failure = LoginFailure::Config(ConfigError::FixedKeys);
        assert_eq!(failure_of(&failure), Failure::Site);
        assert!(advice_on(&failure).contains("configuration"));
        let resumed = Error::Resume(ResumeError::Config(ConfigError::FixedKeys));
        assert_eq!(not_resumed(&resumed), End::Failed(Failure::Site));
    }

    #[test]
    fn what_cannot_be_taken_up_is_not_blamed_on_the_service() {
        let end = |error| not_resumed(&Error::Resume(error));
        assert_eq!(end(ResumeError::Expired), End::Expired);
        let stopped = End::Failed(Failure::Stopped);
        assert_eq!(end(ResumeError::Malformed), stopped);
        assert_eq!(end(ResumeError::OtherService), stopped);
        assert_eq!(
            not_resumed(&Error::UnusableKey),
            End::Failed(Failure::Protocol)
        );
    }
}
