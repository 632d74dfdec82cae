//! Whole logins in each dialect.

use std::time::Duration;

use super::peer::{LOCAL, Peer, emulator, get};
use crate::{
    Approve, Message, NewService,
    wire::{
        text::to_base64,
        value::{Map, Value},
    },
};

#[tokio::test(start_paused = true)]
async fn seed_login_by_push() {
    let emulator = emulator().await;
    let peer = Peer::new(1);
    let tmp_id = peer.seed(&emulator, "demo").await;
    let mut socket = peer.connect(&emulator, &format!("tmp.{tmp_id}")).await;
    assert_eq!(socket.expect("connected").await.text("status"), Some("ok"));
    assert_eq!(emulator.next_pending().await.tmp_id, tmp_id);

    let approved = emulator.approve(tmp_id.as_str()).unwrap();
    let result = socket.expect("app_auth_result").await;
    assert_eq!(result.text("_res"), Some("ok"));
    assert_eq!(result.text("sso_client_id"), Some(approved.app_id.as_str()));
    assert_eq!(result.text("safe_id"), Some(approved.safe_id.as_str()));
    assert!(!result.contains("data_plain"), "a service without data");
    assert!(emulator.pending().is_empty());

    let body = serde_json::json!({
        "svc_id": "demo",
        "sso_client_id": approved.app_id,
        "safe_id": approved.safe_id,
        "sign_pk": to_base64(&peer.sign.public),
    });
    let (status, _, body) = emulator
        .http(
            "POST",
            "/v3/app_verify",
            Some("application/json"),
            body.to_string().into(),
            LOCAL,
        )
        .await;
    let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(
        (status, &body),
        (
            200,
            &serde_json::json!({
                "_res": "ok", "valid": true, "nickname": "Alice"
            })
        )
    );
}

#[tokio::test(start_paused = true)]
async fn seed_login_by_polling() {
    let emulator = emulator().await;
    let peer = Peer::new(1);
    let tmp_id = peer.seed(&emulator, "demo-data").await;
    let mut socket = peer.connect(&emulator, &format!("tmp.{tmp_id}")).await;
    socket.expect("connected").await;
    let waiting = socket.ask("app_connect_req", Map::new()).await;
    assert_eq!(waiting.text("status"), Some("pending"));

    let delay = Duration::from_secs(3);
    let approve = Approve {
        delay,
        user: Some("bob".into()),
        tmp_id: tmp_id.clone(),
    };
    let approved = emulator.approve(approve).unwrap();
    let early = socket.ask("app_connect_req", Map::new()).await;
    assert_eq!(early.text("status"), Some("pending"));
    let push = socket.expect("app_auth_result").await;
    assert_eq!(push.bin("data_plain").map(<[u8]>::is_empty), Some(false));

    let done = socket.ask("app_connect_req", Map::new()).await;
    assert_eq!(done.text("status"), Some("done"));
    assert_eq!(done.text("app_id"), Some(approved.app_id.as_str()));
    assert_eq!(done.text("user_id"), Some(approved.safe_id.as_str()));
    assert_eq!(done.text("user_nickname"), Some("Bob"));
    assert_eq!(done.bin("user_enc_pk").map(<[u8]>::len), Some(32));
}

#[tokio::test(start_paused = true)]
async fn appdata_logins_in_both_revisions() {
    let emulator = emulator().await;
    emulator
        .create_service(NewService::appdata("first", "First", 1))
        .unwrap();
    for (tag, revision) in [("first", 1), ("demo-app", 2)] {
        let peer = Peer::new(revision);
        let tmp_id = peer.appdata(&emulator, tag).await;
        let mut socket = peer.connect(&emulator, &format!("tmp.{tmp_id}")).await;
        socket.expect("connected").await;
        let approved = emulator.approve(tmp_id.as_str()).unwrap();
        let result = socket.expect("app_auth_result").await;
        assert_eq!(result.text("status"), Some("done"));
        assert_eq!(result.text("app_id"), Some(approved.app_id.as_str()));
        assert_eq!(result.text("ver"), Some("1"));
        assert_eq!(result.text("tmp_id").is_some(), revision == 2);
        assert_eq!(
            result.text("user_nickname"),
            (revision == 2).then_some("Alice")
        );
        assert!(
            result
                .bin("data_plain")
                .is_some_and(|plain| !plain.is_empty())
        );
        let capabilities: Vec<Value> = vec!["sso".into(), "app_data".into()];
        assert_eq!(result.get("capabilities"), Some(&capabilities.into()));
        let poll = socket.ask("app_connect_req", Map::new()).await;
        assert_eq!(poll.text("code"), Some("not_allowed"));
    }
}

#[tokio::test(start_paused = true)]
async fn a_result_is_kept_and_sent_to_each_new_socket() {
    let emulator = emulator().await;
    let peer = Peer::new(1);
    let tmp_id = peer.seed(&emulator, "demo").await;
    let approved = emulator.approve(tmp_id.as_str()).unwrap();
    assert_eq!(emulator.approve(tmp_id.as_str()).unwrap(), approved);
    let identity = format!("tmp.{tmp_id}");
    let mut hashes = Vec::new();
    for _ in 0..2 {
        let mut socket = peer.connect(&emulator, &identity).await;
        socket.expect("connected").await;
        let seen = socket.frame().await;
        assert_eq!(seen.name, "app_auth_result");
        hashes.push(seen.hash);
    }
    assert_ne!(hashes[0], hashes[1], "sealed anew");

    tokio::time::advance(Duration::from_secs(600)).await;
    assert_eq!(
        peer.try_connect(&emulator, &identity).await.err(),
        Some(401)
    );
    assert_eq!(emulator.scan(&tmp_id).unwrap_err().status(), 404);
}

#[tokio::test(start_paused = true)]
async fn the_newest_socket_wins() {
    let emulator = emulator().await;
    let peer = Peer::new(1);
    let tmp_id = peer.seed(&emulator, "demo").await;
    let identity = format!("tmp.{tmp_id}");
    let mut old = peer.connect(&emulator, &identity).await;
    old.expect("connected").await;
    let mut new = peer.connect(&emulator, &identity).await;
    new.expect("connected").await;
    assert_eq!(old.raw().await, Message::Close(4409));
    assert_eq!(old.socket.recv().await, None);
    old.send("app_connect_req", Map::new()).await;
    new.quiet().await;
    assert_eq!(
        new.ask("app_connect_req", Map::new()).await.text("status"),
        Some("pending")
    );
    assert_eq!(get(&emulator, "/v3/nothing").await.0, 404);
}
