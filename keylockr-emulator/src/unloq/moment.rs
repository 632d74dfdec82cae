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

/// Unix seconds as `2026-11-22T03:50:00.000Z`.
pub(crate) fn timestamp(unix: u64) -> String {
    let (days, seconds) = (unix / 86_400, unix % 86_400);
    // Days since 0000-03-01, in eras of 400 years: every era has as many days.
    let days = days + 719_468;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 {
        month_from_march + 3
    } else {
        month_from_march - 9
    };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    let (hour, minute, second) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.000Z")
}
