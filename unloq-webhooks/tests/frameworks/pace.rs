//! How many deliveries are taken on, and what the others are told.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use futures_util::stream;
use tokio::time::{advance, sleep};

use crate::stage::{BODY, Counted, Delivery, FRONTS, Stage};

#[tokio::test(start_paused = true)]
async fn hooks_a_second_are_bounded_before_the_body_is_read() {
    for front in FRONTS {
        let stage = Stage::with(front, |hooks| hooks.deliveries_a_second(5));
        for _ in 0..5 {
            stage.send(Delivery::genuine()).await.assert(200, &front);
        }
        let asked = Arc::<AtomicUsize>::default();
        let body = Counted {
            inner: Box::pin(stream::iter([Ok::<_, &str>(Bytes::from_static(
                BODY.as_bytes(),
            ))])),
            asked: Arc::clone(&asked),
        };
        let reply = stage.send(Delivery::genuine().body(body)).await;
        // A failure to UNLOQ, and a hint to everybody else.
        reply.assert(503, &front);
        assert_eq!(reply.header("retry-after"), Some("1"), "{front:?}");
        assert_eq!(
            asked.load(Ordering::SeqCst),
            0,
            "{front:?}: the body was read"
        );
        // What needs no body to be refused is refused as ever, and costs no room.
        let reply = stage
            .send(Delivery::genuine().without("x-unloq-signature"))
            .await;
        reply.assert(401, &front);
        assert_eq!(reply.header("retry-after"), None);
        advance(Duration::from_secs(1)).await;
        stage.send(Delivery::genuine()).await.assert(200, &front);
        // The same again within two minutes: it was one delivery all the time.
        assert_eq!(stage.handler.runs(), 1, "{front:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_limit_can_be_lifted_and_is_generous_by_default() {
    for front in FRONTS {
        let open = Stage::with(front, |hooks| hooks.deliveries_a_second(0));
        let default = Stage::new(front);
        let mut taken = 0;
        for _ in 0..1_100 {
            open.send(Delivery::genuine()).await.assert(200, &front);
            taken += usize::from(default.send(Delivery::genuine()).await.status == 200);
        }
        assert_eq!(taken, 1_000, "{front:?}");
        sleep(Duration::from_secs(1)).await;
        default.send(Delivery::genuine()).await.assert(200, &front);
    }
}
