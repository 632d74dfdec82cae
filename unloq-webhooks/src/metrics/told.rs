//! What the integrations tell the recorder.

use std::time::Duration;

use super::{HANDLER_SECONDS, Metric, OUTCOMES, POSSIBLE_REPLAYS, VERDICTS};
use crate::{hook::Hook, rejection::Reason};

/// A request was verified, or was not.
pub(crate) fn verdict<T>(hook: Hook, result: &Result<T, Reason>) {
    let verdict = match result {
        Ok(_) => "verified",
        Err(Reason::Refused(error)) => error.kind().as_str(),
        Err(Reason::Limited) => "limited",
        Err(Reason::BodyTooSlow) => "body_too_slow",
        Err(Reason::BodyBroken) => "body_broken",
        Err(Reason::Preflight(_)) => "preflight",
        Err(Reason::HooksMissing) => "hooks_missing",
    };
    count(&VERDICTS, [("hook", hook.as_str()), ("verdict", verdict)]);
}

/// A request found no hooks to be verified by; elsewhere that does not compile.
#[cfg(feature = "actix")]
pub(crate) fn missing(hook: Hook) {
    verdict::<()>(hook, &Err(Reason::HooksMissing));
}

/// What became of a verified delivery.
#[derive(Clone, Copy)]
pub(crate) enum Outcome {
    Handled,
    Duplicate,
    Running,
    Failed,
    TimedOut,
    StoreUnavailable,
    Abandoned,
}

/// One verified delivery: abandoned, unless somebody says otherwise.
pub(crate) struct Delivery {
    hook: Hook,
    outcome: Outcome,
}

impl Delivery {
    pub(crate) fn new(hook: Hook) -> Self {
        let outcome = Outcome::Abandoned;
        Self { hook, outcome }
    }

    pub(crate) fn came_to(&mut self, outcome: Outcome) {
        self.outcome = outcome;
    }
}

impl Drop for Delivery {
    fn drop(&mut self) {
        let outcome = match self.outcome {
            Outcome::Handled => "handled",
            Outcome::Duplicate => "duplicate",
            Outcome::Running => "running",
            Outcome::Failed => "failed",
            Outcome::TimedOut => "timed_out",
            Outcome::StoreUnavailable => "store_unavailable",
            Outcome::Abandoned => "abandoned",
        };
        let hook = ("hook", self.hook.as_str());
        count(&OUTCOMES, [hook, ("outcome", outcome)]);
    }
}

pub(crate) fn possible_replay(hook: Hook) {
    count(&POSSIBLE_REPLAYS, [("hook", hook.as_str())]);
}

#[cfg(feature = "metrics")]
pub(crate) fn handled_in(hook: Hook, took: Duration) {
    ::metrics::histogram!(HANDLER_SECONDS.name, "hook" => hook.as_str()).record(took);
}

#[cfg(not(feature = "metrics"))]
pub(crate) fn handled_in(_: Hook, _: Duration) {
    let _ = HANDLER_SECONDS;
}

#[cfg(feature = "metrics")]
fn count<const N: usize>(metric: &Metric, labels: [(&'static str, &'static str); N]) {
    ::metrics::counter!(metric.name, &labels).increment(1);
}

#[cfg(not(feature = "metrics"))]
fn count<const N: usize>(_: &Metric, _: [(&'static str, &'static str); N]) {}
