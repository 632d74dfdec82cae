//! Frames seen before (keylockr.md 3.8), known by the hash of their `kps`.

use std::{collections::VecDeque, time::Duration};

use crate::wire::envelope::Window;

/// Hashes kept for one identity at most.
const MAX: usize = 4096;

/// The frames of one identity that could still be replayed.
#[derive(Debug, Default)]
pub(crate) struct Replay(VecDeque<(Duration, [u8; 32])>);

/// What is known of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Seen {
    New,
    Before,
    /// Not seen, but nothing more can be remembered.
    Full,
}

impl Replay {
    /// Looks a frame up and remembers it.
    pub(crate) fn check(&mut self, now: Duration, window: Window, hash: &[u8; 32]) -> Seen {
        while self.0.front().is_some_and(|(until, _)| *until <= now) {
            self.0.pop_front();
        }
        if self.0.iter().any(|(_, known)| known == hash) {
            return Seen::Before;
        }
        if self.0.len() >= MAX {
            return Seen::Full;
        }
        let keep = Duration::from_secs(window.past + window.future + 60);
        self.0.push_back((now + keep, *hash));
        Seen::New
    }
}
