//! Completions of a browser that holds its own keys (K 7.8) which must not sign anybody in: replayed,
//! stolen, or made for something else.

use serde_json::{Value, json};

use super::agent::{Browser, Reply};
use super::key_holder::{Approved, KeyHolder};
use super::setup::Adapter;
use super::stage::Stage;

/// The very body that signed somebody in is worth nothing a second time, from wherever it comes.
pub async fn completion_replay_refused(adapter: impl Adapter) {
    let stage = Stage::new(&adapter).await;
    let browser = stage.browser();
    let approved = stage.approved_keys(&browser, "alice").await;
    let claim = approved.claim();

    // Overheard, and first: another browser, without and with attempts of its own.
    let thief = stage.browser();
    thief.verify(&claim).send().await.expect_problem(403);
    let own = KeyHolder::new().challenge(&thief).await;
    thief.verify(&claim).send().await.expect_problem(403);
    let mut moved = claim.clone();
    moved["attempt_id"] = json!(own.attempt);
    thief.verify(&moved).send().await.expect_problem(401);
    // The thief registers the victim's public key: the challenge is another one.
    let same_key = approved.keys.challenge(&thief).await;
    moved["attempt_id"] = json!(same_key.attempt);
    thief.verify(&moved).send().await.expect_problem(401);
    // The same browser, another attempt under the same key.
    let second = approved.keys.challenge(&browser).await;
    moved["attempt_id"] = json!(second.attempt);
    browser.verify(&moved).send().await.expect_problem(401);
    // Another site of the same service.
    let other_site = Stage::with(&adapter, |setup| setup.api = stage.service.api()).await;
    let there = other_site.browser();
    there.verify(&claim).send().await.expect_problem(403);
    let challenge = approved.keys.challenge(&there).await;
    moved["attempt_id"] = json!(challenge.attempt);
    there.verify(&moved).send().await.expect_problem(401);
    assert_eq!(there.me().await, Err(401));

    browser.verify(&claim).send().await.expect(200);
    let copy = browser.twin();
    copy.forget("session");
    for replay in [&browser, &copy] {
        let reply = replay.verify(&claim).send().await;
        reply.expect_problem(410);
        assert!(reply.session_cookie().is_none());
    }
    thief.verify(&claim).send().await.expect_problem(403);
    thief
        .verify(&claim)
        .anonymous()
        .send()
        .await
        .expect_problem(403);
    for stranger in [&thief, &copy] {
        assert_eq!(stranger.me().await, Err(401));
    }
    assert_eq!(browser.me().await, Ok(approved.safe_id));
}

/// A proof counts under the key that was registered, and that key must be the connection's.
pub async fn completion_with_other_key_refused(adapter: impl Adapter) {
    let stage = Stage::new(&adapter).await;
    let browser = stage.browser();
    let approved = stage.approved_keys(&browser, "alice").await;
    let Approved {
        challenge,
        app_id,
        safe_id,
        ..
    } = &approved;

    // Signed with another key, which is posted along under every name that it could have.
    let other = KeyHolder::new();
    let mut claim = other.claim(challenge, app_id, safe_id);
    for name in ["sign_pk", "key", "public_key", "pk"] {
        claim[name] = json!(other.sign_pk());
    }
    refused(&browser, &claim).await;

    // Somebody's own key, somebody else's connection: a good proof, and KeyLockr says no.
    let attacker = stage.browser();
    let attackers = KeyHolder::new();
    let own = attackers.challenge(&attacker).await;
    let claim = attackers.claim(&own, app_id, safe_id);
    refused(&attacker, &claim).await;
    // With a connection of the attacker's own: one's SafeID does not go with the other's connection.
    let tmp_id = attackers.handshake(&stage.service, &own.svc_id).await;
    let (bobs, bob) = stage.service.approve(&tmp_id, "bob");
    refused(&attacker, &attackers.claim(&own, &bobs, safe_id)).await;
    refused(&attacker, &attackers.claim(&own, app_id, &bob)).await;
    let last = attackers.claim(&own, &bobs, &bob);
    attacker.verify(&last).send().await.expect_problem(410);

    browser.verify(&approved.claim()).send().await.expect(200);
}

/// The three values of the public documentation, and everything else that says who somebody is,
/// sign nobody in: neither alone nor beside a proof for other ids.
pub async fn bare_triple_signs_nobody_in(adapter: impl Adapter) {
    let stage = Stage::new(&adapter).await;
    let victim = stage.browser();
    let alice = stage.approved_keys(&victim, "alice").await;
    victim.verify(&alice.claim()).send().await.expect(200);
    let attacker = stage.browser();
    let bob = stage.approved_keys(&attacker, "bob").await;
    let sign_pk = alice.keys.sign_pk();
    let triple = json!({
        "app_id": alice.app_id, "safe_id": alice.safe_id, "sign_pk": sign_pk,
        "sso_client_id": alice.app_id, "user_id": alice.safe_id, "svc_id": "demo",
        "user": { "safe_id": alice.safe_id }, "_res": "ok", "valid": true, "status": "done",
    });
    let mut named = triple.clone();
    named["attempt_id"] = json!(bob.challenge.attempt);
    for body in [&triple, &named] {
        attacker.verify(body).send().await.expect_problem(400);
    }
    let finish = attacker.post(&bob.challenge.at("/finish"));
    finish.json(&triple).send().await.expect_problem(409);
    // Bob's proof with alice's ids in place of what it covers.
    let mut swapped = bob.claim();
    swapped["safe_id"] = json!(alice.safe_id);
    refused(&attacker, &swapped).await;
    swapped["app_id"] = json!(alice.app_id);
    refused(&attacker, &swapped).await;
    // Bob's own claim, with alice's ids wherever else they could be looked for.
    let mut claim = triple;
    for (name, value) in bob.claim().as_object().expect("an object") {
        claim[name] = value.clone();
    }
    let path = format!(
        "/login/verify?safe_id={}&app_id={}&sign_pk=x",
        alice.safe_id, alice.app_id
    );
    let reply = attacker.post(&path).json(&claim).send().await.expect(200);
    assert_eq!(reply.json()["user"]["safe_id"], bob.safe_id);
    assert_eq!(attacker.me().await, Ok(bob.safe_id));
}

/// A proof is for one origin and one service.
pub async fn proof_is_for_one_origin_and_service(adapter: impl Adapter) {
    let stage = Stage::with(&adapter, |setup| {
        setup.public_origin = Some("https://app.example".to_owned());
    })
    .await;
    let browser = stage.browser();
    let approved = stage.approved_keys(&browser, "alice").await;
    assert_eq!(approved.challenge.aud, "https://app.example");
    for aud in ["https://app.example:443", "https://evil.example"] {
        let mut elsewhere = approved.challenge.clone();
        aud.clone_into(&mut elsewhere.aud);
        let claim = approved
            .keys
            .claim(&elsewhere, &approved.app_id, &approved.safe_id);
        refused(&browser, &claim).await;
    }
    let claim = approved.claim();
    let evil = browser
        .verify(&claim)
        .with("origin", "https://evil.example");
    evil.send().await.expect_problem(403);
    browser.verify(&claim).send().await.expect(200);

    // Connections of another service at the same KeyLockr.
    let other = Stage::with(&adapter, |setup| setup.api = stage.service.api()).await;
    let browser = other.browser();
    let keys = KeyHolder::new();
    let challenge = keys.challenge(&browser).await;
    let tmp_id = keys.handshake(&stage.service, "demo-data").await;
    let (app_id, safe_id) = stage.service.approve(&tmp_id, "alice");
    refused(&browser, &keys.claim(&challenge, &app_id, &safe_id)).await;
}

#[track_caller]
pub(super) fn expect_no_session(reply: &Reply) {
    assert!(reply.session_cookie().is_none(), "{}", reply.text());
}

/// 401, and nobody is signed in.
pub(super) async fn refused(browser: &Browser, claim: &Value) {
    let reply = browser.verify(claim).send().await;
    reply.expect_problem(401);
    expect_no_session(&reply);
    assert_eq!(browser.me().await, Err(401));
}
