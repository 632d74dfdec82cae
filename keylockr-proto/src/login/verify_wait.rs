use core::time::Duration;

use crate::id::Revision;
use crate::time::Now;
use crate::verify::{VerifyOutcome, VerifyRequest};

use super::Login;
use super::config::VerifyPolicy;
use super::end::{LoginEnd, LoginFailure};
use super::event::{Output, Progress};
use super::phase::Phase;

/// K 7.4: pauses before each of the three repetitions.
const PAUSES: [u64; 3] = [1, 2, 4];
/// The transport's own limit is 15 s (K 4); this one is for a driver that forgot to answer.
const ANSWER: Duration = Duration::from_secs(30);

/// One `app_verify` and its repetitions.
#[derive(Debug, Default)]
pub(crate) struct VerifyWait {
    failures: usize,
    state: State,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum State {
    #[default]
    Idle,
    Asked {
        at: Duration,
    },
    Pausing {
        until: Duration,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum VerifyDue {
    Ask,
    Unanswered,
}

impl VerifyWait {
    pub(crate) fn asked(&mut self, now: Duration) {
        self.state = State::Asked { at: now };
    }

    pub(crate) fn is_asked(&self) -> bool {
        matches!(self.state, State::Asked { .. })
    }

    /// No answer. False when that was the last try.
    pub(crate) fn failed(&mut self, now: Duration) -> bool {
        let Some(pause) = PAUSES.get(self.failures) else {
            return false;
        };
        self.failures += 1;
        self.state = State::Pausing {
            until: now.saturating_add(Duration::from_secs(*pause)),
        };
        true
    }

    pub(crate) fn deadline(&self) -> Option<Duration> {
        match self.state {
            State::Idle => None,
            State::Asked { at } => Some(at.saturating_add(ANSWER)),
            State::Pausing { until } => Some(until),
        }
    }

    pub(crate) fn due(&self, now: Duration) -> Option<VerifyDue> {
        match self.state {
            State::Asked { at } if at.saturating_add(ANSWER) <= now => Some(VerifyDue::Unanswered),
            State::Pausing { until } if until <= now => Some(VerifyDue::Ask),
            _ => None,
        }
    }
}

impl Login {
    /// K 7.4: everything in the result is as it must be. What is left is `app_verify`.
    pub(super) fn authorize(&mut self, now: Now) {
        let Some(result) = &self.result else { return };
        let proves_itself = result.revision == Some(Revision::Two);
        let verify = !proves_itself || self.config.verify == VerifyPolicy::Always;
        self.phase = Phase::Authorized;
        self.put(Output::Progress(Progress::Authorized));
        if verify {
            self.ask_verify(now);
        } else {
            self.complete();
        }
    }

    pub(super) fn ask_verify(&mut self, now: Now) {
        let Some(result) = &self.result else { return };
        let request = VerifyRequest {
            service: self.config.service.clone(),
            app_id: result.app_id.clone(),
            safe_id: result.safe_id.clone(),
            sign: self.line.keys().sign_public().clone(),
        };
        let json = request.to_json();
        self.verify.asked(now.elapsed);
        self.put(Output::Verify(json));
    }

    pub(super) fn verify_answer(&mut self, now: Now, answer: VerifyOutcome) {
        if !self.verify.is_asked() {
            return;
        }
        match answer {
            VerifyOutcome::Valid { nickname } => {
                if let Some(result) = &mut self.result {
                    result.nickname = nickname.or(result.nickname.take());
                }
                self.complete();
            }
            VerifyOutcome::Invalid => self.fail(LoginFailure::NotVerified),
            VerifyOutcome::Failed { .. } => self.verify_unanswered(now),
        }
    }

    /// K 7.4: no answer is neither a yes nor a no, three times.
    pub(super) fn verify_unanswered(&mut self, now: Now) {
        if self.verify.is_asked() && !self.verify.failed(now.elapsed) {
            self.fail(LoginFailure::VerifyUnavailable);
        }
    }

    fn complete(&mut self) {
        if let Some(result) = self.result.take() {
            self.finish(LoginEnd::Done(result));
        }
    }
}
