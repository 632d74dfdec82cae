//! What is counted, exactly, and that nobody outside can make new series.

use std::time::Duration;

use keylockr_client::metrics::{ALL, Kind, Metric};
use keylockr_client::proto::Revision;
use keylockr_client::proto::link::Request;
use keylockr_emulator::{Direction, Fault, FaultKind};

use crate::recorded::Recorded;
use crate::world::{World, appdata, done, seed};

fn assert_known(recorded: &Recorded) {
    let letter = |kind: Kind| match kind {
        Kind::Counter => 'c',
        Kind::Gauge => 'g',
        Kind::Histogram => 'h',
    };
    let known = |metric: &'static Metric| (metric.name, letter(metric.kind), metric.labels);
    recorded.assert_known(&ALL.iter().map(known).collect::<Vec<_>>());
}

#[tokio::test(start_paused = true)]
async fn a_whole_login_counts_exactly() {
    let (recorded, _recording) = Recorded::start();
    let world = World::new().await;
    world.wire.record();
    let mut login = world.start(seed("demo", None));
    let tmp_id = login.code().await;
    assert_eq!(recorded.gauge("keylockr_sockets_open").round(), 1.0);
    // The seed family asks while it waits.
    tokio::time::sleep(Duration::from_secs(20)).await;
    world.emulator.approve(tmp_id.as_str()).unwrap();
    done(login.end().await);
    world.settled().await;

    assert_eq!(
        recorded.counters("keylockr_calls_total"),
        "{call=app_verify,outcome=answered} 1\n\
         {call=clock,outcome=answered} 1\n\
         {call=handshake,outcome=answered} 1\n\
         {call=key_enc,outcome=answered} 1\n\
         {call=key_sign,outcome=answered} 1"
    );
    assert_eq!(
        recorded.counters("keylockr_sockets_total"),
        "{outcome=opened} 1"
    );
    assert_eq!(recorded.gauge("keylockr_sockets_open").round(), 0.0);
    let frames =
        |direction| recorded.count(&format!("keylockr_frames_total{{direction={direction}}}"));
    let journal = world
        .emulator
        .frames(&format!("tmp.{}", tmp_id.as_str()))
        .unwrap();
    let seen = |dir| journal.iter().filter(|frame| frame.dir == dir).count() as u64;
    assert!(frames("out") > 0 && frames("in") > frames("out"));
    assert_eq!(frames("out"), seen(Direction::C2s));
    // The result may be repeated into a socket that we have left.
    assert!((0..=1).contains(&(seen(Direction::S2c) - frames("in"))));
    assert_eq!(frames("returned"), 0);
    let opened = recorded.samples("keylockr_frame_open_seconds");
    assert!(!opened.is_empty() && opened.iter().all(|took| *took > 0.0));
    assert_eq!(recorded.counters("keylockr_frames_dropped_total"), "");
    assert_eq!(recorded.count("keylockr_strikes_total"), 0);
    assert_eq!(recorded.count("keylockr_reconnects_total"), 0);
    assert_known(&recorded);
}

#[tokio::test(start_paused = true)]
async fn a_request_over_a_link_is_a_seal_and_an_open() {
    let (recorded, _recording) = Recorded::start();
    let world = World::new().await;
    let mut user = world
        .sign_in(appdata("demo-app", true, Revision::Two))
        .await;
    user.up().await;
    let before = recorded.samples("keylockr_frame_seal_seconds").len();
    user.link.request(Request::GetData).await.unwrap();
    assert_eq!(
        recorded.samples("keylockr_frame_seal_seconds").len(),
        before + 1
    );
    user.link.stop().await;
    assert_eq!(world.wire.closed().last(), Some(&1001), "going away");
    assert_eq!(recorded.gauge("keylockr_sockets_open").round(), 0.0);
    assert_known(&recorded);
}

/// A hostile service, or somebody on the way: what they send never becomes a name.
#[tokio::test(start_paused = true)]
async fn trouble_is_counted_in_our_words() {
    for (kind, series) in [
        (
            FaultKind::BadSeal,
            "keylockr_frames_dropped_total{reason=unauthentic}",
        ),
        (
            FaultKind::Truncated,
            "keylockr_frames_dropped_total{reason=malformed}",
        ),
        (
            FaultKind::StaleTs { seconds: 5_000 },
            "keylockr_frames_dropped_total{reason=untimely}",
        ),
        (
            FaultKind::ReplaySame,
            "keylockr_frames_dropped_total{reason=replayed}",
        ),
        (
            FaultKind::Http500,
            "keylockr_calls_total{call=app_verify,outcome=refused}",
        ),
        (
            FaultKind::ErrorCode {
                code: "nobody\"s,business=1}".into(),
            },
            "keylockr_calls_total{call=clock,outcome=answered}",
        ),
    ] {
        let (recorded, _recording) = Recorded::start();
        let world = World::new().await;
        world.client.sync().await.unwrap();
        world.emulator.fault(Fault::from(kind.clone())).unwrap();
        let mut login = world.start(seed("demo", None));
        if let Some(tmp_id) = login.try_code().await {
            let _ = world.emulator.approve(tmp_id.as_str());
        }
        let _ = login.end().await;
        assert!(recorded.count(series) > 0, "{kind:?}");
        if matches!(kind, FaultKind::BadSeal | FaultKind::Truncated) {
            assert!(recorded.count("keylockr_strikes_total") > 0, "{kind:?}");
        }
        assert_known(&recorded);
    }
}

#[tokio::test(start_paused = true)]
async fn losses_and_new_keys_are_counted() {
    let (recorded, _recording) = Recorded::start();
    let world = World::new().await;
    let mut login = world.start(seed("demo", None));
    login.code().await;
    world.wire.cut();
    world.emulator.rotate_keys();
    // The lost socket comes back after a second, and what it brings has new seals.
    let _ = login.end().await;
    assert!(recorded.count("keylockr_reconnects_total") >= 1);
    assert_eq!(recorded.count("keylockr_key_changes_total"), 1);
    world.wire.go_away(true);
    let mut login = world.start(seed("demo", None));
    assert!(login.try_code().await.is_none());
    assert!(
        recorded
            .counters("keylockr_calls_total")
            .contains("outcome=failed")
    );
    assert_known(&recorded);
}
