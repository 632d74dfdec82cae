//! Browsers that hold their own keys: `POST M/challenge`, `POST M/verify`, and how such an attempt
//! ends. What must not sign anybody in there is in `completion`.

use std::collections::{BTreeMap, HashSet};

use futures_util::future::join_all;
use serde_json::{Value, json};

use super::agent::{Browser, Reply};
use super::completion::{expect_no_session, refused};
use super::key_holder::KeyHolder;
use super::setup::{Adapter, AdmitMode, StoreState};
use super::stage::Stage;
use crate::FaultKind;

/// From keys to a session: `challenge` and `verify` answer as the contract says.
pub async fn browser_keys_sign_in(adapter: impl Adapter) {
    let stage = Stage::new(&adapter).await;
    let browser = stage.browser();
    browser.plant("session", "planted");
    let keys = KeyHolder::new();
    let body = json!({ "sign_pk": keys.sign_pk(), "next": "/private?a=1" });
    let call = browser.post("/login/challenge").json(&body);
    let reply = call.send().await.expect(201);
    assert_eq!(reply.media_type(), "application/json");
    assert_eq!(reply.header("cache-control"), Some("no-store"));
    let answer = reply.json();
    let mut members: Vec<_> = answer.as_object().expect("an object").keys().collect();
    members.sort();
    assert_eq!(members, ["attempt_id", "aud", "challenge", "svc_id"]);
    assert_eq!(answer["svc_id"], "demo");
    assert_eq!(answer["aud"], stage.app.origin());

    let challenge = keys.challenge(&browser).await;
    assert_eq!(challenge.bytes.len(), 32);
    let status = browser.get(&challenge.at("/status")).send().await.json();
    assert_eq!(status["status"], "waiting", "{status}");
    assert!(status["expires_in"].as_u64().expect("seconds") <= 180);
    let tmp_id = keys.handshake(&stage.service, &challenge.svc_id).await;
    let (app_id, safe_id) = stage.service.approve(&tmp_id, "alice");
    let claim = keys.claim(&challenge, &app_id, &safe_id);
    let reply = browser.verify(&claim).send().await.expect(200);
    let nickname = stage.service.nickname("alice");
    let user = json!({ "safe_id": safe_id, "nickname": nickname });
    assert_eq!(reply.json(), json!({ "user": user, "next": "/" }));
    assert_eq!(reply.header("cache-control"), Some("no-store"));
    let session = reply.session_cookie().expect("a new session id");
    assert_ne!(session.value, "planted");
    assert_eq!(browser.me().await, Ok(safe_id));
    let status = browser.get(&challenge.at("/status")).send().await.json();
    assert_eq!(status["status"], "none", "used");
    let admitted = stage.setup.admissions.all();
    assert_eq!(admitted.len(), 1, "the admit hook was asked once");

    // The other one that was open goes on as signed in; its own `next` is kept.
    let other = answer["attempt_id"].as_str().expect("a handle");
    let status = browser.get(&format!("/login/status?attempt={other}"));
    let status = status.send().await.json();
    assert_eq!(status["error"]["code"], "signed_in", "{status}");
    assert_eq!(status["next"], "/private?a=1");
}

/// As a form it is answered by the way on.
pub async fn verify_sends_forms_on(adapter: impl Adapter) {
    let stage = Stage::new(&adapter).await;
    let browser = stage.browser();
    let approved = stage.approved_keys(&browser, "alice").await;
    let claim = approved.claim();
    let fields: Vec<_> = ["attempt_id", "app_id", "safe_id", "signature"]
        .iter()
        .map(|name| (*name, claim[name].as_str().expect("text")))
        .collect();
    let reply = browser.post("/login/verify").form(&fields).send().await;
    assert_eq!(reply.expect_see_other(), "/");
    assert_eq!(browser.me().await, Ok(approved.safe_id));
}

/// A challenge counts as a start: the same limits, cookie and tabs; and it is never given twice.
pub async fn challenge_counts_as_a_start(adapter: impl Adapter) {
    let stage = Stage::with(&adapter, |setup| setup.start_limit = 3).await;
    stage.browser().start().await;
    for _ in 0..2 {
        KeyHolder::new().challenge(&stage.browser()).await;
    }
    let reply = KeyHolder::new().ask(&stage.browser()).await;
    reply.expect_problem(429);
    reply.expect_retry_after();

    let full = Stage::with(&adapter, |setup| setup.live_attempts = Some(1)).await;
    let first = full.browser();
    let challenge = KeyHolder::new().challenge(&first).await;
    let reply = KeyHolder::new().ask(&full.browser()).await;
    reply.expect_problem(503);
    reply.expect_retry_after();
    let cancel = first.post(&challenge.at("/cancel"));
    cancel.send().await.expect(204);
    KeyHolder::new().challenge(&full.browser()).await;

    let stage = Stage::new(&adapter).await;
    let browser = stage.browser();
    let keys = KeyHolder::new();
    let reply = keys.ask(&browser).await.expect(201);
    let cookies = reply.set_cookies();
    let cookie = cookies.first().expect("the binding cookie");
    assert_eq!(cookie.name, "kl_login");
    assert!(cookie.has("httponly") && cookie.has("samesite=lax") && cookie.has("path=/"));
    let first = reply.json()["attempt_id"].clone();
    let mut seen = HashSet::new();
    for _ in 0..4 {
        seen.insert(keys.challenge(&browser).await.bytes);
    }
    assert_eq!(seen.len(), 4, "a challenge of its own for each");
    let first = first.as_str().expect("a handle");
    let status = browser.get(&format!("/login/status?attempt={first}"));
    let status = status.send().await.json();
    assert_eq!(status["error"]["code"], "replaced", "{status}");
    assert!(
        stage.service.pending().is_empty(),
        "the browser makes the handshake"
    );
}

/// Keys that are none, or that verify everything, are refused, and nothing begins.
pub async fn challenge_refuses_bad_keys(adapter: impl Adapter) {
    let stage = Stage::with(&adapter, |setup| setup.start_limit = 1).await;
    let browser = stage.browser();
    let key = KeyHolder::new().sign_pk();
    let zeros = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
    let identity = "AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
    let order_eight = "JuiVj8KyJ7BFw/SJ8u+Y8NXfrAXTxjM5sTgCiG1T/AU=";
    let malformed = [
        json!({}),
        json!({ "sign_pk": null }),
        json!({ "sign_pk": 1 }),
        json!({ "sign_pk": [key] }),
        json!({ "sign_pk": "" }),
        json!({ "sign_pk": "AAAA" }),
        json!({ "sign_pk": key.trim_end_matches('=') }),
        json!({ "sign_pk": format!("{key} ") }),
        json!({ "sign_pk": format!("{key}{key}") }),
        json!({ "sign_pk": zeros }),
        json!({ "sign_pk": identity }),
        json!({ "sign_pk": order_eight }),
        json!({ "public_key": key }),
    ];
    for body in &malformed {
        let reply = browser.post("/login/challenge").json(body).send().await;
        reply.expect_problem(400);
        assert!(reply.set_cookies().is_empty(), "{body}");
    }
    let twice = format!("{{\"sign_pk\":\"{key}\",\"sign_pk\":\"{key}\"}}");
    let call = browser.post("/login/challenge");
    call.body("application/json", twice)
        .send()
        .await
        .expect_problem(400);
    let call = browser.post("/login/challenge");
    call.body("text/plain", key.clone())
        .send()
        .await
        .expect_problem(415);
    browser.get("/login/challenge").send().await.expect(405);
    browser.get("/login/verify").send().await.expect(405);
    // None of it counted.
    KeyHolder::new().challenge(&browser).await;
}

/// Everything that is not a whole claim is 400, and costs nothing.
pub async fn verify_refuses_malformed_claims(adapter: impl Adapter) {
    let stage = Stage::new(&adapter).await;
    let browser = stage.browser();
    let approved = stage.approved_keys(&browser, "alice").await;
    let claim = approved.claim();
    let text = |name: &str| claim[name].as_str().expect("text").to_owned();
    let with = |name: &str, value: Value| {
        let mut claim = claim.clone();
        claim[name] = value;
        claim
    };
    let mut malformed = vec![json!({})];
    for name in ["attempt_id", "app_id", "safe_id", "signature"] {
        for wrong in [Value::Null, json!(1), json!(""), json!([text(name)])] {
            malformed.push(with(name, wrong));
        }
        let mut without = claim.clone();
        without.as_object_mut().expect("an object").remove(name);
        malformed.push(without);
    }
    for name in ["attempt_id", "signature"] {
        malformed.push(with(name, json!(format!("{} ", text(name)))));
    }
    let id = "x".repeat(129);
    for (name, wrong) in [
        ("attempt_id", "unknown"),
        ("app_id", "a.b"),
        ("app_id", "a\u{0}b"),
        ("app_id", &id),
        ("safe_id", "a.b"),
        ("safe_id", "a\nb"),
        ("signature", "AAAA"),
        ("signature", text("signature").trim_end_matches('=')),
        ("signature", "!"),
    ] {
        malformed.push(with(name, json!(wrong)));
    }
    for body in &malformed {
        let reply = browser.verify(body).send().await;
        assert_eq!(reply.status, 400, "{body}: {}", reply.text());
    }
    let elsewhere = browser.post("/login/verify?attempt=0123456789abcdef0123456789abcdef");
    elsewhere.json(&claim).send().await.expect_problem(400);
    let long = browser.post("/login/verify");
    let long = long.body("application/json", vec![b' '; 65_537]);
    long.send().await.expect_problem(413);
    assert_eq!(browser.me().await, Err(401));
    browser.verify(&claim).send().await.expect(200);
}

/// The third wrong proof ends the attempt; the right one comes too late then.
pub async fn three_wrong_proofs_end_the_attempt(adapter: impl Adapter) {
    let stage = Stage::new(&adapter).await;
    let browser = stage.browser();
    let approved = stage.approved_keys(&browser, "alice").await;
    let mut wrong = approved.claim();
    wrong["safe_id"] = json!("1");
    for _ in 0..2 {
        refused(&browser, &wrong).await;
        let status = browser.get(&approved.challenge.at("/status"));
        assert_eq!(status.send().await.json()["status"], "waiting");
    }
    refused(&browser, &wrong).await;
    let right = approved.claim();
    for claim in [&wrong, &right] {
        browser.verify(claim).send().await.expect_problem(410);
    }
    let status = browser.get(&approved.challenge.at("/status"));
    let status = status.send().await.json();
    assert_eq!(status["status"], "failed");
    assert_eq!(status["error"]["code"], "not_verified");
    assert_eq!(browser.me().await, Err(401));
}

/// KeyLockr that cannot be asked is neither a yes nor a no: 502, and the same claim may try again.
pub async fn verify_when_keylockr_cannot_be_asked(adapter: impl Adapter) {
    let stage = Stage::new(&adapter).await;
    let browser = stage.browser();
    let approved = stage.approved_keys(&browser, "alice").await;
    let claim = approved.claim();
    for fault in [
        FaultKind::Http500,
        FaultKind::VerifyGarbage,
        FaultKind::IpNotAllowed,
    ] {
        stage.service.fault(fault.clone());
        for _ in 0..2 {
            let reply = browser.verify(&claim).send().await;
            reply.expect_problem(502);
            assert!(reply.session_cookie().is_none(), "{fault:?}");
        }
        stage.service.clear_faults();
    }
    assert_eq!(browser.me().await, Err(401));
    browser.verify(&claim).send().await.expect(200);

    // A definite no counts, and is not the last word while the attempt lasts.
    let browser = stage.browser();
    let own = stage.approved_keys(&browser, "bob").await;
    stage.service.fault(FaultKind::VerifyFalse);
    refused(&browser, &own.claim()).await;
    stage.service.clear_faults();
    browser.verify(&own.claim()).send().await.expect(200);
}

/// Twenty at once: one session.
pub async fn twenty_proofs_one_session(adapter: impl Adapter) {
    let stage = Stage::new(&adapter).await;
    let browser = stage.browser();
    let approved = stage.approved_keys(&browser, "alice").await;
    let claim = approved.claim();
    let tabs: Vec<_> = (0..20).map(|_| browser.twin()).collect();
    let replies: Vec<Reply> = join_all(tabs.iter().map(|tab| tab.verify(&claim).send())).await;
    let mut statuses: BTreeMap<u16, usize> = BTreeMap::new();
    for reply in &replies {
        *statuses.entry(reply.status).or_default() += 1;
    }
    assert_eq!(statuses, BTreeMap::from([(200, 1), (410, 19)]));
    let signed_in = join_all(tabs.iter().map(Browser::me)).await;
    assert_eq!(signed_in.iter().filter(|who| who.is_ok()).count(), 1);
}

/// What was given up, revoked on the phone, or is not this kind of attempt, signs nobody in.
pub async fn verify_comes_too_late(adapter: impl Adapter) {
    let stage = Stage::new(&adapter).await;
    let browser = stage.browser();
    let approved = stage.approved_keys(&browser, "alice").await;
    let finish = browser.post(&approved.challenge.at("/finish"));
    finish.send().await.expect_problem(409);
    let picture = browser.get(&approved.challenge.at("/qr.svg"));
    picture.send().await.expect(404);
    let page = browser.get(&approved.challenge.at("")).page().send().await;
    let page = page.expect_page(200);
    assert!(super::html::same_device_link(page).is_none());
    let cancel = browser.post(&approved.challenge.at("/cancel"));
    cancel.send().await.expect(204);
    let reply = browser.verify(&approved.claim()).send().await;
    reply.expect_problem(410);

    let revoked = stage.approved_keys(&browser, "alice").await;
    stage.service.revoke(&revoked.app_id);
    refused(&browser, &revoked.claim()).await;

    // An attempt whose keys the server holds has no challenge.
    let attempt = stage.approved(&browser, "alice").await;
    let mut claim = revoked.claim();
    claim["attempt_id"] = json!(attempt.id);
    browser.verify(&claim).send().await.expect_problem(403);
    browser.finish(&attempt).await.expect(200);
}

/// The admit hook has its say, and a store that is down signs nobody in.
pub async fn verify_asks_the_site(adapter: impl Adapter) {
    let stage = Stage::with(&adapter, |setup| setup.admit = AdmitMode::Nobody).await;
    let browser = stage.browser();
    let approved = stage.approved_keys(&browser, "alice").await;
    let reply = browser.verify(&approved.claim()).send().await;
    reply.expect_problem(403);
    let again = browser.verify(&approved.claim()).send().await;
    again.expect_problem(410);
    let status = browser.get(&approved.challenge.at("/status"));
    let status = status.send().await.json();
    assert_eq!(status["error"]["code"], "not_admitted", "{status}");

    let stage = Stage::new(&adapter).await;
    let browser = stage.browser();
    let keys = KeyHolder::new();
    for state in [StoreState::Down, StoreState::ReadOnly] {
        let approved = stage.approved_keys(&browser, "alice").await;
        stage.setup.attempt_store.set(state);
        let reply = browser.verify(&approved.claim()).send().await;
        reply.expect_problem(503);
        reply.expect_retry_after();
        expect_no_session(&reply);
        keys.ask(&stage.browser()).await.expect_problem(503);
        stage.setup.attempt_store.set(StoreState::Up);
        assert_eq!(browser.me().await, Err(401), "{state:?}");
        // A claim whose answer got lost may have been made: it is not made again.
        let again = browser.verify(&approved.claim()).send().await.status;
        let expected: &[u16] = match state {
            StoreState::Down => &[200],
            _ => &[200, 410],
        };
        assert!(expected.contains(&again), "{state:?}: {again}");
        browser.post("/login/logout").send().await.expect(204);
    }
}

/// Such a session ends with its connection, by re-checks: there is no socket of ours.
pub async fn browser_keys_session_is_rechecked(adapter: impl Adapter) {
    let stage = Stage::with(&adapter, |setup| {
        setup.recheck = std::time::Duration::ZERO;
        setup.keep_connection = true;
        setup.delete_connection_on_logout = true;
    })
    .await;
    let browser = stage.browser();
    let approved = stage.approved_keys(&browser, "alice").await;
    browser.verify(&approved.claim()).send().await.expect(200);
    assert!(browser.me().await.is_ok());
    stage.service.revoke(&approved.app_id);
    super::stage::eventually(|| async { browser.me().await == Err(401) }).await;

    // Signing out ends the session; the connection is the browser's own affair.
    let approved = stage.approved_keys(&browser, "bob").await;
    browser.verify(&approved.claim()).send().await.expect(200);
    browser.post("/login/logout").send().await.expect(204);
    assert_eq!(browser.me().await, Err(401));
    let connections = stage.service.connections();
    let own = connections.iter().find(|own| own.app_id == approved.app_id);
    assert!(own.expect("the connection").alive);
}
