//! Several processes of one site: one of them goes, and nobody who signs in notices.

use std::time::Duration;

use tokio::time::sleep;

use crate::{
    browser::Browser,
    clock,
    network::Weather,
    stage::{Common, Stage, State},
    stopping::{Process, two, until_it_runs},
};

#[tokio::test(start_paused = true)]
async fn two_processes_one_session() {
    let stage = Stage::new().await;
    let (first, second, browser, attempt) = two(&stage).await;
    first.is_cut_off();
    let gone = clock::now();
    until_it_runs(&second, 1).await;
    assert!(
        gone.elapsed() < Duration::from_secs(5),
        "{:?}",
        gone.elapsed()
    );
    first.is_back();
    stage.approve(&attempt.code);
    let there = second.serves(&stage, &browser);
    there.until(&attempt, "done").await;
    let (here, there) = tokio::join!(browser.finish(&attempt), there.finish(&attempt));
    let mut statuses = [here.status, there.status];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 410]);
    assert_eq!(stage.sessions.signed_in(), 1);
    assert_eq!(
        first.network.open_sockets(),
        0,
        "the former runner has let go"
    );
}

#[tokio::test(start_paused = true)]
async fn an_approval_that_nobody_heard_is_heard_by_the_next() {
    let stage = Stage::new().await;
    let (first, second, browser, attempt) = two(&stage).await;
    first.network.keep_frames();
    first.is_cut_off();
    stage.approve(&attempt.code);
    let there = second.serves(&stage, &browser);
    there.until(&attempt, "done").await;
    assert_eq!(there.finish(&attempt).await.status, 200);
    assert_eq!(there.safe_id().await, Some(stage.safe_id("alice")));
}

#[tokio::test(start_paused = true)]
async fn a_process_that_leaves_hands_its_attempts_over() {
    let stage = Stage::new().await;
    let (first, second, browser, attempt) = two(&stage).await;
    first.keylockr.shutdown().await;
    let left = clock::now();
    until_it_runs(&second, 1).await;
    assert!(
        left.elapsed() < Duration::from_secs(1),
        "without waiting for its death"
    );
    assert_eq!(first.network.open_sockets(), 0);
    let there = second.serves(&stage, &browser);
    stage.approve(&attempt.code);
    there.until(&attempt, "done").await;
    assert_eq!(there.finish(&attempt).await.status, 200);
}

#[tokio::test(start_paused = true)]
async fn a_store_that_was_away_leaves_every_attempt_with_its_process() {
    let stage = Stage::new().await;
    let (first, second, browser, attempt) = two(&stage).await;
    for process in [&first, &second] {
        process.store.set(State::Down);
    }
    sleep(Duration::from_secs(60)).await;
    // The one that does not run it hears first that the store is back.
    second.store.set(State::Up);
    sleep(Duration::from_millis(900)).await;
    first.store.set(State::Up);
    sleep(Duration::from_secs(20)).await;
    assert_eq!(second.network.open_sockets(), 0);
    assert_eq!(first.network.open_sockets(), 1);
    stage.approve(&attempt.code);
    let there = second.serves(&stage, &browser);
    there.until(&attempt, "done").await;
    assert_eq!(there.finish(&attempt).await.status, 200, "on any of them");
}

#[tokio::test(start_paused = true)]
async fn an_attempt_without_a_code_begins_anew() {
    let stage = Stage::new().await;
    let store = Common::default();
    let (first, second) = (Process::new(&stage, &store), Process::new(&stage, &store));
    sleep(Duration::from_secs(60)).await;
    first.network.set(Weather::Silent);
    let browser = Browser::new(first.keylockr.clone(), stage.sessions.clone());
    let nothing = serde_json::json!({});
    let starts = browser.post("/start", &nothing);
    let (_, ()) = tokio::join!(starts, async {
        sleep(Duration::from_secs(1)).await;
        first.store.set(State::Down);
        until_it_runs(&second, 1).await;
    });
    // Its browser, which never heard its id, finds it as its newest.
    let there = second.serves(&stage, &browser);
    let status = there.get("/status").await.json();
    assert_eq!(status["status"], "connected", "{status}");
}

#[tokio::test(start_paused = true)]
async fn what_other_keys_sealed_ends_and_says_so() {
    let stage = Stage::new().await;
    let store = Common::default();
    let (first, second) = (
        Process::new(&stage, &store),
        Process::sealing(&stage, &store, [8; 32]),
    );
    sleep(Duration::from_secs(60)).await;
    let browser = Browser::new(first.keylockr.clone(), stage.sessions.clone());
    let attempt = browser.start().await;
    browser.until(&attempt, "connected").await;
    first.is_cut_off();
    let there = second.serves(&stage, &browser);
    let failed = there.until(&attempt, "failed").await;
    assert_eq!(failed["error"]["code"], "stopped");
    assert_eq!(there.finish(&attempt).await.status, 410);
}

#[tokio::test(start_paused = true)]
async fn a_revived_process_cannot_end_what_another_has_taken_over() {
    let stage = Stage::new().await;
    let (first, second, browser, attempt) = two(&stage).await;
    first.is_cut_off();
    until_it_runs(&second, 1).await;
    // It hears of nothing but its own dead socket, and comes back to the store with that.
    sleep(Duration::from_secs(20)).await;
    first.is_back();
    sleep(Duration::from_secs(20)).await;
    let there = second.serves(&stage, &browser);
    assert_eq!(there.status(&attempt).await["status"], "connected");
    stage.approve(&attempt.code);
    there.until(&attempt, "done").await;
    assert_eq!(there.finish(&attempt).await.status, 200);
}
