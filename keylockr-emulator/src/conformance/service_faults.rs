//! The service or the network in trouble: the login works in the end, or ends cleanly.

use super::bad_service::{BadService, Failing};
use super::setup::Adapter;
use super::stage::{MOUNT, Stage, eventually};
use crate::FaultKind::{self, *};
use crate::{DropWhen, Fault};

/// A service that fails in any way: 503 with `Retry-After`, nobody signed in, the application lives.
pub async fn service_unreachable_at_start(adapter: impl Adapter) {
    for failing in [
        Failing::Resets,
        Failing::ServerErrors,
        Failing::Nonsense,
        Failing::HalfAnswers,
        Failing::Hangs,
    ] {
        let bad = BadService::start(failing).await;
        let stage = Stage::with(&adapter, |setup| setup.api = bad.api()).await;
        let browser = stage.browser();
        let reply = browser.post("/login/start").send().await;
        reply.expect_problem(503);
        reply.expect_retry_after();
        assert_eq!(
            browser.get("/").send().await.expect(200).text(),
            "hello stranger"
        );
        assert_eq!(browser.me().await, Err(401), "{failing:?}");
    }
}

/// The service goes away while somebody waits: nobody is signed in or out by it.
pub async fn service_gone_while_waiting(adapter: impl Adapter) {
    let stage = Stage::with(&adapter, |setup| setup.keep_connection = true).await;
    let signed_in = stage.signed_in("alice").await;
    let browser = stage.browser();
    let attempt = browser.start().await;
    browser.reach(&attempt, "connected").await;
    let Stage {
        service, app: _app, ..
    } = stage;
    drop(service);
    browser.finish(&attempt).await.expect_problem(409);
    assert_eq!(browser.me().await, Err(401));
    assert!(
        signed_in.me().await.is_ok(),
        "a signed-in user notices nothing"
    );
    let status = browser.status_word(&attempt).await;
    assert!(
        ["connected", "waiting", "failed"].contains(&status.as_str()),
        "{status}"
    );
    browser
        .post(&attempt.at("/cancel"))
        .send()
        .await
        .expect(204);
    let reply = browser.post("/login/start").send().await;
    reply.expect_problem(503);
    browser.get(MOUNT).page().send().await.expect_page(503);
}

/// What must happen to a login under a fault of the service's frames.
struct Case {
    fault: Fault,
    /// Before the attempt is started, or once it waits for the phone.
    from_the_start: bool,
    /// The final status.
    ends: &'static str,
}

fn always(kind: FaultKind, ends: &'static str) -> Case {
    Case {
        fault: kind.into(),
        from_the_start: ends == "done",
        ends,
    }
}

fn once(kind: FaultKind, ends: &'static str) -> Case {
    Case {
        fault: Fault::from(kind).times(1),
        from_the_start: ends == "done",
        ends,
    }
}

/// Delay, doubling, odd encodings and lost sockets do not cost the login.
pub async fn harmless_frames_cost_nothing(adapter: impl Adapter) {
    let cases = [
        always(DuplicatePush, "done"),
        always(NoncanonicalWire, "done"),
        always(GoInt64, "done"),
        always(EmbedNonce, "done"),
        always(ExtraMembers, "done"),
        once(ReplaySame, "done"),
        once(ReplayReencoded, "done"),
        once(PushBeforeAnswer, "done"),
        always(SlowPhone { seconds: 1 }, "done"),
        once(NoConnected, "done"),
        once(
            DropSocket {
                when: DropWhen::After("app_auth_result".to_owned()),
            },
            "done",
        ),
        once(StaleTs { seconds: 3600 }, "done"),
        once(FutureTs { seconds: 3600 }, "done"),
        once(Truncated, "done"),
        once(Trailing, "done"),
        once(Deep, "done"),
        once(DupKey, "done"),
        once(LengthBomb, "done"),
        once(
            WrongPhase {
                event: "app_filekey_result".to_owned(),
            },
            "done",
        ),
        always(ClockSkew { seconds: 7200 }, "done"),
        always(ClockSkew { seconds: -7200 }, "done"),
    ];
    run_all(&adapter, cases).await;
}

/// Altered results and damaged seals sign nobody in.
pub async fn damaged_results_sign_nobody_in(adapter: impl Adapter) {
    let cases = [
        always(BadId, "failed"),
        always(BadSeal, "failed"),
        always(SealWrongKey, "failed"),
        always(Deny, "denied"),
        always(DenyAsErr, "denied"),
        always(
            ErrorCode {
                code: "app_auth_result_too_large".to_owned(),
            },
            "failed",
        ),
        always(VerifyFalse, "failed"),
        always(VerifyGarbage, "failed"),
        always(IpNotAllowed, "failed"),
        always(Http500, "failed"),
        always(ForeignService, "failed"),
    ];
    run_all(&adapter, cases).await;
}

/// One failing `app_verify` is no answer: it is asked again.
pub async fn verify_is_asked_again(adapter: impl Adapter) {
    let cases = [
        once(VerifyGarbage, "done"),
        once(Http500, "done"),
        once(IpNotAllowed, "done"),
    ];
    run_all(&adapter, cases).await;
}

async fn run_all(adapter: &impl Adapter, cases: impl IntoIterator<Item = Case>) {
    let runs = cases.into_iter().map(|case| run_one(adapter, case));
    futures_util::future::join_all(runs).await;
}

async fn run_one(adapter: &impl Adapter, case: Case) {
    let stage = Stage::new(adapter).await;
    let browser = stage.browser();
    if case.from_the_start {
        stage.service.fault(case.fault.clone());
    }
    let attempt = browser.start().await;
    if !case.from_the_start {
        browser.reach(&attempt, "connected").await;
        stage.service.fault(case.fault.clone());
    }
    let (_, safe_id) = stage.service.approve(&attempt.tmp_id, "alice");
    let status = browser.settled(&attempt).await;
    assert_eq!(
        status["status"], case.ends,
        "{:?}: {status}",
        case.fault.kind
    );
    let reply = browser.finish(&attempt).await;
    if case.ends == "done" {
        reply.expect(200);
        assert_eq!(browser.me().await, Ok(safe_id), "{:?}", case.fault.kind);
    } else {
        reply.expect_problem(410);
        assert_eq!(browser.me().await, Err(401), "{:?}", case.fault.kind);
    }
}

/// The same in the appdata family, where the result names the attempt.
pub async fn altered_appdata_results_sign_nobody_in(adapter: impl Adapter) {
    for fault in [
        WrongTmpId,
        MissingTmpId,
        ExtraCapability,
        MissingCapability,
        BadId,
    ] {
        let stage = Stage::with(&adapter, |setup| {
            setup.family = "appdata";
            "demo-app".clone_into(&mut setup.service);
            setup.ask_app_data = true;
            // Without its tmp id a result could be one of revision 1, which names no attempt.
            setup.minimum_revision = 2;
        })
        .await;
        let browser = stage.signed_in("alice").await;
        assert!(browser.me().await.is_ok(), "the family works");
        let browser = stage.browser();
        stage.service.fault(fault.clone());
        let attempt = browser.start().await;
        stage.service.approve(&attempt.tmp_id, "alice");
        let status = browser.settled(&attempt).await;
        assert_eq!(status["status"], "failed", "{fault:?}: {status}");
        browser.finish(&attempt).await.expect_problem(410);
        assert_eq!(browser.me().await, Err(401), "{fault:?}");
    }
}

/// The phone refuses: the page says so, and a new attempt works.
pub async fn denial_is_final(adapter: impl Adapter) {
    let stage = Stage::new(&adapter).await;
    let browser = stage.browser();
    let attempt = browser.start().await;
    browser.reach(&attempt, "connected").await;
    stage.service.deny(&attempt.tmp_id);
    browser.reach(&attempt, "denied").await;
    browser.finish(&attempt).await.expect_problem(410);
    assert_eq!(browser.get(&attempt.at("/qr.svg")).send().await.status, 404);
    stage.sign_in(&browser, "alice").await;
}

/// New server keys in the middle of a login: one refetch, a new code, and it works.
pub async fn keys_rotated_mid_login(adapter: impl Adapter) {
    let stage = Stage::new(&adapter).await;
    let browser = stage.browser();
    let attempt = browser.start().await;
    browser.reach(&attempt, "connected").await;
    let before = browser
        .get(&attempt.at("/qr.svg"))
        .send()
        .await
        .expect(200)
        .body;
    stage.service.rotate_keys();
    let service = &stage.service;
    let old = &attempt.tmp_id;
    eventually(|| async move {
        service
            .pending()
            .iter()
            .any(|own| own.tmp_id != *old && own.connected)
    })
    .await;
    let renewed = stage.service.pending();
    let renewed = renewed
        .iter()
        .find(|own| own.tmp_id != attempt.tmp_id)
        .expect("the new one");
    browser.reach(&attempt, "connected").await;
    let after = browser
        .get(&attempt.at("/qr.svg"))
        .send()
        .await
        .expect(200)
        .body;
    assert_ne!(before, after, "the code is a new one");
    stage.service.approve(&renewed.tmp_id, "alice");
    browser.reach(&attempt, "done").await;
    browser.finish(&attempt).await.expect(200);
    assert!(browser.me().await.is_ok());
}

/// A key of low order in place of the service's: no code, no session.
pub async fn weak_server_keys_start_nothing(adapter: impl Adapter) {
    let stage = Stage::new(&adapter).await;
    stage.service.fault(WeakServerKey);
    let browser = stage.browser();
    let reply = browser.post("/login/start").send().await;
    reply.expect_problem(503);
    assert!(
        stage.service.pending().is_empty(),
        "no handshake under a weak key"
    );
}

/// A graceful stop with open streams and sockets: each stream ends with a message, then all is over.
pub async fn graceful_stop_with_open_streams(adapter: impl Adapter) {
    let stage = Stage::with(&adapter, |setup| setup.keep_connection = true).await;
    stage.signed_in("alice").await;
    let mut streams = Vec::new();
    for _ in 0..25 {
        let browser = stage.browser();
        let attempt = browser.start().await;
        let mut events = browser.get(&attempt.at("/events")).open().await.events();
        assert!(events.status().await.is_some());
        streams.push(events);
    }
    let Stage { service, app, .. } = stage;
    let ends = futures_util::future::join_all(streams.into_iter().map(|mut events| async move {
        let mut last = None;
        while let Some(event) = events.next().await {
            last = Some(event);
        }
        last
    }));
    let ((), last) = tokio::join!(app.stop(), ends);
    for event in last {
        assert!(event.is_some(), "a stream ended without a word");
    }
    eventually(|| async { service.pending().iter().all(|own| !own.connected) }).await;
    eventually(|| async { service.connections().iter().all(|own| !own.connected) }).await;
}
