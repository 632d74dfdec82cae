//! What this crate counts, through the [`metrics`](https://docs.rs/metrics) facade, with the feature
//! `metrics`. Without it nothing is counted and nothing is linked.
//!
//! Names and labels are stable. A label's values are a closed set of words of our own, so that no peer
//! can make new series: never an id, an address or anybody's text. Histograms are in seconds.
//!
//! | metric | kind | labels | what |
//! |---|---|---|---|
//! | `unloq_calls_total` | counter | `call`: authenticate, token, token/session, token/device, authorize, encryption/user, enrolled, enroll, deactivate; `outcome`: answered, refused, timeout, network, invalid, abandoned | calls to UNLOQ; refused: any status but 2xx |
//! | `unloq_call_seconds` | histogram | `call`: authenticate, token, token/session, token/device, authorize, encryption/user, enrolled, enroll, deactivate | how long they took; three of them wait for a person |
//! | `unloq_pairs_ready` | gauge | | RSA pairs that are ready |
//! | `unloq_pairs_total` | counter | `outcome`: made, failed | RSA pairs made ahead |
//! | `unloq_pair_takers_waiting` | gauge | | who waits for an RSA pair now |
//! | `unloq_pair_wait_seconds` | histogram | | how long they waited; next to nothing where one was ready |
//! | `unloq_unexpected_keys_total` | counter | | personal keys that the configured mode does not know, erased unread |

use core::time::Duration;

use crate::error::{Endpoint, Error};

/// One metric as it is exported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Metric {
    /// Its name.
    pub name: &'static str,
    /// What its numbers are.
    pub kind: Kind,
    /// Its labels, each with every value that it can have.
    pub labels: &'static [(&'static str, &'static [&'static str])],
    /// What it counts or measures, in a few words.
    pub help: &'static str,
}

/// What the numbers of a [`Metric`] are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Kind {
    /// It only grows.
    Counter,
    /// It is what it is now.
    Gauge,
    /// Seconds, each time something took some.
    Histogram,
}

const CALL: (&str, &[&str]) = (
    "call",
    &[
        "authenticate",
        "token",
        "token/session",
        "token/device",
        "authorize",
        "encryption/user",
        "enrolled",
        "enroll",
        "deactivate",
    ],
);

const CALLS: Metric = Metric {
    name: "unloq_calls_total",
    kind: Kind::Counter,
    labels: &[
        CALL,
        (
            "outcome",
            &[
                "answered",
                "refused",
                "timeout",
                "network",
                "invalid",
                "abandoned",
            ],
        ),
    ],
    help: "calls to UNLOQ; refused: any status but 2xx",
};
const CALL_SECONDS: Metric = Metric {
    name: "unloq_call_seconds",
    kind: Kind::Histogram,
    labels: &[CALL],
    help: "how long they took; three of them wait for a person",
};
const READY: Metric = Metric {
    name: "unloq_pairs_ready",
    kind: Kind::Gauge,
    labels: &[],
    help: "RSA pairs that are ready",
};
const PAIRS: Metric = Metric {
    name: "unloq_pairs_total",
    kind: Kind::Counter,
    labels: &[("outcome", &["made", "failed"])],
    help: "RSA pairs made ahead",
};
const WAITING: Metric = Metric {
    name: "unloq_pair_takers_waiting",
    kind: Kind::Gauge,
    labels: &[],
    help: "who waits for an RSA pair now",
};
const WAIT_SECONDS: Metric = Metric {
    name: "unloq_pair_wait_seconds",
    kind: Kind::Histogram,
    labels: &[],
    help: "how long they waited; next to nothing where one was ready",
};
const UNEXPECTED: Metric = Metric {
    name: "unloq_unexpected_keys_total",
    kind: Kind::Counter,
    labels: &[],
    help: "personal keys that the configured mode does not know, erased unread",
};

/// Every metric of this crate.
pub const ALL: &[Metric] = &[
    CALLS,
    CALL_SECONDS,
    READY,
    PAIRS,
    WAITING,
    WAIT_SECONDS,
    UNEXPECTED,
];

/// Tells the recorder what each metric is. Once, after the recorder is installed.
#[cfg(feature = "metrics")]
pub fn describe() {
    for metric in ALL {
        match metric.kind {
            Kind::Counter => ::metrics::describe_counter!(metric.name, metric.help),
            Kind::Gauge => ::metrics::describe_gauge!(metric.name, metric.help),
            Kind::Histogram => {
                ::metrics::describe_histogram!(metric.name, ::metrics::Unit::Seconds, metric.help);
            }
        }
    }
}

/// One call: abandoned, unless it is said how it ended.
pub(crate) struct Call {
    endpoint: Endpoint,
    outcome: &'static str,
}

impl Call {
    pub(crate) fn new(endpoint: Endpoint) -> Self {
        Self {
            endpoint,
            outcome: "abandoned",
        }
    }

    /// How it ended: by the status of the answer where there was a whole one.
    pub(crate) fn ended<T>(
        mut self,
        status: Option<u16>,
        outcome: &Result<T, Error>,
        took: Duration,
    ) {
        self.outcome = match outcome {
            Err(Error::Timeout { .. }) => "timeout",
            Err(Error::Network { .. }) => "network",
            Err(Error::Refused { .. }) => "refused",
            Err(_) => "invalid",
            Ok(_) if status.is_some_and(|status| (200..300).contains(&status)) => "answered",
            Ok(_) => "refused",
        };
        measure(&CALL_SECONDS, [("call", self.endpoint.path())], took);
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        let call = ("call", self.endpoint.path());
        count(&CALLS, [call, ("outcome", self.outcome)]);
    }
}

/// So many more pairs are ready, or fewer.
pub(crate) fn pairs_ready(change: i32) {
    step(&READY, change);
}

pub(crate) fn pair_made(ok: bool) {
    let outcome = if ok { "made" } else { "failed" };
    count(&PAIRS, [("outcome", outcome)]);
}

/// Somebody waits for a pair, or does no longer.
pub(crate) fn takers_waiting(change: i32) {
    step(&WAITING, change);
}

pub(crate) fn pair_taken(waited: Duration) {
    measure(&WAIT_SECONDS, [], waited);
}

pub(crate) fn unexpected_key() {
    count(&UNEXPECTED, []);
}

#[cfg(feature = "metrics")]
fn count<const N: usize>(metric: &Metric, labels: [(&'static str, &'static str); N]) {
    ::metrics::counter!(metric.name, &labels).increment(1);
}

#[cfg(feature = "metrics")]
fn measure<const N: usize>(
    metric: &Metric,
    labels: [(&'static str, &'static str); N],
    took: Duration,
) {
    ::metrics::histogram!(metric.name, &labels).record(took);
}

#[cfg(feature = "metrics")]
fn step(metric: &Metric, change: i32) {
    ::metrics::gauge!(metric.name).increment(f64::from(change));
}

#[cfg(not(feature = "metrics"))]
fn count<const N: usize>(_: &Metric, _: [(&'static str, &'static str); N]) {}

#[cfg(not(feature = "metrics"))]
fn measure<const N: usize>(_: &Metric, _: [(&'static str, &'static str); N], _: Duration) {}

#[cfg(not(feature = "metrics"))]
fn step(_: &Metric, _: i32) {}

#[cfg(test)]
mod tests {
    use super::{ALL, Kind, Metric};

    fn row(metric: &Metric) -> String {
        let kind = match metric.kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Histogram => "histogram",
        };
        let labels = metric.labels.iter();
        let labels = labels.map(|(name, values)| format!("`{name}`: {}", values.join(", ")));
        let labels = match labels.collect::<Vec<_>>().join("; ") {
            none if none.is_empty() => none,
            some => format!("{some} "),
        };
        format!("| `{}` | {kind} | {labels}| {} |", metric.name, metric.help)
    }

    /// The tables are written by hand and read by people: they say what the code says.
    #[test]
    fn the_documentation_has_every_metric_and_no_other() {
        let manual = include_str!("metrics.rs");
        let page = include_str!("../../docs/operations.md");
        let rows: Vec<String> = ALL.iter().map(row).collect();
        for row in &rows {
            assert!(manual.contains(&format!("//! {row}\n")), "{row}");
            assert!(page.contains(&format!("\n{row}\n")), "{row}");
        }
        let words = page.split(|letter: char| !(letter.is_ascii_alphanumeric() || letter == '_'));
        let others = ["unloq_hook_", "unloq_webhooks", "unloq_client"];
        for word in words.filter(|word| word.starts_with("unloq_")) {
            if others.iter().any(|other| word.starts_with(other)) {
                continue;
            }
            let base = ["_bucket", "_sum", "_count"]
                .iter()
                .find_map(|ending| word.strip_suffix(ending))
                .unwrap_or(word);
            assert!(
                ALL.iter().any(|metric| metric.name == base),
                "no such metric: {word}"
            );
        }
    }
}
