//! The only file of this command that asks the machine for the time.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Since 1970, by the machine's calendar clock.
pub(crate) fn since_1970() -> Duration {
    #[expect(clippy::disallowed_methods, reason = "the clock of the command")]
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
}
