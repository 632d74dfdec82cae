use core::time::Duration;

/// K 7.3: how often the seed family is asked, at first and after [`SLOWER`].
const OFTEN: Duration = Duration::from_secs(2);
const SELDOM: Duration = Duration::from_secs(5);
const SLOWER: Duration = Duration::from_secs(60);
/// K 7.3: how long a request may take.
const ANSWER: Duration = Duration::from_secs(15);

/// The rhythm of `app_connect_req`: one at a time, none while there is no socket.
#[derive(Debug, Default)]
pub(crate) struct Polling {
    began: Option<Duration>,
    next: Option<Duration>,
    asked: Option<Duration>,
    clock: Clock,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Clock {
    #[default]
    Trusted,
    /// Our time was refused and is fetched anew.
    Fetching,
    /// It was fetched once: a second refusal is final.
    Fetched,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PollDue {
    Ask,
    Unanswered,
}

impl Polling {
    /// The socket can carry questions now.
    pub(crate) fn start(&mut self, now: Duration) {
        self.began.get_or_insert(now);
        self.asked = None;
        self.next = Some(now.saturating_add(OFTEN));
    }

    /// Asks as soon as nothing is asked already.
    pub(crate) fn ask_now(&mut self, now: Duration) {
        if self.asked.is_none() && self.clock != Clock::Fetching {
            self.next = Some(now);
        }
    }

    /// No more questions. An answer that is on its way is still expected.
    pub(crate) fn stop(&mut self) {
        self.next = None;
    }

    /// The socket is gone, and the question with it.
    pub(crate) fn lost(&mut self) {
        self.next = None;
        self.asked = None;
    }

    pub(crate) fn asked(&mut self, now: Duration) {
        self.next = None;
        self.asked = Some(now);
    }

    /// Takes an answer; false when none was expected.
    pub(crate) fn answered(&mut self) -> bool {
        self.asked.take().is_some()
    }

    /// The answer was "not yet": the next question comes in its time.
    pub(crate) fn again(&mut self, now: Duration) {
        let began = self.began.unwrap_or(now);
        let pause = if now.saturating_sub(began) < SLOWER {
            OFTEN
        } else {
            SELDOM
        };
        self.next = Some(now.saturating_add(pause));
    }

    /// The service refused our time. False when it did so before: then it is final.
    pub(crate) fn doubt_clock(&mut self) -> bool {
        let first = self.clock == Clock::Trusted;
        if first {
            self.clock = Clock::Fetching;
        }
        first
    }

    /// The clock was fetched, or could not be. True when that was for us.
    pub(crate) fn clock_answered(&mut self) -> bool {
        let ours = self.clock == Clock::Fetching;
        if ours {
            self.clock = Clock::Fetched;
        }
        ours
    }

    pub(crate) fn deadline(&self) -> Option<Duration> {
        self.next
            .or(self.asked.map(|asked| asked.saturating_add(ANSWER)))
    }

    pub(crate) fn due(&self, now: Duration) -> Option<PollDue> {
        if self.next.is_some_and(|next| next <= now) {
            return Some(PollDue::Ask);
        }
        let asked = self.asked?;
        (asked.saturating_add(ANSWER) <= now).then_some(PollDue::Unanswered)
    }
}
