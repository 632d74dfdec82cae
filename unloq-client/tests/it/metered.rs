//! What is counted of calls and pairs, and that UNLOQ's words are in none of it.

use std::time::Duration;

use unloq_client::metrics::{ALL, Kind, Metric};
use unloq_client::{AccessToken, Exchange, KeyPool, TransportErrorKind};

use crate::recorded::Recorded;
use crate::stub::{Reply, Step, Stub};

fn assert_known(recorded: &Recorded) {
    let letter = |kind: Kind| match kind {
        Kind::Counter => 'c',
        Kind::Gauge => 'g',
        Kind::Histogram => 'h',
        _ => panic!("a kind of metric that is new"),
    };
    let known = |metric: &'static Metric| (metric.name, letter(metric.kind), metric.labels);
    recorded.assert_known(&ALL.iter().map(known).collect::<Vec<_>>());
}

#[tokio::test(start_paused = true)]
async fn calls_are_counted_by_outcome() {
    let (recorded, _recording) = Recorded::start();
    let good = r#"{"type":"t","result":{"unloq_id":"1234","email":"jane@acme.example"}}"#;
    let no = r#"{"error":{"code":"EVIL.\"} 1\n","message":"nobody's business","status":403}}"#;
    let stub = Stub::new([
        Reply::json(200, good),
        Reply::json(403, no),
        Reply::steps(200, [Step::Never]),
        Reply::broken(TransportErrorKind::Connect),
        Reply::json(200, "{"),
        Reply::steps(200, [Step::Never]),
    ]);
    let client = stub.client();
    let token = AccessToken::parse("tok-1").unwrap();
    let exchange = Exchange::new(&token);
    for expected in [true, false, false, false, false] {
        assert_eq!(client.exchange(&exchange).await.is_ok(), expected);
    }
    let gone = tokio::time::timeout(Duration::from_secs(1), client.exchange(&exchange));
    assert!(gone.await.is_err());
    assert_eq!(
        recorded.counters("unloq_calls_total"),
        "{call=token,outcome=abandoned} 1\n\
         {call=token,outcome=answered} 2\n\
         {call=token,outcome=network} 1\n\
         {call=token,outcome=refused} 1\n\
         {call=token,outcome=timeout} 1",
        "a body that says nothing is judged by the caller of the exchange"
    );
    let took = recorded.samples("unloq_call_seconds{call=token}");
    assert_eq!(took.len(), 5);
    assert!((10.0..11.0).contains(&took[2]), "{took:?}");
    assert_known(&recorded);
}

#[tokio::test]
async fn a_pair_that_is_taken_is_counted() {
    let (recorded, _recording) = Recorded::start();
    let pool = KeyPool::new().unwrap();
    let _pair = pool.take().await.unwrap();
    assert_eq!(recorded.samples("unloq_pair_wait_seconds").len(), 1);
    assert_known(&recorded);
}
