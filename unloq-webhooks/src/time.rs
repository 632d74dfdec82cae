//! Time: arithmetic only. Nothing here asks what time it is.

use std::fmt;

/// Whole seconds since 1970, UTC.
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
