//! What time it is: asked here alone, and by the integrations alone.

use std::time::{SystemTime, UNIX_EPOCH};

use crate::time::UnixTime;

/// Now. Before 1970 it is 1970.
#[expect(
    clippy::disallowed_methods,
    reason = "the one place that asks the machine"
)]
pub(crate) fn now() -> UnixTime {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    UnixTime::from_secs(since.map_or(0, |since| since.as_secs()))
}
