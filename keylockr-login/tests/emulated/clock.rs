//! The tests' clock.

use tokio::time::Instant;

/// What time it is; it stands still while anything can be done.
#[expect(clippy::disallowed_methods, reason = "this is the clock")]
pub(crate) fn now() -> Instant {
    Instant::now()
}
