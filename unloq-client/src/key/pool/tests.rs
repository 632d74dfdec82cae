use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use super::{KeyError, KeyPool, KeySize, Padding, PoolStats};
use crate::config::ConfigError;
use crate::key::tests::pair;

/// A pool whose workers report when they start on a pair, and finish it when they are told to.
struct Gated {
    pool: KeyPool,
    started: Receiver<()>,
    finish: Sender<bool>,
}

impl Gated {
    fn new(capacity: usize, workers: usize) -> Self {
        let (start, started) = channel();
        let (finish, may_finish) = channel();
        let may_finish = Mutex::new(may_finish);
        let make = move || {
            let _ = start.send(());
            // The gate is gone: the test is over.
            let go = may_finish.lock().unwrap().recv().unwrap_or(true);
            if go {
                Ok(pair(Padding::OaepSha256))
            } else {
                Err(KeyError::Library)
            }
        };
        let pool = KeyPool::made_by(
            Box::new(make),
            KeySize::Rsa2048,
            Padding::OaepSha256,
            capacity,
            workers,
        );
        Self {
            pool: pool.unwrap(),
            started,
            finish,
        }
    }

    fn stats_when(&self, done: impl Fn(&PoolStats) -> bool) -> PoolStats {
        loop {
            let stats = self.pool.stats();
            if done(&stats) {
                return stats;
            }
            thread::yield_now();
        }
    }
}

#[test]
fn sizes() {
    for (capacity, workers, good) in [
        (1, 1, true),
        (256, 16, true),
        (0, 1, false),
        (257, 1, false),
        (1, 0, false),
        (1, 17, false),
    ] {
        let make = || Err(KeyError::Library);
        let (size, padding) = (KeySize::Rsa2048, Padding::Pkcs1V15);
        let pool = KeyPool::made_by(Box::new(make), size, padding, capacity, workers);
        assert_eq!(pool.is_ok(), good, "{capacity} {workers}");
        assert!(good || matches!(pool, Err(ConfigError::PoolSize)));
    }
}

/// More workers than room: what is ready and what is being made never exceed the capacity.
#[test]
fn the_pool_is_bounded() {
    let gated = Gated::new(2, 4);
    for _ in 0..2 {
        gated.started.recv().unwrap();
    }
    for _ in 0..2 {
        gated.finish.send(true).unwrap();
    }
    let stats = gated.stats_when(|stats| stats.ready == 2);
    assert_eq!((stats.generated, stats.capacity), (2, 2));
    // Nobody has started on a third: the pool has refused room while it was full.
    assert!(gated.started.try_recv().is_err());
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    runtime.block_on(gated.pool.take()).unwrap();
    gated.started.recv().unwrap();
    assert!(gated.started.try_recv().is_err());
}

/// While a pair is being made, the runtime of the one who waits for it runs on.
#[tokio::test(start_paused = true)]
async fn waiting_blocks_no_runtime() {
    let gated = Gated::new(1, 1);
    gated.started.recv().unwrap();
    let take = gated.pool.take();
    tokio::pin!(take);
    for _ in 0..100 {
        tokio::select! {
            biased;
            _ = &mut take => panic!("there is no pair yet"),
            () = tokio::task::yield_now() => {}
        }
    }
    tokio::select! {
        biased;
        _ = &mut take => panic!("there is no pair yet"),
        () = tokio::time::sleep(Duration::from_secs(7)) => {}
    }
    let stats = gated.pool.stats();
    assert_eq!((stats.time_to_key.count, stats.queued), (0, 1));
    gated.finish.send(true).unwrap();
    take.await.unwrap();
    let stats = gated.pool.stats();
    assert_eq!((stats.waited, stats.queued, stats.abandoned), (1, 0, 0));
    // The time to a key is what its taker waited, by the taker's clock.
    let (times, seven) = (stats.time_to_key, Duration::from_secs(7));
    assert_eq!((times.count, times.sum, times.longest), (1, seven, seven));
    let buckets = times.buckets().filter(|(_, count)| *count == 1);
    let bounds: Vec<_> = buckets.map(|(bound, _)| bound).collect();
    assert_eq!(bounds, [Duration::from_secs(10)]);
}

#[tokio::test(start_paused = true)]
async fn a_ready_pair_is_not_waited_for() {
    let gated = Gated::new(1, 1);
    gated.finish.send(true).unwrap();
    gated.stats_when(|stats| stats.ready == 1);
    gated.pool.take().await.unwrap();
    let stats = gated.pool.stats();
    assert_eq!((stats.waited, stats.ready), (0, 0));
    let times = stats.time_to_key;
    assert_eq!((times.count, times.sum), (1, Duration::ZERO));
}

#[tokio::test]
async fn a_dropped_taker_loses_no_pair() {
    let gated = Gated::new(1, 1);
    gated.started.recv().unwrap();
    {
        let take = gated.pool.take();
        tokio::pin!(take);
        tokio::select! {
            biased;
            _ = &mut take => panic!("there is no pair yet"),
            () = tokio::task::yield_now() => {}
        }
    }
    let stats = gated.pool.stats();
    assert_eq!((stats.waited, stats.queued, stats.abandoned), (1, 0, 1));
    gated.finish.send(true).unwrap();
    gated.stats_when(|stats| stats.ready == 1);
    gated.pool.take().await.unwrap();
    let stats = gated.pool.stats();
    assert_eq!(stats.time_to_key.count, 1);
    assert_eq!((stats.waited, stats.abandoned), (1, 1));
}

/// The gauges, from empty to full and back: what an operator sees of a burst.
#[tokio::test]
async fn depth_work_and_queue_are_told_apart() {
    let gated = Gated::new(2, 2);
    let gauges = |stats: &PoolStats| (stats.ready, stats.in_work, stats.queued);
    for _ in 0..2 {
        gated.started.recv().unwrap();
    }
    assert_eq!(gauges(&gated.pool.stats()), (0, 2, 0));
    {
        let (first, second) = (gated.pool.take(), gated.pool.take());
        tokio::pin!(first, second);
        tokio::select! {
            biased;
            _ = &mut first => panic!("there is no pair yet"),
            _ = &mut second => panic!("there is no pair yet"),
            () = tokio::task::yield_now() => {}
        }
        assert_eq!(gauges(&gated.pool.stats()), (0, 2, 2));
        gated.finish.send(true).unwrap();
        // First come, first served.
        first.await.unwrap();
        gated.started.recv().unwrap();
        assert_eq!(gauges(&gated.pool.stats()), (0, 2, 1));
    }
    assert_eq!(gauges(&gated.pool.stats()), (0, 2, 0));
    for _ in 0..2 {
        gated.finish.send(true).unwrap();
    }
    let stats = gated.stats_when(|stats| stats.ready == 2);
    assert_eq!(gauges(&stats), (2, 0, 0));
    assert_eq!((stats.generated, stats.making.count), (3, 3));
    assert_eq!((stats.waited, stats.abandoned), (2, 1));
}

/// Whoever takes a failure learns of it, and the next pair is made as usual.
#[tokio::test]
async fn failures_are_handed_out_and_counted() {
    let gated = Gated::new(1, 1);
    gated.finish.send(false).unwrap();
    assert_eq!(gated.pool.take().await.unwrap_err(), KeyError::Library);
    gated.finish.send(true).unwrap();
    gated.pool.take().await.unwrap();
    let stats = gated.pool.stats();
    assert_eq!((stats.failed, stats.generated), (1, 1));
    assert_eq!((stats.making.count, stats.time_to_key.count), (2, 2));
}

/// The threads end with the last clone, and the pairs with them.
#[test]
fn the_threads_end_with_the_pool() {
    let gated = Gated::new(2, 3);
    gated.started.recv().unwrap();
    gated.finish.send(true).unwrap();
    gated.stats_when(|stats| stats.ready == 1);
    let Gated { pool, finish, .. } = gated;
    let shared = Arc::downgrade(&pool.handle.0);
    let clone = pool.clone();
    drop(pool);
    assert_eq!(clone.stats().ready, 1);
    drop(clone);
    drop(finish);
    while shared.strong_count() > 0 {
        thread::yield_now();
    }
}

#[tokio::test]
async fn real_pairs_all_differ() {
    let pool = KeyPool::new().unwrap();
    let mut seen = std::collections::HashSet::new();
    for _ in 0..6 {
        let pair = pool.take().await.unwrap();
        assert_eq!(pair.padding(), Padding::Pkcs1V15);
        assert!(seen.insert(pair.public_key().as_str().to_owned()));
    }
    let stats = pool.stats();
    assert_eq!(stats.time_to_key.count, 6);
    let making = stats.making;
    assert!(making.sum >= making.longest && making.longest > Duration::ZERO);
}
