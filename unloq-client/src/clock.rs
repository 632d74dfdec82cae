//! The only file of this crate that asks for the time. It follows tokio's clock, so a test with
//! paused time controls every limit.

use core::future::Future;
use core::time::Duration;

use tokio::time::Instant;

/// The monotonic clock.
pub(crate) fn monotonic() -> Instant {
    #[expect(clippy::disallowed_methods, reason = "the clock of the crate")]
    Instant::now()
}

/// How long ago that was.
pub(crate) fn since(instant: Instant) -> Duration {
    monotonic().saturating_duration_since(instant)
}

/// The outcome, or `None` when the limit passed first; the work is then dropped.
pub(crate) async fn within<F: Future>(limit: Duration, work: F) -> Option<F::Output> {
    tokio::time::timeout(limit, work).await.ok()
}
