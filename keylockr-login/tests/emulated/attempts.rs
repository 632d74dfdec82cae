//! Attempts: whose they are, how they end, and that they yield once.

use std::{collections::HashSet, time::Duration};

use futures_util::future::join_all;
use serde_json::json;

use crate::{
    browser::{Attempt, Browser},
    stage::Stage,
};

#[tokio::test(start_paused = true)]
async fn attempt_expires() {
    let stage = Stage::with(|builder| builder.attempt_life(Duration::from_secs(60))).await;
    let browser = stage.browser();
    let attempt = browser.start().await;
    browser.until(&attempt, "connected").await;
    tokio::time::sleep(Duration::from_secs(59)).await;
    assert_eq!(browser.status(&attempt).await["expires_in"], 1);
    let expired = browser.until(&attempt, "expired").await;
    assert_eq!(expired["expires_in"], 0);
    assert_eq!(expired["next"], "/private");
    assert_eq!(browser.finish(&attempt).await.status, 410);
    let code = browser
        .get(&format!("/qr.svg?attempt={}", attempt.id))
        .await;
    assert_eq!(code.status, 404);
    // An approval that comes too late signs nobody in.
    stage.approve(&attempt.code);
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert_eq!(browser.finish(&attempt).await.status, 410);
    // Its browser reads the end until the service has forgotten the tmp id; then it is nothing.
    tokio::time::sleep(Duration::from_secs(500)).await;
    assert_eq!(browser.status(&attempt).await["status"], "expired");
    tokio::time::sleep(Duration::from_secs(100)).await;
    assert_eq!(browser.status(&attempt).await["status"], "none");
    assert_eq!(browser.finish(&attempt).await.status, 403);
    assert_eq!(stage.network.open_sockets(), 0);
}

#[tokio::test(start_paused = true)]
async fn an_approved_attempt_leaves_time_to_finish_and_not_more() {
    let stage = Stage::with(|builder| builder.attempt_life(Duration::from_secs(60))).await;
    let browser = stage.browser();
    let attempt = browser.start().await;
    browser.until(&attempt, "connected").await;
    tokio::time::sleep(Duration::from_secs(55)).await;
    stage.approve(&attempt.code);
    let done = browser.until(&attempt, "done").await;
    assert_eq!(done["expires_in"], 60);
    tokio::time::sleep(Duration::from_secs(61)).await;
    assert_eq!(browser.status(&attempt).await["status"], "expired");
    assert_eq!(browser.finish(&attempt).await.status, 410);
}

#[tokio::test(start_paused = true)]
async fn denied_on_the_phone() {
    let stage = Stage::new().await;
    let browser = stage.browser();
    let attempt = browser.start().await;
    browser.until(&attempt, "connected").await;
    stage.deny(&attempt.code);
    let denied = browser.until(&attempt, "denied").await;
    assert_eq!(denied["error"]["code"], "denied");
    assert_eq!(browser.finish(&attempt).await.status, 410);
    assert_eq!(browser.safe_id().await, None);
}

#[tokio::test(start_paused = true)]
async fn finish_is_single_use() {
    let stage = Stage::new().await;
    let browser = stage.browser();
    let attempt = stage.approved(&browser).await;
    assert_eq!(browser.finish(&attempt).await.status, 200);
    assert_eq!(browser.finish(&attempt).await.status, 410);
    assert_eq!(
        browser.status(&attempt).await,
        json!({"status": "none", "expires_in": 0})
    );
    assert_eq!(browser.logout().await.status, 204);
    assert_eq!(
        browser.finish(&attempt).await.status,
        410,
        "not after the sign-out either"
    );
    assert_eq!(browser.safe_id().await, None);
}

#[tokio::test(start_paused = true)]
async fn twenty_finishes_one_session() {
    let stage = Stage::new().await;
    let browser = stage.browser();
    let attempt = stage.approved(&browser).await;
    let answers = join_all((0..20).map(|_| browser.finish(&attempt))).await;
    let statuses: Vec<_> = answers.iter().map(|answer| answer.status).collect();
    assert_eq!(
        statuses.iter().filter(|status| **status == 200).count(),
        1,
        "{statuses:?}"
    );
    assert!(
        statuses.iter().all(|status| matches!(status, 200 | 410)),
        "{statuses:?}"
    );
    assert_eq!(stage.sessions.signed_in(), 1);
}

#[tokio::test(start_paused = true)]
async fn status_is_safe() {
    let stage = Stage::new().await;
    let browser = stage.browser();
    let attempt = stage.approved(&browser).await;
    for _ in 0..20 {
        assert_eq!(browser.status(&attempt).await["status"], "done");
        let code = browser
            .get(&format!("/qr.svg?attempt={}", attempt.id))
            .await;
        assert_eq!(code.status, 404, "the code is gone");
        let page = browser.open(&format!("/?attempt={}", attempt.id)).await;
        assert_eq!(page.status, 200);
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    assert_eq!(stage.sessions.len(), 0, "no session comes of looking");
    assert_eq!(browser.finish(&attempt).await.status, 200);
}

#[tokio::test(start_paused = true)]
async fn cancelled_is_cancelled() {
    let stage = Stage::new().await;
    let browser = stage.browser();
    let attempt = browser.start().await;
    browser.until(&attempt, "connected").await;
    assert_eq!(browser.cancel(&attempt).await.status, 204);
    let status = browser.status(&attempt).await;
    assert_eq!(
        (&status["status"], &status["error"]["code"]),
        (&json!("cancelled"), &json!("cancelled"))
    );
    stage.approve(&attempt.code);
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert_eq!(browser.finish(&attempt).await.status, 410);
    assert_eq!(stage.network.open_sockets(), 0, "the driver has let go");
    // An approved one can be cancelled too, and again, and one that never was.
    let attempt = stage.approved(&browser).await;
    assert_eq!(browser.cancel(&attempt).await.status, 204);
    assert_eq!(browser.cancel(&attempt).await.status, 204);
    assert_eq!(browser.finish(&attempt).await.status, 410);
    let none = Attempt {
        id: "0".repeat(32),
        code: String::new(),
    };
    assert_eq!(browser.cancel(&none).await.status, 204);
    let form = browser
        .submit(&format!("/cancel?attempt={}", attempt.id), "")
        .await;
    assert_eq!(form.location(), format!("/login?attempt={}", attempt.id));
}

#[tokio::test(start_paused = true)]
async fn foreign_and_unknown_attempt_look_alike() {
    let stage = Stage::new().await;
    let (alice, mallory) = (stage.browser(), stage.browser());
    let attempt = alice.start().await;
    alice.until(&attempt, "connected").await;
    let own = mallory.start().await;
    stage.approve(&attempt.code);
    alice.until(&attempt, "done").await;
    let unknown = Attempt {
        id: "0".repeat(32),
        code: String::new(),
    };
    let used = {
        let browser = stage.browser();
        let attempt = browser.start().await;
        browser.until(&attempt, "connected").await;
        stage.approve_as(&attempt.code, "bob");
        browser.until(&attempt, "done").await;
        browser.finish(&attempt).await;
        attempt
    };
    let nobody = stage.browser();
    for stranger in [&mallory, &nobody] {
        let mut seen = HashSet::new();
        for attempt in [&attempt, &unknown, &used] {
            seen.insert(format!("{:?}", everything(stranger, attempt).await));
        }
        assert_eq!(seen.len(), 1, "{seen:?}");
        assert!(
            seen.iter()
                .all(|seen| seen.contains("403") && seen.contains("none"))
        );
    }
    assert_eq!(
        alice.status(&attempt).await["status"],
        "done",
        "nothing happened to it"
    );
    assert_ne!(mallory.status(&own).await["status"], "none");
    assert_eq!(alice.finish(&attempt).await.status, 200);
}

/// What all routes say to a browser about an attempt.
async fn everything(browser: &Browser, attempt: &Attempt) -> Vec<(u16, String)> {
    let id = &attempt.id;
    let mut all = Vec::new();
    for path in ["/status", "/qr.svg"] {
        let got = browser.get(&format!("{path}?attempt={id}")).await;
        all.push((got.status, got.text));
    }
    let page = browser.open(&format!("/?attempt={id}")).await;
    all.push((page.status, page.text.replace(id.as_str(), "ID")));
    for path in ["/finish", "/cancel"] {
        let got = browser
            .post(&format!("{path}?attempt={id}"), &json!({}))
            .await;
        all.push((got.status, got.text));
    }
    all
}

#[tokio::test(start_paused = true)]
async fn another_browser_never_finishes() {
    let stage = Stage::new().await;
    let (alice, mallory) = (stage.browser(), stage.browser());
    let attempt = stage.approved(&alice).await;
    let mut stolen = alice.binding().unwrap();
    stolen.replace_range(..1, if stolen.starts_with('A') { "B" } else { "A" });
    for cookie in [
        None,
        Some("A".repeat(43)),
        Some(stolen),
        Some(String::new()),
    ] {
        mallory.set_binding(cookie);
        assert_eq!(mallory.finish(&attempt).await.status, 403);
        assert_eq!(mallory.status(&attempt).await["status"], "none");
    }
    assert_eq!(stage.sessions.len(), 0);
}

#[tokio::test(start_paused = true)]
async fn four_tabs_and_the_oldest_is_given_up() {
    let stage = Stage::new().await;
    let browser = stage.browser();
    let mut tabs = Vec::new();
    for _ in 0..5 {
        tabs.push(browser.start().await);
    }
    let replaced = browser.status(&tabs[0]).await;
    assert_eq!(replaced["status"], "cancelled");
    assert_eq!(replaced["error"]["code"], "replaced");
    for tab in &tabs[1..] {
        assert_ne!(browser.status(tab).await["status"], "cancelled");
    }
    let newest = browser.get("/status").await.json();
    assert_ne!(
        newest["status"], "cancelled",
        "without a handle: the newest"
    );
    // One signs in: the others go on as signed in, the cookie is spent.
    let cookie = browser.binding();
    browser.until(&tabs[2], "connected").await;
    stage.approve(&tabs[2].code);
    browser.until(&tabs[2], "done").await;
    assert_eq!(browser.finish(&tabs[2]).await.status, 200);
    for tab in [&tabs[1], &tabs[3], &tabs[4]] {
        let status = browser.status(tab).await;
        assert_eq!(status["status"], "cancelled");
        assert_eq!(status["error"]["code"], "signed_in");
        assert_eq!(status["next"], "/private");
    }
    assert_eq!(browser.status(&tabs[0]).await["error"]["code"], "replaced");
    assert_eq!(browser.finish(&tabs[1]).await.status, 410);
    browser.start().await;
    assert_ne!(browser.binding(), cookie, "the next start sets a new one");
}

#[tokio::test(start_paused = true)]
async fn a_cookie_that_is_not_ours_is_replaced() {
    let stage = Stage::new().await;
    let browser = stage.browser();
    let planted = "A".repeat(43);
    browser.set_binding(Some(planted.clone()));
    browser.start().await;
    assert_ne!(browser.binding(), Some(planted));
    let given = browser.binding();
    browser.start().await;
    assert_eq!(browser.binding(), given, "our own is kept for the next tab");
}

#[tokio::test(start_paused = true)]
async fn attempt_not_created_by_prefetch_or_subresource() {
    let stage = Stage::new().await;
    for (name, value) in [
        ("Sec-Fetch-Dest", "image"),
        ("Sec-Fetch-Dest", "iframe"),
        ("Sec-Fetch-Dest", "empty"),
        ("Sec-Purpose", "prefetch;prerender"),
        ("Purpose", "prefetch"),
        ("X-Moz", "prefetch"),
    ] {
        let browser = stage.browser();
        let head = browser
            .head("GET", "/")
            .header("Accept", "text/html")
            .header(name, value);
        let got = browser.send(head, b"").await;
        assert_eq!(got.status, 200);
        assert!(
            got.text.contains("<form") && !got.text.contains("keylockr://"),
            "{name}"
        );
        assert_eq!(browser.binding(), None, "{name}: {value}");
    }
    let head = stage.browser().head("HEAD", "/");
    assert_eq!(stage.browser().send(head, b"").await.status, 200);
    assert_eq!(stage.network.asked("/handshake"), 0);
    let browser = stage.browser();
    browser.open("/").await;
    assert_eq!(stage.network.asked("/handshake"), 1);
    assert!(browser.binding().is_some());
}
