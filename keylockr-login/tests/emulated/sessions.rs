//! Sessions: how long they last, how they are checked, and how they end.

use std::{sync::Arc, task::Poll, time::Duration};

use keylockr_emulator::FaultKind;
use keylockr_login::{MemoryRevocations, Refusal, SessionPolicy};

use crate::{
    browser::Browser,
    network::Weather,
    sign_in::sign_in,
    stage::{Session, Stage, State},
};

const MINUTE: Duration = Duration::from_secs(60);

/// Time passes, with a request every five minutes.
async fn use_for(browser: &Browser, minutes: u32) {
    for _ in 0..minutes / 5 {
        tokio::time::sleep(5 * MINUTE).await;
        let _ = browser.user().await;
    }
}

#[tokio::test(start_paused = true)]
async fn sessions_end_when_idle_and_in_the_end() {
    let stage = Stage::new().await;
    let browser = stage.browser();
    sign_in(&stage, &browser, "alice").await;
    tokio::time::sleep(29 * MINUTE).await;
    assert!(browser.safe_id().await.is_some());
    tokio::time::sleep(29 * MINUTE).await;
    assert!(browser.safe_id().await.is_some(), "a request prolongs it");
    tokio::time::sleep(31 * MINUTE).await;
    assert_eq!(browser.safe_id().await, None);
    assert_eq!(stage.sessions.len(), 0, "and it is gone from the store");
    sign_in(&stage, &browser, "alice").await;
    use_for(&browser, 12 * 60 - 5).await;
    assert!(browser.safe_id().await.is_some());
    use_for(&browser, 5).await;
    assert_eq!(browser.safe_id().await, None, "twelve hours are enough");
}

/// What is told at once is told by reading alone: whoever gives up on it has begun nothing.
#[tokio::test(start_paused = true)]
async fn what_is_told_at_once_changes_nothing() {
    let stage =
        Stage::with(|builder| builder.revocations(Arc::new(MemoryRevocations::default()))).await;
    let browser = stage.browser();
    sign_in(&stage, &browser, "alice").await;
    let id = browser.session().unwrap();
    let session = Session::new(stage.sessions.clone(), Some(id.clone()));
    let told = || match stage.keylockr.resolve_promptly(&session) {
        Poll::Ready(Ok(user)) => Some(user.map(|user| user.safe_id().to_owned())),
        Poll::Ready(Err(refusal)) => panic!("{refusal:?}"),
        Poll::Pending => None,
    };
    let stored = || stage.sessions.stored(&id).unwrap();
    let before = stored();
    assert_eq!(told(), Some(Some(stage.safe_id("alice"))));
    for (minutes, what) in [(1, "a touch"), (14, "a check"), (30, "an end")] {
        tokio::time::sleep(minutes * MINUTE).await;
        assert_eq!(told(), None, "{what} is due");
        assert_eq!(stored(), before, "{what}");
    }
    let stranger = Session::new(stage.sessions.clone(), None);
    let nobody = stage.keylockr.resolve_promptly(&stranger);
    assert_eq!(nobody, Poll::Ready(Ok(None)));
    stage.sessions.trouble.set(State::Hanging);
    assert_eq!(told(), None);
    stage.sessions.trouble.set(State::Down);
    let down = stage.keylockr.resolve_promptly(&session);
    assert_eq!(down, Poll::Ready(Err(Refusal::StoreUnavailable)));
}

#[tokio::test(start_paused = true)]
async fn a_step_of_the_services_clock_ends_nothing() {
    let stage = Stage::new().await;
    let browser = stage.browser();
    sign_in(&stage, &browser, "alice").await;
    for offset in [3_600, -3_600, 86_400] {
        stage.emulator.set_clock_offset(offset);
        // Another sign-in makes the client measure the clock again.
        tokio::time::sleep(11 * MINUTE).await;
        stage.browser().start().await;
        assert!(browser.safe_id().await.is_some(), "{offset}");
    }
}

#[tokio::test(start_paused = true)]
async fn connections_are_checked_every_fifteen_minutes_of_use() {
    let stage = Stage::new().await;
    let browser = stage.browser();
    sign_in(&stage, &browser, "alice").await;
    let before = stage.network.asked("/app_verify");
    for _ in 0..14 {
        tokio::time::sleep(MINUTE).await;
        browser.safe_id().await;
    }
    assert_eq!(stage.network.asked("/app_verify"), before);
    use_for(&browser, 60).await;
    assert_eq!(stage.network.asked("/app_verify"), before + 4);
}

#[tokio::test(start_paused = true)]
async fn recheck_no_ends_sessions() {
    let stage = Stage::new().await;
    let (browser, other) = (stage.browser(), stage.browser());
    sign_in(&stage, &browser, "alice").await;
    sign_in(&stage, &other, "bob").await;
    stage.emulator.revoke(&app_id(&browser).await).unwrap();
    tokio::time::sleep(14 * MINUTE).await;
    assert!(
        browser.safe_id().await.is_some(),
        "without a connection nobody knows yet"
    );
    tokio::time::sleep(2 * MINUTE).await;
    assert_eq!(browser.safe_id().await, None);
    assert_eq!(stage.sessions.signed_in(), 1);
    assert_eq!(other.safe_id().await, Some(stage.safe_id("bob")));
}

#[tokio::test(start_paused = true)]
async fn recheck_failure_ends_after_grace() {
    let stage = Stage::new().await;
    let browser = stage.browser();
    for trouble in [Trouble::Network, Trouble::Http, Trouble::Garbage] {
        sign_in(&stage, &browser, "alice").await;
        trouble.begin(&stage);
        use_for(&browser, 70).await;
        assert!(
            browser.safe_id().await.is_some(),
            "{trouble:?}: a failure is not a no"
        );
        use_for(&browser, 5).await;
        assert_eq!(
            browser.safe_id().await,
            None,
            "{trouble:?}: nor a yes for ever"
        );
        trouble.end(&stage);
    }
    // A good check in between starts the time anew.
    sign_in(&stage, &browser, "alice").await;
    Trouble::Network.begin(&stage);
    use_for(&browser, 60).await;
    Trouble::Network.end(&stage);
    use_for(&browser, 5).await;
    Trouble::Network.begin(&stage);
    use_for(&browser, 60).await;
    assert!(browser.safe_id().await.is_some());
}

#[derive(Clone, Copy, Debug)]
enum Trouble {
    Network,
    Http,
    Garbage,
}

impl Trouble {
    fn begin(self, stage: &Stage) {
        match self {
            Self::Network => stage.network.set(Weather::Down),
            Self::Http => stage.emulator.fault(FaultKind::Http500).unwrap(),
            Self::Garbage => stage.emulator.fault(FaultKind::VerifyGarbage).unwrap(),
        }
    }

    fn end(self, stage: &Stage) {
        stage.network.set(Weather::Fine);
        stage.emulator.clear_faults();
    }
}

#[tokio::test(start_paused = true)]
async fn a_check_delays_a_request_only_so_long() {
    let policy = SessionPolicy::default().with_idle(24 * 60 * MINUTE);
    let stage = Stage::with(|builder| builder.session(policy)).await;
    let browser = stage.browser();
    sign_in(&stage, &browser, "alice").await;
    stage.network.set(Weather::Silent);
    tokio::time::sleep(16 * MINUTE).await;
    let quick = tokio::time::timeout(Duration::from_secs(1), browser.safe_id()).await;
    assert!(
        quick.unwrap().is_some(),
        "it goes on while the check is running"
    );
    // Once the grace is over only an answer will do, and none is neither yes nor no.
    tokio::time::sleep(5 * 60 * MINUTE).await;
    let waited = tokio::time::timeout(Duration::from_secs(6), browser.user()).await;
    let refusal = waited.expect("a bounded wait").unwrap_err();
    assert!(matches!(refusal, Refusal::ServiceUnavailable { .. }));
    stage.network.set(Weather::Fine);
    tokio::time::sleep(MINUTE).await;
    assert!(
        browser.safe_id().await.is_some(),
        "back from a long pause, and checked"
    );
}

#[tokio::test(start_paused = true)]
async fn one_check_serves_many_requests() {
    let stage = Stage::new().await;
    let browser = stage.browser();
    sign_in(&stage, &browser, "alice").await;
    let before = stage.network.asked("/app_verify");
    tokio::time::sleep(16 * MINUTE).await;
    let users = futures_util::future::join_all((0..20).map(|_| browser.safe_id())).await;
    assert!(users.iter().all(Option::is_some));
    assert_eq!(stage.network.asked("/app_verify"), before + 1);
}

#[tokio::test(start_paused = true)]
async fn logout_kills_on_server() {
    let stage = Stage::new().await;
    let browser = stage.browser();
    sign_in(&stage, &browser, "alice").await;
    let id = browser.session().unwrap();
    let stored = stage.sessions.stored(&id).unwrap();
    assert_eq!(browser.logout().await.status, 204);
    assert!(stage.sessions.stored(&id).is_none());
    // The stolen id, and even the stolen record, are worth nothing.
    browser.set_session(Some(id.clone()));
    assert_eq!(browser.safe_id().await, None);
    stage.sessions.plant(&id, stored);
    assert_eq!(browser.safe_id().await, None);
    assert_eq!(
        browser.logout().await.status,
        204,
        "again, and when nobody is there"
    );
    assert_eq!(stage.browser().logout().await.status, 204);
}

#[tokio::test(start_paused = true)]
async fn signing_out_everywhere_ends_every_session_so_far() {
    let stage = Stage::new().await;
    let (laptop, phone, bob) = (stage.browser(), stage.browser(), stage.browser());
    sign_in(&stage, &laptop, "alice").await;
    sign_in(&stage, &phone, "alice").await;
    sign_in(&stage, &bob, "bob").await;
    let user = laptop.user().await.unwrap().unwrap();
    tokio::time::sleep(Duration::from_millis(1)).await;
    stage
        .keylockr
        .end_session(user.session_handle())
        .await
        .unwrap();
    assert_eq!(laptop.safe_id().await, None);
    assert!(
        phone.safe_id().await.is_some(),
        "one session is one session"
    );
    stage
        .keylockr
        .sign_out_everywhere(&stage.safe_id("alice"))
        .await
        .unwrap();
    assert_eq!(phone.safe_id().await, None);
    assert!(bob.safe_id().await.is_some());
    tokio::time::sleep(Duration::from_millis(1)).await;
    sign_in(&stage, &phone, "alice").await;
    assert!(phone.safe_id().await.is_some(), "and she may come back");
}

#[tokio::test(start_paused = true)]
async fn an_approval_from_before_signing_out_everywhere_is_worth_nothing() {
    let stage = Stage::new().await;
    let browser = stage.browser();
    let attempt = stage.approved(&browser).await;
    stage
        .keylockr
        .sign_out_everywhere(&stage.safe_id("alice"))
        .await
        .unwrap();
    assert_eq!(browser.finish(&attempt).await.status, 410);
    assert_eq!(browser.safe_id().await, None);
}

#[tokio::test(start_paused = true)]
async fn a_session_store_in_trouble_is_neither_yes_nor_no() {
    let stage = Stage::new().await;
    let browser = stage.browser();
    sign_in(&stage, &browser, "alice").await;
    for state in [State::Down, State::Hanging] {
        stage.sessions.trouble.set(state);
        let user = tokio::time::timeout(Duration::from_millis(1_100), browser.user()).await;
        assert_eq!(
            user.expect("a bounded wait").unwrap_err(),
            Refusal::StoreUnavailable
        );
        let got = browser.open("/").await;
        assert_eq!(got.status, 503, "{state:?}");
        assert_eq!(browser.logout().await.status, 503, "{state:?}");
        stage.sessions.trouble.set(State::Up);
        assert!(browser.safe_id().await.is_some(), "{state:?}");
    }
    stage.sessions.trouble.set(State::ReadOnly);
    assert!(browser.safe_id().await.is_some(), "nothing to write yet");
    tokio::time::sleep(2 * MINUTE).await;
    assert_eq!(browser.user().await.unwrap_err(), Refusal::StoreUnavailable);
    stage.sessions.trouble.set(State::Up);
    assert!(browser.safe_id().await.is_some());
}

#[tokio::test(start_paused = true)]
async fn a_revocation_store_in_trouble_is_neither_yes_nor_no() {
    let stage = Stage::new().await;
    let browser = stage.browser();
    sign_in(&stage, &browser, "alice").await;
    for state in [State::Down, State::Hanging] {
        stage.revocations.set(state);
        let user = tokio::time::timeout(Duration::from_millis(1_100), browser.user()).await;
        assert_eq!(
            user.expect("a bounded wait").unwrap_err(),
            Refusal::StoreUnavailable
        );
        stage.revocations.set(State::Up);
        assert!(browser.safe_id().await.is_some());
    }
}

/// The connection that a browser is signed in by.
pub(crate) async fn app_id(browser: &Browser) -> String {
    let user = browser.user().await.unwrap().unwrap();
    user.app_id().to_owned()
}
