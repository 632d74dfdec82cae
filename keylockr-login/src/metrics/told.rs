//! What the service tells the recorder.

use std::time::Duration;

use super::{
    APPROVAL, ATTEMPTS, CONNECTIONS, FINISH, LIMITED, Metric, OUTCOMES, REFUSALS, STARTS,
    STORE_ERRORS, STREAMS, TAKEOVERS,
};
use crate::{
    attempt::{AttemptRecord, End, Failure, Phase},
    refusal::Refusal,
};

/// Whose keys an attempt uses.
#[derive(Clone, Copy)]
pub(crate) enum Keys {
    Server,
    Browser,
}

pub(crate) fn started(keys: Keys) {
    let keys = match keys {
        Keys::Server => "server",
        Keys::Browser => "browser",
    };
    count(&STARTS, [("keys", keys)]);
}

/// Which limit was reached.
#[derive(Clone, Copy)]
pub(crate) enum Limit {
    Address,
    All,
    Browser,
    Polls,
}

pub(crate) fn limited(limit: Limit) {
    let limit = match limit {
        Limit::Address => "address",
        Limit::All => "all",
        Limit::Browser => "browser",
        Limit::Polls => "polls",
    };
    count(&LIMITED, [("limit", limit)]);
}

/// The attempt has become a session. `waited` since its approval, where we heard of that.
pub(crate) fn signed_in(waited: Option<Duration>) {
    count(&OUTCOMES, [("outcome", "session")]);
    if let Some(waited) = waited {
        measure(&FINISH, waited);
    }
}

/// The attempt is over without a session: by whoever stored that.
pub(crate) fn ended(end: End) {
    let outcome = match end {
        End::Denied => "denied",
        End::Expired => "expired",
        End::Cancelled => "cancelled",
        End::Replaced => "replaced",
        End::SignedIn => "signed_in",
        End::Failed(Failure::Unavailable) => "unavailable",
        End::Failed(Failure::ServiceRefused) => "service_refused",
        End::Failed(Failure::Clock) => "clock",
        End::Failed(Failure::Protocol) => "protocol",
        End::Failed(Failure::NotVerified) => "not_verified",
        End::Failed(Failure::NotAdmitted) => "not_admitted",
        End::Failed(Failure::Site) => "site",
        End::Failed(Failure::Stopped) => "stopped",
    };
    count(&OUTCOMES, [("outcome", outcome)]);
}

/// How a step has left a record, if that is an end.
pub(crate) fn end_of(record: &AttemptRecord) -> Option<End> {
    match record.phase {
        Phase::Ended(end) => Some(end),
        _ => None,
    }
}

pub(crate) fn approved(waited: Duration) {
    measure(&APPROVAL, waited);
}

/// What became of an attempt of a process that is gone.
#[derive(Clone, Copy)]
pub(crate) enum TakenOver {
    Resumed,
    Restarted,
    Lost,
}

pub(crate) fn taken_over(outcome: TakenOver) {
    let outcome = match outcome {
        TakenOver::Resumed => "resumed",
        TakenOver::Restarted => "restarted",
        TakenOver::Lost => "lost",
    };
    count(&TAKEOVERS, [("outcome", outcome)]);
}

/// What a store was asked for.
#[derive(Clone, Copy)]
pub(crate) enum Access {
    Read,
    Write,
    /// For a change, on purpose for long.
    Wait,
    /// To say or to see which processes live.
    Lease,
}

/// Which store.
#[derive(Clone, Copy)]
pub(crate) enum Store {
    Attempts,
    Revocations,
    Rates,
    Sessions,
}

pub(crate) fn store_failed(store: Store, access: Access) {
    let store = match store {
        Store::Attempts => "attempts",
        Store::Revocations => "revocations",
        Store::Rates => "rates",
        Store::Sessions => "sessions",
    };
    let operation = match access {
        Access::Read => "read",
        Access::Write => "write",
        Access::Wait => "wait",
        Access::Lease => "lease",
    };
    count(&STORE_ERRORS, [("store", store), ("operation", operation)]);
}

/// A request was refused. That somebody is not signed in is no trouble, and most requests of some
/// sites.
pub(crate) fn refused(refusal: &Refusal) {
    if *refusal != Refusal::SignedOut {
        count(&REFUSALS, [("code", refusal.code())]);
    }
}

/// Counts in a gauge while it is there.
#[derive(Debug)]
pub(crate) struct Gauged {
    #[cfg(feature = "metrics")]
    metric: &'static str,
}

impl Gauged {
    pub(crate) fn attempt() -> Self {
        Self::of(&ATTEMPTS)
    }

    pub(crate) fn stream() -> Self {
        Self::of(&STREAMS)
    }

    pub(crate) fn connection() -> Self {
        Self::of(&CONNECTIONS)
    }

    #[cfg(feature = "metrics")]
    fn of(metric: &Metric) -> Self {
        ::metrics::gauge!(metric.name).increment(1.0);
        Self {
            metric: metric.name,
        }
    }

    #[cfg(not(feature = "metrics"))]
    fn of(_: &Metric) -> Self {
        Self {}
    }
}

#[cfg(feature = "metrics")]
impl Drop for Gauged {
    fn drop(&mut self) {
        ::metrics::gauge!(self.metric).decrement(1.0);
    }
}

#[cfg(feature = "metrics")]
fn count<const N: usize>(metric: &Metric, labels: [(&'static str, &'static str); N]) {
    ::metrics::counter!(metric.name, &labels).increment(1);
}

#[cfg(feature = "metrics")]
fn measure(metric: &Metric, took: Duration) {
    ::metrics::histogram!(metric.name).record(took);
}

#[cfg(not(feature = "metrics"))]
fn count<const N: usize>(_: &Metric, _: [(&'static str, &'static str); N]) {}

#[cfg(not(feature = "metrics"))]
fn measure(_: &Metric, _: Duration) {}
