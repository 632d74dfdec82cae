//! Tokens and sessions: how long, how often, whose.

use std::time::Duration;

use serde_json::{Value as Json, json};

use super::unloq_peer::{ALICE, BOB, KEY, ok, raw, refused, request, sign_in, start};
use crate::unloq::AppSettings;

#[tokio::test(start_paused = true)]
async fn a_token_lives_a_minute_and_is_good_once() {
    let (_emulator, unloq) = start().await;
    let token = async || {
        let asked = ok(&unloq, "/v1/authenticate", json!({ "email": ALICE }));
        let (answer, _) = tokio::join!(asked, unloq.approve_next(ALICE));
        answer["token"].as_str().unwrap().to_owned()
    };
    let first = token().await;
    tokio::time::advance(Duration::from_millis(59_999)).await;
    ok(&unloq, "/v1/token", json!({ "token": first })).await;
    let again = refused(&unloq, "/v1/token", json!({ "token": first })).await;
    assert_eq!(again, (400, "ACCESS_TOKEN.NOT_FOUND".to_owned()));

    let second = token().await;
    tokio::time::advance(Duration::from_secs(60)).await;
    let late = refused(&unloq, "/v1/token", json!({ "token": second })).await;
    assert_eq!(late, (400, "ACCESS_TOKEN.EXPIRED".to_owned()));

    let third = token().await;
    unloq.add_app(AppSettings::named("other")).unwrap();
    let foreign = request(
        "/v1/token",
        "other-unloq-key",
        Some(&json!({ "token": third })),
    );
    let (status, answer) = raw(&unloq, foreign).await;
    assert_eq!(
        (status, &answer["error"]["code"]),
        (400, &json!("ACCESS_TOKEN.NOT_FOUND"))
    );
    let device = refused(&unloq, "/v1/token/device", json!({ "token": third })).await;
    assert_eq!(
        device.1, "ACCESS_TOKEN.NOT_FOUND",
        "a token of another kind"
    );
    ok(&unloq, "/v1/token", json!({ "token": third })).await;
}

#[tokio::test(start_paused = true)]
async fn device_tokens_live_two_minutes() {
    let (_emulator, unloq) = start().await;
    let token = unloq.device_token(BOB, KEY).unwrap();
    let wrong = refused(&unloq, "/v1/token", json!({ "token": token })).await;
    assert_eq!(wrong.1, "ACCESS_TOKEN.NOT_FOUND");
    tokio::time::advance(Duration::from_secs(119)).await;
    let user = ok(&unloq, "/v1/token/device", json!({ "token": token })).await;
    assert_eq!(user["email"], BOB);
    let token = unloq.device_token(BOB, KEY).unwrap();
    tokio::time::advance(Duration::from_secs(120)).await;
    let late = refused(&unloq, "/v1/token/device", json!({ "token": token })).await;
    assert_eq!(late.1, "ACCESS_TOKEN.EXPIRED");
}

#[tokio::test(start_paused = true)]
async fn a_session_is_attached_once_and_within_a_minute() {
    let (_emulator, unloq) = start().await;
    let attach = async |body: Json| refused(&unloq, "/v1/token/session", body).await;
    let user = sign_in(&unloq, json!({})).await;
    let id = user["approval_id"].as_str().unwrap();
    assert!(unloq.sessions().is_empty());
    ok(
        &unloq,
        "/v1/token/session",
        json!({ "approval_id": id, "sid": "one" }),
    )
    .await;
    assert_eq!(unloq.sessions().len(), 1);
    let again = attach(json!({ "approval_id": id, "sid": "two" })).await;
    assert_eq!(again, (409, "SESSION.EXISTS".to_owned()));
    assert_eq!(unloq.sessions()[0].sid, "one");

    let unknown = attach(json!({ "approval_id": "nobody", "sid": "two" })).await;
    assert_eq!(unknown.0, 404);
    let never = attach(json!({ "token": "never", "sid": "two" })).await;
    assert_eq!(never.1, "ACCESS_TOKEN.NOT_FOUND");

    // By the approval, a minute after the application was told who it is.
    let user = sign_in(&unloq, json!({})).await;
    tokio::time::advance(Duration::from_secs(60)).await;
    let late = attach(json!({ "approval_id": user["approval_id"], "sid": "two" })).await;
    assert_eq!(late.1, "ACCESS_TOKEN.EXPIRED");

    // By the token, after its exchange and not before.
    let asked = ok(&unloq, "/v1/authenticate", json!({ "email": ALICE }));
    let (answer, _) = tokio::join!(asked, unloq.approve_next(ALICE));
    let token = &answer["token"];
    let early = attach(json!({ "token": token, "sid": "three" })).await;
    assert_eq!(early.1, "ACCESS_TOKEN.NOT_FOUND");
    ok(&unloq, "/v1/token", json!({ "token": token })).await;
    tokio::time::advance(Duration::from_secs(60)).await;
    let late = attach(json!({ "token": token, "sid": "three" })).await;
    assert_eq!(late.1, "ACCESS_TOKEN.EXPIRED");
}
