//! Where a person is signed in, and ending that.

use std::{sync::Arc, time::Duration};

use keylockr_login::{
    ListedSession, MemorySessions, Moment, Refusal, SessionIndex, StoreFuture, StoreUnavailable,
};

use crate::{
    browser::Browser,
    sign_in::sign_in,
    stage::{Stage, State},
};

const MINUTE: Duration = Duration::from_secs(60);

/// The handles on a person's list, the session last seen first.
async fn listed(stage: &Stage, user: &str) -> Vec<String> {
    let sessions = stage.keylockr.sessions_of(&stage.safe_id(user)).await;
    let sessions = sessions.unwrap().into_iter();
    sessions.map(|session| session.handle).collect()
}

async fn handle(browser: &Browser) -> String {
    let user = browser.user().await.unwrap().unwrap();
    user.session_handle().to_owned()
}

#[tokio::test(start_paused = true)]
async fn a_person_sees_their_sessions_and_nobody_elses() {
    let stage = Stage::new().await;
    let (one, other, bob) = (stage.browser(), stage.browser(), stage.browser());
    assert!(listed(&stage, "alice").await.is_empty());
    sign_in(&stage, &one, "alice").await;
    tokio::time::sleep(MINUTE).await;
    sign_in(&stage, &other, "alice").await;
    sign_in(&stage, &bob, "bob").await;
    let (one_handle, other_handle) = (handle(&one).await, handle(&other).await);
    assert_eq!(
        listed(&stage, "alice").await,
        [other_handle.clone(), one_handle.clone()]
    );
    assert_eq!(listed(&stage, "bob").await, [handle(&bob).await]);
    // Used again, it comes first, and is known by what it was at the sign-in.
    tokio::time::sleep(5 * MINUTE).await;
    one.user().await.unwrap().unwrap();
    let sessions = stage.keylockr.sessions_of(&stage.safe_id("alice")).await;
    let sessions = sessions.unwrap();
    let [first, second] = &sessions[..] else {
        panic!("{sessions:?}");
    };
    assert_eq!(
        (&first.handle, &second.handle),
        (&one_handle, &other_handle)
    );
    assert_eq!(first.browser.as_deref(), Some("Firefox on Linux"));
    let quiet = second.seen_at.since(second.signed_in_at);
    let used = first.seen_at.since(first.signed_in_at);
    assert!(quiet < MINUTE && (6 * MINUTE..7 * MINUTE).contains(&used));
}

#[tokio::test(start_paused = true)]
async fn people_end_their_own_sessions_alone() {
    let stage = Stage::new().await;
    let (one, other, bob) = (stage.browser(), stage.browser(), stage.browser());
    for (browser, user) in [(&one, "alice"), (&other, "alice"), (&bob, "bob")] {
        sign_in(&stage, browser, user).await;
    }
    let alice = stage.safe_id("alice");
    let end = async |handle: &str| stage.keylockr.end_session_of(&alice, handle).await.unwrap();
    for foreign in [&*handle(&bob).await, "", "nobody's"] {
        assert!(!end(foreign).await);
    }
    assert!(bob.safe_id().await.is_some());
    let ended = handle(&other).await;
    assert!(end(&ended).await);
    assert!(!end(&ended).await, "once");
    assert_eq!(other.safe_id().await, None);
    assert!(one.safe_id().await.is_some());
    assert_eq!(listed(&stage, "alice").await, [handle(&one).await]);
}

#[tokio::test(start_paused = true)]
async fn what_is_over_is_not_listed() {
    let stage = Stage::new().await;
    let browsers: Vec<_> = (0..4).map(|_| stage.browser()).collect();
    for browser in &browsers {
        sign_in(&stage, browser, "alice").await;
    }
    assert_eq!(listed(&stage, "alice").await.len(), 4);
    browsers[0].logout().await;
    assert_eq!(listed(&stage, "alice").await.len(), 3, "signed out");
    // Signed in again: the session before is not there any more.
    sign_in(&stage, &browsers[1], "alice").await;
    assert_eq!(listed(&stage, "alice").await.len(), 3, "replaced");
    let user = browsers[2].user().await.unwrap().unwrap();
    let revoked = stage.keylockr.sign_out_connection(user.app_id());
    revoked.await.unwrap();
    assert_eq!(listed(&stage, "alice").await.len(), 2, "connection ended");
    tokio::time::sleep(29 * MINUTE).await;
    browsers[1].user().await.unwrap().unwrap();
    tokio::time::sleep(2 * MINUTE).await;
    let left = handle(&browsers[1]).await;
    assert_eq!(listed(&stage, "alice").await, [left], "idle");
    let alice = stage.safe_id("alice");
    stage.keylockr.sign_out_everywhere(&alice).await.unwrap();
    assert!(listed(&stage, "alice").await.is_empty(), "everywhere");
}

/// An index that can be away.
#[derive(Default)]
struct Troubled {
    memory: MemorySessions,
    away: std::sync::atomic::AtomicBool,
}

impl Troubled {
    fn set_away(&self, away: bool) {
        self.away.store(away, std::sync::atomic::Ordering::Relaxed);
    }

    fn pass<'a, T>(&'a self, answer: StoreFuture<'a, T>) -> StoreFuture<'a, T>
    where
        T: Send + 'a,
    {
        match self.away.load(std::sync::atomic::Ordering::Relaxed) {
            true => Box::pin(std::future::ready(Err(StoreUnavailable))),
            false => answer,
        }
    }
}

impl SessionIndex for Troubled {
    fn put<'a>(
        &'a self,
        safe_id: &'a str,
        session: ListedSession,
        now: Moment,
    ) -> StoreFuture<'a, ()> {
        self.pass(self.memory.put(safe_id, session, now))
    }

    fn remove<'a>(&'a self, safe_id: &'a str, handle: &'a str) -> StoreFuture<'a, ()> {
        self.pass(self.memory.remove(safe_id, handle))
    }

    fn of_person<'a>(&'a self, safe_id: &'a str) -> StoreFuture<'a, Vec<ListedSession>> {
        self.pass(self.memory.of_person(safe_id))
    }
}

#[tokio::test(start_paused = true)]
async fn an_index_that_is_away_signs_nobody_in_or_out() {
    let index = Arc::new(Troubled::default());
    let stage = Stage::with(|builder| builder.session_index(index.clone())).await;
    let (before, during) = (stage.browser(), stage.browser());
    sign_in(&stage, &before, "alice").await;
    index.set_away(true);
    sign_in(&stage, &during, "alice").await;
    let alice = stage.safe_id("alice");
    let listed_now = stage.keylockr.sessions_of(&alice).await;
    assert_eq!(listed_now.unwrap_err(), Refusal::StoreUnavailable);
    let ended = stage.keylockr.end_session_of(&alice, "any").await;
    assert_eq!(ended.unwrap_err(), Refusal::StoreUnavailable);
    tokio::time::sleep(2 * MINUTE).await;
    assert!(before.safe_id().await.is_some() && during.safe_id().await.is_some());
    before.logout().await;
    assert_eq!(before.safe_id().await, None);

    // What was missed is listed once it is used, and what is over is not.
    index.set_away(false);
    tokio::time::sleep(2 * MINUTE).await;
    during.user().await.unwrap().unwrap();
    assert_eq!(listed(&stage, "alice").await, [handle(&during).await]);
}

#[tokio::test(start_paused = true)]
async fn a_list_that_cannot_be_checked_is_no_list() {
    let stage = Stage::new().await;
    let browser = stage.browser();
    sign_in(&stage, &browser, "alice").await;
    stage.revocations.set(State::Down);
    let listed = stage.keylockr.sessions_of(&stage.safe_id("alice")).await;
    assert_eq!(listed.unwrap_err(), Refusal::StoreUnavailable);
}
