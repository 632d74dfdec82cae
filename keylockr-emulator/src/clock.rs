//! The emulator's only clock: tokio's, so that a paused runtime stops it too.

#![expect(
    clippy::disallowed_methods,
    reason = "the one place that asks the machine"
)]

use std::time::{Duration, SystemTime};

use tokio::time::Instant;

/// Stands for times that the machine cannot count to.
const FAR: Duration = Duration::from_secs(30 * 365 * 24 * 3600);

/// Monotonic time since the start, and Unix time derived from it.
#[derive(Clone, Debug)]
pub(crate) struct Clock {
    origin: Instant,
    wall_at_origin: Duration,
    offset: i64,
}

impl Clock {
    pub(crate) fn start() -> Self {
        let wall = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        Self {
            origin: Instant::now(),
            wall_at_origin: wall.unwrap_or_default(),
            offset: 0,
        }
    }

    /// Since the start.
    pub(crate) fn elapsed(&self) -> Duration {
        self.origin.elapsed()
    }

    /// When a time since the start is reached.
    pub(crate) fn instant(&self, elapsed: Duration) -> Instant {
        self.origin
            .checked_add(elapsed)
            .unwrap_or(self.origin + FAR)
    }

    /// Unix seconds, with the offset and `skew` on top.
    pub(crate) fn unix(&self, skew: i64) -> u64 {
        let now = (self.wall_at_origin + self.elapsed()).as_secs();
        now.saturating_add_signed(self.offset.saturating_add(skew))
    }

    /// Seconds ahead of the machine (or behind).
    pub(crate) fn set_offset(&mut self, seconds: i64) {
        self.offset = seconds;
    }
}
