//! The limits of the login service, in one place.

use std::time::Duration;

/// How much of everything there may be. The defaults are `Limits::default()`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    pub(crate) attempts: usize,
    pub(crate) attempts_of_browser: usize,
    pub(crate) starts_a_minute: u32,
    pub(crate) polls_a_second: u32,
    pub(crate) connections: usize,
    pub(crate) addresses: usize,
}

/// The tmp id that an attempt shows lives this long at the service (K 7.2).
pub(crate) const TMP_ID_LIFE: Duration = Duration::from_secs(600);
/// An approved attempt can be finished for at least this long.
pub(crate) const TIME_TO_FINISH: Duration = Duration::from_secs(60);
/// How long a phone may take to release the filekey during a sign-in (K 7.3).
pub(crate) const KEY_WAIT: Duration = Duration::from_secs(300);
/// After so many wrong proofs an attempt of a browser that holds its keys is over.
pub(crate) const WRONG_PROOFS: u8 = 3;
/// How long a proof waits for another one of the same attempt; KeyLockr has 15 s for its answer.
pub(crate) const TURN_WAIT: Duration = Duration::from_secs(20);
/// How long `POST start` waits for the handshake; an answer within 15 s is promised.
pub(crate) const START_WAIT: Duration = Duration::from_secs(14);
/// How long the page and the code wait until the code may be shown.
pub(crate) const PAGE_WAIT: Duration = Duration::from_secs(4);
/// How long any store is waited for, by adapters too.
pub const STORE_WAIT: Duration = Duration::from_secs(1);
/// How long the application's hooks are waited for.
pub(crate) const HOOK_WAIT: Duration = Duration::from_secs(5);
/// How long a request waits for a re-check of its connection; the check goes on behind it.
pub(crate) const RECHECK_WAIT: Duration = Duration::from_millis(500);
/// The same once the grace is over, when nothing but an answer will do.
pub(crate) const OVERDUE_WAIT: Duration = Duration::from_secs(5);
/// Between two comments on a silent event stream.
pub(crate) const HEARTBEAT: Duration = Duration::from_secs(15);

impl Default for Limits {
    fn default() -> Self {
        Self {
            attempts: 10_000,
            attempts_of_browser: 4,
            starts_a_minute: 10,
            polls_a_second: 5,
            connections: 10_000,
            addresses: 100_000,
        }
    }
}

impl Limits {
    /// Attempts that may live at once, over all browsers: 10,000. Above: 503.
    ///
    /// This is what bounds memory. Whatever KeyLockr sends, an attempt holds half a MiB at most (a frame
    /// of 64 KiB being received, hashes of 2,048 frames, buffers), and a small part of that as long as
    /// nobody attacks from there; a browser cannot make one grow. The gauge `keylockr_attempts_live` of
    /// [`metrics`](mod@crate::metrics) says how many there are.
    #[must_use]
    pub fn with_attempts(mut self, attempts: usize) -> Self {
        self.attempts = attempts;
        self
    }

    /// Attempts that one browser may have at once, one a tab: 4. The oldest is given up.
    #[must_use]
    pub fn with_attempts_of_browser(mut self, attempts: usize) -> Self {
        self.attempts_of_browser = attempts.max(1);
        self
    }

    /// Starts a minute from one address (an IPv6 address counts by its /64 network): 10, and 0 lifts
    /// the limit. Above: 429.
    #[must_use]
    pub fn with_starts_a_minute(mut self, starts: u32) -> Self {
        self.starts_a_minute = starts;
        self
    }

    /// Status polls a second for one attempt: 5, and 0 lifts the limit. Above: 429.
    #[must_use]
    pub fn with_polls_a_second(mut self, polls: u32) -> Self {
        self.polls_a_second = polls;
        self
    }

    /// Connections kept open for signed-in people: 10,000. Above, the longest idle one is closed
    /// and its sessions are re-checked as without one.
    #[must_use]
    pub fn with_connections(mut self, connections: usize) -> Self {
        self.connections = connections;
        self
    }
}
