//! Pairs made ahead of time, on threads of their own.

use core::fmt;
use core::time::Duration;
use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

use tokio::sync::Semaphore;

use super::{KeyError, KeyPair, KeySize, Padding};
use crate::clock;
use crate::config::ConfigError;
use crate::metrics;

mod stats;
mod times;

pub use stats::PoolStats;
pub use times::Times;

/// Keeps RSA pairs ready. Clones share the pool; its threads end when the last one is dropped.
///
/// Pairs are made on threads that no runtime knows of, as soon as there is room: at most
/// `capacity` are ready or being made at any time. The threads do nothing while the pool is full.
#[derive(Clone)]
pub struct KeyPool {
    handle: Arc<Handle>,
}

/// Ends the workers with the last pool.
struct Handle(Arc<Shared>);

type Make = dyn Fn() -> Result<KeyPair, KeyError> + Send + Sync;

struct Shared {
    make: Box<Make>,
    size: KeySize,
    padding: Padding,
    capacity: usize,
    state: Mutex<State>,
    /// Wakes the workers: there is room, or it is over.
    room: Condvar,
    /// One permit for each ready pair.
    ready: Semaphore,
}

#[derive(Default)]
struct State {
    pairs: VecDeque<Result<KeyPair, KeyError>>,
    closed: bool,
    /// But for `ready` and `capacity`, which are known from elsewhere.
    stats: PoolStats,
}

impl KeyPool {
    /// Four pairs of 2048 bits with PKCS#1 v1.5, the padding that there is evidence for, made on
    /// one thread.
    pub fn new() -> Result<Self, ConfigError> {
        Self::with(KeySize::Rsa2048, Padding::Pkcs1V15, 4, 1)
    }

    /// `capacity` pairs (1 to 256), made on `workers` threads (1 to 16).
    pub fn with(
        size: KeySize,
        padding: Padding,
        capacity: usize,
        workers: usize,
    ) -> Result<Self, ConfigError> {
        let make = move || KeyPair::generate(size, padding);
        Self::made_by(Box::new(make), size, padding, capacity, workers)
    }

    fn made_by(
        make: Box<Make>,
        size: KeySize,
        padding: Padding,
        capacity: usize,
        workers: usize,
    ) -> Result<Self, ConfigError> {
        if !(1..=256).contains(&capacity) || !(1..=16).contains(&workers) {
            return Err(ConfigError::PoolSize);
        }
        let shared = Arc::new(Shared {
            make,
            size,
            padding,
            capacity,
            state: Mutex::default(),
            room: Condvar::new(),
            ready: Semaphore::new(0),
        });
        let handle = Arc::new(Handle(Arc::clone(&shared)));
        for _ in 0..workers {
            let shared = Arc::clone(&shared);
            thread::Builder::new()
                .name("unloq-rsa".to_owned())
                .spawn(move || shared.work())
                .map_err(ConfigError::NoThread)?;
        }
        Ok(Self { handle })
    }

    /// Takes a pair, waiting for one where none is ready. First come, first served. Dropping the
    /// future loses no pair.
    pub async fn take(&self) -> Result<KeyPair, KeyError> {
        let shared = &self.handle.0;
        let asked = clock::monotonic();
        let waited = match shared.ready.try_acquire() {
            Ok(permit) => {
                permit.forget();
                false
            }
            Err(_) => {
                shared.queue().await?;
                true
            }
        };
        let wait = clock::since(asked);
        let mut state = shared.state();
        let pair = state.pairs.pop_front().ok_or(KeyError::PoolClosed)?;
        shared.room.notify_one();
        state.stats.time_to_key.add(wait);
        let ready = state.pairs.len();
        drop(state);
        metrics::pairs_ready(-1);
        metrics::pair_taken(wait);
        tracing::debug!(name: "unloq.pool.taken", ready, waited, ?wait, "took an RSA pair");
        pair
    }

    /// The numbers as they are now.
    pub fn stats(&self) -> PoolStats {
        let shared = &self.handle.0;
        let state = shared.state();
        PoolStats {
            // A pair that is there and not handed out yet, or promised to who waits, is none for others.
            ready: state.pairs.len().min(shared.ready.available_permits()),
            capacity: shared.capacity,
            ..state.stats
        }
    }

    /// The padding of its pairs.
    pub fn padding(&self) -> Padding {
        self.handle.0.padding
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing between two changes can panic: never half done.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for a pair, which is then the caller's to take.
    async fn queue(&self) -> Result<(), KeyError> {
        let mut place = Place::new(self);
        let permit = self.ready.acquire().await;
        permit.map_err(|_| KeyError::PoolClosed)?.forget();
        place.served = true;
        Ok(())
    }

    fn work(&self) {
        while self.reserve() {
            let started = clock::monotonic();
            let pair = (self.make)();
            self.put(pair, clock::since(started));
        }
    }

    /// Waits until one more pair has room; `false` when it is over.
    fn reserve(&self) -> bool {
        let full = |state: &mut State| !state.closed && state.held() >= self.capacity;
        let waited = self.room.wait_while(self.state(), full);
        let mut state = waited.unwrap_or_else(PoisonError::into_inner);
        state.stats.in_work += 1;
        !state.closed
    }

    fn put(&self, pair: Result<KeyPair, KeyError>, took: Duration) {
        let ok = pair.is_ok();
        let mut state = self.state();
        let stats = &mut state.stats;
        stats.in_work -= 1;
        stats.generated += u64::from(ok);
        stats.failed += u64::from(!ok);
        stats.making.add(took);
        // A failure takes a place too: whoever takes it learns, and the threads do not spin.
        state.pairs.push_back(pair);
        let ready = state.pairs.len();
        let closed = state.closed;
        drop(state);
        metrics::pair_made(ok);
        if !closed {
            metrics::pairs_ready(1);
        }
        self.ready.add_permits(1);
        if ok {
            tracing::debug!(name: "unloq.pool.generated", ready, ?took, "made an RSA pair");
        } else {
            tracing::warn!(name: "unloq.pool.failed", ready, ?took, "could not make an RSA pair");
        }
    }
}

impl State {
    fn held(&self) -> usize {
        self.pairs.len() + self.stats.in_work
    }
}

/// Somebody who waits for a pair, or has stopped to.
struct Place<'a> {
    shared: &'a Shared,
    served: bool,
}

impl<'a> Place<'a> {
    fn new(shared: &'a Shared) -> Self {
        let mut state = shared.state();
        let stats = &mut state.stats;
        stats.waited += 1;
        stats.queued += 1;
        let (queued, in_work) = (stats.queued, stats.in_work);
        drop(state);
        metrics::takers_waiting(1);
        tracing::debug!(name: "unloq.pool.empty", queued, in_work, "no RSA pair is ready");
        Self {
            shared,
            served: false,
        }
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let mut state = self.shared.state();
        state.stats.queued -= 1;
        state.stats.abandoned += u64::from(!self.served);
        drop(state);
        metrics::takers_waiting(-1);
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        let mut state = self.0.state();
        state.closed = true;
        let left = i32::try_from(state.pairs.len()).unwrap_or_default();
        state.pairs.clear();
        drop(state);
        metrics::pairs_ready(-left);
        self.0.room.notify_all();
    }
}

impl fmt::Debug for KeyPool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyPool")
            .field("size", &self.handle.0.size)
            .field("padding", &self.handle.0.padding)
            .field("stats", &self.stats())
            .finish()
    }
}

#[cfg(test)]
mod secrets;
#[cfg(test)]
mod tests;
