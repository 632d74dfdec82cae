//! How long something takes: what the benches measure with.
#![expect(
    clippy::disallowed_methods,
    reason = "only a clock.rs asks the machine"
)]

use std::time::{Duration, Instant};

/// Runs from its creation on.
#[derive(Clone, Copy, Debug)]
pub struct Stopwatch(Instant);

impl Stopwatch {
    /// Begins now.
    #[must_use]
    pub fn start() -> Self {
        Self(Instant::now())
    }

    /// Since its start.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        self.0.elapsed()
    }
}
