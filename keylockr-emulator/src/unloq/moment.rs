//! When something happens: time is an argument here.

use std::time::Duration;

use crate::clock::Clock;

/// A moment, by the emulator's clock.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Moment {
    /// Since the start; what ages are counted in.
    pub(crate) elapsed: Duration,
    /// Unix seconds, the clock's offset included; what one-time passwords go by.
    pub(crate) unix: u64,
}

impl Moment {
    pub(crate) fn now(clock: &Clock) -> Self {
        Self {
            elapsed: clock.elapsed(),
            unix: clock.unix(0),
        }
    }

    /// Whole seconds since.
    pub(crate) fn since(self, then: Duration) -> u64 {
        self.elapsed.saturating_sub(then).as_secs()
    }
}
