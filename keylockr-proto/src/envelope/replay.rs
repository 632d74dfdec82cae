use alloc::collections::{BTreeSet, VecDeque};
use core::fmt;
use core::time::Duration;

use super::KpsHash;
use crate::time::Window;

/// What a replay memory says about a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Replay {
    /// Not seen before, and remembered from now on.
    Fresh,
    /// Seen before. Drop the message and count it; redelivery can do this to an honest peer.
    Seen,
    /// There is no room to remember it, so it must not be acted upon. Nothing live is evicted.
    Full,
}

/// The memory of messages already handled: bounded, and keyed on the [`KpsHash`], which no other
/// spelling of the same message changes (K 3.8).
///
/// One for each identity with fresh box keys. With fixed box keys, one for all attempts and
/// processes of the service.
pub struct ReplayWindow {
    seen: BTreeSet<KpsHash>,
    order: VecDeque<(Duration, KpsHash)>,
    capacity: usize,
    retention: Duration,
}

impl ReplayWindow {
    /// A memory of at most `capacity` messages, each for as long as the window could accept it.
    pub fn new(capacity: usize, window: Window) -> Self {
        Self {
            seen: BTreeSet::new(),
            order: VecDeque::new(),
            capacity,
            retention: window.retention(),
        }
    }

    /// Asks about a message and remembers it. `elapsed` is monotonic time,
    /// [`Now::elapsed`](crate::Now::elapsed).
    pub fn insert(&mut self, hash: KpsHash, elapsed: Duration) -> Replay {
        self.expire(elapsed);
        if self.seen.contains(&hash) {
            return Replay::Seen;
        }
        if self.is_full() {
            return Replay::Full;
        }
        self.seen.insert(hash);
        self.order
            .push_back((elapsed.saturating_add(self.retention), hash));
        Replay::Fresh
    }

    /// Whether the next new message would be [`Replay::Full`]: the moment to refuse new attempts.
    pub fn is_full(&self) -> bool {
        self.order.len() >= self.capacity
    }

    /// Messages remembered.
    pub fn len(&self) -> usize {
        self.order.len()
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.order.is_empty()
    }

    /// Forgets what no window accepts any more.
    pub fn expire(&mut self, elapsed: Duration) {
        while let Some((end, hash)) = self.order.front()
            && *end < elapsed
        {
            self.seen.remove(hash);
            self.order.pop_front();
        }
    }
}

impl fmt::Debug for ReplayWindow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReplayWindow")
            .field("len", &self.len())
            .field("capacity", &self.capacity)
            .finish_non_exhaustive()
    }
}
