//! Times and windows: arithmetic only. Nothing here asks what time it is.

use core::fmt;
use core::time::Duration;

/// Whole seconds since 1970, as the service counts them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UnixTime(u64);

impl UnixTime {
    /// From a count of seconds.
    pub const fn from_secs(secs: u64) -> Self {
        Self(secs)
    }

    /// The count of seconds.
    pub const fn as_secs(self) -> u64 {
        self.0
    }

    /// Later by `secs`, or the end of time.
    pub const fn saturating_add(self, secs: u64) -> Self {
        Self(self.0.saturating_add(secs))
    }

    /// Earlier by `secs`, or 1970.
    pub const fn saturating_sub(self, secs: u64) -> Self {
        Self(self.0.saturating_sub(secs))
    }

    /// Seconds from `earlier` to here, 0 when it is not earlier.
    pub const fn saturating_secs_since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}

impl fmt::Display for UnixTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// How far a timestamp may lie behind or ahead of our clock (K 3.10).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Window {
    past: u64,
    future: u64,
}

impl Window {
    /// What a client grants the service's frames.
    pub const CLIENT: Self = Self::new(600, 180);
    /// What a service grants clients of the appdata family.
    pub const SERVER_APPDATA: Self = Self::new(600, 180);
    /// What a service grants clients of the seed family.
    pub const SERVER_SEED: Self = Self::new(300, 5);

    /// A window in seconds.
    pub const fn new(past: u64, future: u64) -> Self {
        Self { past, future }
    }

    /// As far as both reach.
    pub(crate) const fn within(self, other: Self) -> Self {
        const fn less(one: u64, other: u64) -> u64 {
            if one < other { one } else { other }
        }
        Self::new(less(self.past, other.past), less(self.future, other.future))
    }

    /// Whether `ts` lies within the window around `now`, both ends included.
    ///
    /// The drift rule for a local clock without correction is the same sum: `accepts(server,
    /// local)`.
    pub const fn accepts(self, now: UnixTime, ts: UnixTime) -> bool {
        now.0.saturating_sub(self.past) <= ts.0 && ts.0 <= now.0.saturating_add(self.future)
    }

    /// How long the hash of an accepted frame must be remembered (K 3.8).
    pub const fn retention(self) -> Duration {
        Duration::from_secs(self.past.saturating_add(self.future).saturating_add(60))
    }
}

/// Now, on both clocks at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Now {
    /// Monotonic time since some fixed origin of this process. Life spans and deadlines live on
    /// this axis.
    pub elapsed: Duration,
    /// The service's time: the local clock, corrected. Timestamps and windows use this one.
    pub unix: UnixTime,
}

impl Now {
    /// Both clocks.
    pub const fn new(elapsed: Duration, unix: UnixTime) -> Self {
        Self { elapsed, unix }
    }
}
