//! How often something may happen, by a sliding window of exact times.

use std::{
    collections::{HashMap, VecDeque},
    fmt,
    hash::Hash,
    net::{IpAddr, Ipv6Addr},
    sync::{Mutex, PoisonError},
    time::Duration,
};

use crate::moment::Moment;

/// At most `limit` events in any `window`, for each key.
pub(crate) struct Limiter<K> {
    limit: usize,
    window: Duration,
    capacity: usize,
    seen: Mutex<HashMap<K, VecDeque<Moment>>>,
}

impl<K: Hash + Eq> Limiter<K> {
    /// A limit of 0 allows everything. No more than `capacity` keys are remembered.
    pub(crate) fn new(limit: u32, window: Duration, capacity: usize) -> Self {
        Self {
            limit: usize::try_from(limit).unwrap_or(usize::MAX),
            window,
            capacity,
            seen: Mutex::new(HashMap::new()),
        }
    }

    /// Counts one event of `key`, or says in how many seconds there is room for it.
    pub(crate) fn admit(&self, key: K, now: Moment) -> Result<(), u32> {
        if self.limit == 0 {
            return Ok(());
        }
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let over = |at: &Moment| now.since(*at) >= self.window;
        if seen.len() >= self.capacity && !seen.contains_key(&key) {
            seen.retain(|_, times| times.back().is_some_and(|last| !over(last)));
            if seen.len() >= self.capacity {
                // More addresses than can be told apart: the whole is over its limit.
                return Err(seconds(self.window));
            }
        }
        let times = seen.entry(key).or_default();
        while times.front().is_some_and(over) {
            times.pop_front();
        }
        if times.len() >= self.limit {
            let oldest = times.front().copied().unwrap_or(now);
            return Err(seconds(self.window.saturating_sub(now.since(oldest))));
        }
        times.push_back(now);
        Ok(())
    }

    /// Forgets a key.
    pub(crate) fn forget(&self, key: &K) {
        self.seen
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(key);
    }
}

/// Whole seconds, rounded up, at least one: a promise that can be kept.
pub(crate) fn seconds(duration: Duration) -> u32 {
    u32::try_from(duration.as_millis().div_ceil(1_000))
        .unwrap_or(u32::MAX)
        .max(1)
}

/// Whom an address counts for: an IPv6 host has a whole /64 to itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Household(IpAddr);

/// As a store's key.
impl fmt::Display for Household {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl From<IpAddr> for Household {
    fn from(address: IpAddr) -> Self {
        Self(match address.to_canonical() {
            IpAddr::V6(address) => {
                IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & (u128::MAX << 64)))
            }
            address @ IpAddr::V4(_) => address,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    fn at(seconds: u64) -> Moment {
        Moment::from_millis(seconds * 1_000)
    }

    #[test]
    fn never_more_than_the_limit_in_any_window() {
        let limiter = Limiter::new(3, MINUTE, 10);
        assert_eq!(limiter.admit("a", at(0)), Ok(()));
        assert_eq!(limiter.admit("a", at(30)), Ok(()));
        assert_eq!(limiter.admit("a", at(59)), Ok(()));
        assert_eq!(limiter.admit("a", at(59)), Err(1));
        assert_eq!(limiter.admit("b", at(59)), Ok(()), "others are unaffected");
        assert_eq!(limiter.admit("a", at(60)), Ok(()));
        assert_eq!(limiter.admit("a", at(60)), Err(30));
        limiter.forget(&"a");
        assert_eq!(limiter.admit("a", at(60)), Ok(()));
    }

    #[test]
    fn refusals_do_not_prolong_themselves() {
        let limiter = Limiter::new(1, MINUTE, 10);
        assert_eq!(limiter.admit("a", at(0)), Ok(()));
        for second in 1..60 {
            assert_eq!(
                limiter.admit("a", at(second)),
                Err(60 - u32::try_from(second).unwrap())
            );
        }
        assert_eq!(limiter.admit("a", at(60)), Ok(()));
    }

    #[test]
    fn memory_is_bounded_and_zero_lifts_the_limit() {
        let limiter = Limiter::new(1, MINUTE, 2);
        assert_eq!(limiter.admit(1, at(0)), Ok(()));
        assert_eq!(limiter.admit(2, at(0)), Ok(()));
        assert_eq!(limiter.admit(3, at(0)), Err(60));
        assert_eq!(limiter.admit(3, at(61)), Ok(()), "old keys make room");
        let open = Limiter::new(0, MINUTE, 0);
        assert!((0..100).all(|_| open.admit((), at(0)).is_ok()));
    }

    #[test]
    fn an_ipv6_network_is_one_household() {
        let household = |text: &str| Household::from(text.parse::<IpAddr>().unwrap());
        assert_eq!(
            household("2001:db8:1:2::1"),
            household("2001:db8:1:2:ffff::9")
        );
        assert_ne!(household("2001:db8:1:2::1"), household("2001:db8:1:3::1"));
        assert_eq!(household("::ffff:192.0.2.1"), household("192.0.2.1"));
        assert_ne!(household("192.0.2.1"), household("192.0.2.2"));
    }
}
