use core::time::Duration;

/// K 7.4: pauses before each of the three repetitions.
const PAUSES: [u64; 3] = [1, 2, 4];
/// The transport's own limit is 15 s (K 4); this one is for a driver that forgot to answer.
const ANSWER: Duration = Duration::from_secs(30);

/// One `app_verify` and its repetitions.
#[derive(Debug, Default)]
pub(crate) struct VerifyWait {
    failures: usize,
    state: State,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum State {
    #[default]
    Idle,
    Asked {
        at: Duration,
    },
    Pausing {
        until: Duration,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum VerifyDue {
    Ask,
    Unanswered,
}

impl VerifyWait {
    pub(crate) fn asked(&mut self, now: Duration) {
        self.state = State::Asked { at: now };
    }

    pub(crate) fn is_asked(&self) -> bool {
        matches!(self.state, State::Asked { .. })
    }

    /// No answer. False when that was the last try.
    pub(crate) fn failed(&mut self, now: Duration) -> bool {
        let Some(pause) = PAUSES.get(self.failures) else {
            return false;
        };
        self.failures += 1;
        self.state = State::Pausing {
            until: now.saturating_add(Duration::from_secs(*pause)),
        };
        true
    }

    pub(crate) fn deadline(&self) -> Option<Duration> {
        match self.state {
            State::Idle => None,
            State::Asked { at } => Some(at.saturating_add(ANSWER)),
            State::Pausing { until } => Some(until),
        }
    }

    pub(crate) fn due(&self, now: Duration) -> Option<VerifyDue> {
        match self.state {
            State::Asked { at } if at.saturating_add(ANSWER) <= now => Some(VerifyDue::Unanswered),
            State::Pausing { until } if until <= now => Some(VerifyDue::Ask),
            _ => None,
        }
    }
}
