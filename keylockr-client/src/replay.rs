//! Which frames have been seen, across logins: needed where the box keys are fixed, because then
//! the frames of one login open in every other (K 3.8).

use core::fmt;
use std::sync::{Mutex, PoisonError};

use futures_util::future::BoxFuture;
use keylockr_proto::{KpsHash, Replay, ReplayVerdict, ReplayWindow, Window};
use tokio::time::Instant;

use crate::clock;

/// Remembers frames for all logins that share fixed box keys.
///
/// Several processes with the same keys need one memory between them. An implementation tests and
/// inserts in one step, keeps each hash for `Window::retention()` of the client's window (840 s),
/// and answers [`ReplayVerdict::Unavailable`] when it is full or cannot be reached, which ends the
/// login that asked and costs a link the frame. It never gives up a live entry for a new one.
///
/// A memory that has not answered within [`Timeouts::short`](crate::Timeouts::short), 10 s, counts
/// as unavailable, and the future is dropped: nothing was done with the frame, inserted or not.
pub trait ReplayMemory: Send + Sync + 'static {
    /// Has this frame been seen? From now on it has.
    fn check(&self, hash: KpsHash) -> BoxFuture<'_, ReplayVerdict>;
}

/// The memory of one process, bounded.
pub struct MemoryReplay {
    capacity: usize,
    since: Instant,
    seen: Mutex<ReplayWindow>,
}

impl MemoryReplay {
    /// Entries of the default memory: 50 logins a second with five frames each. Room is taken as
    /// it is needed, about 150 bytes an entry.
    pub const CAPACITY: usize = 262_144;

    /// A memory of at most this many frames.
    pub fn with_capacity(capacity: usize) -> Self {
        Self {
            capacity,
            since: clock::monotonic(),
            seen: Mutex::new(ReplayWindow::new(capacity, Window::CLIENT)),
        }
    }

    fn insert(&self, hash: KpsHash) -> ReplayVerdict {
        let elapsed = clock::monotonic().saturating_duration_since(self.since);
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        match seen.insert(hash, elapsed) {
            Replay::Fresh => ReplayVerdict::Fresh,
            Replay::Seen => ReplayVerdict::Seen,
            Replay::Full => {
                tracing::error!(name: "keylockr.replay.full", "the replay memory is full");
                ReplayVerdict::Unavailable
            }
        }
    }
}

impl Default for MemoryReplay {
    fn default() -> Self {
        Self::with_capacity(Self::CAPACITY)
    }
}

impl fmt::Debug for MemoryReplay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryReplay")
            .field("capacity", &self.capacity)
            .finish_non_exhaustive()
    }
}

impl ReplayMemory for MemoryReplay {
    fn check(&self, hash: KpsHash) -> BoxFuture<'_, ReplayVerdict> {
        Box::pin(core::future::ready(self.insert(hash)))
    }
}

#[cfg(test)]
mod tests {
    use super::{KpsHash, MemoryReplay, ReplayMemory, ReplayVerdict};
    use tokio::time::{Duration, advance};

    fn hash(number: u32) -> KpsHash {
        let mut bytes = [0; KpsHash::LENGTH];
        bytes[..4].copy_from_slice(&number.to_be_bytes());
        KpsHash::from_bytes(bytes)
    }

    #[tokio::test(start_paused = true)]
    async fn each_frame_is_fresh_once() {
        let memory = MemoryReplay::default();
        assert_eq!(memory.check(hash(1)).await, ReplayVerdict::Fresh);
        assert_eq!(memory.check(hash(1)).await, ReplayVerdict::Seen);
        assert_eq!(memory.check(hash(2)).await, ReplayVerdict::Fresh);
        // As long as the window could accept the frame, and a minute more.
        advance(Duration::from_secs(600 + 180 + 60)).await;
        assert_eq!(memory.check(hash(1)).await, ReplayVerdict::Seen);
        advance(Duration::from_secs(1)).await;
        assert_eq!(memory.check(hash(1)).await, ReplayVerdict::Fresh);
    }

    #[tokio::test(start_paused = true)]
    async fn full_means_no_and_not_forget() {
        let memory = MemoryReplay::with_capacity(10);
        for number in 0..10 {
            assert_eq!(memory.check(hash(number)).await, ReplayVerdict::Fresh);
        }
        assert_eq!(memory.check(hash(10)).await, ReplayVerdict::Unavailable);
        for number in 0..10 {
            assert_eq!(memory.check(hash(number)).await, ReplayVerdict::Seen);
        }
        advance(Duration::from_secs(841)).await;
        assert_eq!(memory.check(hash(10)).await, ReplayVerdict::Fresh);
    }
}
