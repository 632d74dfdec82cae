//! The one place where this crate asks what time it is; all else hears it from the client's clock.

use tokio::time::Instant;

/// The monotonic clock of the runtime, which tests pause.
#[expect(clippy::disallowed_methods, reason = "this is the clock")]
pub(crate) fn monotonic() -> Instant {
    Instant::now()
}
