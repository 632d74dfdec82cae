//! Too many starts and too many polls: who is refused, and who notices nothing.

use std::time::Duration;

use futures_util::future::join_all;
use keylockr_login::{Limits, Refusal};
use serde_json::json;

use crate::{sign_in::sign_in, stage::Stage};

#[tokio::test(start_paused = true)]
async fn flood_leaves_honest_login_working() {
    let stage = Stage::with(|builder| builder.start_limit(10)).await;
    let honest = stage.browser();
    honest.move_to("192.0.2.7");
    let attempt = honest.start().await;
    let signed_in = stage.browser();
    signed_in.move_to("192.0.2.8");
    sign_in(&stage, &signed_in, "bob").await;
    let flood = join_all((0..200).map(|_| async {
        let mallory = stage.browser();
        mallory.move_to("203.0.113.66");
        let got = mallory.post("/start", &json!({})).await;
        (got.status, got.header("retry-after").map(str::to_owned))
    }))
    .await;
    let started = flood.iter().filter(|(status, _)| *status == 201).count();
    assert_eq!(started, 10, "as many as the limit allows");
    assert!(flood.iter().all(|(status, retry_after)| {
        *status == 201 || (*status == 429 && retry_after.as_deref() == Some("60"))
    }));
    assert_eq!(
        stage.network.asked("/handshake"),
        12,
        "limits come before any call"
    );
    let page = {
        let mallory = stage.browser();
        mallory.move_to("203.0.113.66");
        mallory.open("/").await
    };
    assert_eq!(page.status, 429);
    assert!(page.header("retry-after").is_some() && page.text.contains("<form"));
    honest.until(&attempt, "connected").await;
    stage.approve(&attempt.code);
    honest.until(&attempt, "done").await;
    assert_eq!(honest.finish(&attempt).await.status, 200);
    assert_eq!(signed_in.safe_id().await, Some(stage.safe_id("bob")));
    // A minute later the address may start again.
    tokio::time::sleep(Duration::from_secs(60)).await;
    let mallory = stage.browser();
    mallory.move_to("203.0.113.66");
    assert_eq!(mallory.post("/start", &json!({})).await.status, 201);
}

#[tokio::test(start_paused = true)]
async fn full_in_all_is_a_503() {
    let limits = Limits::default().with_attempts(2).with_starts_a_minute(0);
    let stage = Stage::with(|builder| builder.limits(limits)).await;
    let (first, second) = (stage.browser(), stage.browser());
    let kept = first.start().await;
    second.start().await;
    let third = stage.browser();
    let got = third.post("/start", &json!({})).await;
    assert_eq!(got.status, 503);
    assert!(got.header("retry-after").is_some());
    assert!(matches!(got.refusal, Some(Refusal::Full { .. })));
    let page = third.open("/").await;
    assert_eq!(
        (page.status, page.header("retry-after").is_some()),
        (503, true)
    );
    assert_eq!(first.cancel(&kept).await.status, 204);
    assert_eq!(
        third.post("/start", &json!({})).await.status,
        201,
        "room again"
    );
}

#[tokio::test(start_paused = true)]
async fn polls_are_limited_for_each_attempt() {
    let stage = Stage::new().await;
    let browser = stage.browser();
    let (attempt, other) = (browser.start().await, browser.start().await);
    let path = format!("/status?attempt={}", attempt.id);
    let poll = || browser.get(&path);
    for _ in 0..5 {
        assert_eq!(poll().await.status, 200);
    }
    let got = poll().await;
    assert_eq!((got.status, got.header("retry-after")), (429, Some("1")));
    assert_ne!(browser.status(&other).await["status"], "none");
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(poll().await.status, 200);
    // Somebody else's polls do not count.
    let stranger = stage.browser();
    for _ in 0..50 {
        assert_eq!(stranger.status(&attempt).await["status"], "none");
    }
    assert_eq!(poll().await.status, 200);
}

#[tokio::test(start_paused = true)]
async fn without_an_address_nobody_is_limited_by_it() {
    let stage = Stage::with(|builder| builder.start_limit(1)).await;
    for _ in 0..3 {
        let browser = stage.browser();
        let head = keylockr_login::Head::new("POST", "/login", "/start", "", None)
            .header("Origin", crate::stage::ORIGIN);
        assert_eq!(browser.send(head, b"").await.status, 201);
    }
}
