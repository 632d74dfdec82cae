//! How handlers are run and what their answers become.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use futures_util::stream;
use tokio::time::timeout;
use unloq_webhooks::{
    Arrival, Begun, Fence, MemoryReplay, ReplayStore, StoreFuture, StoreUnavailable, UnixTime,
};

use crate::stage::{Act, Delivery, FRONTS, Stage};

#[tokio::test]
async fn every_2xx_becomes_200_and_a_redirect_a_failure() {
    for front in FRONTS {
        for (given, expected) in [
            (200, 200),
            (201, 200),
            (202, 200),
            (204, 200),
            (206, 200),
            (226, 200),
            (301, 500),
            (302, 500),
            (303, 500),
            (304, 500),
            (307, 500),
            (308, 500),
            (400, 400),
            (401, 401),
            (404, 404),
            (409, 409),
            (500, 500),
            (503, 503),
        ] {
            let stage = Stage::new(front);
            stage.handler.act(Act::Answer(given));
            let reply = stage.send(Delivery::genuine()).await;
            reply.assert(expected, &(front, given));
            assert_eq!(stage.handler.runs(), 1);
        }
        let stage = Stage::new(front);
        stage.handler.act(Act::Redirect);
        stage.send(Delivery::genuine()).await.assert(500, &front);
    }
}

#[tokio::test]
async fn a_duplicate_runs_nothing_and_a_failure_is_no_duplicate() {
    for front in FRONTS {
        let stage = Stage::new(front);
        for (act, status, runs) in [
            (Act::Answer(500), 500, 1),
            (Act::Redirect, 500, 2),
            (Act::Answer(404), 404, 3),
            (Act::Answer(204), 200, 4),
            // From here on it is remembered, whatever the handler would say now.
            (Act::Answer(500), 200, 4),
            (Act::Answer(200), 200, 4),
        ] {
            stage.handler.act(act);
            let reply = stage.send(Delivery::genuine()).await;
            reply.assert(status, &(front, act));
            assert_eq!(stage.handler.runs(), runs, "{front:?} {act:?}");
        }
        // Another session of the same user is another delivery; then the first may be genuine again.
        let other = Delivery::signed(r#"{"unloq_id":"1234","sid":"another"}"#);
        stage.send(other).await.assert(200, &front);
        stage.send(Delivery::genuine()).await.assert(200, &front);
        assert_eq!(stage.handler.runs(), 6, "{front:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn concurrent_duplicates_run_once() {
    for front in FRONTS {
        let stage = Stage::new(front);
        stage.handler.act(Act::Take(Duration::from_secs(1)));
        let all = (0..16).map(|_| stage.send(Delivery::genuine()));
        let replies = futures_util::future::join_all(all).await;
        assert_eq!(stage.handler.runs(), 1, "{front:?}");
        let accepted = replies.iter().filter(|reply| reply.status == 200).count();
        assert_eq!(accepted, 1, "{front:?}: nobody else knows how it ends");
        assert!(
            replies
                .iter()
                .all(|reply| matches!(reply.status, 200 | 503))
        );
        stage.send(Delivery::genuine()).await.assert(200, &front);
        assert_eq!(stage.handler.runs(), 1, "{front:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn hook_latency() {
    for front in FRONTS {
        let stage = Stage::new(front);
        stage.handler.act(Act::Take(Duration::from_millis(1_999)));
        stage.send(Delivery::genuine()).await.assert(200, &front);

        let stage = Stage::new(front);
        stage.handler.act(Act::Take(Duration::from_secs(3_600)));
        let early = timeout(
            Duration::from_millis(1_999),
            stage.send(Delivery::genuine()),
        )
        .await;
        assert!(early.is_err(), "{front:?}: given up before its time");
        let reply = timeout(
            Duration::from_millis(2_001),
            stage.send(Delivery::genuine()),
        )
        .await;
        reply.expect("an answer").assert(503, &front);
        // A failure is a failure: what was answered with 503 has not happened behind our back.
        tokio::time::sleep(Duration::from_secs(7_200)).await;
        assert_eq!(
            (stage.handler.runs(), stage.handler.ends()),
            (2, 0),
            "{front:?}"
        );
        // And it may come again.
        stage.handler.act(Act::Answer(200));
        stage.send(Delivery::genuine()).await.assert(200, &front);
        assert_eq!(
            (stage.handler.runs(), stage.handler.ends()),
            (3, 1),
            "{front:?}"
        );
    }
}

/// Both times of the hooks, over every front; neither is before its time.
#[tokio::test(start_paused = true)]
async fn budget_and_reading_time_are_settings() {
    let (budget, read) = (Duration::from_millis(700), Duration::from_millis(400));
    for front in FRONTS {
        let stage = Stage::with(front, |hooks| hooks.budget(budget).read_time(read));
        assert_eq!(
            (stage.hooks.budget(), stage.hooks.read_time()),
            (budget, read)
        );
        for (takes, within, status) in [(699, 700, 200), (701, 701, 503), (60_000, 701, 503)] {
            stage.handler.act(Act::Take(Duration::from_millis(takes)));
            let reply = stage.send(Delivery::genuine());
            let reply = timeout(Duration::from_millis(within), reply).await;
            let why = (front, takes);
            reply.expect("an answer").assert(status, &why);
            // The next one is no duplicate.
            let other = Delivery::signed(r#"{"unloq_id":"1234","sid":"another"}"#);
            stage.handler.act(Act::Answer(200));
            stage.send(other).await.assert(200, &why);
        }
        let silent = || Delivery::genuine().body(stream::pending());
        let early = timeout(Duration::from_millis(399), stage.send(silent())).await;
        assert!(early.is_err(), "{front:?}: refused before its time");
        let reply = timeout(Duration::from_millis(401), stage.send(silent())).await;
        reply.expect("an answer").assert(408, &front);
    }
}

/// A store with a switch.
struct Store {
    inner: MemoryReplay,
    trouble: Mutex<Trouble>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Trouble {
    None,
    Begin,
    Commit,
    Hangs,
}

impl Store {
    fn fails<'a, T: Send + 'a>(
        &'a self,
        when: Trouble,
        answer: StoreFuture<'a, T>,
    ) -> StoreFuture<'a, T> {
        let trouble = *self.trouble.lock().unwrap();
        Box::pin(async move {
            match trouble {
                Trouble::Hangs => std::future::pending().await,
                trouble if trouble == when => Err(StoreUnavailable),
                _ => answer.await,
            }
        })
    }
}

impl ReplayStore for Store {
    fn begin<'a>(&'a self, arrival: &'a Arrival, now: UnixTime) -> StoreFuture<'a, Begun> {
        // Lazily: a store that is down has done nothing.
        let answer = Box::pin(async move { self.inner.begin(arrival, now).await });
        self.fails(Trouble::Begin, answer)
    }

    fn commit<'a>(
        &'a self,
        arrival: &'a Arrival,
        fence: Fence,
        now: UnixTime,
    ) -> StoreFuture<'a, ()> {
        let answer = Box::pin(async move { self.inner.commit(arrival, fence, now).await });
        self.fails(Trouble::Commit, answer)
    }

    fn release<'a>(&'a self, arrival: &'a Arrival, fence: Fence) -> StoreFuture<'a, ()> {
        let answer = Box::pin(async move { self.inner.release(arrival, fence).await });
        self.fails(Trouble::Commit, answer)
    }

    fn abandon(&self, arrival: &Arrival, fence: Fence) {
        self.inner.abandon(arrival, fence);
    }
}

#[tokio::test(start_paused = true)]
async fn hook_store_down_is_not_200() {
    for front in FRONTS {
        for (trouble, runs) in [
            (Trouble::Begin, 0),
            (Trouble::Commit, 1),
            (Trouble::Hangs, 0),
        ] {
            let store = Arc::new(Store {
                inner: MemoryReplay::default(),
                trouble: Mutex::new(trouble),
            });
            let stage = Stage::with(front, |hooks| hooks.replay(Arc::clone(&store) as _));
            for _ in 0..2 {
                let reply = timeout(
                    Duration::from_millis(2_001),
                    stage.send(Delivery::genuine()),
                );
                let reply = reply.await.expect("an answer");
                assert_eq!(reply.status, 503, "{front:?} {trouble:?}");
                assert_eq!(reply.body, r#"{"status":false}"#);
                if trouble == Trouble::Commit {
                    break;
                }
            }
            assert_eq!(stage.handler.runs(), runs, "{front:?} {trouble:?}");
            // While it is down a forgery is told nothing about that.
            let forged = Delivery::genuine().without("x-unloq-signature");
            stage.send(forged).await.assert(401, &(front, trouble));
            if trouble != Trouble::Commit {
                *store.trouble.lock().unwrap() = Trouble::None;
                stage
                    .send(Delivery::genuine())
                    .await
                    .assert(200, &(front, trouble));
                assert_eq!(stage.handler.runs(), 1, "{front:?} {trouble:?}");
            }
        }
    }
}
