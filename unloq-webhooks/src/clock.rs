//! What time it is: asked here alone, and by the integrations alone.

use std::time::{SystemTime, UNIX_EPOCH};

#[cfg(any(feature = "axum", feature = "tower", feature = "actix"))]
pub(crate) use steady::steady;

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

#[cfg(any(feature = "axum", feature = "tower", feature = "actix"))]
mod steady {
    use std::{sync::OnceLock, time::Duration};

    use tokio::time::Instant;

    /// Since this process first asked, whatever happens to the clock on the wall.
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place that asks the machine"
    )]
    pub(crate) fn steady() -> Duration {
        static BEGAN: OnceLock<Instant> = OnceLock::new();
        let now = Instant::now();
        now.saturating_duration_since(*BEGAN.get_or_init(|| now))
    }
}
