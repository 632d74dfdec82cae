//! How often, and how much at once.

use std::{
    collections::{HashMap, HashSet},
    net::{IpAddr, Ipv6Addr},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// Most addresses that are counted at a time.
const ADDRESSES: usize = 10_000;
/// The window, in seconds.
const WINDOW: u64 = 60;

/// So many a minute and address.
pub(crate) struct Limit {
    most: u32,
    counted: Mutex<HashMap<IpAddr, (u64, u32)>>,
}

impl Limit {
    /// `most` a minute, 0 for no limit.
    pub(crate) fn new(most: u32) -> Self {
        Self {
            most,
            counted: Mutex::default(),
        }
    }

    /// Counts one more. Who has no address is not counted, and neither is anybody refused for want
    /// of room.
    pub(crate) fn admits(&self, peer: Option<IpAddr>, now: u64) -> bool {
        let (Some(peer), 1..) = (peer, self.most) else {
            return true;
        };
        let window = now / WINDOW;
        let mut counted = lock(&self.counted);
        if counted.len() >= ADDRESSES {
            counted.retain(|_, (begun, _)| *begun == window);
        }
        if counted.len() >= ADDRESSES && !counted.contains_key(&network(peer)) {
            return true;
        }
        let entry = counted.entry(network(peer)).or_insert((window, 0));
        if entry.0 != window {
            *entry = (window, 0);
        }
        entry.1 = entry.1.saturating_add(1);
        entry.1 <= self.most
    }
}

/// One person has a whole network of the newer addresses.
fn network(peer: IpAddr) -> IpAddr {
    match peer {
        IpAddr::V4(_) => peer,
        IpAddr::V6(address) => match address.to_ipv4_mapped() {
            Some(address) => IpAddr::V4(address),
            None => Ipv6Addr::from(u128::from(address) >> 64 << 64).into(),
        },
    }
}

/// Whose phone is ringing: it rings for one question at a time, whoever asks.
#[derive(Clone, Default)]
pub(crate) struct Ringing(Arc<Mutex<HashSet<String>>>);

/// Stops when it is dropped.
pub(crate) struct Ring {
    ringing: Ringing,
    whose: String,
}

impl Ringing {
    /// Begins, unless that phone is ringing already.
    pub(crate) fn begin(&self, whose: &str) -> Option<Ring> {
        let whose = whose.to_lowercase();
        let began = lock(&self.0).insert(whose.clone());
        began.then(|| Ring {
            ringing: self.clone(),
            whose,
        })
    }
}

impl Drop for Ring {
    fn drop(&mut self) {
        lock(&self.ringing.0).remove(&self.whose);
    }
}

fn lock<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn so_many_a_minute_and_address() {
        let limit = Limit::new(2);
        let one = Some(IpAddr::from([192, 0, 2, 1]));
        assert!(limit.admits(one, 0) && limit.admits(one, 1));
        assert!(!limit.admits(one, 2) && !limit.admits(one, 59));
        assert!(limit.admits(Some([192, 0, 2, 2].into()), 2));
        assert!(limit.admits(one, 60));
        let six = |text: &str| Some(text.parse().unwrap());
        assert!(limit.admits(six("2001:db8::1"), 0));
        assert!(limit.admits(six("2001:db8::2"), 0));
        assert!(!limit.admits(six("2001:db8::3"), 0), "one network");
        assert!(limit.admits(six("2001:db8:0:1::1"), 0));
        assert!((0..100).all(|_| limit.admits(None, 0)));
        assert!((0..100).all(|_| Limit::new(0).admits(one, 0)));
    }

    #[test]
    fn memory_is_bounded() {
        let limit = Limit::new(1);
        for number in 0..20_000_u32 {
            assert!(limit.admits(Some(IpAddr::from(number.to_be_bytes())), 0));
        }
        assert!(lock(&limit.counted).len() <= ADDRESSES);
        assert!(!limit.admits(Some([0, 0, 0, 0].into()), 0));
    }

    #[test]
    fn a_phone_rings_once() {
        let ringing = Ringing::default();
        let ring = ringing.begin("ada@example.test").unwrap();
        assert!(ringing.begin("Ada@Example.test").is_none());
        assert!(ringing.begin("bob@example.test").is_some());
        drop(ring);
        assert!(ringing.begin("ada@example.test").is_some());
    }
}
