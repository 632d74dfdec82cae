//! Processes of one site, and one of them that stops in good order, with everything that is open.

use std::{sync::Arc, time::Duration};

use futures_util::{StreamExt as _, future::join_all};
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
pub(crate) struct Process {
    pub(crate) keylockr: KeyLockr,
    pub(crate) network: Network,
    pub(crate) store: Trouble,
}

impl Process {
    pub(crate) fn new(stage: &Stage, store: &Common) -> Self {
        Self::sealing(stage, store, [7; 32])
    }

    pub(crate) fn sealing(stage: &Stage, store: &Common, seal: [u8; 32]) -> Self {
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
            .keep_connection(true)
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
    pub(crate) fn is_cut_off(&self) {
        self.store.set(State::Down);
        self.network.set(Weather::Down);
    }

    pub(crate) fn is_back(&self) {
        self.store.set(State::Up);
        self.network.set(Weather::Fine);
    }

    /// The same browser, sent here by the load balancer.
    pub(crate) fn serves(&self, stage: &Stage, browser: &Browser) -> Browser {
        let here = Browser::new(self.keylockr.clone(), stage.sessions.clone());
        here.set_binding(browser.binding());
        here.set_session(browser.session());
        here
    }
}

/// Two processes that know each other for long, and an attempt that the first one runs.
pub(crate) async fn two(stage: &Stage) -> (Process, Process, Browser, Attempt) {
    let store = Common::default();
    let (first, second) = (Process::new(stage, &store), Process::new(stage, &store));
    sleep(Duration::from_secs(60)).await;
    let browser = Browser::new(first.keylockr.clone(), stage.sessions.clone());
    let attempt = browser.start().await;
    browser.until(&attempt, "connected").await;
    (first, second, browser, attempt)
}

/// Until this process runs so many attempts.
pub(crate) async fn until_it_runs(process: &Process, attempts: usize) {
    while process.network.open_sockets() < attempts {
        sleep(Duration::from_millis(50)).await;
    }
}

const MANY: usize = 1_000;
const SIGNED_IN: usize = 20;

/// The row "graceful stop with 1,000 streams and sockets" of the fault matrix.
#[tokio::test(start_paused = true)]
async fn graceful_stop_with_a_thousand_streams_and_sockets() {
    let stage = Stage::new().await;
    let (first, second, _, _) = two(&stage).await;
    // People who are signed in, each with a socket that is kept.
    for _ in 0..SIGNED_IN {
        let browser = Browser::new(first.keylockr.clone(), stage.sessions.clone());
        let attempt = stage.approved(&browser).await;
        assert_eq!(browser.finish(&attempt).await.status, 200);
    }
    // People who look at a code, each with a socket and a stream.
    let mut people = Vec::new();
    for _ in 1..MANY {
        let browser = Browser::new(first.keylockr.clone(), stage.sessions.clone());
        let attempt = browser.start().await;
        browser.until(&attempt, "connected").await;
        people.push((browser, attempt));
    }
    let streams = people.iter().map(async |(browser, attempt)| {
        let path = format!("/events?attempt={}", attempt.id);
        let mut events = browser.get(&path).await.events.unwrap();
        let first = events.next().await.unwrap();
        assert!(String::from_utf8_lossy(&first).contains("connected"));
        events
    });
    let streams = join_all(streams).await;
    // Those of whoever signed in are closed by now.
    sleep(Duration::from_secs(10)).await;
    assert_eq!(first.network.open_sockets(), MANY + SIGNED_IN);
    let closed_before = first.network.closed().len();

    let began = clock::now();
    let stopped = tokio::spawn(first.keylockr.shutdown());
    let ends = streams.into_iter().map(async |mut events| {
        let mut last = String::new();
        while let Some(bytes) = events.next().await {
            last = String::from_utf8_lossy(&bytes).into_owned();
        }
        assert!(last.contains("event: shutdown"), "{last}");
    });
    join_all(ends).await;
    stopped.await.unwrap();
    assert!(
        began.elapsed() < Duration::from_secs(10),
        "{:?}",
        began.elapsed()
    );
    assert_eq!(first.network.open_sockets(), 0);
    let codes = first.network.closed().split_off(closed_before);
    assert_eq!(codes.len(), MANY + SIGNED_IN);
    assert!(codes.iter().all(|code| *code == 1001), "{codes:?}");

    // The state is kept: another process goes on with every one of them.
    until_it_runs(&second, MANY).await;
    assert!(
        began.elapsed() < Duration::from_secs(10),
        "{:?}",
        began.elapsed()
    );
    for (browser, attempt) in people.iter().step_by(100) {
        let there = second.serves(&stage, browser);
        stage.approve(&attempt.code);
        there.until(attempt, "done").await;
        assert_eq!(there.finish(attempt).await.status, 200);
    }
}

/// A deployment's first server has the new key, and the load balancer sends the browser to an old one.
#[tokio::test(start_paused = true)]
async fn an_approval_is_not_spent_by_a_server_that_cannot_open_it() {
    let stage = Stage::new().await;
    let store = Common::default();
    let (first, other) = (
        Process::new(&stage, &store),
        Process::sealing(&stage, &store, [8; 32]),
    );
    let browser = Browser::new(first.keylockr.clone(), stage.sessions.clone());
    let attempt = stage.approved(&browser).await;
    let reply = other.serves(&stage, &browser).finish(&attempt).await;
    assert_eq!(reply.refusal, Some(keylockr_login::Refusal::CannotTell));
    assert_eq!(browser.finish(&attempt).await.status, 200);
}

/// The store has the approval, and its word for that is lost: the second try finds what the first did.
#[tokio::test(start_paused = true)]
async fn an_approval_that_is_stored_twice_is_one() {
    let stage = Stage::new().await;
    let process = Process::new(&stage, &Common::default());
    let browser = Browser::new(process.keylockr.clone(), stage.sessions.clone());
    let attempt = browser.start().await;
    browser.until(&attempt, "connected").await;
    process.store.set(State::Mute);
    stage.approve(&attempt.code);
    browser.until(&attempt, "done").await;
    process.store.set(State::Up);
    sleep(Duration::from_secs(20)).await;
    assert_eq!(browser.status(&attempt).await["status"], "done");
    assert_eq!(browser.finish(&attempt).await.status, 200);
}
