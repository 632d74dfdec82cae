//! Clocks that jump, services that are started again, stores that are emptied: rows of the fault
//! matrix (docs/faults.md) that no other module here is about.

use std::{sync::Arc, time::Duration};

use keylockr_emulator::{Fault, FaultKind};
use keylockr_login::{MemoryAttempts, MemoryRevocations};
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::{
    browser::{Attempt, Browser},
    sign_in::sign_in,
    stage::{Sessions, Stage, State},
};

const HOUR: i64 = 3_600;

/// What the attempt says once it is over or approved.
async fn decided(browser: &Browser, attempt: &Attempt) -> Value {
    for _ in 0..240 {
        let status = browser.status(attempt).await;
        let word = status["status"].as_str().unwrap();
        if !matches!(word, "waiting" | "connected" | "authorized") {
            return status;
        }
        sleep(Duration::from_secs(1)).await;
    }
    panic!("an attempt outlived its time");
}

/// Signs `user` in, or is told why not; nobody else is, in any case.
async fn either_way(stage: &Stage, browser: &Browser, attempt: &Attempt, user: &str) -> bool {
    let last = decided(browser, attempt).await;
    if last["status"] == "done" {
        assert_eq!(browser.finish(attempt).await.status, 200);
        assert_eq!(browser.safe_id().await, Some(stage.safe_id(user)));
        assert_eq!(browser.finish(attempt).await.status, 410);
        return true;
    }
    let says_why = last["status"] == "expired" || !last["error"]["code"].is_null();
    assert!(says_why, "{last}");
    assert_eq!(browser.finish(attempt).await.status, 410);
    assert_eq!(browser.safe_id().await, None);
    false
}

#[tokio::test(start_paused = true)]
async fn a_clock_an_hour_off_is_no_hindrance() {
    // It is the difference of the two that counts: the service's is set, ours cannot be.
    for offset in [HOUR, -HOUR, 12 * HOUR, -12 * HOUR] {
        let stage = Stage::new().await;
        stage.emulator.set_clock_offset(offset);
        let browser = stage.browser();
        sign_in(&stage, &browser, "alice").await;
        sleep(Duration::from_secs(20 * 60)).await;
        assert!(browser.safe_id().await.is_some(), "{offset}: not at once");
        sleep(Duration::from_secs(31 * 60)).await;
        assert!(browser.safe_id().await.is_none(), "{offset}: not for ever");
    }
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_is_absurd_starts_nothing_and_says_so() {
    let century = 100 * 365 * 24 * HOUR;
    for offset in [century, -century] {
        let stage = Stage::new().await;
        stage.emulator.set_clock_offset(offset);
        let browser = stage.browser();
        let got = browser.post("/start", &json!({})).await;
        assert_eq!(got.status, 503, "{}", got.text);
        assert!(got.header("retry-after").is_some());
        stage.emulator.set_clock_offset(0);
        sign_in(&stage, &browser, "alice").await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_step_of_a_clock_during_a_login_ends_it_well() {
    let mut signed_in = 0;
    for offset in [60, -60, HOUR, -HOUR, 24 * HOUR] {
        // Before the approval, and after it, while nobody was listening.
        for listening in [true, false] {
            let stage = Stage::new().await;
            let browser = stage.browser();
            let attempt = browser.start().await;
            browser.until(&attempt, "connected").await;
            stage.emulator.set_clock_offset(offset);
            if !listening {
                let drop = FaultKind::DropSocket {
                    when: keylockr_emulator::DropWhen::Now,
                };
                stage.emulator.fault(Fault::from(drop).times(1)).unwrap();
            }
            stage.approve(&attempt.code);
            let ended_well = either_way(&stage, &browser, &attempt, "alice").await;
            if offset.abs() == 60 {
                assert!(ended_well, "{offset} is within what clocks may differ");
            }
            signed_in += u32::from(ended_well);
            // Whoever tries again comes in.
            sign_in(&stage, &stage.browser(), "bob").await;
        }
    }
    println!("signed in over a step: {signed_in} of 10");
}

#[tokio::test(start_paused = true)]
async fn keys_that_change_during_a_login_show_a_new_code() {
    let stage = Stage::new().await;
    let browser = stage.browser();
    let attempt = browser.start().await;
    browser.until(&attempt, "connected").await;
    let asked = stage.network.asked("/key_enc");
    stage.emulator.rotate_keys();
    let renewed = async {
        loop {
            let pending = stage.emulator.pending().into_iter();
            let other = pending
                .filter(|own| own.connected)
                .find(|own| !attempt.code.contains(&own.tmp_id));
            if let Some(other) = other {
                return other.tmp_id;
            }
            sleep(Duration::from_millis(100)).await;
        }
    };
    let renewed = tokio::time::timeout(Duration::from_secs(120), renewed);
    let renewed = renewed.await.expect("the attempt begins anew");
    stage.emulator.approve(renewed.as_str()).unwrap();
    assert!(either_way(&stage, &browser, &attempt, "alice").await);
    assert_eq!(
        stage.network.asked("/key_enc") - asked,
        1,
        "they are fetched once"
    );
}

#[tokio::test(start_paused = true)]
async fn a_service_that_hangs_up_after_the_approval_is_asked_again() {
    for when in [
        keylockr_emulator::DropWhen::Before("app_auth_result".to_owned()),
        keylockr_emulator::DropWhen::After("app_auth_result".to_owned()),
    ] {
        for (service, family) in [
            ("demo", keylockr_login::Family::Seed),
            ("demo-app", keylockr_login::Family::AppData),
        ] {
            let stage = Stage::of(service, |builder| builder.family(family)).await;
            let browser = stage.browser();
            let attempt = browser.start().await;
            browser.until(&attempt, "connected").await;
            let drop = FaultKind::DropSocket { when: when.clone() };
            stage.emulator.fault(Fault::from(drop).times(1)).unwrap();
            stage.approve(&attempt.code);
            assert!(either_way(&stage, &browser, &attempt, "alice").await);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn emptied_attempts_are_over_and_never_approved() {
    // A store that was emptied under the attempts: nobody finds theirs, and new ones work.
    let stage = Stage::with(|builder| builder.attempts(Arc::new(MemoryAttempts::new()))).await;
    let browser = stage.browser();
    let attempt = browser.start().await;
    browser.until(&attempt, "connected").await;
    let emptied = stage.process("demo", |builder| {
        builder
            .attempts(Arc::new(MemoryAttempts::new()))
            .revocations(Arc::new(MemoryRevocations::default()))
    });
    let there = Browser::new(emptied, stage.sessions.clone());
    there.set_binding(browser.binding());
    stage.approve(&attempt.code);
    sleep(Duration::from_secs(5)).await;
    // As an attempt that never was: an answer, and no way in.
    let status = there.get(&format!("/status?attempt={}", attempt.id)).await;
    assert!(!status.text.contains("done"), "{}", status.text);
    let finish = there.finish(&attempt).await;
    assert_eq!(finish.status, 403, "{}", finish.text);
    assert_eq!(stage.sessions.signed_in(), 0);
    sign_in(&stage, &there, "alice").await;
}

#[tokio::test(start_paused = true)]
async fn emptied_sessions_are_signed_out() {
    let stage = Stage::new().await;
    let browser = stage.browser();
    sign_in(&stage, &browser, "alice").await;
    let there = Browser::new(stage.keylockr.clone(), Sessions::default());
    there.set_session(browser.session());
    assert_eq!(there.safe_id().await, None, "nobody, and no trouble");
    assert!(browser.safe_id().await.is_some());
}

#[tokio::test(start_paused = true)]
async fn stores_that_flap_during_a_login_cost_it_nothing() {
    for rounds in 0..5 {
        let stage = Stage::new().await;
        let browser = stage.browser();
        let attempt = browser.start().await;
        browser.until(&attempt, "connected").await;
        stage.approve(&attempt.code);
        for round in 0..20 {
            let state = match (round + rounds) % 3 {
                0 => State::Up,
                1 => State::Down,
                _ => State::ReadOnly,
            };
            stage.attempts.set(state);
            sleep(Duration::from_millis(700)).await;
            let got = browser.finish(&attempt).await;
            assert!(matches!(got.status, 200 | 409 | 410 | 503), "{}", got.text);
            if got.status == 200 {
                break;
            }
        }
        stage.attempts.set(State::Up);
        sleep(Duration::from_secs(2)).await;
        if browser.safe_id().await.is_none() {
            browser.until(&attempt, "done").await;
            assert_eq!(browser.finish(&attempt).await.status, 200);
        }
        assert_eq!(browser.safe_id().await, Some(stage.safe_id("alice")));
        assert_eq!(stage.sessions.signed_in(), 1);
    }
}

/// On real ports, as its program runs: what it kept in its file is there again, attempts are not.
#[cfg(feature = "net")]
#[tokio::test(start_paused = true)]
async fn an_emulator_that_is_started_again_costs_a_pending_login_alone() {
    use keylockr_client::Client;
    use keylockr_emulator::{
        Emulator,
        chaos::{ChaosProxy, Trouble},
    };
    use keylockr_login::KeyLockr;

    use crate::{clock, stage::ORIGIN};

    let name = format!("keylockr-login-bad-days-{}", std::process::id());
    let file = std::env::temp_dir().join(name);
    let start = || Emulator::builder().state(&file).handshake_limit(0).start();
    let target = |emulator: &Emulator| {
        let api = emulator.api();
        api.strip_prefix("http://").unwrap().parse().unwrap()
    };
    let emulator = start().await.unwrap();
    let proxy = ChaosProxy::start(target(&emulator), 1).await.unwrap();
    let client = Client::builder(&format!("http://{}", proxy.address()));
    let keylockr = KeyLockr::builder("demo", "Acme Web")
        .client(client.build().unwrap())
        .public_origin(ORIGIN)
        .start_limit(0)
        .build()
        .unwrap();
    tokio::spawn(clock::breathe());
    let sessions = Sessions::default();
    let (signed_in, waiting) = (
        Browser::new(keylockr.clone(), sessions.clone()),
        Browser::new(keylockr, sessions.clone()),
    );
    let comes_in = async |emulator: &Emulator, browser: &Browser| {
        let attempt = browser.start().await;
        browser.until(&attempt, "connected").await;
        let tmp_id = emulator.scan(&attempt.code).unwrap().tmp_id;
        emulator.approve(tmp_id.as_str()).unwrap();
        browser.until(&attempt, "done").await;
        assert_eq!(browser.finish(&attempt).await.status, 200);
    };
    comes_in(&emulator, &signed_in).await;
    let attempt = waiting.start().await;
    waiting.until(&attempt, "connected").await;

    proxy.set(Trouble::Away);
    emulator.stop().await;
    sleep(Duration::from_secs(10)).await;
    let emulator = start().await.unwrap();
    proxy.lead_to(target(&emulator));
    proxy.clear();

    let last = decided(&waiting, &attempt).await;
    assert_ne!(last["status"], "done", "{last}");
    assert_eq!(waiting.finish(&attempt).await.status, 410);
    comes_in(&emulator, &waiting).await;
    // The connection of whoever was signed in is known: a check of it ends nothing.
    sleep(Duration::from_secs(20 * 60)).await;
    assert!(signed_in.safe_id().await.is_some());
    sleep(Duration::from_secs(10)).await;
    assert!(signed_in.safe_id().await.is_some());
    drop(emulator);
    let _ = std::fs::remove_file(&file);
}
