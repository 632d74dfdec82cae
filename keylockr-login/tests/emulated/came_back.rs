//! Back from the phone on the same device (K 7.7).

use std::sync::Arc;

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use keylockr_emulator::{DropWhen, FaultKind};
use keylockr_login::{AttemptStore, Family, KeyLockrBuilder, Limits};

use crate::{
    browser::{Attempt, Browser, Got},
    stage::{Common, ORIGIN, Stage},
};

fn appdata(builder: KeyLockrBuilder) -> KeyLockrBuilder {
    let limits = Limits::default()
        .with_starts_a_minute(0)
        .with_polls_a_second(0);
    builder
        .family(Family::AppData)
        .ask_app_data(true)
        .limits(limits)
}

async fn site() -> Stage {
    Stage::of("demo-app", appdata).await
}

/// An attempt whose code is shown, and its way back: what follows the path of the page.
async fn shown(browser: &Browser) -> (Attempt, String) {
    let attempt = browser.start().await;
    browser.until(&attempt, "connected").await;
    let page = browser.open(&format!("/?attempt={}", attempt.id)).await;
    let back = way_back(&page.text).expect("a way back");
    (attempt, back)
}

fn way_back(page: &str) -> Option<String> {
    let (_, rest) = page.split_once("return_url=")?;
    let encoded = rest.split('"').next()?;
    let url = encoded
        .replace("%3A", ":")
        .replace("%2F", "/")
        .replace("%3F", "?")
        .replace("%3D", "=");
    assert!(!url.contains('%'), "{url}");
    let query = url.strip_prefix(&format!("{ORIGIN}/login"))?;
    Some(format!("/{query}"))
}

/// Approved by alice, but what KeyLockr says of it reaches nobody here: the frame.
async fn approved_unheard(stage: &Stage, attempt: &Attempt) -> Vec<u8> {
    stage.network.keep_frames();
    stage.approve(&attempt.code);
    stage.network.kept_frame().await
}

fn with_result(back: &str, frame: &[u8]) -> String {
    format!(
        "{back}&keylockr_result={}",
        BASE64_URL_SAFE_NO_PAD.encode(frame)
    )
}

async fn comes_back(browser: &Browser, path: &str, attempt: &Attempt) {
    let got = browser.open(path).await;
    assert_eq!(got.location(), format!("/login?attempt={}", attempt.id));
    assert_eq!(got.header("referrer-policy"), Some("no-referrer"));
}

async fn comes_back_to_nothing(browser: &Browser, path: &str) -> Got {
    let got = browser.open(path).await;
    assert_eq!(got.location(), "/login?attempt=", "{path}");
    assert_eq!(got.header("set-cookie"), None);
    browser.open("/?attempt=").await
}

#[tokio::test(start_paused = true)]
async fn a_result_that_comes_back_finishes_its_attempt() {
    let stage = site().await;
    let browser = stage.browser();
    let (attempt, back) = shown(&browser).await;
    let frame = approved_unheard(&stage, &attempt).await;
    comes_back(&browser, &with_result(&back, &frame), &attempt).await;
    browser.until(&attempt, "done").await;
    // Without a script, the page has the button that goes on.
    let page = browser.open(&format!("/?attempt={}", attempt.id)).await;
    assert!(page.text.contains("action=\"/login/finish?attempt="));
    assert_eq!(browser.finish(&attempt).await.status, 200);
    assert_eq!(browser.safe_id().await, Some(stage.safe_id("alice")));
    // A second time it leads where the first did, and does nothing.
    comes_back(&browser, &with_result(&back, &frame), &attempt).await;
    assert_eq!(stage.sessions.signed_in(), 1);
}

#[tokio::test(start_paused = true)]
async fn without_a_result_the_socket_finishes_it() {
    let stage = site().await;
    let browser = stage.browser();
    let (attempt, back) = shown(&browser).await;
    comes_back(&browser, &back, &attempt).await;
    comes_back(&browser, &back, &attempt).await;
    stage.approve(&attempt.code);
    comes_back(&browser, &back, &attempt).await;
    browser.until(&attempt, "done").await;
    assert_eq!(browser.finish(&attempt).await.status, 200);
}

#[tokio::test(start_paused = true)]
async fn return_result_needs_its_attempt() {
    let stage = site().await;
    let browser = stage.browser();
    let (attempt, back) = shown(&browser).await;
    let frame = approved_unheard(&stage, &attempt).await;
    let result = with_result(&back, &frame);
    let (_, value) = result.rsplit_once('=').unwrap();

    let (stranger, busy) = (stage.browser(), stage.browser());
    let (own, own_back) = {
        // Frames are kept from everybody just now.
        let kept = stage.network.kept_frames();
        let own = shown(&busy).await;
        stage.network.keep_frames();
        assert_eq!(kept.len(), 1);
        own
    };
    for (browser, path) in [
        (&stranger, result.clone()),
        (&stranger, format!("/?keylockr_result={value}")),
        (&busy, result.clone()),
        (&browser, format!("/?keylockr_result={value}")),
        (
            &browser,
            format!(
                "/?keylockr_return={}&keylockr_result={value}",
                "0".repeat(32)
            ),
        ),
        (
            &browser,
            format!(
                "{back}&{}&keylockr_result={value}",
                back.trim_start_matches("/?")
            ),
        ),
    ] {
        let page = comes_back_to_nothing(browser, &path).await;
        assert!(page.text.contains("data-status=\"none"), "{path}");
        assert!(!page.text.contains("keylockr://"), "{path}");
    }
    // By a way of their own: the frame is not theirs, and costs them nothing but a strike.
    comes_back(&busy, &with_result(&own_back, &frame), &own).await;
    assert_eq!(busy.status(&own).await["status"], "connected");
    assert_eq!(stage.emulator.pending().len(), 1, "nothing was started");
    assert_eq!(browser.status(&attempt).await["status"], "connected");
    assert_eq!(stage.sessions.signed_in(), 0);

    comes_back(&browser, &result, &attempt).await;
    browser.until(&attempt, "done").await;
    assert_eq!(browser.finish(&attempt).await.status, 200);
    assert_eq!(busy.safe_id().await, None);
    assert_eq!(stranger.safe_id().await, None);
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_a_result_does_not_use_up_the_way_back() {
    let stage = site().await;
    let browser = stage.browser();
    let (attempt, back) = shown(&browser).await;
    let frame = approved_unheard(&stage, &attempt).await;
    let good = with_result(&back, &frame);
    for wrong in [
        format!("{back}&keylockr_result="),
        format!("{back}&keylockr_result=%"),
        format!("{back}&keylockr_result=a+b/"),
        format!("{good}="),
        format!("{good}&keylockr_result=AAAA"),
        with_result(&back, &vec![0; 12_289]),
        with_result(&back, &vec![0; 40_000]),
    ] {
        comes_back(&browser, &wrong, &attempt).await;
        assert_eq!(browser.status(&attempt).await["status"], "connected");
    }
    // Nor does a browser that looks ahead.
    let ahead = browser.head("GET", &good).header("Sec-Purpose", "prefetch");
    let got = browser.send(ahead, b"").await;
    assert_eq!(got.location(), format!("/login?attempt={}", attempt.id));
    let head = browser.send(browser.head("HEAD", &good), b"").await;
    assert_eq!(head.status, 303);
    assert_eq!(browser.status(&attempt).await["status"], "connected");

    comes_back(&browser, &good, &attempt).await;
    browser.until(&attempt, "done").await;
}

#[tokio::test(start_paused = true)]
async fn a_tampered_result_is_the_only_one_and_redelivery_helps() {
    let stage = site().await;
    let browser = stage.browser();
    let (attempt, back) = shown(&browser).await;
    let frame = approved_unheard(&stage, &attempt).await;
    let mut tampered = frame.clone();
    *tampered.last_mut().unwrap() ^= 1;
    comes_back(&browser, &with_result(&back, &tampered), &attempt).await;
    // One frame for each way back: the right one comes too late on this way.
    comes_back(&browser, &with_result(&back, &frame), &attempt).await;
    tokio::time::sleep(std::time::Duration::from_secs(5)).await;
    assert_eq!(browser.status(&attempt).await["status"], "connected");
    assert_eq!(stage.sessions.signed_in(), 0);

    // K 5.5: KeyLockr tells every new connection again.
    stage.network.kept_frames();
    let drop_now = FaultKind::DropSocket {
        when: DropWhen::Now,
    };
    stage.emulator.fault(drop_now).unwrap();
    browser.until(&attempt, "done").await;
    assert_eq!(browser.finish(&attempt).await.status, 200);
}

#[tokio::test(start_paused = true)]
async fn a_result_that_comes_back_late_does_nothing() {
    let stage = site().await;
    for end in ["cancel", "expire"] {
        let browser = stage.browser();
        let (attempt, back) = shown(&browser).await;
        let frame = approved_unheard(&stage, &attempt).await;
        let word = if end == "cancel" {
            browser.cancel(&attempt).await;
            "cancelled"
        } else {
            tokio::time::sleep(std::time::Duration::from_secs(180)).await;
            "expired"
        };
        comes_back(&browser, &with_result(&back, &frame), &attempt).await;
        assert_eq!(browser.status(&attempt).await["status"], word);
        assert_eq!(browser.finish(&attempt).await.status, 410);
        stage.network.kept_frames();
    }
    // After ten minutes nothing is known of it any more.
    let browser = stage.browser();
    let (_, back) = shown(&browser).await;
    tokio::time::sleep(std::time::Duration::from_secs(601)).await;
    comes_back_to_nothing(&browser, &back).await;
    assert_eq!(stage.sessions.signed_in(), 0);
}

#[tokio::test(start_paused = true)]
async fn another_process_takes_whoever_comes_back() {
    let store: Arc<dyn AttemptStore> = Arc::new(Common::default());
    let sharing =
        |store| move |builder: KeyLockrBuilder| appdata(builder).attempts(store).seal_key([7; 32]);
    let stage = Stage::of("demo-app", sharing(Arc::clone(&store))).await;
    let other = stage.process("demo-app", sharing(store));
    let browser = stage.browser();
    let (attempt, back) = shown(&browser).await;
    let frame = approved_unheard(&stage, &attempt).await;
    let there = Browser::new(other, stage.sessions.clone());
    there.set_binding(browser.binding());
    comes_back(&there, &with_result(&back, &frame), &attempt).await;
    there.until(&attempt, "done").await;
    assert_eq!(there.finish(&attempt).await.status, 200);
    assert_eq!(there.safe_id().await, Some(stage.safe_id("alice")));
}

#[tokio::test(start_paused = true)]
async fn the_way_back_is_the_attempts_own() {
    let stage = site().await;
    let browser = stage.browser();
    let (first, back) = shown(&browser).await;
    let (second, other_back) = shown(&browser).await;
    assert_ne!(back, other_back);
    comes_back(&browser, &back, &first).await;
    comes_back(&browser, &other_back, &second).await;
    assert!(!back.contains(&first.id));

    // The code itself, which another device scans, leads nowhere; other dialects know no way back.
    assert!(!first.code.contains("return_url"));
    let seed = Stage::new().await;
    let browser = seed.browser();
    let attempt = browser.start().await;
    browser.until(&attempt, "connected").await;
    let page = browser.open(&format!("/?attempt={}", attempt.id)).await;
    assert!(page.text.contains("href=\"keylockr://sso?tmp_id="));
    assert_eq!(way_back(&page.text), None);
}
