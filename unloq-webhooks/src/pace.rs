//! How many deliveries a second are taken on, with room for a burst. Time is an argument.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

const SECOND: Duration = Duration::from_secs(1);

/// At most so many a second in the long run, and as many at once after a silent second.
pub(crate) struct Pace {
    /// What one delivery costs; `None` for no limit.
    interval: Option<Duration>,
    /// When all that was taken on is paid for.
    paid_until: Mutex<Duration>,
}

impl Pace {
    /// A pace of 0 is no limit.
    pub(crate) fn a_second(deliveries: u32) -> Self {
        Self {
            interval: SECOND.checked_div(deliveries),
            paid_until: Mutex::default(),
        }
    }

    /// Takes one on, if there is room at `now`, on any axis that does not run backwards.
    pub(crate) fn admits(&self, now: Duration) -> bool {
        let Some(interval) = self.interval else {
            return true;
        };
        let mut paid_until = self
            .paid_until
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let paid = (*paid_until).max(now).saturating_add(interval);
        let room = paid.saturating_sub(now) <= SECOND;
        if room {
            *paid_until = paid;
        }
        room
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admitted(pace: &Pace, now: Duration, tries: usize) -> usize {
        (0..tries).filter(|_| pace.admits(now)).count()
    }

    #[test]
    fn a_second_of_them_at_once_and_then_as_they_come() {
        let pace = Pace::a_second(100);
        let start = Duration::from_secs(7);
        assert_eq!(admitted(&pace, start, 1_000), 100);
        assert_eq!(admitted(&pace, start + SECOND / 10, 1_000), 10);
        assert_eq!(admitted(&pace, start + SECOND, 1_000), 90);
        assert_eq!(
            admitted(&pace, start + SECOND * 100, 1_000),
            100,
            "no more is saved up"
        );
    }

    #[test]
    fn never_more_than_twice_the_pace_in_any_second() {
        let pace = Pace::a_second(7);
        let mut taken = Vec::new();
        for millis in 0..10_000 {
            let now = Duration::from_millis(millis);
            taken.extend((0..3).filter(|_| pace.admits(now)).map(|_| millis));
        }
        for from in 0..9_000 {
            let within = taken
                .iter()
                .filter(|at| (from..from + 1_000).contains(*at))
                .count();
            assert!(within <= 14, "{within} from {from}");
        }
        assert!((70..=77).contains(&taken.len()), "{}", taken.len());
    }

    #[test]
    fn zero_is_no_limit_and_time_that_stands_still_is_none_either() {
        assert_eq!(admitted(&Pace::a_second(0), Duration::ZERO, 10_000), 10_000);
        let pace = Pace::a_second(1);
        assert!(pace.admits(Duration::from_secs(9)));
        assert!(
            !pace.admits(Duration::from_secs(3)),
            "a clock that went back opens nothing"
        );
        assert!(pace.admits(Duration::from_secs(10)));
        assert!(pace.admits(Duration::MAX));
    }
}
