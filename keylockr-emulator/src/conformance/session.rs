//! The session that a sign-in makes: a new id, the right person, and an end on the server.

use std::collections::BTreeMap;

use http::Method;
use serde_json::{Value, json};

use super::agent::Browser;
use super::setup::Adapter;
use super::stage::{Stage, eventually};

async fn remember(browser: &Browser, entries: &Value) {
    let call = browser
        .call(Method::PUT, "/remember")
        .header("origin", browser.origin());
    call.json(entries).send().await.expect(204);
}

async fn remembered(browser: &Browser) -> Value {
    browser.get("/remember").send().await.expect(200).json()
}

/// A new id at finish; the old one is dead in the store; only the named entries come along.
pub async fn session_id_rotates_at_finish(adapter: impl Adapter) {
    let stage = Stage::new(&adapter).await;
    let browser = stage.browser();
    remember(&browser, &json!({ "locale": "de", "basket": "3 apples" })).await;
    let before = browser.session().expect("a session before the sign-in");
    let old = browser.twin();
    stage.sign_in(&browser, "alice").await;
    let after = browser.session().expect("a session after the sign-in");
    assert_eq!(after.0, before.0, "the same cookie");
    assert_ne!(after.1, before.1, "another id");
    assert!(browser.me().await.is_ok());
    assert_eq!(
        remembered(&browser).await,
        json!({ "locale": "de" }),
        "only the carry-over list"
    );
    assert_eq!(old.me().await, Err(401), "the old id does not sign in");
    assert_eq!(
        remembered(&old).await,
        json!({}),
        "and holds nothing any more"
    );

    // A second sign-in changes it again.
    stage.sign_in(&browser, "alice").await;
    assert_ne!(browser.session().expect("a session").1, after.1);
}

/// An id that an attacker knows or made up, planted before the sign-in, never becomes the user's.
pub async fn planted_session_never_authenticates(adapter: impl Adapter) {
    let stage = Stage::new(&adapter).await;
    let attacker = stage.browser();
    remember(&attacker, &json!({ "basket": "bait" })).await;
    let (name, known) = attacker.session().expect("the attacker's session");
    let made_up: String = known.chars().rev().collect();
    for planted in [
        known.clone(),
        made_up,
        "AAAAAAAAAAAAAAAAAAAAAA".to_owned(),
        "x".to_owned(),
    ] {
        let victim = stage.browser();
        victim.plant(&name, &planted);
        stage.sign_in(&victim, "alice").await;
        assert!(victim.me().await.is_ok());
        assert_ne!(victim.session().expect("a session").1, planted);
        let thief = stage.browser();
        thief.plant(&name, &planted);
        assert_eq!(thief.me().await, Err(401), "{planted}");
    }

    // The whole jar of the attacker, binding cookie included: the victim's tab finishes what the
    // attacker began, and that must not sign the attacker in.
    let attacker = stage.browser();
    remember(&attacker, &json!({ "basket": "bait" })).await;
    let attempt = attacker.start().await;
    let victim = attacker.twin();
    stage.service.approve(&attempt.tmp_id, "alice");
    victim.reach(&attempt, "done").await;
    victim.finish(&attempt).await.expect(200);
    assert_eq!(attacker.me().await, Err(401));
    attacker.finish(&attempt).await.expect_problem(410);
}

/// No route takes an identity from a request, before or after the approval.
pub async fn posted_identity_is_ignored(adapter: impl Adapter) {
    let stage = Stage::new(&adapter).await;
    let bob = stage.signed_in("bob").await;
    let bobs = bob.me().await.expect("bob's SafeID");
    let connection = stage.service.connections().remove(0);
    let claim = json!({
        "safe_id": bobs, "app_id": connection.app_id, "sso_client_id": connection.app_id,
        "nickname": "Bob", "sign_pk": "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
        "status": "done", "user": { "safe_id": bobs }, "tmp_id": "x", "_res": "ok",
    });
    let query = format!(
        "&safe_id={bobs}&app_id={}&status=done&user=bob",
        connection.app_id
    );
    let browser = stage
        .browser()
        .saying("x-user", &bobs)
        .saying("x-forwarded-user", &bobs);
    let mut call = browser
        .post(&format!("/login/start?{}", &query[1..]))
        .json(&claim);
    call = call
        .header("authorization", "Basic Ym9iOmJvYg==")
        .header("remote-user", &bobs);
    let attempt = super::stage::Attempt::of(call.send().await.expect(201).json());
    for _ in 0..2 {
        let path = format!("{}{query}", attempt.at("/finish"));
        browser
            .post(&path)
            .json(&claim)
            .send()
            .await
            .expect_problem(409);
        let form = browser
            .post(&path)
            .form(&[("safe_id", &bobs), ("status", "done")]);
        form.send().await.expect_page(409);
    }
    assert_eq!(browser.me().await, Err(401));
    let (_, alices) = stage.service.approve(&attempt.tmp_id, "alice");
    browser.reach(&attempt, "done").await;
    let path = format!("{}{query}", attempt.at("/finish"));
    let reply = browser.post(&path).json(&claim).send().await.expect(200);
    assert_eq!(reply.json()["user"]["safe_id"], alices);
    assert_eq!(browser.me().await, Ok(alices));
}

/// A login on top of a session: the new person alone, and nothing of the first.
pub async fn relogin_switches_user_cleanly(adapter: impl Adapter) {
    let stage = Stage::new(&adapter).await;
    let browser = stage.browser();
    stage.sign_in(&browser, "alice").await;
    let alice = browser.me().await.expect("alice");
    remember(&browser, &json!({ "locale": "de", "basket": "alice's" })).await;
    let alices = browser.twin();

    let attempt = browser.start().await;
    assert_eq!(
        browser.me().await.as_ref(),
        Ok(&alice),
        "starting changes nothing"
    );
    let (_, bob) = stage.service.approve(&attempt.tmp_id, "bob");
    browser.reach(&attempt, "done").await;
    assert_eq!(
        browser.me().await.as_ref(),
        Ok(&alice),
        "nor does an approval"
    );
    browser.finish(&attempt).await.expect(200);
    assert_ne!(alice, bob);
    assert_eq!(browser.me().await, Ok(bob.clone()));
    assert_eq!(
        browser
            .get("/private")
            .page()
            .send()
            .await
            .expect(200)
            .text(),
        bob
    );
    assert_eq!(remembered(&browser).await, json!({ "locale": "de" }));
    assert_eq!(alices.me().await, Err(401), "alice's session is over");
    assert_eq!(remembered(&alices).await, json!({}));
    let account = browser.get("/account").send().await.expect(200);
    assert_eq!(account.text(), format!("account of {bob}"));
}

/// The session cookie's flags, on http and on https.
pub async fn session_cookie_flags(adapter: impl Adapter) {
    for origin in [None, Some("https://app.example".to_owned())] {
        let stage = Stage::with(&adapter, |setup| setup.public_origin.clone_from(&origin)).await;
        let browser = stage.browser();
        let reply = stage.sign_in(&browser, "alice").await;
        let cookie = reply.session_cookie().expect("the session cookie");
        assert!(cookie.has("httponly") && cookie.has("path=/"), "{cookie:?}");
        assert!(
            cookie.has("samesite=lax") || cookie.has("samesite=strict"),
            "{cookie:?}"
        );
        assert!(!cookie.has_any("domain="), "{cookie:?}");
        assert!(cookie.value.len() >= 22, "128 bits or more: {cookie:?}");
        assert_eq!(cookie.has("secure"), origin.is_some(), "{cookie:?}");
        let names: BTreeMap<_, _> = browser.cookies();
        assert!(
            names.len() <= 2,
            "nothing but binding and session: {names:?}"
        );
    }
}

/// After a sign-out the cookie is worth nothing, wherever a copy of it is.
pub async fn logout_kills_on_server(adapter: impl Adapter) {
    let stage = Stage::new(&adapter).await;
    for as_form in [false, true] {
        let browser = stage.signed_in("alice").await;
        let other = stage.signed_in("alice").await;
        let copy = browser.twin();
        assert!(copy.me().await.is_ok());
        let call = browser.post("/login/logout");
        let reply = if as_form { call.form(&[]) } else { call }.send().await;
        assert!(matches!(reply.status, 204 | 303), "{}", reply.status);
        assert_eq!(copy.me().await, Err(401), "the copy");
        assert_eq!(copy.get("/private").page().send().await.status, 303);
        assert_eq!(browser.me().await, Err(401));
        assert!(
            other.me().await.is_ok(),
            "another session of the same person goes on"
        );
        copy.post("/login/logout").send().await.expect(204);
    }
}

/// Where it is so configured, signing out also ends the connection on the phone.
pub async fn logout_deletes_the_connection(adapter: impl Adapter) {
    for delete in [true, false] {
        let stage = Stage::with(&adapter, |setup| {
            setup.keep_connection = true;
            setup.delete_connection_on_logout = delete;
        })
        .await;
        let browser = stage.signed_in("alice").await;
        assert!(
            stage
                .service
                .connections()
                .iter()
                .all(|connection| connection.alive)
        );
        browser.post("/login/logout").send().await.expect(204);
        if delete {
            let service = &stage.service;
            eventually(|| async move {
                service
                    .connections()
                    .iter()
                    .all(|connection| !connection.alive)
            })
            .await;
        } else {
            assert!(stage.service.connections().iter().all(|own| own.alive));
        }
    }
}

/// A session that nobody uses ends, and so does one that is as old as one may be.
pub async fn session_limits(adapter: impl Adapter) {
    use std::time::Duration;
    let second = Duration::from_secs(1);
    let stage = Stage::with(&adapter, |setup| setup.absolute = 600 * second).await;
    let browser = stage.signed_in("alice").await;
    assert!(browser.me().await.is_ok(), "it has a life before its end");
    let stage = Stage::with(&adapter, |setup| setup.absolute = 3 * second).await;
    let browser = stage.signed_in("alice").await;
    let user = &browser;
    eventually(|| async move { user.me().await == Err(401) }).await;

    // Idle: with no time for it at all, the next request comes too late.
    let stage = Stage::with(&adapter, |setup| setup.idle = Duration::ZERO).await;
    let browser = stage.browser();
    let attempt = stage.approved(&browser, "alice").await;
    browser.finish(&attempt).await.expect(200);
    let user = &browser;
    eventually(|| async move { user.me().await == Err(401) }).await;
}

/// A person's sessions by handle and browser, the one that asks marked with a star.
async fn sessions(browser: &Browser) -> Vec<(String, String)> {
    let list = browser.get("/sessions").send().await.expect(200).json();
    let entry = |entry: &Value| {
        let browser = entry["browser"].as_str().unwrap_or("unknown");
        let star = if entry["here"] == true { "*" } else { "" };
        let handle = entry["handle"].as_str().expect("a handle");
        (handle.to_owned(), format!("{browser}{star}"))
    };
    list.as_array().expect("a list").iter().map(entry).collect()
}

async fn end(browser: &Browser, handle: &str) -> u16 {
    let call = browser.call(Method::DELETE, &format!("/sessions/{handle}"));
    let reply = call.header("origin", browser.origin()).send().await;
    reply.status
}

/// Everybody sees and ends their own sessions, and nobody else's.
pub async fn people_end_their_own_sessions(adapter: impl Adapter) {
    let stage = Stage::new(&adapter).await;
    let bob = stage.signed_in("bob").await;
    let [(bobs, _)] = &sessions(&bob).await[..] else {
        panic!("one session of bob's");
    };
    let there = stage
        .browser()
        .saying("user-agent", "Mozilla/5.0 (Android 14) Firefox/130.0");
    stage.sign_in(&there, "alice").await;
    let here = stage.browser();
    stage.sign_in(&here, "alice").await;
    let list = sessions(&here).await;
    let names: Vec<_> = list.iter().map(|(_, name)| name.as_str()).collect();
    assert_eq!(names, ["unknown*", "Firefox on Android"]);
    let (own, other) = (&list[0].0, &list[1].0);

    assert_eq!(end(&here, bobs).await, 404, "somebody else's");
    assert_eq!(end(&here, "unknown").await, 404);
    let bare = here.call(Method::DELETE, &format!("/sessions/{other}"));
    bare.send().await.expect(403);
    assert_eq!(end(&stage.browser(), other).await, 401);
    assert!(bob.me().await.is_ok() && there.me().await.is_ok());

    assert_eq!(end(&here, other).await, 204);
    assert_eq!(there.me().await, Err(401));
    assert_eq!(end(&here, other).await, 404, "once");
    assert_eq!(sessions(&here).await.len(), 1);
    here.post("/login/logout").send().await.expect(204);
    let again = stage.signed_in("alice").await;
    let left = sessions(&again).await;
    assert!(left.len() == 1 && left[0].0 != *own, "signed out: {left:?}");
}
