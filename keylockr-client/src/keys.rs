//! The service's public keys: kept for 24 hours, asked for again after a bad seal, checked against
//! the pins (K section 4, B12). What is fetched together is replaced together.

use core::time::Duration;

use keylockr_proto::ServerKeys;
use tokio::time::Instant;

use crate::error::Error;
use crate::metrics;

/// How long fetched keys are used without asking again.
pub(crate) const LIFE: Duration = Duration::from_secs(24 * 3600);

/// The least time between two refetches after E_SEAL or E_BOX.
pub(crate) const REFETCH: Duration = Duration::from_secs(60);

/// The key pairs that may be served; none means any.
#[derive(Clone, Debug, Default)]
pub(crate) struct Pins(Vec<ServerKeys>);

impl Pins {
    fn allow(&self, keys: &ServerKeys) -> bool {
        self.0.is_empty() || self.0.contains(keys)
    }
}

impl FromIterator<ServerKeys> for Pins {
    fn from_iter<I: IntoIterator<Item = ServerKeys>>(pins: I) -> Self {
        Self(pins.into_iter().collect())
    }
}

/// The keys in use and when they may be asked for again. No I/O: time is an argument.
#[derive(Debug)]
pub(crate) struct KeyStore {
    pins: Pins,
    current: Option<(ServerKeys, Instant)>,
    refetched: Option<Instant>,
    changes: u64,
}

impl KeyStore {
    pub(crate) fn new(pins: Pins) -> Self {
        Self {
            pins,
            current: None,
            refetched: None,
            changes: 0,
        }
    }

    /// Keys that need no asking.
    pub(crate) fn fresh(&self, now: Instant) -> Option<&ServerKeys> {
        let (keys, fetched) = self.current.as_ref()?;
        (now.saturating_duration_since(*fetched) < LIFE).then_some(keys)
    }

    /// The last keys fetched, however old.
    pub(crate) fn last(&self) -> Option<&ServerKeys> {
        self.current.as_ref().map(|(keys, _)| keys)
    }

    /// Whether the service may be asked again because of a bad seal. A yes is the permission for
    /// one try, used up whether or not it succeeds.
    pub(crate) fn may_refetch(&mut self, now: Instant) -> bool {
        let allowed = self
            .refetched
            .is_none_or(|last| now.saturating_duration_since(last) >= REFETCH);
        if allowed {
            self.refetched = Some(now);
        }
        allowed
    }

    /// Takes over a pair that was served. A pair that is not pinned changes nothing.
    pub(crate) fn served(&mut self, keys: ServerKeys, now: Instant) -> Result<ServerKeys, Error> {
        if !self.pins.allow(&keys) {
            let fingerprint = keys.fingerprint();
            metrics::keys_not_pinned();
            tracing::error!(
                name: "keylockr.keys.not_pinned",
                %fingerprint,
                "the service serves keys that are not pinned: refused"
            );
            return Err(Error::NotPinned { fingerprint });
        }
        if let Some(old) = self.last().filter(|old| **old != keys) {
            tracing::warn!(
                name: "keylockr.keys.changed",
                old = %old.fingerprint(),
                new = %keys.fingerprint(),
                "the service's keys have changed"
            );
            self.changes += 1;
            metrics::keys_changed();
        }
        self.current = Some((keys.clone(), now));
        Ok(keys)
    }

    /// How often the keys were found changed.
    pub(crate) fn changes(&self) -> u64 {
        self.changes
    }
}

#[cfg(test)]
mod tests {
    use super::{Duration, Error, KeyStore, LIFE, Pins, REFETCH};
    use crate::clock::monotonic;
    use keylockr_proto::{BoxSecret, ServerKeys, SignSecret};

    fn pair(seed: u8) -> ServerKeys {
        let enc = BoxSecret::from_bytes(&[seed; 32]).public();
        let sign = SignSecret::from_bytes(&[seed; 32]).public();
        ServerKeys::from_base64(&enc.to_base64(), &sign.to_base64()).unwrap()
    }

    fn mixed(enc: &ServerKeys, sign: &ServerKeys) -> ServerKeys {
        ServerKeys::from_base64(&enc.enc.to_base64(), &sign.sign.to_base64()).unwrap()
    }

    fn store(pins: &[ServerKeys]) -> KeyStore {
        KeyStore::new(pins.iter().cloned().collect())
    }

    #[test]
    fn pins_refuse_others() {
        let (good, other) = (pair(1), pair(2));
        let now = monotonic();
        let mut store = store(std::slice::from_ref(&good));
        for bad in [other.clone(), mixed(&good, &other), mixed(&other, &good)] {
            let refused = store.served(bad.clone(), now);
            assert!(matches!(&refused, Err(Error::NotPinned { fingerprint })
                if *fingerprint == bad.fingerprint()));
            assert!(store.last().is_none(), "a refused key is not kept");
        }
        assert!(store.served(good.clone(), now).is_ok());
        assert!(store.served(other, now).is_err());
        assert_eq!(store.last(), Some(&good), "a refused key replaces nothing");
        assert_eq!(store.changes(), 0);
    }

    #[test]
    fn pin_rotation_overlap() {
        let (old, new, other) = (pair(1), pair(2), pair(3));
        let now = monotonic();
        let mut store = store(&[old.clone(), new.clone()]);
        assert!(store.served(old.clone(), now).is_ok());
        assert!(store.served(new.clone(), now).is_ok());
        assert_eq!(store.changes(), 1);
        assert!(store.served(other, now).is_err());
        // The halves of different pins are no pin.
        assert!(store.served(mixed(&old, &new), now).is_err());
        assert_eq!(store.last(), Some(&new));
    }

    #[test]
    fn changes_are_counted_without_pins() {
        let now = monotonic();
        let mut store = KeyStore::new(Pins::default());
        for (seed, changes) in [(1, 0), (1, 0), (2, 1), (2, 1), (1, 2)] {
            store.served(pair(seed), now).unwrap();
            assert_eq!(store.changes(), changes);
        }
    }

    #[test]
    fn keys_live_a_day() {
        let now = monotonic();
        let mut store = store(&[]);
        assert!(store.fresh(now).is_none());
        store.served(pair(1), now).unwrap();
        assert!(store.fresh(now + LIFE - Duration::from_millis(1)).is_some());
        assert!(store.fresh(now + LIFE).is_none());
        assert!(store.last().is_some());
    }

    #[test]
    fn refetch_once_in_a_minute() {
        let now = monotonic();
        let mut store = store(&[]);
        store.served(pair(1), now).unwrap();
        assert!(store.may_refetch(now), "the first one is free");
        assert!(!store.may_refetch(now));
        assert!(!store.may_refetch(now + REFETCH - Duration::from_millis(1)));
        assert!(store.may_refetch(now + REFETCH));
        assert!(!store.may_refetch(now + REFETCH));
    }
}
