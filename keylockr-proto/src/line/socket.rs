use core::time::Duration;

use crate::id::Family;

/// K 5.4: no frame of any kind for this long means that the connection is dead.
const SILENCE: Duration = Duration::from_secs(90);
/// K 7.3: how long a socket may stay without its `connected`.
const GREETING: Duration = Duration::from_secs(15);
/// K 5.3: the seed family may leave `connected` out; after this we go on without.
const GREETING_SEED: Duration = Duration::from_secs(2);

/// Where one identity's socket stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Socket {
    /// None, and none wanted.
    Idle,
    /// `Connect` was put out, its answer has not come.
    Opening,
    /// Refused with 401: the clock is asked for before the next try.
    AwaitingClock,
    /// Lost: the next try comes at this time.
    Paused { until: Duration },
    /// Up.
    Open(Open),
}

/// A socket that is up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Open {
    pub(crate) since: Duration,
    pub(crate) heard: Duration,
    /// `connected` has come.
    pub(crate) greeted: bool,
    /// We may send: greeted, or seed and tired of waiting.
    pub(crate) ready: bool,
}

/// A deadline of the socket that has passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Due {
    Reconnect,
    Silent,
    NotGreeted,
    GoOnUngreeted,
}

impl Socket {
    pub(crate) fn open(now: Duration) -> Self {
        Self::Open(Open {
            since: now,
            heard: now,
            greeted: false,
            ready: false,
        })
    }

    pub(crate) fn is_open(&self) -> bool {
        matches!(self, Self::Open(_))
    }

    pub(crate) fn is_ready(&self) -> bool {
        matches!(self, Self::Open(open) if open.ready)
    }

    /// Anything at all came in.
    pub(crate) fn heard(&mut self, now: Duration) {
        if let Self::Open(open) = self {
            open.heard = now;
        }
    }

    /// Notes `connected`. False when this socket was greeted before.
    pub(crate) fn greet(&mut self) -> bool {
        match self {
            Self::Open(open) if !open.greeted => {
                open.greeted = true;
                open.ready = true;
                true
            }
            _ => false,
        }
    }

    /// Frames may be sent although nobody said `connected`.
    pub(crate) fn go_on(&mut self) {
        if let Self::Open(open) = self {
            open.ready = true;
        }
    }

    /// When the next deadline passes, if there is one.
    pub(crate) fn deadline(&self, family: Family) -> Option<Duration> {
        match self {
            Self::Idle | Self::Opening | Self::AwaitingClock => None,
            Self::Paused { until } => Some(*until),
            Self::Open(open) => {
                let silent = open.heard.saturating_add(SILENCE);
                let greeting = open.since.saturating_add(greeting(family));
                Some(if open.ready {
                    silent
                } else {
                    silent.min(greeting)
                })
            }
        }
    }

    /// The deadline that has passed, if one has.
    pub(crate) fn due(&self, now: Duration, family: Family) -> Option<Due> {
        match self {
            Self::Paused { until } if *until <= now => Some(Due::Reconnect),
            Self::Open(open) if open.heard.saturating_add(SILENCE) <= now => Some(Due::Silent),
            Self::Open(open)
                if !open.ready && open.since.saturating_add(greeting(family)) <= now =>
            {
                Some(match family {
                    Family::Seed => Due::GoOnUngreeted,
                    Family::AppData => Due::NotGreeted,
                })
            }
            _ => None,
        }
    }
}

fn greeting(family: Family) -> Duration {
    match family {
        Family::Seed => GREETING_SEED,
        Family::AppData => GREETING,
    }
}
