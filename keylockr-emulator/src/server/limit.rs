//! Handshakes a minute and address.

use std::{
    collections::{HashMap, VecDeque},
    net::IpAddr,
    time::Duration,
};

const MINUTE: Duration = Duration::from_secs(60);
/// Addresses remembered before idle ones are dropped.
const MAX_ADDRESSES: usize = 1024;

/// A sliding window for each address.
#[derive(Debug)]
pub(crate) struct Limit {
    per_minute: u32,
    seen: HashMap<IpAddr, VecDeque<Duration>>,
}

impl Limit {
    /// 0 lifts it.
    pub(crate) fn new(per_minute: u32) -> Self {
        Self {
            per_minute,
            seen: HashMap::new(),
        }
    }

    /// Forgets everybody.
    pub(crate) fn clear(&mut self) {
        self.seen.clear();
    }

    /// Counts a handshake; otherwise how long to wait for the next.
    pub(crate) fn admit(&mut self, now: Duration, peer: IpAddr) -> Result<(), Duration> {
        if self.per_minute == 0 {
            return Ok(());
        }
        if self.seen.len() >= MAX_ADDRESSES {
            self.seen
                .retain(|_, times| times.back().is_some_and(|last| now < *last + MINUTE));
        }
        let times = self.seen.entry(peer.to_canonical()).or_default();
        while times.front().is_some_and(|first| *first + MINUTE <= now) {
            times.pop_front();
        }
        if times.len() >= usize::try_from(self.per_minute).unwrap_or(usize::MAX) {
            let first = times.front().copied().unwrap_or(now);
            return Err((first + MINUTE).saturating_sub(now));
        }
        times.push_back(now);
        Ok(())
    }
}
