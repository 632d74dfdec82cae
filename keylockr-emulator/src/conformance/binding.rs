//! An attempt belongs to one browser, which may run several.

use super::agent::{Browser, Reply};
use super::setup::Adapter;
use super::stage::{Attempt, Stage};

/// Without the cookie the handle is worth nothing, approved or not.
pub async fn status_without_cookie_never_finishes(adapter: impl Adapter) {
    let stage = Stage::new(&adapter).await;
    let owner = stage.browser();
    let attempt = stage.approved(&owner, "alice").await;
    steal(&stage.browser(), &attempt).await;
    owner.finish(&attempt).await.expect(200);
}

/// Another browser's cookie is as little worth, and so are damaged and joined ones.
pub async fn status_with_other_cookie_never_finishes(adapter: impl Adapter) {
    let stage = Stage::new(&adapter).await;
    let owner = stage.browser();
    let attempt = stage.approved(&owner, "alice").await;
    let (name, value) = owner.binding().expect("the binding cookie");

    let thief = stage.browser();
    thief.start().await;
    steal(&thief, &attempt).await;
    let mut flipped = value.clone().into_bytes();
    flipped[0] ^= 1;
    for forged in [
        String::new(),
        "x".to_owned(),
        String::from_utf8_lossy(&flipped).into_owned(),
        value[..value.len() - 1].to_owned(),
        format!("{value}A"),
        attempt.id.clone(),
        "A".repeat(4000),
    ] {
        let thief = stage.browser();
        thief.plant(&name, &forged);
        steal(&thief, &attempt).await;
    }
    owner.finish(&attempt).await.expect(200);
}

async fn steal(thief: &Browser, attempt: &Attempt) {
    for _ in 0..3 {
        let status = thief
            .get(&attempt.at("/status"))
            .send()
            .await
            .expect(200)
            .json();
        assert_eq!(status["status"], "none");
        assert!(
            status.get("next").is_none() && status.get("error").is_none(),
            "{status}"
        );
    }
    thief.finish(attempt).await.expect_problem(403);
    assert_eq!(thief.get(&attempt.at("/qr.svg")).send().await.status, 404);
    assert_eq!(thief.me().await, Err(401));
}

/// To anybody else a running, an ended, a used and an invented attempt answer alike, everywhere.
pub async fn foreign_and_unknown_attempt_look_alike(adapter: impl Adapter) {
    let stage = Stage::new(&adapter).await;
    let owner = stage.browser();
    let used = stage.approved(&owner, "alice").await;
    owner.finish(&used).await.expect(200);
    let ended = owner.start().await;
    owner.post(&ended.at("/cancel")).send().await.expect(204);
    let done = stage.approved(&owner, "bob").await;
    let running = owner.start().await;
    owner.reach(&running, "connected").await;
    let mut unknown = running.clone();
    unknown.id = running.id.chars().rev().collect();

    let with_cookie = stage.browser();
    with_cookie.start().await;
    for browser in [stage.browser(), with_cookie] {
        for route in ["/status", "/events", "/qr.svg", "/finish", "/cancel"] {
            let wanted = ask(&browser, &unknown, route).await;
            for attempt in [&running, &done, &ended, &used] {
                let reply = ask(&browser, attempt, route).await;
                assert_eq!(alike(&reply, attempt), alike(&wanted, &unknown), "{route}");
            }
        }
    }
    assert_eq!(
        owner.status_word(&running).await,
        "connected",
        "nobody gave it up"
    );
    owner.finish(&done).await.expect(200);
}

async fn ask(browser: &Browser, attempt: &Attempt, route: &str) -> Reply {
    let path = attempt.at(route);
    match route {
        "/finish" | "/cancel" => browser.post(&path).send().await,
        _ => browser.get(&path).send().await,
    }
}

/// Everything that an answer shows, but for the time and the handle that was asked for.
fn alike(reply: &Reply, attempt: &Attempt) -> (u16, Vec<String>, String) {
    let mut headers: Vec<_> = reply
        .headers
        .iter()
        .filter(|(name, _)| *name != http::header::DATE)
        .map(|(name, value)| format!("{name}: {}", String::from_utf8_lossy(value.as_bytes())))
        .collect();
    headers.sort();
    let body = String::from_utf8_lossy(&reply.body).replace(&attempt.id, "ATTEMPT");
    (reply.status, headers, body)
}

/// A fifth tab takes the place of the oldest, which learns it.
pub async fn fifth_attempt_replaces_the_oldest(adapter: impl Adapter) {
    let stage = Stage::new(&adapter).await;
    let browser = stage.browser();
    let mut tabs = Vec::new();
    for _ in 0..4 {
        tabs.push(browser.start().await);
    }
    let mut oldest = browser.get(&tabs[0].at("/events")).open().await.events();
    assert!(oldest.status().await.is_some());
    for tab in &tabs {
        browser.reach(tab, "connected").await;
    }
    let fifth = browser.start().await;
    let replaced = browser.settled(&tabs[0]).await;
    assert_eq!(replaced["status"], "cancelled");
    assert_eq!(replaced["error"]["code"], "replaced");
    for tab in tabs[1..].iter().chain([&fifth]) {
        browser.reach(tab, "connected").await;
    }
    browser.finish(&tabs[0]).await.expect_problem(410);
    stage.service.approve(&tabs[1].tmp_id, "alice");
    browser.reach(&tabs[1], "done").await;
    browser.finish(&tabs[1]).await.expect(200);
}

/// One tab signs in: the others end as `signed_in`, the cookie is spent, a new start gets a new one.
pub async fn other_tabs_end_as_signed_in(adapter: impl Adapter) {
    let stage = Stage::new(&adapter).await;
    let browser = stage.browser();
    let waiting = browser.start_for(Some("/private?tab=1")).await;
    let approved = browser.start_for(Some("/private?tab=2")).await;
    let attempt = browser.start().await;
    for (tab, user) in [(&attempt, "alice"), (&approved, "bob")] {
        stage.service.approve(&tab.tmp_id, user);
        browser.reach(tab, "done").await;
    }
    let mut stream = browser.get(&waiting.at("/events")).open().await.events();
    assert!(stream.status().await.is_some());
    let (_, spent) = browser.binding().expect("the binding cookie");
    browser.finish(&attempt).await.expect(200);
    let mut last = None;
    while let Some(status) = stream.status().await {
        last = Some(status);
    }
    let told = last.expect("an open stream learns it");
    assert_eq!(told["error"]["code"], "signed_in", "{told}");
    for (tab, next) in [(&waiting, "/private?tab=1"), (&approved, "/private?tab=2")] {
        let status = browser.settled(tab).await;
        assert_eq!(status["status"], "cancelled", "{status}");
        assert_eq!(status["error"]["code"], "signed_in");
        assert_eq!(status["next"], next);
        browser.finish(tab).await.expect_problem(410);
    }

    browser.start().await;
    assert_ne!(
        browser.binding().expect("a new cookie").1,
        spent,
        "the spent cookie is not used"
    );
}
