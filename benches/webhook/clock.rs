//! The time of day, which the other schemes sign.
#![expect(
    clippy::disallowed_methods,
    reason = "only a clock.rs asks the machine"
)]

use std::time::{SystemTime, UNIX_EPOCH};

/// Seconds since 1970.
pub(crate) fn unix_seconds() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since
        .ok()
        .and_then(|since| since.as_secs().try_into().ok())
        .expect("a clock after 1970")
}
