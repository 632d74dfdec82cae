//! What this crate counts, through the [`metrics`](https://docs.rs/metrics) facade, with the feature
//! `metrics`. Without it nothing is counted and nothing is linked.
//!
//! Names and labels are stable. A label's values are a closed set of words of our own, so that no peer
//! can make new series: never an id, an address or anybody's text. Histograms are in seconds.
//!
//! | metric | kind | labels | what |
//! |---|---|---|---|
//! | `keylockr_calls_total` | counter | `call`: key_enc, key_sign, clock, handshake, app_verify; `outcome`: answered, refused, timeout, failed | HTTP calls to KeyLockr; refused: any status but 2xx |
//! | `keylockr_call_seconds` | histogram | `call`: key_enc, key_sign, clock, handshake, app_verify | how long they took |
//! | `keylockr_sockets_total` | counter | `outcome`: opened, unauthorised, failed | tries to open a WebSocket; unauthorised: 401 |
//! | `keylockr_sockets_open` | gauge | | WebSockets open now, of attempts and of signed-in people |
//! | `keylockr_reconnects_total` | counter | | sockets that were lost, to be opened again |
//! | `keylockr_frames_total` | counter | `direction`: in, out, returned | frames; returned: through the browser of the same device |
//! | `keylockr_frames_dropped_total` | counter | `reason`: unauthentic, malformed, untimely, replayed, out_of_phase, unasked, repeated | frames that had no effect |
//! | `keylockr_strikes_total` | counter | | bad or out-of-phase frames, eight of which end an attempt |
//! | `keylockr_frame_open_seconds` | histogram | | opening and judging a frame |
//! | `keylockr_frame_seal_seconds` | histogram | | making and sealing a frame |
//! | `keylockr_key_changes_total` | counter | | KeyLockr's keys were found changed |
//! | `keylockr_keys_refused_total` | counter | `reason`: not_pinned, unusable | KeyLockr served keys that are not used |
//! | `keylockr_clock_drift_seconds` | gauge | | this machine's clock, as it was when the program started and carried on, minus KeyLockr's |

mod clock;
mod tally;

pub(crate) use tally::{Fed, Tally};

use crate::error::Endpoint;
use crate::transport::{HttpResponse, Socket, SocketError, TransportError, TransportErrorKind};

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
pub enum Kind {
    /// It only grows.
    Counter,
    /// It is what it is now.
    Gauge,
    /// Seconds, each time something took some.
    Histogram,
}

impl Metric {
    /// A metric. For the crates above this one.
    #[doc(hidden)]
    pub const fn new(
        name: &'static str,
        kind: Kind,
        labels: &'static [(&'static str, &'static [&'static str])],
        help: &'static str,
    ) -> Self {
        Self {
            name,
            kind,
            labels,
            help,
        }
    }

    /// Its row in the tables of the documentation.
    pub fn row(&self) -> String {
        let kind = match self.kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Histogram => "histogram",
        };
        let labels: Vec<String> = self
            .labels
            .iter()
            .map(|(name, values)| format!("`{name}`: {}", values.join(", ")))
            .collect();
        let labels = match labels.join("; ") {
            none if none.is_empty() => String::new(),
            some => format!("{some} "),
        };
        format!("| `{}` | {kind} | {labels}| {} |", self.name, self.help)
    }

    /// Tells the recorder what it is.
    #[cfg(feature = "metrics")]
    pub fn describe(&self) {
        match self.kind {
            Kind::Counter => ::metrics::describe_counter!(self.name, self.help),
            Kind::Gauge => ::metrics::describe_gauge!(self.name, self.help),
            Kind::Histogram => {
                ::metrics::describe_histogram!(self.name, ::metrics::Unit::Seconds, self.help);
            }
        }
    }
}

const CALLS: &[&str] = &["key_enc", "key_sign", "clock", "handshake", "app_verify"];

const CALLS_TOTAL: Metric = Metric::new(
    "keylockr_calls_total",
    Kind::Counter,
    &[
        ("call", CALLS),
        ("outcome", &["answered", "refused", "timeout", "failed"]),
    ],
    "HTTP calls to KeyLockr; refused: any status but 2xx",
);
const CALL_SECONDS: Metric = Metric::new(
    "keylockr_call_seconds",
    Kind::Histogram,
    &[("call", CALLS)],
    "how long they took",
);
const SOCKETS_TOTAL: Metric = Metric::new(
    "keylockr_sockets_total",
    Kind::Counter,
    &[("outcome", &["opened", "unauthorised", "failed"])],
    "tries to open a WebSocket; unauthorised: 401",
);
const SOCKETS_OPEN: Metric = Metric::new(
    "keylockr_sockets_open",
    Kind::Gauge,
    &[],
    "WebSockets open now, of attempts and of signed-in people",
);
const RECONNECTS: Metric = Metric::new(
    "keylockr_reconnects_total",
    Kind::Counter,
    &[],
    "sockets that were lost, to be opened again",
);
const FRAMES: Metric = Metric::new(
    "keylockr_frames_total",
    Kind::Counter,
    &[("direction", &["in", "out", "returned"])],
    "frames; returned: through the browser of the same device",
);
const DROPPED: Metric = Metric::new(
    "keylockr_frames_dropped_total",
    Kind::Counter,
    &[(
        "reason",
        &[
            "unauthentic",
            "malformed",
            "untimely",
            "replayed",
            "out_of_phase",
            "unasked",
            "repeated",
        ],
    )],
    "frames that had no effect",
);
const STRIKES: Metric = Metric::new(
    "keylockr_strikes_total",
    Kind::Counter,
    &[],
    "bad or out-of-phase frames, eight of which end an attempt",
);
const OPEN_SECONDS: Metric = Metric::new(
    "keylockr_frame_open_seconds",
    Kind::Histogram,
    &[],
    "opening and judging a frame",
);
const SEAL_SECONDS: Metric = Metric::new(
    "keylockr_frame_seal_seconds",
    Kind::Histogram,
    &[],
    "making and sealing a frame",
);
const KEY_CHANGES: Metric = Metric::new(
    "keylockr_key_changes_total",
    Kind::Counter,
    &[],
    "KeyLockr's keys were found changed",
);
const KEYS_REFUSED: Metric = Metric::new(
    "keylockr_keys_refused_total",
    Kind::Counter,
    &[("reason", &["not_pinned", "unusable"])],
    "KeyLockr served keys that are not used",
);
const CLOCK_DRIFT: Metric = Metric::new(
    "keylockr_clock_drift_seconds",
    Kind::Gauge,
    &[],
    "this machine's clock, as it was when the program started and carried on, minus KeyLockr's",
);

/// Every metric of this crate.
pub const ALL: &[Metric] = &[
    CALLS_TOTAL,
    CALL_SECONDS,
    SOCKETS_TOTAL,
    SOCKETS_OPEN,
    RECONNECTS,
    FRAMES,
    DROPPED,
    STRIKES,
    OPEN_SECONDS,
    SEAL_SECONDS,
    KEY_CHANGES,
    KEYS_REFUSED,
    CLOCK_DRIFT,
];

/// Tells the recorder what each metric is. Once, after the recorder is installed.
#[cfg(feature = "metrics")]
pub fn describe() {
    ALL.iter().for_each(Metric::describe);
}

/// What a call came to, and how long it took.
pub(crate) fn called(
    endpoint: Endpoint,
    result: &Result<HttpResponse, TransportError>,
    took: core::time::Duration,
) {
    let outcome = match result {
        Ok(response) if response.is_success() => "answered",
        Ok(_) => "refused",
        Err(error) if error.kind() == TransportErrorKind::Timeout => "timeout",
        Err(_) => "failed",
    };
    let call = ("call", endpoint.path());
    count(&CALLS_TOTAL, [call, ("outcome", outcome)], 1);
    measure(&CALL_SECONDS, [call], took);
}

/// What came of opening a socket; one that is open counts for as long as it is.
pub(crate) fn opened(
    result: Result<Box<dyn Socket>, SocketError>,
) -> Result<Box<dyn Socket>, SocketError> {
    let outcome = match &result {
        Ok(_) => "opened",
        Err(SocketError::Refused(401)) => "unauthorised",
        Err(_) => "failed",
    };
    count(&SOCKETS_TOTAL, [("outcome", outcome)], 1);
    #[cfg(feature = "metrics")]
    let result = result.map(tally::Counted::boxed);
    result
}

pub(crate) fn keys_changed() {
    count(&KEY_CHANGES, [], 1);
}

pub(crate) fn keys_not_pinned() {
    count(&KEYS_REFUSED, [("reason", "not_pinned")], 1);
}

pub(crate) fn keys_unusable() {
    count(&KEYS_REFUSED, [("reason", "unusable")], 1);
}

/// In seconds. A clock that is off by more than a month is refused (K 3.10), so it always fits.
pub(crate) fn clock_drift(drift: i64) {
    let drift = i32::try_from(drift).map_or(f64::INFINITY, f64::from);
    set(&CLOCK_DRIFT, drift);
}

#[cfg(feature = "metrics")]
fn count<const N: usize>(metric: &Metric, labels: [(&'static str, &'static str); N], by: u64) {
    ::metrics::counter!(metric.name, &labels).increment(by);
}

#[cfg(feature = "metrics")]
fn measure<const N: usize>(
    metric: &Metric,
    labels: [(&'static str, &'static str); N],
    took: core::time::Duration,
) {
    ::metrics::histogram!(metric.name, &labels).record(took);
}

#[cfg(feature = "metrics")]
fn set(metric: &Metric, value: f64) {
    ::metrics::gauge!(metric.name).set(value);
}

#[cfg(not(feature = "metrics"))]
fn count<const N: usize>(_: &Metric, _: [(&'static str, &'static str); N], _: u64) {}

#[cfg(not(feature = "metrics"))]
fn measure<const N: usize>(
    _: &Metric,
    _: [(&'static str, &'static str); N],
    _: core::time::Duration,
) {
}

#[cfg(not(feature = "metrics"))]
fn set(_: &Metric, _: f64) {}

#[cfg(test)]
mod tests {
    use super::ALL;

    /// The tables are written by hand and read by people: they say what the code says.
    #[test]
    fn the_documentation_has_every_metric() {
        let manual = include_str!("metrics.rs");
        let page = include_str!("../../docs/operations.md");
        for metric in ALL {
            let row = metric.row();
            assert!(manual.contains(&format!("//! {row}\n")), "{row}");
            assert!(page.contains(&format!("\n{row}\n")), "{row}");
        }
    }

    #[test]
    fn names_follow_the_conventions() {
        for metric in ALL {
            let name = metric.name;
            assert!(name.starts_with("keylockr_"), "{name}");
            let ending = match metric.kind {
                super::Kind::Counter => name.ends_with("_total"),
                super::Kind::Histogram => name.ends_with("_seconds"),
                super::Kind::Gauge => !name.ends_with("_total"),
            };
            assert!(ending, "{name}");
        }
    }
}
