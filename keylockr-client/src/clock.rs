//! Server time: what `/v3/clock` said, carried on by a monotonic clock (K 3.10).
//!
//! What time it is in the protocol is asked here alone; `metrics/clock.rs` measures work, and decides
//! nothing. [`Clock`] follows tokio's clock, so tests with paused time control it.

use core::sync::atomic::{AtomicU64, Ordering};
use core::time::Duration;
use std::sync::{Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use keylockr_proto::{Now, UnixTime};
use tokio::time::Instant;

use crate::error::Error;

/// How old a measurement may become before the next login asks again.
pub(crate) const REFRESH: Duration = Duration::from_secs(600);

/// How far ahead of the service the local clock may be where its offset may not be corrected.
const AHEAD: i64 = 180;
/// How far behind.
const BEHIND: i64 = 600;

/// Offsets beyond this are lies or defects, whether or not correction is allowed: TLS would not
/// have worked on such a clock, and a `sig` dated by it would stay valid in a far future.
const ABSURD: i64 = 30 * 86_400;

/// The monotonic clock.
pub(crate) fn monotonic() -> Instant {
    #[expect(clippy::disallowed_methods, reason = "the clock of the client")]
    Instant::now()
}

/// The machine's calendar clock.
fn wall() -> u64 {
    #[expect(clippy::disallowed_methods, reason = "the clock of the client")]
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |elapsed| elapsed.as_secs())
}

/// The time of the service, as well as this process can know it.
///
/// After a measurement the time advances with the monotonic clock alone: setting the machine's
/// calendar clock during a login changes nothing. Before the first one it is the calendar clock's
/// time at the construction of the [`Client`](crate::Client), carried on in the same way.
#[derive(Debug)]
pub struct Clock {
    origin: Instant,
    local_at_origin: u64,
    correct: bool,
    /// Nanoseconds since 1970 at `origin`, by the service's clock once it is known; good until 2554.
    /// Apart from the state, for everybody asks what time it is, at every request.
    unix_at_origin: AtomicU64,
    state: Mutex<State>,
}

#[derive(Clone, Copy, Debug)]
struct State {
    measured: Option<Instant>,
    measurements: u64,
    drift: i64,
}

impl Clock {
    pub(crate) fn new(correct: bool) -> Self {
        Self::starting_at(wall(), correct)
    }

    fn starting_at(local: u64, correct: bool) -> Self {
        let state = State {
            measured: None,
            measurements: 0,
            drift: 0,
        };
        Self {
            origin: monotonic(),
            local_at_origin: local,
            correct,
            unix_at_origin: AtomicU64::new(nanos(Duration::from_secs(local))),
            state: Mutex::new(state),
        }
    }

    /// Monotonic time since this clock was made, and the service's time.
    pub fn now(&self) -> Now {
        let elapsed = monotonic().saturating_duration_since(self.origin);
        let at_origin = Duration::from_nanos(self.unix_at_origin.load(Ordering::Relaxed));
        let unix = at_origin.saturating_add(elapsed);
        Now {
            elapsed,
            unix: UnixTime::from_secs(unix.as_secs()),
        }
    }

    /// The instant at which [`Now::elapsed`] will have reached `elapsed`.
    pub(crate) fn instant(&self, elapsed: Duration) -> Instant {
        // The far future stands for "never" and must not overflow.
        const NEVER: Duration = Duration::from_secs(30 * 365 * 86_400);
        self.origin + elapsed.min(NEVER)
    }

    /// Local minus service time at the last measurement, in seconds; 0 before it.
    pub fn drift(&self) -> i64 {
        self.state().drift
    }

    /// Whether the service has been asked, and not too long ago.
    pub fn is_fresh(&self) -> bool {
        let now = monotonic();
        self.state()
            .measured
            .is_some_and(|measured| now.saturating_duration_since(measured) < REFRESH)
    }

    /// How many measurements were taken over.
    pub(crate) fn measurements(&self) -> u64 {
        self.state().measurements
    }

    /// Takes over what the service answered to a request made between these two instants.
    pub(crate) fn measured(
        &self,
        server: u64,
        asked: Instant,
        answered: Instant,
    ) -> Result<(), Error> {
        let middle = asked + answered.saturating_duration_since(asked) / 2;
        let since_origin = middle.saturating_duration_since(self.origin);
        let local = self.local_at_origin.saturating_add(since_origin.as_secs());
        let drift = difference(local, server);
        if !(-ABSURD..=ABSURD).contains(&drift) {
            return Err(Error::ClockAbsurd { drift });
        }
        if !self.correct && !(-BEHIND..=AHEAD).contains(&drift) {
            return Err(Error::ClockDrift { drift });
        }
        let mut state = self.state();
        if self.correct {
            // The answer is in whole seconds, rounded down: we are never ahead of the service.
            let at_origin = Duration::from_secs(server).saturating_sub(since_origin);
            self.unix_at_origin
                .store(nanos(at_origin), Ordering::Relaxed);
        }
        state.drift = drift;
        state.measured = Some(answered);
        state.measurements += 1;
        Ok(())
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        // Every write is one assignment after the other of plain numbers: never half done.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

fn difference(local: u64, server: u64) -> i64 {
    let wide = i128::from(local) - i128::from(server);
    i64::try_from(wide).unwrap_or(if wide < 0 { i64::MIN } else { i64::MAX })
}

#[cfg(test)]
mod tests {
    use super::{ABSURD, Clock, Duration, Error, REFRESH, monotonic};
    use tokio::time::advance;

    const LOCAL: u64 = 1_785_000_000;

    fn measure(clock: &Clock, server: u64) -> Result<(), Error> {
        clock.measured(server, monotonic(), monotonic())
    }

    /// The drift rule of K 3.10 with the cases of the vector `clk-01`.
    #[tokio::test(start_paused = true)]
    async fn drift_without_correction() {
        for (drift, accepted) in [
            (0, true),
            (180, true),
            (181, false),
            (-600, true),
            (-601, false),
        ] {
            let server = LOCAL.checked_add_signed(-drift).unwrap();
            let strict = Clock::starting_at(LOCAL, false);
            assert_eq!(measure(&strict, server).is_ok(), accepted, "{drift}");
            assert_eq!(strict.now().unix.as_secs(), LOCAL, "never corrected");
            assert_eq!(strict.is_fresh(), accepted, "{drift}");

            let corrected = Clock::starting_at(LOCAL, true);
            measure(&corrected, server).unwrap();
            assert_eq!(corrected.now().unix.as_secs(), server);
            assert_eq!(corrected.drift(), drift);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn clock_lies() {
        for server in [
            0,
            1,
            LOCAL - ABSURD.unsigned_abs() - 1,
            LOCAL + ABSURD.unsigned_abs() + 1,
            LOCAL * 1000,
            u64::from(u32::MAX),
            u64::MAX,
            u64::MAX / 2,
        ] {
            for correct in [true, false] {
                let clock = Clock::starting_at(LOCAL, correct);
                let refused = measure(&clock, server);
                assert!(
                    matches!(refused, Err(Error::ClockAbsurd { .. })),
                    "{server}: {refused:?}"
                );
                assert_eq!(
                    clock.now().unix.as_secs(),
                    LOCAL,
                    "{server} changed the clock"
                );
                assert!(!clock.is_fresh(), "{server}");
            }
        }
        // A good answer stays in force when a lie follows it.
        let clock = Clock::starting_at(LOCAL, true);
        measure(&clock, LOCAL + 100).unwrap();
        measure(&clock, 0).unwrap_err();
        assert_eq!(clock.now().unix.as_secs(), LOCAL + 100);
    }

    /// The machine's calendar clock is read once; what it says afterwards has no influence.
    #[tokio::test(start_paused = true)]
    async fn wall_clock_jump() {
        let clock = Clock::starting_at(LOCAL, true);
        let before = clock.now();
        advance(Duration::from_secs(100)).await;
        let after = clock.now();
        assert_eq!(after.elapsed - before.elapsed, Duration::from_secs(100));
        assert_eq!(after.unix.as_secs() - before.unix.as_secs(), 100);
        // The service's clock jumps: the next measurement follows, life spans do not notice.
        measure(&clock, LOCAL + 100 + 3600).unwrap();
        assert_eq!(clock.now().unix.as_secs(), LOCAL + 3700);
        assert_eq!(clock.now().elapsed, after.elapsed);
    }

    #[tokio::test(start_paused = true)]
    async fn the_middle_of_the_request_counts() {
        let clock = Clock::starting_at(LOCAL, true);
        let asked = monotonic();
        advance(Duration::from_secs(8)).await;
        clock.measured(LOCAL + 1000, asked, monotonic()).unwrap();
        assert_eq!(clock.now().unix.as_secs(), LOCAL + 1004);
    }

    #[tokio::test(start_paused = true)]
    async fn a_measurement_grows_old() {
        let clock = Clock::starting_at(LOCAL, true);
        assert!(!clock.is_fresh());
        measure(&clock, LOCAL).unwrap();
        assert!(clock.is_fresh() && clock.measurements() == 1);
        advance(REFRESH - Duration::from_millis(1)).await;
        assert!(clock.is_fresh());
        advance(Duration::from_millis(1)).await;
        assert!(!clock.is_fresh());
    }

    #[tokio::test(start_paused = true)]
    async fn far_deadlines_do_not_overflow() {
        let clock = Clock::starting_at(LOCAL, true);
        assert!(clock.instant(Duration::MAX) > monotonic());
    }
}
