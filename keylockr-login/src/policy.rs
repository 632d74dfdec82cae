//! When a session counts. Pure: time and revocations are arguments.

use std::time::Duration;

use crate::{
    moment::Moment,
    record::{RECORD_VERSION, SessionRecord},
};

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
    /// Its connection was deleted or refused: no session of it is good, whenever it began.
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
        /// The connection should be checked.
        recheck: bool,
    },
    /// Nobody is.
    Anonymous,
    /// Somebody was: the session is to be ended.
    Expired,
}

/// Decides what a session is good for at `now`.
#[must_use]
pub fn admit(
    record: Option<&SessionRecord>,
    now: Moment,
    revoked: &Revocations,
    policy: &SessionPolicy,
) -> Access {
    let Some(record) = record else {
        return Access::Anonymous;
    };
    if record.version != RECORD_VERSION {
        return Access::Anonymous;
    }
    let over = |since: Moment, limit: Duration| now.since(since) >= limit;
    // A record from a clock that ran ahead of ours counts as new, but not for ever.
    let from_nowhere = record.signed_in_at.since(now) > policy.absolute;
    let ended = revoked.session.is_some()
        || revoked.connection.is_some()
        || revoked.person.is_some_and(|at| record.signed_in_at <= at);
    if ended
        || from_nowhere
        || over(record.signed_in_at, policy.absolute)
        || over(record.seen_at, policy.idle)
        || over(
            record.checked_at,
            policy.recheck.saturating_add(policy.grace),
        )
    {
        return Access::Expired;
    }
    Access::Granted {
        touch: over(record.seen_at, touch_after(policy)),
        recheck: over(record.checked_at, policy.recheck),
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

    const PLAIN: Access = Access::Granted {
        touch: false,
        recheck: false,
    };

    #[test]
    fn limits_are_reached_to_the_second() {
        let mut session = active();
        assert_eq!(access(&session, at(0)), PLAIN);
        assert_eq!(access(&session, at(59)), PLAIN);
        let touch = Access::Granted {
            touch: true,
            recheck: false,
        };
        assert_eq!(access(&session, at(60)), touch);
        let recheck = Access::Granted {
            touch: true,
            recheck: true,
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
                recheck: true
            }
        );
        assert_eq!(access(&session, at(75 * 60)), Access::Expired, "grace");
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
        // A connection that was deleted does not come back; whoever holds it is out.
        assert_eq!(
            with(Revocations {
                connection: Some(at(0)),
                ..none
            }),
            Access::Expired
        );
        // A person may sign in again, in the very next millisecond.
        assert_eq!(
            with(Revocations {
                person: Some(at(0)),
                ..none
            }),
            Access::Expired
        );
        let before = Moment::from_millis(START - 1);
        assert_eq!(
            with(Revocations {
                person: Some(before),
                ..none
            }),
            PLAIN
        );
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
    fn no_record_and_a_foreign_one_are_nobody() {
        let nobody = admit(
            None,
            at(0),
            &Revocations::default(),
            &SessionPolicy::default(),
        );
        assert_eq!(nobody, Access::Anonymous);
        let mut foreign = active();
        foreign.version += 1;
        assert_eq!(access(&foreign, at(0)), Access::Anonymous);
    }
}
