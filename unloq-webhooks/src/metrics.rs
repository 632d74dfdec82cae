//! What the integrations count, through the [`metrics`](https://docs.rs/metrics) facade, with the
//! feature `metrics`. Without it nothing is counted and nothing is linked.
//!
//! Names and labels are stable. A label's values are a closed set of words of our own, so that no
//! sender can make new series: never an id, an address or anybody's text. Histograms are in seconds.
//! Whoever calls [`Hooks::verify`](crate::Hooks::verify) counts for themselves.
//!
//! | metric | kind | labels | what |
//! |---|---|---|---|
//! | `unloq_hook_verdicts_total` | counter | `hook`: logout, activate, deactivate, link, unlink, other; `verdict`: verified, preflight, limited, body_too_slow, body_broken, hooks_missing, not_configured, method_not_allowed, body_too_large, missing_signature, repeated_signature, malformed_signature, missing_requested_with, unexpected_host, unsupported_media_type, malformed_body, duplicate_key, unrepresentable, mismatch, schema | requests to hooks, by what was found |
//! | `unloq_hook_outcomes_total` | counter | `hook`: logout, activate, deactivate, link, unlink, other; `outcome`: handled, duplicate, running, failed, timed_out, abandoned, store_unavailable | verified deliveries, by what became of them; abandoned: the connection broke, or the handler gave an error of its own |
//! | `unloq_hook_possible_replays_total` | counter | `hook`: logout, activate, deactivate, link, unlink, other | deliveries that were accepted before, longer ago than a duplicate |
//! | `unloq_hook_handler_seconds` | histogram | `hook`: logout, activate, deactivate, link, unlink, other | how long the application's handler ran |

#[cfg(any(feature = "axum", feature = "tower", feature = "actix"))]
mod told;

#[cfg(feature = "actix")]
pub(crate) use told::missing;
#[cfg(any(feature = "axum", feature = "tower", feature = "actix"))]
pub(crate) use told::{Delivery, Outcome, handled_in, possible_replay, verdict};

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
    /// Seconds, each time something took some.
    Histogram,
}

const HOOKS: (&str, &[&str]) = (
    "hook",
    &[
        "logout",
        "activate",
        "deactivate",
        "link",
        "unlink",
        "other",
    ],
);

const VERDICTS: Metric = Metric {
    name: "unloq_hook_verdicts_total",
    kind: Kind::Counter,
    labels: &[
        HOOKS,
        (
            "verdict",
            &[
                "verified",
                "preflight",
                "limited",
                "body_too_slow",
                "body_broken",
                "hooks_missing",
                "not_configured",
                "method_not_allowed",
                "body_too_large",
                "missing_signature",
                "repeated_signature",
                "malformed_signature",
                "missing_requested_with",
                "unexpected_host",
                "unsupported_media_type",
                "malformed_body",
                "duplicate_key",
                "unrepresentable",
                "mismatch",
                "schema",
            ],
        ),
    ],
    help: "requests to hooks, by what was found",
};
const OUTCOMES: Metric = Metric {
    name: "unloq_hook_outcomes_total",
    kind: Kind::Counter,
    labels: &[
        HOOKS,
        (
            "outcome",
            &[
                "handled",
                "duplicate",
                "running",
                "failed",
                "timed_out",
                "abandoned",
                "store_unavailable",
            ],
        ),
    ],
    help: "verified deliveries, by what became of them; abandoned: the connection broke, or the handler gave an error of its own",
};
const POSSIBLE_REPLAYS: Metric = Metric {
    name: "unloq_hook_possible_replays_total",
    kind: Kind::Counter,
    labels: &[HOOKS],
    help: "deliveries that were accepted before, longer ago than a duplicate",
};
const HANDLER_SECONDS: Metric = Metric {
    name: "unloq_hook_handler_seconds",
    kind: Kind::Histogram,
    labels: &[HOOKS],
    help: "how long the application's handler ran",
};

/// Every metric of this crate.
pub const ALL: &[Metric] = &[VERDICTS, OUTCOMES, POSSIBLE_REPLAYS, HANDLER_SECONDS];

/// Tells the recorder what each metric is. Once, after the recorder is installed.
#[cfg(feature = "metrics")]
pub fn describe() {
    for metric in ALL {
        match metric.kind {
            Kind::Counter => ::metrics::describe_counter!(metric.name, metric.help),
            Kind::Histogram => {
                ::metrics::describe_histogram!(metric.name, ::metrics::Unit::Seconds, metric.help);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(metric: &Metric) -> String {
        let kind = match metric.kind {
            Kind::Counter => "counter",
            Kind::Histogram => "histogram",
        };
        let labels = metric.labels.iter();
        let labels = labels.map(|(name, values)| format!("`{name}`: {}", values.join(", ")));
        let labels = labels.collect::<Vec<_>>().join("; ");
        format!(
            "| `{}` | {kind} | {labels} | {} |",
            metric.name, metric.help
        )
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
        for word in words.filter(|word| word.starts_with("unloq_hook_")) {
            let base = ["_bucket", "_sum", "_count"]
                .iter()
                .find_map(|ending| word.strip_suffix(ending))
                .unwrap_or(word);
            let known = ALL.iter().any(|metric| metric.name == base);
            assert!(known, "no such metric: {word}");
        }
    }
}
