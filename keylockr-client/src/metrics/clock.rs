//! How long computation takes, which no paused clock may hide. Asked only where somebody counts.

use core::time::Duration;

/// Runs since it was made.
#[cfg(feature = "metrics")]
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stopwatch(std::time::Instant);

/// Counts nothing.
#[cfg(not(feature = "metrics"))]
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stopwatch;

impl Stopwatch {
    #[cfg(feature = "metrics")]
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place that measures work done, and decides nothing by it"
    )]
    pub(crate) fn start() -> Self {
        Self(std::time::Instant::now())
    }

    #[cfg(not(feature = "metrics"))]
    pub(crate) fn start() -> Self {
        Self
    }

    #[cfg(feature = "metrics")]
    pub(crate) fn took(self) -> Duration {
        self.0.elapsed()
    }

    #[cfg(not(feature = "metrics"))]
    pub(crate) fn took(self) -> Duration {
        Duration::ZERO
    }
}
