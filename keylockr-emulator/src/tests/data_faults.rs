//! Faults of filekeys and records.

use super::{
    peer::{Peer, PeerSocket, elapsed, emulator},
    result_faults::{connected, once},
    secrets::{open_blob, open_record, seal_record},
};
use crate::{Emulator, FaultKind, NewService, wire::value::Map};

pub(super) async fn data(emulator: &Emulator, peer: &Peer, tag: &str) -> (String, PeerSocket) {
    let (tmp_id, mut tmp) = connected(emulator, peer, tag).await;
    let app_id = emulator.approve(tmp_id.as_str()).unwrap().app_id;
    tmp.expect("app_auth_result").await;
    let mut socket = peer.connect(emulator, &format!("app.{app_id}")).await;
    socket.expect("connected").await;
    (app_id, socket)
}

#[tokio::test(start_paused = true)]
async fn filekey_prompts() {
    let emulator = emulator().await;
    let (_, mut socket) = data(&emulator, &Peer::new(1), "demo-app").await;
    once(&emulator, FaultKind::SafeAuthRequired { seconds: 9 });
    let start = elapsed(&emulator);
    let asked = socket.ask("app_req_filekey", Map::new()).await;
    assert_eq!(asked.text("status"), Some("safe_auth_required"));
    let push = socket.expect("app_filekey_result").await;
    assert_eq!(
        (push.text("status"), (elapsed(&emulator) - start).as_secs()),
        (Some("done"), 9)
    );

    once(&emulator, FaultKind::FilekeyDeny);
    let asked = socket.ask("app_req_filekey", Map::new()).await;
    assert_eq!(asked.text("status"), Some("safe_auth_required"));
    let push = socket.expect("app_filekey_result").await;
    assert_eq!(push.text("status"), Some("denied"));

    once(&emulator, FaultKind::PushBeforeAnswer);
    socket.send("app_req_filekey", Map::new()).await;
    assert_eq!(
        socket.expect("app_filekey_result").await.text("status"),
        Some("done")
    );
    assert_eq!(
        socket.expect("app_req_filekey").await.text("status"),
        Some("done")
    );
}

#[tokio::test(start_paused = true)]
async fn spoilt_blobs() {
    let emulator = emulator().await;
    let peer = Peer::new(1);
    let (_, mut socket) = data(&emulator, &peer, "demo-app").await;
    let mut ask = async |kind: Option<FaultKind>| {
        if let Some(kind) = kind {
            once(&emulator, kind);
        }
        let body = socket.ask("app_req_filekey", Map::new()).await;
        open_blob(body.bin("data_filekey").unwrap(), &peer.enc_secret, None)
    };
    let good = ask(None).await.unwrap();
    assert_eq!(ask(Some(FaultKind::BadFilekey)).await, Err("E_FILEKEY"));
    assert_eq!(
        ask(Some(FaultKind::ShortFilekey)).await,
        Err("E_FILEKEY_SHAPE")
    );
    let swapped = ask(Some(FaultKind::SenderSwap)).await.unwrap();
    assert_ne!(swapped.sender, good.sender);
    assert_eq!(swapped.filekey, good.filekey);

    // In the seed family the poll names the other key too, as long as the fault is set.
    emulator.fault(FaultKind::SenderSwap).unwrap();
    let peer = Peer::new(2);
    let (tmp_id, mut tmp) = connected(&emulator, &peer, "demo-data").await;
    let app_id = emulator.approve(tmp_id.as_str()).unwrap().app_id;
    tmp.expect("app_auth_result").await;
    let poll = tmp.ask("app_connect_req", Map::new()).await;
    let named: [u8; 32] = poll.bin("user_enc_pk").unwrap().try_into().unwrap();
    assert_eq!(named, swapped.sender);
    let mut socket = peer.connect(&emulator, &format!("app.{app_id}")).await;
    socket.expect("connected").await;
    let body = socket.ask("app_req_filekey", Map::new()).await;
    open_blob(
        body.bin("data_filekey").unwrap(),
        &peer.enc_secret,
        Some(named),
    )
    .unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_blob_that_is_not_made_is_not_spoilt() {
    let emulator = emulator().await;
    let peer = Peer::new(1);
    let (app_id, mut socket) = data(&emulator, &peer, "demo-app").await;
    let opened = |body: &Map| {
        let blob = body.bin("data_filekey").unwrap();
        open_blob(blob, &peer.enc_secret, None)
    };
    let asked = Some("safe_auth_required");

    // The phone is locked, and opened later.
    emulator.lock("alice").unwrap();
    once(&emulator, FaultKind::BadFilekey);
    for _ in 0..2 {
        let answer = socket.ask("app_req_filekey", Map::new()).await;
        assert_eq!(answer.text("status"), asked);
    }
    emulator.unlock("alice").unwrap();
    let push = socket.expect("app_filekey_result").await;
    assert_eq!(opened(&push), Err("E_FILEKEY"));
    let answer = socket.ask("app_req_filekey", Map::new()).await;
    opened(&answer).unwrap();

    // The user says no, and yes the next time.
    emulator.standing("alice", false).unwrap();
    let tmp_id = peer.appdata(&emulator, "demo-app").await;
    assert_eq!(emulator.approve(tmp_id).unwrap().app_id, app_id);
    once(&emulator, FaultKind::ShortFilekey);
    let answer = socket.ask("app_req_filekey", Map::new()).await;
    assert_eq!(answer.text("status"), asked);
    emulator.filekey_deny(&app_id).unwrap();
    let push = socket.expect("app_filekey_result").await;
    assert_eq!(push.text("status"), Some("denied"));
    let answer = socket.ask("app_req_filekey", Map::new()).await;
    assert_eq!(answer.text("status"), asked);
    emulator.filekey_approve(&app_id).unwrap();
    let push = socket.expect("app_filekey_result").await;
    assert_eq!(opened(&push), Err("E_FILEKEY_SHAPE"));
    let answer = socket.ask("app_req_filekey", Map::new()).await;
    opened(&answer).unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_direct_filekey_uses_its_fault_up_only_when_it_is_there() {
    let emulator = emulator().await;
    let peer = Peer::new(1);
    let keyed = NewService {
        service_key: Some(crate::wire::text::to_base64(&peer.enc_public)),
        mode: crate::Mode::Data,
        ..NewService::appdata("keyed", "Keyed", 2)
    };
    emulator.create_service(keyed).unwrap();
    let result = async || {
        let (tmp_id, mut socket) = connected(&emulator, &peer, "keyed").await;
        emulator.approve(tmp_id).unwrap();
        let body = socket.expect("app_auth_result").await;
        let blob = body.bin("data_filekey");
        blob.map(|blob| open_blob(blob, &peer.enc_secret, None).map(drop))
    };
    emulator.lock("alice").unwrap();
    once(&emulator, FaultKind::BadFilekey);
    assert_eq!(result().await, None);
    emulator.unlock("alice").unwrap();
    assert_eq!(result().await, Some(Err("E_FILEKEY")));
    assert_eq!(result().await, Some(Ok(())));
}

#[tokio::test(start_paused = true)]
async fn trouble_with_writes() {
    let emulator = emulator().await;
    let peer = Peer::new(1);
    let (app_id, mut socket) = data(&emulator, &peer, "demo-app").await;
    let write = |ver: &str| Map::new().with("data_enc", vec![5; 60]).with("ver", ver);
    emulator
        .fault(FaultKind::VerConflict { writes: 2 })
        .unwrap();
    for _ in 0..2 {
        let refused = socket.ask("app_set_data", write("1")).await;
        assert_eq!(refused.text("code"), Some("file_ver_conflict"));
    }
    assert_eq!(
        socket.ask("app_set_data", write("1")).await.text("ver"),
        Some("2")
    );
    once(&emulator, FaultKind::VerSame);
    assert_eq!(
        socket.ask("app_set_data", write("2")).await.text("ver"),
        Some("2")
    );
    once(&emulator, FaultKind::SetLostAck);
    socket.send("app_set_data", write("3")).await;
    assert_eq!(socket.socket.recv().await, None);
    let mut socket = peer.connect(&emulator, &format!("app.{app_id}")).await;
    socket.expect("connected").await;
    let read = socket.ask("app_get_data", Map::new()).await;
    assert_eq!(read.text("ver"), Some("4"), "stored all the same");
    for action in ["app_get_data", "app_set_data", "app_req_filekey"] {
        once(&emulator, FaultKind::AppFileNotFound);
        let refused = socket.ask(action, write("4")).await;
        assert_eq!(refused.text("code"), Some("app_file_not_found"), "{action}");
    }
}

#[tokio::test(start_paused = true)]
async fn records_roll_back_and_are_swapped() {
    let emulator = emulator().await;
    let peer = Peer::new(1);
    let (_, mut socket) = data(&emulator, &peer, "demo-app").await;
    let body = socket.ask("app_req_filekey", Map::new()).await;
    let key = open_blob(body.bin("data_filekey").unwrap(), &peer.enc_secret, None).unwrap();
    for (ver, text, nonce) in [("1", "old", 1), ("2", "new", 2)] {
        let record = seal_record(true, text.as_bytes(), &key.filekey, &[nonce; 24]);
        socket
            .ask(
                "app_set_data",
                Map::new().with("data_enc", record).with("ver", ver),
            )
            .await;
    }
    let mut read = async |kind: FaultKind| {
        once(&emulator, kind);
        let body = socket.ask("app_get_data", Map::new()).await;
        let record = body.bin("data_encrypted").unwrap();
        (
            body.text("ver").unwrap().to_owned(),
            open_record(true, record, &key.filekey, None),
        )
    };
    assert_eq!(
        read(FaultKind::RecordRollback).await,
        ("2".to_owned(), Ok(Some(b"old".to_vec())))
    );
    assert_eq!(
        read(FaultKind::RecordSwap).await,
        ("3".to_owned(), Err("E_RECORD"))
    );
}
