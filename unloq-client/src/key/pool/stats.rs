//! What an operator wants to know of a pool.

use super::times::Times;

/// What a [`KeyPool`](super::KeyPool) holds and has done. Two gauges tell whether it is large
/// enough, [`ready`](Self::ready) and [`queued`](Self::queued), and one histogram what that
/// means for users, [`time_to_key`](Self::time_to_key).
///
/// Every number but the gauges only grows. The feature `metrics` counts them by itself, under the names
/// in [`metrics`](mod@crate::metrics). Without it, ask again at every scrape, and call them the same:
///
/// ```
/// # fn scrape(pool: &unloq_client::KeyPool) -> String {
/// # use std::fmt::Write;
/// let stats = pool.stats();
/// let mut page = format!(
///     "unloq_pairs_ready {}\nunloq_pair_takers_waiting {}\n\
///      unloq_pairs_total{{outcome=\"made\"}} {}\nunloq_pairs_total{{outcome=\"failed\"}} {}\n",
///     stats.ready, stats.queued, stats.generated, stats.failed,
/// );
/// let times = stats.time_to_key;
/// for (bound, count) in times.buckets() {
///     let bound = bound.as_secs_f64();
///     let _ = writeln!(page, "unloq_pair_wait_seconds_bucket{{le=\"{bound}\"}} {count}");
/// }
/// let _ = writeln!(page, "unloq_pair_wait_seconds_bucket{{le=\"+Inf\"}} {}", times.count);
/// let _ = writeln!(page, "unloq_pair_wait_seconds_sum {}", times.sum.as_secs_f64());
/// let _ = writeln!(page, "unloq_pair_wait_seconds_count {}", times.count);
/// # page }
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct PoolStats {
    /// Gauge: its depth, the pairs that are ready now. A failure that waits to be handed out
    /// counts.
    pub ready: usize,
    /// Gauge: pairs that are being made now.
    pub in_work: usize,
    /// Gauge: who waits for a pair now.
    pub queued: usize,
    /// Most that are ready or in work at any time.
    pub capacity: usize,
    /// Pairs made.
    pub generated: u64,
    /// Attempts to make one that failed.
    pub failed: u64,
    /// How long an attempt took, of one thread.
    pub making: Times,
    /// How many came for a pair and found the pool empty.
    pub waited: u64,
    /// How many of those left before there was one.
    pub abandoned: u64,
    /// From the call to the pair, of each that was handed out: how many were is its `count`.
    pub time_to_key: Times,
}
