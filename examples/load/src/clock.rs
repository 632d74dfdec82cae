//! The program's clock.

use std::time::Instant;

/// What time it is.
#[expect(clippy::disallowed_methods, reason = "this is the clock")]
pub(crate) fn now() -> Instant {
    Instant::now()
}
