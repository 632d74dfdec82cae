//! The one clock of this crate: the memory store's, for `SessionStore` hands over no time.
#![expect(
    clippy::disallowed_methods,
    reason = "only a clock.rs asks the machine"
)]

use tokio::time::Instant;

/// Monotonic; stands still where a test has paused the time.
pub(crate) fn now() -> Instant {
    Instant::now()
}
