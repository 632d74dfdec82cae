//! What is counted, and that no sender can make new series.

use std::{
    future::{pending, ready},
    sync::Arc,
    time::Duration,
};

use unloq_webhooks::{
    Arrival, Begun, Fence, ReplayStore, StoreFuture, StoreUnavailable, UnixTime,
    metrics::{ALL, Kind, Metric},
};

use crate::{
    recorded::Recorded,
    stage::{Act, BODY, Delivery, FRONTS, JSON, Stage},
};

fn assert_known(recorded: &Recorded) {
    let letter = |kind: Kind| match kind {
        Kind::Counter => 'c',
        Kind::Histogram => 'h',
        _ => '?',
    };
    let known = |metric: &'static Metric| (metric.name, letter(metric.kind), metric.labels);
    recorded.assert_known(&ALL.iter().map(known).collect::<Vec<_>>());
}

#[tokio::test(start_paused = true)]
async fn every_verdict_and_outcome_is_counted() {
    for front in FRONTS {
        let (recorded, _recording) = Recorded::start();
        let stage = Stage::with(front, |hooks| hooks.deliveries_a_second(6));
        stage.send(Delivery::genuine()).await;
        stage.send(Delivery::genuine()).await;
        let other = r#"{"unloq_id":"1234","sid":"sess-another"}"#;
        stage.handler.act(Act::Answer(500));
        stage.send(Delivery::signed(other)).await;
        stage.handler.act(Act::Take(Duration::from_secs(60)));
        stage.send(Delivery::signed(other)).await;
        let forged = Delivery::new(BODY).header("content-type", JSON).header(
            "x-unloq-signature",
            "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
        );
        stage.send(forged).await;
        stage
            .send(Delivery::genuine().without("x-unloq-signature"))
            .await;
        let mut wrong = Delivery::genuine();
        wrong.method = "PUT";
        stage.send(wrong).await;
        assert_eq!(
            recorded.counters("unloq_hook_verdicts_total"),
            "{hook=logout,verdict=method_not_allowed} 1\n\
             {hook=logout,verdict=mismatch} 1\n\
             {hook=logout,verdict=missing_signature} 1\n\
             {hook=logout,verdict=verified} 4",
            "{front:?}"
        );
        assert_eq!(
            recorded.counters("unloq_hook_outcomes_total"),
            "{hook=logout,outcome=duplicate} 1\n\
             {hook=logout,outcome=failed} 1\n\
             {hook=logout,outcome=handled} 1\n\
             {hook=logout,outcome=timed_out} 1",
            "{front:?}"
        );
        // Handlers that came to an end.
        let took = recorded.samples("unloq_hook_handler_seconds{hook=logout}");
        assert_eq!(took.len(), 2, "{front:?}");
        assert_known(&recorded);
    }
}

#[tokio::test(start_paused = true)]
async fn a_sender_has_no_words_in_it() {
    for front in FRONTS {
        let (recorded, _recording) = Recorded::start();
        let stage = Stage::new(front);
        for body in [
            "{\"hook\":\"\\n} 1\"}",
            "",
            "a=b\"} 1\n",
            "[[[[[[[[[[[[[[[[[[[",
        ] {
            stage
                .send(Delivery::new(body).header("content-type", "application/json"))
                .await;
            let spelled = Delivery::new(body)
                .header("x-unloq-signature", "\"} 1")
                .header("content-type", "text/evil\"} 1");
            stage.send(spelled).await;
        }
        assert_known(&recorded);
    }
}

/// A store that nobody reaches.
struct Away;

impl ReplayStore for Away {
    fn begin<'a>(&'a self, _: &'a Arrival, _: UnixTime) -> StoreFuture<'a, Begun> {
        Box::pin(ready(Err(StoreUnavailable)))
    }

    fn commit<'a>(&'a self, _: &'a Arrival, _: Fence, _: UnixTime) -> StoreFuture<'a, ()> {
        Box::pin(pending())
    }

    fn release<'a>(&'a self, _: &'a Arrival, _: Fence) -> StoreFuture<'a, ()> {
        Box::pin(pending())
    }
}

#[tokio::test(start_paused = true)]
async fn a_store_that_is_away_is_an_outcome() {
    for front in FRONTS {
        let (recorded, _recording) = Recorded::start();
        let stage = Stage::with(front, |hooks| hooks.replay(Arc::new(Away)));
        stage.send(Delivery::genuine()).await.assert(503, &front);
        assert_eq!(
            recorded.counters("unloq_hook_outcomes_total"),
            "{hook=logout,outcome=store_unavailable} 1"
        );
        assert_known(&recorded);
    }
}
