//! When a session counts. Pure: time and revocations are arguments.

use std::time::Duration;

use crate::{moment::Moment, record::SessionRecord};

/// How long sessions last, and how often the connection behind them is checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionPolicy {
    pub(crate) idle: Duration,
    pub(crate) absolute: Duration,
    pub(crate) recheck: Duration,
    pub(crate) grace: Duration,
}

impl Default for SessionPolicy {
    fn default() -> Self {
        Self {
            idle: Duration::from_secs(30 * 60),
            absolute: Duration::from_secs(12 * 3600),
            recheck: Duration::from_secs(15 * 60),
            grace: Duration::from_secs(3600),
        }
    }
}

impl SessionPolicy {
    /// Ends a session after this long without a request: 30 minutes.
    #[must_use]
    pub fn with_idle(mut self, idle: Duration) -> Self {
        self.idle = idle;
        self
    }

    /// Ends a session this long after its sign-in: 12 hours.
    #[must_use]
    pub fn with_absolute(mut self, absolute: Duration) -> Self {
        self.absolute = absolute;
        self
    }

    /// How old the last check of the connection may be while the session is used: 15 minutes, at
    /// most a day (K 9).
    #[must_use]
    pub fn with_recheck(mut self, recheck: Duration) -> Self {
        self.recheck = recheck.min(Duration::from_secs(24 * 3600));
        self
    }

    /// How long a session goes on while KeyLockr cannot be asked, counted from when a check was
    /// due: 1 hour.
    #[must_use]
    pub fn with_grace(mut self, grace: Duration) -> Self {
        self.grace = grace;
        self
    }
}

/// When sign-ins were revoked, as far as it concerns one session.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Revocations {
    /// The session itself was ended.
    pub session: Option<Moment>,
    /// Its connection was deleted or refused; a new approval may bring it back.
    pub connection: Option<Moment>,
    /// Everything of this person up to then was ended.
    pub person: Option<Moment>,
}

/// What a session is good for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Somebody is signed in.
    Granted {
        /// `seen_at` should be brought up to date.
        touch: bool,
        /// How well it is known that the connection behind it stands.
        freshness: Freshness,
    },
    /// Nobody is.
    Anonymous,
    /// Somebody was: the session is to be ended.
    Expired,
}

impl Access {
    /// Somebody is signed in, and nothing is due.
    pub(crate) const PLAIN: Self = Self::Granted {
        touch: false,
        freshness: Freshness::Fresh,
    };
}

/// How old the last good check of a connection is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Freshness {
    /// Not old.
    Fresh,
    /// It should be checked; until the grace is over, not being able to changes nothing.
    Due,
    /// The grace is over: only a good check keeps the session.
    Overdue,
}

/// Decides what a session is good for at `now`.
#[must_use]
pub(crate) fn admit(
    record: Option<&SessionRecord>,
    now: Moment,
    revoked: &Revocations,
    policy: &SessionPolicy,
) -> Access {
    let Some(record) = record else {
        return Access::Anonymous;
    };
    let over = |since: Moment, limit: Duration| now.is_past(since, limit);
    // A record from a clock that ran ahead of ours counts as new, but not for ever.
    let from_nowhere = record.signed_in_at.since(now) > policy.absolute;
    let began_before = |at: Option<Moment>| at.is_some_and(|at| record.signed_in_at <= at);
    let ended = revoked.session.is_some()
        || began_before(revoked.connection)
        || began_before(revoked.person);
    if ended
        || from_nowhere
        || over(record.signed_in_at, policy.absolute)
        || over(record.seen_at, policy.idle)
    {
        return Access::Expired;
    }
    Access::Granted {
        touch: over(record.seen_at, touch_after(policy)),
        freshness: freshness(now.since(record.checked_at), policy),
    }
}

/// [`admit`] for nearly every request: whole milliseconds, and no more than three differences.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Margins {
    since_sign_in: u64,
    since_seen: u64,
    since_check: u64,
}

impl Margins {
    pub(crate) fn under(policy: &SessionPolicy) -> Self {
        let seen = policy.idle.min(touch_after(policy));
        Self {
            since_sign_in: millis(policy.absolute),
            since_seen: millis(seen),
            since_check: millis(policy.recheck),
        }
    }

    /// Whether a session of which nothing is revoked counts, and nothing is due: [`Access::PLAIN`].
    /// Where a limit is no whole number of milliseconds, `false` for its last one says nothing.
    pub(crate) fn hold(&self, record: &SessionRecord, now: Moment) -> bool {
        let age = |earlier: Moment| now.as_millis().saturating_sub(earlier.as_millis());
        let ahead = record
            .signed_in_at
            .as_millis()
            .saturating_sub(now.as_millis());
        age(record.signed_in_at) < self.since_sign_in
            && ahead <= self.since_sign_in
            && age(record.seen_at) < self.since_seen
            && age(record.checked_at) < self.since_check
    }
}

/// Rounded down.
fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

fn freshness(age: Duration, policy: &SessionPolicy) -> Freshness {
    if age < policy.recheck {
        Freshness::Fresh
    } else if age < policy.recheck.saturating_add(policy.grace) {
        Freshness::Due
    } else {
        Freshness::Overdue
    }
}

/// Not every request is worth a write: once a minute, or oftener where the idle limit is short.
fn touch_after(policy: &SessionPolicy) -> Duration {
    (policy.idle / 30).min(Duration::from_secs(60))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::tests::record;

    const START: u64 = 1_000_000_000;

    fn at(seconds: u64) -> Moment {
        Moment::from_millis(START + seconds * 1_000)
    }

    fn active() -> SessionRecord {
        record(at(0))
    }

    fn access(record: &SessionRecord, now: Moment) -> Access {
        admit(
            Some(record),
            now,
            &Revocations::default(),
            &SessionPolicy::default(),
        )
    }

    const PLAIN: Access = Access::PLAIN;

    #[test]
    fn limits_are_reached_to_the_second() {
        let mut session = active();
        assert_eq!(access(&session, at(0)), PLAIN);
        assert_eq!(access(&session, at(59)), PLAIN);
        let touch = Access::Granted {
            touch: true,
            freshness: Freshness::Fresh,
        };
        assert_eq!(access(&session, at(60)), touch);
        let recheck = Access::Granted {
            touch: true,
            freshness: Freshness::Due,
        };
        assert_eq!(access(&session, at(15 * 60)), recheck);
        assert_eq!(access(&session, at(30 * 60 - 1)), recheck);
        assert_eq!(access(&session, at(30 * 60)), Access::Expired, "idle");
        session.seen_at = at(12 * 3600 - 1);
        session.checked_at = at(12 * 3600 - 1);
        assert_eq!(access(&session, at(12 * 3600 - 1)), PLAIN);
        assert_eq!(access(&session, at(12 * 3600)), Access::Expired, "absolute");
        session.seen_at = at(75 * 60);
        session.checked_at = at(0);
        assert_eq!(
            access(&session, at(75 * 60 - 1)),
            Access::Granted {
                touch: false,
                freshness: Freshness::Due
            }
        );
        let overdue = Access::Granted {
            touch: false,
            freshness: Freshness::Overdue,
        };
        assert_eq!(access(&session, at(75 * 60)), overdue, "grace");
    }

    #[test]
    fn revocations_end_what_they_name() {
        let session = active();
        let with = |revoked: Revocations| {
            admit(Some(&session), at(1), &revoked, &SessionPolicy::default())
        };
        let none = Revocations::default();
        assert_eq!(
            with(Revocations {
                session: Some(at(1)),
                ..none
            }),
            Access::Expired
        );
        let now = Some(at(0));
        assert_eq!(
            with(Revocations {
                connection: now,
                ..none
            }),
            Access::Expired
        );
        assert_eq!(
            with(Revocations {
                person: now,
                ..none
            }),
            Access::Expired
        );
        // Whoever signs in after that, in the very next millisecond, is in.
        let before = Some(Moment::from_millis(START - 1));
        let earlier = Revocations {
            connection: before,
            person: before,
            ..none
        };
        assert_eq!(with(earlier), PLAIN);
    }

    #[test]
    fn a_clock_that_ran_ahead_grants_no_eternity() {
        let session = active();
        let earlier = Moment::from_millis(START - 3_600_000);
        assert_eq!(
            access(&session, earlier),
            PLAIN,
            "an hour back ends nothing"
        );
        let long_ago = Moment::from_millis(START - 13 * 3_600_000);
        assert_eq!(access(&session, long_ago), Access::Expired);
    }

    #[test]
    fn margins_hold_where_nothing_is_due() {
        let [ms, s] = [Duration::from_millis, Duration::from_secs];
        let short = SessionPolicy::default()
            .with_absolute(ms(50))
            .with_idle(ms(900))
            .with_recheck(ms(40));
        let idle = short.with_idle(ms(20)).with_recheck(s(60));
        for policy in [SessionPolicy::default(), short, idle] {
            let margins = Margins::under(&policy);
            let mut session = active();
            let mut held = 0;
            for (seen, checked) in [(0, 0), (5, 11), (11, 5)] {
                session.seen_at = Moment::from_millis(START + seen);
                session.checked_at = Moment::from_millis(START + checked);
                let near = (START - 70)..(START + 70);
                let limits = [policy.absolute, policy.recheck, touch_after(&policy)];
                let borders = limits.into_iter().flat_map(|limit| {
                    let limit = millis(limit);
                    (START + limit - 2..START + limit + 14)
                        .chain(START - limit - 2..START - limit + 2)
                });
                for now in near.chain(borders).map(Moment::from_millis) {
                    let holds = margins.hold(&session, now);
                    let none = Revocations::default();
                    let plain = admit(Some(&session), now, &none, &policy) == PLAIN;
                    // Where touching is due each few microseconds, the margin is rounded to nothing.
                    assert!(plain || !holds, "{policy:?} {now:?}");
                    let whole = touch_after(&policy)
                        .subsec_nanos()
                        .is_multiple_of(1_000_000);
                    assert!(holds || !plain || !whole, "{policy:?} {now:?}");
                    held += u32::from(holds);
                }
            }
            assert!(held > 0 || policy == idle);
        }
    }

    #[test]
    fn without_a_record_there_is_nobody() {
        let nobody = admit(
            None,
            at(0),
            &Revocations::default(),
            &SessionPolicy::default(),
        );
        assert_eq!(nobody, Access::Anonymous);
    }
}
