//! What the login service counts, through the [`metrics`](https://docs.rs/metrics) facade, with the
//! feature `metrics`. Without it nothing is counted and nothing is linked.
//!
//! Names and labels are stable. A label's values are a closed set of words of our own, so that nobody
//! outside can make new series: never an id, an address or anybody's text. Histograms are in seconds.
//! What the connections to KeyLockr count is in [`keylockr_client::metrics`]; [`describe`] describes
//! both.
//!
//! | metric | kind | labels | what |
//! |---|---|---|---|
//! | `keylockr_starts_total` | counter | `keys`: server, browser | attempts begun; browser: it holds its keys itself |
//! | `keylockr_limited_total` | counter | `limit`: address, all, browser, polls | limits reached; browser: its oldest attempt was given up |
//! | `keylockr_outcomes_total` | counter | `outcome`: session, denied, expired, cancelled, replaced, signed_in, unavailable, service_refused, clock, protocol, not_verified, not_admitted, site, stopped | how attempts ended, each once, where it ended |
//! | `keylockr_approval_seconds` | histogram | | from the start of an attempt to its checked approval |
//! | `keylockr_finish_seconds` | histogram | | from an approval to its session |
//! | `keylockr_attempts_live` | gauge | | attempts that this process runs, up to their session |
//! | `keylockr_event_streams_open` | gauge | | event streams to browsers |
//! | `keylockr_connections_kept` | gauge | | connections of signed-in people whose keys this process holds |
//! | `keylockr_takeovers_total` | counter | `outcome`: resumed, restarted, lost | attempts of processes that are gone; lost: their seal keys are not ours |
//! | `keylockr_store_errors_total` | counter | `store`: attempts, revocations, rates, sessions; `operation`: read, write, wait, lease | accesses of stores that failed or took too long |
//! | `keylockr_refusals_total` | counter | `code`: wrong_proof, forbidden, cross_origin, foreign_attempt, not_admitted, not_found, no_code, method_not_allowed, body_timed_out, not_done, attempt_ended, too_large, wrong_type, malformed, not_asked, too_many, full, service_unavailable, store_unavailable, cannot_tell, vault_locked, vault_denied, vault_not_here, vault_with_browser, vault_conflict, vault_suspicious, vault_unavailable, vault_outcome_unknown, vault_unreadable, vault_misconfigured, layer_missing | requests refused, on the login routes and by guards; strangers do not count |

mod told;

pub use keylockr_client::metrics::{Kind, Metric};

pub(crate) use self::told::{
    Access, Gauged, Keys, Limit, Store, TakenOver, approved, end_of, ended, limited, refused,
    signed_in, started, store_failed, taken_over,
};

const STARTS: Metric = Metric::new(
    "keylockr_starts_total",
    Kind::Counter,
    &[("keys", &["server", "browser"])],
    "attempts begun; browser: it holds its keys itself",
);
const LIMITED: Metric = Metric::new(
    "keylockr_limited_total",
    Kind::Counter,
    &[("limit", &["address", "all", "browser", "polls"])],
    "limits reached; browser: its oldest attempt was given up",
);
const OUTCOMES: Metric = Metric::new(
    "keylockr_outcomes_total",
    Kind::Counter,
    &[(
        "outcome",
        &[
            "session",
            "denied",
            "expired",
            "cancelled",
            "replaced",
            "signed_in",
            "unavailable",
            "service_refused",
            "clock",
            "protocol",
            "not_verified",
            "not_admitted",
            "site",
            "stopped",
        ],
    )],
    "how attempts ended, each once, where it ended",
);
const APPROVAL: Metric = Metric::new(
    "keylockr_approval_seconds",
    Kind::Histogram,
    &[],
    "from the start of an attempt to its checked approval",
);
const FINISH: Metric = Metric::new(
    "keylockr_finish_seconds",
    Kind::Histogram,
    &[],
    "from an approval to its session",
);
const ATTEMPTS: Metric = Metric::new(
    "keylockr_attempts_live",
    Kind::Gauge,
    &[],
    "attempts that this process runs, up to their session",
);
const STREAMS: Metric = Metric::new(
    "keylockr_event_streams_open",
    Kind::Gauge,
    &[],
    "event streams to browsers",
);
const CONNECTIONS: Metric = Metric::new(
    "keylockr_connections_kept",
    Kind::Gauge,
    &[],
    "connections of signed-in people whose keys this process holds",
);
const TAKEOVERS: Metric = Metric::new(
    "keylockr_takeovers_total",
    Kind::Counter,
    &[("outcome", &["resumed", "restarted", "lost"])],
    "attempts of processes that are gone; lost: their seal keys are not ours",
);
const STORE_ERRORS: Metric = Metric::new(
    "keylockr_store_errors_total",
    Kind::Counter,
    &[
        ("store", &["attempts", "revocations", "rates", "sessions"]),
        ("operation", &["read", "write", "wait", "lease"]),
    ],
    "accesses of stores that failed or took too long",
);
const REFUSALS: Metric = Metric::new(
    "keylockr_refusals_total",
    Kind::Counter,
    &[(
        "code",
        &[
            "wrong_proof",
            "forbidden",
            "cross_origin",
            "foreign_attempt",
            "not_admitted",
            "not_found",
            "no_code",
            "method_not_allowed",
            "body_timed_out",
            "not_done",
            "attempt_ended",
            "too_large",
            "wrong_type",
            "malformed",
            "not_asked",
            "too_many",
            "full",
            "service_unavailable",
            "store_unavailable",
            "cannot_tell",
            "vault_locked",
            "vault_denied",
            "vault_not_here",
            "vault_with_browser",
            "vault_conflict",
            "vault_suspicious",
            "vault_unavailable",
            "vault_outcome_unknown",
            "vault_unreadable",
            "vault_misconfigured",
            "layer_missing",
        ],
    )],
    "requests refused, on the login routes and by guards; strangers do not count",
);

/// Every metric of this crate; those of the client come on top.
pub const ALL: &[Metric] = &[
    STARTS,
    LIMITED,
    OUTCOMES,
    APPROVAL,
    FINISH,
    ATTEMPTS,
    STREAMS,
    CONNECTIONS,
    TAKEOVERS,
    STORE_ERRORS,
    REFUSALS,
];

/// Tells the recorder what each metric is, the client's too. Once, after the recorder is installed.
#[cfg(feature = "metrics")]
pub fn describe() {
    keylockr_client::metrics::describe();
    ALL.iter().for_each(Metric::describe);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::refusal::Refusal;

    /// The tables are written by hand and read by people: they say what the code says.
    #[test]
    fn the_documentation_has_every_metric_and_no_other() {
        let manual = include_str!("metrics.rs");
        let page = include_str!("../../docs/operations.md");
        let mut rows = Vec::new();
        for metric in ALL {
            let row = metric.row();
            assert!(manual.contains(&format!("//! {row}\n")), "{row}");
            rows.push(row);
        }
        rows.extend(keylockr_client::metrics::ALL.iter().map(Metric::row));
        for row in &rows {
            assert!(page.contains(&format!("\n{row}\n")), "{row}");
        }
        let on_page = page.lines().filter(|line| line.starts_with("| `keylockr_"));
        for line in on_page {
            assert!(rows.iter().any(|row| row == line), "no such metric: {line}");
        }
        // Whatever the page tells people to watch exists.
        let words = page.split(|letter: char| !(letter.is_ascii_alphanumeric() || letter == '_'));
        for word in words.filter(|word| word.starts_with("keylockr_")) {
            let base = ["_bucket", "_sum", "_count"]
                .iter()
                .find_map(|ending| word.strip_suffix(ending))
                .unwrap_or(word);
            let known = rows.iter().any(|row| row.contains(&format!("`{base}`")));
            let krate = [
                "keylockr_login",
                "keylockr_client",
                "keylockr_tower",
                "keylockr_actix",
            ];
            assert!(known || krate.contains(&word), "no such metric: {word}");
        }
    }

    #[test]
    fn every_refusal_has_its_word() {
        let words = REFUSALS.labels.first().map_or(&[][..], |(_, words)| *words);
        for refusal in Refusal::ALL {
            let counted = *refusal != Refusal::SignedOut;
            assert_eq!(words.contains(&refusal.code()), counted, "{refusal:?}");
        }
        assert_eq!(words.len() + 1, Refusal::ALL.len());
    }

    #[test]
    fn names_follow_the_conventions() {
        for metric in ALL {
            let name = metric.name;
            assert!(name.starts_with("keylockr_"), "{name}");
            let ending = match metric.kind {
                Kind::Counter => name.ends_with("_total"),
                Kind::Histogram => name.ends_with("_seconds"),
                Kind::Gauge => !name.ends_with("_total"),
            };
            assert!(ending, "{name}");
        }
    }
}
