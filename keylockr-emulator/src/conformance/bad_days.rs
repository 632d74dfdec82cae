//! Clocks that jump, services and applications that are started again: what can go wrong with a login
//! from outside, in real time. What takes minutes is tested below the adapters, on a paused clock.

use std::time::Duration;

use serde_json::Value;

use super::agent::Browser;
use super::service::Service;
use super::setup::Adapter;
use super::stage::{Attempt, MOUNT, Stage, eventually, is_final};
use crate::chaos::{ChaosProxy, Trouble};
use crate::{DropWhen, Fault, FaultKind};

const HOUR: i64 = 3600;
const SECOND: Duration = Duration::from_secs(1);

/// The service's clock and ours differ by hours: people sign in, and stay for as long as they may.
pub async fn clocks_hours_apart(adapter: impl Adapter) {
    let adapter = &adapter;
    let ones = [HOUR, -HOUR, 12 * HOUR, -12 * HOUR].map(|offset| async move {
        let stage = Stage::new(adapter).await;
        stage.service.set_clock_offset(offset);
        let browser = stage.signed_in("alice").await;
        assert!(browser.me().await.is_ok(), "{offset}: not at once");

        // However slow this machine is: here only the end is asked for.
        let stage = Stage::with(adapter, |setup| setup.absolute = 5 * SECOND).await;
        stage.service.set_clock_offset(offset);
        let browser = stage.signed_in("alice").await;
        eventually(|| async { browser.me().await == Err(401) }).await;
    });
    futures_util::future::join_all(ones).await;
}

/// A clock that is a century off: nothing starts, with 503; once it is right, people sign in.
pub async fn absurd_clock_starts_nothing(adapter: impl Adapter) {
    for centuries in [1, -1] {
        let stage = Stage::new(&adapter).await;
        stage
            .service
            .set_clock_offset(centuries * 100 * 365 * 24 * HOUR);
        let browser = stage.browser();
        let reply = browser.post("/login/start").send().await;
        reply.expect_problem(503);
        reply.expect_retry_after();
        stage.service.set_clock_offset(0);
        stage.sign_in(&browser, "alice").await;
    }
}

/// A step of the service's clock during a login: it works, or ends and says why; the next one works.
pub async fn clock_steps_during_a_login(adapter: impl Adapter) {
    let adapter = &adapter;
    let steps = [60, -60, HOUR, -HOUR, 24 * HOUR];
    // Before the approval, and after it, while nobody is listening.
    let ones = steps
        .into_iter()
        .flat_map(|step| [(step, true), (step, false)]);
    let ones = ones.map(|(step, listening)| async move {
        let is_small = step.abs() <= 60;
        let stage = Stage::with(adapter, |setup| {
            // Small steps end by `done`, however late; the others may have to be waited out.
            if !is_small {
                setup.attempt_life = 10 * SECOND;
            }
        })
        .await;
        let browser = stage.browser();
        let attempt = browser.start().await;
        browser.reach(&attempt, "connected").await;
        stage.service.set_clock_offset(step);
        if !listening {
            let drop = FaultKind::DropSocket {
                when: DropWhen::Now,
            };
            stage.service.fault(Fault::from(drop).times(1));
        }
        let (_, safe_id) = stage.service.approve(&attempt.tmp_id, "alice");
        let ended = ends_well(&browser, &attempt, &safe_id).await;
        assert!(ended || !is_small, "clocks may differ by {step}");
        stage.sign_in(&stage.browser(), "bob").await;
    });
    futures_util::future::join_all(ones).await;
}

/// The service hangs up just before or after it says that the phone has approved: asked again, it
/// says so again.
pub async fn hung_up_at_the_approval(adapter: impl Adapter) {
    for when in [
        DropWhen::Before("app_auth_result".to_owned()),
        DropWhen::After("app_auth_result".to_owned()),
    ] {
        for (family, service) in [("seed", "demo"), ("appdata", "demo-app")] {
            let stage = Stage::with(&adapter, |setup| {
                setup.family = family;
                service.clone_into(&mut setup.service);
            })
            .await;
            let browser = stage.browser();
            let attempt = browser.start().await;
            browser.reach(&attempt, "connected").await;
            let drop = FaultKind::DropSocket { when: when.clone() };
            stage.service.fault(Fault::from(drop).times(1));
            let (_, safe_id) = stage.service.approve(&attempt.tmp_id, "alice");
            assert!(
                ends_well(&browser, &attempt, &safe_id).await,
                "{family}, {when:?}"
            );
        }
    }
}

/// The application is started again, with its stores in memory: attempts and sessions are nobody's,
/// cookies of before are no way in and no trouble.
pub async fn application_started_again(adapter: impl Adapter) {
    let stage = Stage::new(&adapter).await;
    let signed_in = stage.signed_in("bob").await;
    let browser = stage.browser();
    let approved = stage.approved(&browser, "alice").await;
    let Stage {
        service,
        app,
        setup,
    } = stage;
    app.stop().await;
    let stage = Stage {
        app: adapter.serve(setup.clone()).await,
        service,
        setup,
    };
    let origin = stage.app.origin();
    let (signed_in, browser) = (signed_in.moved_to(origin), browser.moved_to(origin));
    assert_eq!(signed_in.me().await, Err(401));
    assert_eq!(browser.status_word(&approved).await, "none");
    browser.finish(&approved).await.expect_problem(403);
    assert_eq!(browser.me().await, Err(401));
    browser.get(MOUNT).page().send().await.expect_page(200);
    for browser in [browser, signed_in] {
        stage.sign_in(&browser, "alice").await;
        assert!(browser.me().await.is_ok());
    }
}

/// The service is started again with what it kept: a login that it has forgotten ends, and whoever is
/// signed in stays so.
pub async fn service_started_again(adapter: impl Adapter) {
    let name = format!("keylockr-bad-days-{}", std::process::id());
    let file = std::env::temp_dir().join(name);
    let service = Service::keeping(&file).await;
    let proxy = ChaosProxy::start(service.address(), 1)
        .await
        .expect("a proxy on loopback");
    let stage = Stage::of(&adapter, service, |setup| {
        setup.api = format!("http://{}", proxy.address());
        setup.recheck = Duration::ZERO;
    })
    .await;
    let (bob, alice) = (stage.signed_in("bob").await, stage.signed_in("alice").await);
    let browser = stage.browser();
    let attempt = browser.start().await;
    browser.reach(&attempt, "connected").await;

    proxy.set(Trouble::Away);
    let Stage {
        service,
        app,
        setup,
    } = stage;
    service.stop().await;
    let service = Service::keeping(&file).await;
    proxy.lead_to(service.address());
    proxy.clear();
    let stage = Stage {
        service,
        app,
        setup,
    };

    let connections = stage.service.connections();
    let last = decided(&browser, &attempt).await;
    let told = (&last["status"], &last["error"]["code"]);
    assert_eq!(told, (&"failed".into(), &"protocol".into()), "{last}");
    browser.finish(&attempt).await.expect_problem(410);
    stage.sign_in(&browser, "alice").await;
    assert!(browser.me().await.is_ok());
    // The new service knows the connections of before, and it is the one that is asked: its no is heard.
    let of = |user: &str| {
        let own = connections.iter().find(|own| own.user == user);
        &own.expect("a connection of before").app_id
    };
    stage.service.revoke(of("alice"));
    eventually(|| async { alice.me().await == Err(401) }).await;
    assert!(bob.me().await.is_ok(), "bob notices nothing");
    stage.service.revoke(of("bob"));
    eventually(|| async { bob.me().await == Err(401) }).await;
    // It is written once more when it ends.
    stage.service.stop().await;
    std::fs::remove_file(&file).expect("what it kept");
}

/// Signs the person in, or is told why not; nobody else is, in any case.
async fn ends_well(browser: &Browser, attempt: &Attempt, safe_id: &str) -> bool {
    let last = decided(browser, attempt).await;
    let finish = browser.finish(attempt).await;
    if last["status"] == "done" {
        finish.expect(200);
        assert_eq!(browser.me().await.as_deref(), Ok(safe_id));
        browser.finish(attempt).await.expect_problem(410);
        return true;
    }
    let says_why = last["status"] == "expired" || !last["error"]["code"].is_null();
    assert!(says_why, "{last}");
    finish.expect_problem(410);
    assert_eq!(browser.me().await, Err(401));
    false
}

/// What the attempt says once it is over or approved.
async fn decided(browser: &Browser, attempt: &Attempt) -> Value {
    loop {
        let status = browser.status(attempt).await;
        if is_final(status["status"].as_str().unwrap_or_default()) {
            return status;
        }
        tokio::time::sleep(Duration::from_millis(250)).await;
    }
}
