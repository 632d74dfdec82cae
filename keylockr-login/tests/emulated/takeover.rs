//! Several processes of one site: one of them goes, and nobody who signs in notices.

use std::{sync::Arc, time::Duration};

use keylockr_client::Client;
use keylockr_login::{KeyLockr, SealKey};
use tokio::time::sleep;

use crate::{
    browser::{Attempt, Browser},
    clock,
    network::{Network, Weather},
    stage::{Common, ORIGIN, Stage, State, Trouble, Troubled},
};

/// A process of the site: its own way to KeyLockr, and its own to the store.
struct Process {
    keylockr: KeyLockr,
    network: Network,
    store: Trouble,
}

impl Process {
    fn new(stage: &Stage, store: &Common) -> Self {
        Self::sealing(stage, store, [7; 32])
    }

    fn sealing(stage: &Stage, store: &Common, seal: [u8; 32]) -> Self {
        let network = Network::new(Arc::clone(&stage.emulator));
        let client = Client::builder("http://127.0.0.1:4600")
            .transport(Arc::new(network.clone()))
            .build()
            .unwrap();
        let trouble = Trouble::default();
        let keylockr = KeyLockr::builder("demo", "Acme Web")
            .client(client)
            .public_origin(ORIGIN)
            .start_limit(0)
            .attempts(Arc::new(Troubled(store.clone(), trouble.clone())))
            .seal_key(SealKey::from_bytes(seal))
            .build()
            .unwrap();
        Self {
            keylockr,
            network,
            store: trouble,
        }
    }

    /// As if it were killed, as far as the others can tell; it does not know, and goes on.
    fn is_cut_off(&self) {
        self.store.set(State::Down);
        self.network.set(Weather::Down);
    }

    fn is_back(&self) {
        self.store.set(State::Up);
        self.network.set(Weather::Fine);
    }

    /// The same browser, sent here by the load balancer.
    fn serves(&self, stage: &Stage, browser: &Browser) -> Browser {
        let here = Browser::new(self.keylockr.clone(), stage.sessions.clone());
        here.set_binding(browser.binding());
        here.set_session(browser.session());
        here
    }
}

/// Two processes that know each other for long, and an attempt that the first one runs.
async fn two(stage: &Stage) -> (Process, Process, Browser, Attempt) {
    let store = Common::default();
    let (first, second) = (Process::new(stage, &store), Process::new(stage, &store));
    sleep(Duration::from_secs(60)).await;
    let browser = Browser::new(first.keylockr.clone(), stage.sessions.clone());
    let attempt = browser.start().await;
    browser.until(&attempt, "connected").await;
    (first, second, browser, attempt)
}

/// Until this process runs an attempt.
async fn until_it_runs(process: &Process) {
    while process.network.open_sockets() == 0 {
        sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn two_processes_one_session() {
    let stage = Stage::new().await;
    let (first, second, browser, attempt) = two(&stage).await;
    first.is_cut_off();
    let gone = clock::now();
    until_it_runs(&second).await;
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
    until_it_runs(&second).await;
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
        until_it_runs(&second).await;
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
    until_it_runs(&second).await;
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
