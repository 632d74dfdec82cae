//! Filekeys and records in each dialect.

use std::time::Duration;

use super::{
    peer::{Peer, PeerSocket, elapsed, emulator},
    secrets::{OpenedBlob, open_blob, open_record, seal_record},
};
use crate::{
    Emulator, Message, NewService, RecordScope,
    wire::{text::to_base64, value::Map},
};

/// A connection of a fresh approval with its open socket; `connected` is read.
async fn signed_in(emulator: &Emulator, peer: &Peer, tmp_id: &str) -> (String, PeerSocket) {
    let app_id = emulator.approve(tmp_id).unwrap().app_id;
    let mut socket = peer.connect(emulator, &format!("app.{app_id}")).await;
    socket.expect("connected").await;
    (app_id, socket)
}

/// The phone's key of the seed family, from the poll.
async fn sender(emulator: &Emulator, peer: &Peer, tmp_id: &str) -> [u8; 32] {
    let mut socket = peer.connect(emulator, &format!("tmp.{tmp_id}")).await;
    socket.expect("connected").await;
    socket.expect("app_auth_result").await;
    let done = socket.ask("app_connect_req", Map::new()).await;
    done.bin("user_enc_pk").unwrap().try_into().unwrap()
}

fn opened(body: &Map, peer: &Peer, sender: Option<[u8; 32]>) -> OpenedBlob {
    assert_eq!(body.text("status"), Some("done"), "{body:?}");
    open_blob(body.bin("data_filekey").unwrap(), &peer.enc_secret, sender).unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_seed_record_is_written_and_found_again() {
    let emulator = emulator().await;
    let peer = Peer::new(1);
    let tmp_id = peer.seed(&emulator, "demo-data").await;
    let (_, mut socket) = signed_in(&emulator, &peer, &tmp_id).await;
    let sender = sender(&emulator, &peer, &tmp_id).await;
    let key = opened(
        &socket.ask("app_req_filekey", Map::new()).await,
        &peer,
        Some(sender),
    );
    let nonce = key.data_nonce.unwrap();
    let empty = socket.ask("app_get_data", Map::new()).await;
    assert!(
        !empty.contains("data_encrypted") && !empty.contains("ver"),
        "{empty:?}"
    );
    assert!(!empty.bin("data_plain").unwrap().is_empty());
    let record = seal_record(false, b"hello", &key.filekey, &nonce);
    let stored = socket
        .ask("app_set_data", Map::new().with("data_enc", record.clone()))
        .await;
    assert_eq!(stored, Map::new().with("_res", "ok"));

    // Another session of the same user, with keys of its own, finds the record.
    let other = Peer::new(2);
    let tmp_id = other.seed(&emulator, "demo-data").await;
    let (_, mut socket) = signed_in(&emulator, &other, &tmp_id).await;
    let body = socket.ask("app_req_filekey", Map::new()).await;
    assert_eq!(body.bin("data_enc"), Some(record.as_slice()));
    let again = opened(&body, &other, Some(sender));
    assert_eq!(
        (again.filekey, again.data_nonce),
        (key.filekey, key.data_nonce)
    );
    let body = socket.ask("app_get_data", Map::new()).await;
    let found = open_record(
        false,
        body.bin("data_encrypted").unwrap(),
        &again.filekey,
        Some(&nonce),
    );
    assert_eq!(found, Ok(Some(b"hello".to_vec())));
}

#[tokio::test(start_paused = true)]
async fn appdata_writes_compare_versions() {
    let emulator = emulator().await;
    emulator
        .create_service(NewService::appdata("first", "First", 1))
        .unwrap();
    for (tag, revision) in [("first", 1), ("demo-app", 2)] {
        let peer = Peer::new(revision);
        let tmp_id = peer.appdata(&emulator, tag).await;
        let (_, mut socket) = signed_in(&emulator, &peer, &tmp_id).await;
        let body = socket.ask("app_req_filekey", Map::new()).await;
        let key = opened(&body, &peer, None);
        assert_eq!(key.data_nonce.is_some(), revision == 1);
        assert_eq!(body.text("ver"), Some("1"));
        let record = seal_record(true, b"notes", &key.filekey, &[9; 24]);
        let write = |ver: &str| Map::new().with("data_enc", record.clone()).with("ver", ver);
        let stale = socket.ask("app_set_data", write("0")).await;
        assert_eq!(stale.text("code"), Some("file_ver_conflict"));
        let stored = socket.ask("app_set_data", write("1")).await;
        assert_eq!(stored.text("ver"), Some("2"));
        assert!(stored.text("file_id").is_some_and(|id| !id.is_empty()));
        let read = socket.ask("app_get_data", Map::new()).await;
        assert_eq!(
            (read.text("ver"), read.bin("data_encrypted")),
            (Some("2"), Some(&record[..]))
        );
    }
}

#[tokio::test(start_paused = true)]
async fn bad_writes_change_nothing() {
    let emulator = emulator().await;
    let peer = Peer::new(1);
    let tmp_id = peer.appdata(&emulator, "demo-app").await;
    let (_, mut socket) = signed_in(&emulator, &peer, &tmp_id).await;
    let fine = || Map::new().with("data_enc", vec![1; 50]).with("ver", "1");
    let mut no_ver = fine();
    no_ver.remove("ver");
    let bad = [
        Map::new(),
        no_ver,
        fine().with("ver", 1_u64),
        fine().with("ver", "v1"),
        fine().with("data_enc", "text"),
        fine().with("data_enc", vec![1; 61_441]),
    ];
    for body in bad {
        let answer = socket.ask("app_set_data", body.clone()).await;
        assert_eq!(
            answer.text("code"),
            Some("param_invalid"),
            "{:?}",
            body.get("ver")
        );
    }
    let read = socket.ask("app_get_data", Map::new()).await;
    assert!(read.text("ver") == Some("1") && !read.contains("data_encrypted"));
    let largest = fine().with("data_enc", vec![1; 61_440]);
    assert_eq!(
        socket.ask("app_set_data", largest).await.text("ver"),
        Some("2")
    );
}

#[tokio::test(start_paused = true)]
async fn a_locked_phone_keeps_its_filekeys() {
    let emulator = emulator().await;
    let peer = Peer::new(1);
    let tmp_id = peer.appdata(&emulator, "demo-app").await;
    emulator.lock("alice").unwrap();
    let (app_id, mut socket) = signed_in(&emulator, &peer, &tmp_id).await;
    let asked = socket.ask("app_req_filekey", Map::new()).await;
    assert_eq!(asked.text("status"), Some("safe_auth_required"));
    assert!(emulator.connections()[0].filekey_asked);
    emulator.unlock("alice").unwrap();
    opened(&socket.expect("app_filekey_result").await, &peer, None);
    assert!(!emulator.connections()[0].filekey_asked);

    // Without standing permission unlocking grants nothing; the user does.
    emulator.standing("alice", false).unwrap();
    let peer = Peer::new(2);
    let tmp_id = peer.appdata(&emulator, "demo-app").await;
    let (other, mut socket) = signed_in(&emulator, &peer, &tmp_id).await;
    assert_ne!(other, app_id);
    assert_eq!(emulator.filekey_approve(&other).unwrap_err().status(), 409);
    for _ in 0..2 {
        let asked = socket.ask("app_req_filekey", Map::new()).await;
        assert_eq!(asked.text("status"), Some("safe_auth_required"));
    }
    emulator.unlock("alice").unwrap();
    socket.quiet().await;
    emulator.filekey_approve(&other).unwrap();
    opened(&socket.expect("app_filekey_result").await, &peer, None);
    opened(
        &socket.ask("app_req_filekey", Map::new()).await,
        &peer,
        None,
    );
    assert_eq!(emulator.filekey_deny(&other).unwrap_err().status(), 409);
}

#[tokio::test(start_paused = true)]
async fn a_refused_filekey_is_told() {
    let emulator = emulator().await;
    emulator.standing("alice", false).unwrap();
    let peer = Peer::new(1);
    let tmp_id = peer.seed(&emulator, "demo-data").await;
    let (app_id, mut socket) = signed_in(&emulator, &peer, &tmp_id).await;
    socket.ask("app_req_filekey", Map::new()).await;
    emulator.filekey_deny(&app_id).unwrap();
    let refused = socket.expect("app_filekey_result").await;
    assert_eq!(refused.text("status"), Some("denied"));
}

#[tokio::test(start_paused = true)]
async fn a_registered_service_key_gets_its_filekey_at_once() {
    let emulator = emulator().await;
    let peer = Peer::new(1);
    let service = NewService {
        service_key: Some(to_base64(&peer.enc_public)),
        ..NewService::appdata("keyed", "Keyed", 2)
    };
    emulator.create_service(service).unwrap();
    let stranger = Peer::new(2);
    let fields = stranger
        .hello()
        .with("app_tag", "keyed")
        .with("app_data", true);
    let refused = stranger.handshake(&emulator, fields).await;
    assert_eq!(refused, Err("sso_service_key_mismatch".to_owned()));

    let tmp_id = peer.appdata(&emulator, "keyed").await;
    let mut socket = peer.connect(&emulator, &format!("tmp.{tmp_id}")).await;
    socket.expect("connected").await;
    emulator.approve(tmp_id.as_str()).unwrap();
    let result = socket.expect("app_auth_result").await;
    let key = open_blob(result.bin("data_filekey").unwrap(), &peer.enc_secret, None).unwrap();
    assert!(!result.contains("data_deferred"));

    // A long record is left for later.
    let app_id = result.text("app_id").unwrap().to_owned();
    let mut app = peer.connect(&emulator, &format!("app.{app_id}")).await;
    app.expect("connected").await;
    let long = seal_record(true, &vec![7; 50_000], &key.filekey, &[3; 24]);
    app.ask(
        "app_set_data",
        Map::new().with("data_enc", long).with("ver", "1"),
    )
    .await;
    let tmp_id = peer.appdata(&emulator, "keyed").await;
    emulator.approve(tmp_id.as_str()).unwrap();
    let mut socket = peer.connect(&emulator, &format!("tmp.{tmp_id}")).await;
    socket.expect("connected").await;
    let result = socket.expect("app_auth_result").await;
    assert_eq!(result.get("data_deferred"), Some(&true.into()));
    assert_eq!(
        result.text("app_id"),
        Some(app_id.as_str()),
        "same key, same connection"
    );
    assert_eq!(result.text("ver"), Some("2"));
    assert!(!result.contains("data_plain") && !result.contains("data_encrypted"));

    // A locked phone does not hand it out, though it may approve.
    emulator.lock("alice").unwrap();
    let tmp_id = peer.appdata(&emulator, "keyed").await;
    emulator.approve(tmp_id.as_str()).unwrap();
    let mut socket = peer.connect(&emulator, &format!("tmp.{tmp_id}")).await;
    socket.expect("connected").await;
    assert!(
        !socket
            .expect("app_auth_result")
            .await
            .contains("data_filekey")
    );
}

#[tokio::test(start_paused = true)]
async fn records_belong_to_what_their_scope_says() {
    let emulator = emulator().await;
    let wide = NewService {
        record_scope: RecordScope::Service,
        ..NewService::appdata("wide", "Wide", 2)
    };
    emulator.create_service(wide).unwrap();
    for (tag, shared) in [("demo-app", false), ("wide", true)] {
        for (number, expected) in [(1, "1"), (2, if shared { "2" } else { "1" })] {
            let peer = Peer::new(number);
            let tmp_id = peer.appdata(&emulator, tag).await;
            let (_, mut socket) = signed_in(&emulator, &peer, &tmp_id).await;
            let read = socket.ask("app_get_data", Map::new()).await;
            assert_eq!(read.text("ver"), Some(expected), "{tag} {number}");
            let write = Map::new()
                .with("data_enc", vec![1; 60])
                .with("ver", expected);
            socket.ask("app_set_data", write).await;
        }
    }
    // Without a label every seed session makes a record of its own.
    for number in [1, 2] {
        let peer = Peer::new(number);
        let fields = peer.hello().with("svc_id", "demo-data");
        let tmp_id = peer.handshake(&emulator, fields).await.unwrap();
        let (_, mut socket) = signed_in(&emulator, &peer, &tmp_id).await;
        assert!(
            !socket
                .ask("app_get_data", Map::new())
                .await
                .contains("data_encrypted")
        );
        socket
            .ask("app_set_data", Map::new().with("data_enc", vec![1; 60]))
            .await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_service_without_data_has_no_record() {
    let emulator = emulator().await;
    let peer = Peer::new(1);
    let tmp_id = peer.seed(&emulator, "demo").await;
    let (_, mut socket) = signed_in(&emulator, &peer, &tmp_id).await;
    for action in ["app_req_filekey", "app_get_data", "app_set_data"] {
        let answer = socket.ask(action, Map::new()).await;
        assert_eq!(answer.text("code"), Some("app_file_not_found"), "{action}");
    }
    // The same for an appdata sign-in that did not ask for data.
    let fields = peer.hello().with("app_tag", "demo-app");
    let tmp_id = peer.handshake(&emulator, fields).await.unwrap();
    assert!(!emulator.scan(&tmp_id).unwrap().app_data);
    let (_, mut socket) = signed_in(&emulator, &peer, &tmp_id).await;
    let answer = socket.ask("app_req_filekey", Map::new()).await;
    assert_eq!(answer.text("code"), Some("app_file_not_found"));
}

#[tokio::test(start_paused = true)]
async fn connections_are_renamed_given_up_and_revoked() {
    let emulator = emulator().await;
    let peer = Peer::new(1);
    let tmp_id = peer.seed(&emulator, "demo").await;
    let (app_id, mut socket) = signed_in(&emulator, &peer, &tmp_id).await;
    let renamed = socket
        .ask("app_update", Map::new().with("name", "Laptop"))
        .await;
    assert_eq!(renamed.text("name"), Some("Laptop"));
    assert_eq!(
        socket.expect("app_updated").await.text("name"),
        Some("Laptop")
    );
    emulator.rename(&app_id, "Desk").unwrap();
    assert_eq!(
        socket.expect("app_updated").await.text("name"),
        Some("Desk")
    );
    assert_eq!(emulator.connections()[0].name, "Desk");
    for name in ["", "\u{202e}", &"x".repeat(65)] {
        let answer = socket
            .ask("app_update", Map::new().with("name", name))
            .await;
        assert_eq!(answer.text("code"), Some("param_invalid"));
        assert_eq!(emulator.rename(&app_id, name).unwrap_err().status(), 400);
    }
    emulator.revoke(&app_id).unwrap();
    socket.expect("app_deleted").await;
    socket
        .send("app_update", Map::new().with("name", "too late"))
        .await;
    let before = elapsed(&emulator);
    assert_eq!(socket.raw().await, Message::Close(4401));
    assert_eq!(elapsed(&emulator) - before, Duration::from_secs(1));
    assert_eq!(emulator.revoke(&app_id).unwrap_err().status(), 409);
    let identity = format!("app.{app_id}");
    assert_eq!(
        peer.try_connect(&emulator, &identity).await.err(),
        Some(401)
    );

    // The same key signs in again: a new connection.
    let tmp_id = peer.seed(&emulator, "demo").await;
    let (second, mut socket) = signed_in(&emulator, &peer, &tmp_id).await;
    assert_ne!(second, app_id);
    let gone = socket.ask("app_del", Map::new()).await;
    assert_eq!(gone.text("id_deleted"), Some(second.as_str()));
    assert_eq!(socket.raw().await, Message::Close(4401));
    assert!(
        emulator
            .connections()
            .iter()
            .all(|connection| !connection.alive)
    );
}
