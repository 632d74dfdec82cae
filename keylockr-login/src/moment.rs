//! The service's own time axis.

use std::{
    sync::atomic::{AtomicBool, AtomicI64, Ordering},
    time::Duration,
};

use keylockr_proto::{Now, UnixTime};
use serde::{Deserialize, Serialize};

/// A moment in milliseconds since 1970: what sessions, attempts and revocations are dated with.
///
/// The axis is fixed when the service is built, by the calendar clock of that moment, and carried on
/// by the monotonic clock alone. Neither a step of the machine's clock nor a lying service can end a
/// session early or keep it alive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Moment(u64);

impl Moment {
    /// From a count of milliseconds.
    #[must_use]
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis)
    }

    /// The count of milliseconds.
    #[must_use]
    pub const fn as_millis(self) -> u64 {
        self.0
    }

    /// Later by `duration`.
    #[must_use]
    pub fn after(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(millis(duration)))
    }

    /// Whether `duration` has passed since `earlier`: [`since`](Self::since) compared, without a
    /// division.
    pub(crate) fn is_past(self, earlier: Self, duration: Duration) -> bool {
        u128::from(self.0.saturating_sub(earlier.0)) * 1_000_000 >= duration.as_nanos()
    }

    /// From `earlier` to here; zero when it is not earlier.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }

    /// In whole seconds.
    #[must_use]
    pub const fn unix(self) -> UnixTime {
        UnixTime::from_secs(self.0 / 1_000)
    }
}

/// Where the axis of this process begins.
///
/// Processes that share a store follow its clock: at once when they first hear of it, then so slowly
/// that a step of that clock ends no session.
#[derive(Debug)]
pub(crate) struct Axis {
    origin: Moment,
    /// What is added to it, in milliseconds.
    ahead: AtomicI64,
    follows: AtomicBool,
}

/// An answer that took longer says too little about what time it is.
const PROMPT: Duration = Duration::from_millis(250);
/// At each answer at most so many milliseconds nearer: more than any two clocks part meanwhile.
const STEP: i64 = 5;

impl Axis {
    pub(crate) fn fixed_at(now: Now) -> Self {
        let unix = now.unix.as_secs().saturating_mul(1_000);
        Self {
            origin: Moment(unix.saturating_sub(millis(now.elapsed))),
            ahead: AtomicI64::new(0),
            follows: AtomicBool::new(false),
        }
    }

    pub(crate) fn at(&self, now: Now) -> Moment {
        let moment = self.origin.after(now.elapsed);
        Moment(
            moment
                .0
                .saturating_add_signed(self.ahead.load(Ordering::Relaxed)),
        )
    }

    /// Somewhere else it was `there` at some moment between `asked` and `answered`.
    pub(crate) fn follow(&self, asked: Moment, there: Moment, answered: Moment) {
        let took = answered.since(asked);
        if took > PROMPT {
            return;
        }
        let here = asked.after(took / 2);
        let off = i64::try_from(i128::from(there.0) - i128::from(here.0)).unwrap_or(0);
        let step = match self.follows.swap(true, Ordering::Relaxed) {
            false => off,
            true => off.clamp(-STEP, STEP),
        };
        self.ahead.fetch_add(step, Ordering::Relaxed);
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_axis_follows_the_monotonic_clock_alone() {
        let at = |elapsed_ms, unix| {
            Now::new(Duration::from_millis(elapsed_ms), UnixTime::from_secs(unix))
        };
        let axis = Axis::fixed_at(at(2_500, 1_000));
        assert_eq!(axis.at(at(2_500, 1_000)), Moment(1_000_000));
        // The service's clock jumps by a day: nothing happens here.
        assert_eq!(axis.at(at(3_750, 87_400)), Moment(1_001_250));
        assert_eq!(Moment(5).since(Moment(7)), Duration::ZERO);
    }

    #[test]
    fn a_shared_clock_is_followed_at_once_and_then_slowly() {
        let now = Now::new(Duration::ZERO, UnixTime::from_secs(1_000));
        let axis = Axis::fixed_at(now);
        let follow = |there| {
            let here = axis.at(now);
            axis.follow(here, Moment(there), here.after(Duration::from_millis(20)));
            axis.at(now)
        };
        assert_eq!(
            follow(940_010),
            Moment(940_000),
            "a minute behind, from the first answer on"
        );
        assert_eq!(
            follow(4_540_010),
            Moment(940_005),
            "its step of an hour is not made"
        );
        assert_eq!(
            follow(940_013),
            Moment(940_003),
            "what clocks drift apart is"
        );
        let here = axis.at(now);
        axis.follow(here, Moment(0), here.after(PROMPT * 2));
        assert_eq!(axis.at(now), here, "a late answer says nothing");
    }
}
