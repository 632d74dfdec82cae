//! The machine's clock.
#![expect(
    clippy::disallowed_methods,
    reason = "here, and nowhere else, is the machine asked"
)]

use std::time::{SystemTime, UNIX_EPOCH};

/// Seconds since 1970. Before that it is 1970.
pub(crate) fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| since.as_secs())
}
