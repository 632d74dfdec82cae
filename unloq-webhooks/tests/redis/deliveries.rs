use tokio::time::timeout;
use unloq_webhooks::{
    Claim, Head, Hooks, Logout, ReplayPolicy, Secret, StoreUnavailable, Turn, UnixTime,
    redis::Redis, sign,
};

use crate::{PATIENCE, process, server::Server, until};

const SECRET: &str = "7f3c1a9e5b2d48c6a0e4f1b8d2c37a65";
const PATH: &str = "/hooks/unloq/logout";
const JSON: &str = "application/json";
/// No clock of ours counts.
const NOW: UnixTime = UnixTime::from_secs(0);

fn hooks(redis: &Redis) -> Hooks {
    let hooks = Hooks::builder(Secret::new(SECRET).unwrap()).replay(redis.replay());
    hooks.on::<Logout>(PATH).build().unwrap()
}

/// A delivery of this session's end, as far as its turn.
async fn deliver(hooks: &Hooks, sid: &str) -> Result<Turn<Logout>, StoreUnavailable> {
    let body = format!(r#"{{"unloq_id":"1234","sid":"{sid}"}}"#);
    let secret = Secret::new(SECRET).unwrap();
    let signature = sign(&secret, PATH, JSON, body.as_bytes()).unwrap();
    let headers = [
        ("Content-Type", JSON.as_bytes()),
        ("X-Unloq-Signature", signature.as_bytes()),
    ];
    let head = Head::new("POST", PATH).with_headers(headers);
    let verified = hooks.verify::<Logout>(&head, body.as_bytes(), NOW).unwrap();
    hooks.begin(verified, NOW).await
}

/// The claim of a delivery that is to be run, and whether it looked like a replay.
fn run(turn: Result<Turn<Logout>, StoreUnavailable>) -> (Claim, bool) {
    match turn {
        Ok(Turn::Run(event, claim)) => (claim, event.possible_replay()),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_delivery_to_two_processes_runs_once() {
    let Some(server) = Server::start().await else {
        return;
    };
    let processes = [hooks(&process(&server)), hooks(&process(&server))];
    let turns = (0..20).map(|turn| deliver(&processes[turn % 2], "one"));
    let turns = futures_util::future::join_all(turns).await;
    let (runs, others): (Vec<_>, Vec<_>) = turns
        .into_iter()
        .partition(|turn| matches!(turn, Ok(Turn::Run(..))));
    assert_eq!(runs.len(), 1);
    assert!(
        others
            .iter()
            .all(|turn| matches!(turn, Ok(Turn::Running(_))))
    );
    for turn in runs {
        let (claim, flagged) = run(turn);
        assert!(!flagged);
        claim.commit(NOW).await.unwrap();
    }
    for hooks in &processes {
        let again = deliver(hooks, "one").await;
        assert!(matches!(again, Ok(Turn::Duplicate(_))), "{again:?}");
    }
    // Another event of the same person in between: the first one may be genuine again.
    run(deliver(&processes[1], "two").await)
        .0
        .commit(NOW)
        .await
        .unwrap();
    let (claim, flagged) = run(deliver(&processes[0], "one").await);
    assert!(flagged, "and is flagged");
    claim.commit(NOW).await.unwrap();
}

#[tokio::test]
async fn what_failed_or_was_dropped_may_come_again() {
    let Some(server) = Server::start().await else {
        return;
    };
    let (here, there) = (hooks(&process(&server)), hooks(&process(&server)));
    run(deliver(&here, "one").await).0.failed().await.unwrap();
    let (claim, flagged) = run(deliver(&there, "one").await);
    assert!(!flagged, "not remembered");
    drop(claim);
    let (claim, _) = until(async || match deliver(&here, "one").await {
        Ok(Turn::Run(event, claim)) => Some((claim, event)),
        _ => None,
    })
    .await;
    claim.commit(NOW).await.unwrap();
}

#[tokio::test]
async fn whoever_lost_its_claim_does_not_end_the_next_ones() {
    let Some(server) = Server::start().await else {
        return;
    };
    let mut short = ReplayPolicy::default();
    short.lease = 0;
    let (slow, quick) = (
        hooks(&process(&server).with_policy(short)),
        hooks(&process(&server)),
    );
    let (late, _) = run(deliver(&slow, "one").await);
    let (claim, _) = until(async || match deliver(&quick, "one").await {
        Ok(Turn::Run(event, claim)) => Some((claim, event)),
        _ => None,
    })
    .await;
    late.failed().await.unwrap();
    let third = deliver(&slow, "one").await;
    assert!(matches!(third, Ok(Turn::Running(_))), "{third:?}");
    claim.commit(NOW).await.unwrap();
}

#[tokio::test]
async fn what_is_remembered_ends_by_itself() {
    let Some(server) = Server::start().await else {
        return;
    };
    let mut short = ReplayPolicy::default();
    (short.keep, short.duplicate) = (0, 0);
    let hooks = hooks(&process(&server).with_policy(short));
    run(deliver(&hooks, "one").await)
        .0
        .commit(NOW)
        .await
        .unwrap();
    let flagged = until(async || match deliver(&hooks, "one").await {
        Ok(Turn::Run(event, _)) => Some(event.possible_replay()),
        _ => None,
    })
    .await;
    assert!(!flagged);
}

#[tokio::test]
async fn without_redis_nothing_is_run_and_nothing_twice_afterwards() {
    let Some(mut server) = Server::start().await else {
        return;
    };
    let hooks = hooks(&process(&server));
    let (claim, _) = run(deliver(&hooks, "one").await);
    server.kill();
    let committed = timeout(PATIENCE, claim.commit(NOW)).await.expect("bounded");
    assert_eq!(committed, Err(StoreUnavailable), "so it is answered 503");
    let refused = timeout(PATIENCE, deliver(&hooks, "two"))
        .await
        .expect("bounded");
    assert!(matches!(refused, Err(StoreUnavailable)), "{refused:?}");
    server.run().await;
    let turn = until(async || deliver(&hooks, "one").await.ok()).await;
    run(Ok(turn)).0.commit(NOW).await.unwrap();
    let again = deliver(&hooks, "one").await;
    assert!(matches!(again, Ok(Turn::Duplicate(_))), "{again:?}");
}

#[tokio::test]
async fn applications_do_not_mix() {
    let Some(server) = Server::start().await else {
        return;
    };
    let other = Redis::new(&server.url(), "other").unwrap();
    run(deliver(&hooks(&process(&server)), "one").await)
        .0
        .commit(NOW)
        .await
        .unwrap();
    let (_, flagged) = run(deliver(&hooks(&other), "one").await);
    assert!(!flagged);
}
