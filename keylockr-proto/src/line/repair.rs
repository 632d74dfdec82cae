use core::time::Duration;

use crate::error::ErrorKind;

/// K 4: the service's keys are refetched at most once in this time.
const KEYS_PAUSE: Duration = Duration::from_secs(60);

/// Remembers what was refetched to cure a failing connection, so that each cure is tried once.
#[derive(Debug, Default)]
pub(crate) struct Repair {
    keys_asked: Option<Duration>,
    keys_for: Option<ErrorKind>,
    clock_asked: bool,
}

/// What to do about a message whose seal, hash or box does not hold.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum KeyDoubt {
    /// Ask for the keys.
    Ask,
    /// They are asked for already.
    Asked,
    /// They were asked for less than a minute ago: it is not the keys.
    Stands,
}

impl Repair {
    pub(crate) fn doubt_keys(&mut self, now: Duration, kind: ErrorKind) -> KeyDoubt {
        if self.keys_for.is_some() {
            return KeyDoubt::Asked;
        }
        if self
            .keys_asked
            .is_some_and(|asked| now.saturating_sub(asked) < KEYS_PAUSE)
        {
            return KeyDoubt::Stands;
        }
        self.keys_asked = Some(now);
        self.keys_for = Some(kind);
        KeyDoubt::Ask
    }

    /// The error the keys were asked for; `None` if they were not asked for.
    pub(crate) fn keys_answered(&mut self) -> Option<ErrorKind> {
        self.keys_for.take()
    }

    /// True when the question has to be put out, false when it is out already.
    pub(crate) fn ask_clock(&mut self) -> bool {
        !core::mem::replace(&mut self.clock_asked, true)
    }

    /// True when the clock had been asked for.
    pub(crate) fn clock_answered(&mut self) -> bool {
        core::mem::take(&mut self.clock_asked)
    }
}
