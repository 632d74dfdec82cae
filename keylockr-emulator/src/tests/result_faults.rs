//! Faults of results, filekeys, records and connections.

use std::time::Duration;

use super::{
    peer::{Peer, PeerSocket, elapsed, emulator},
    secrets::{open_blob, open_record, seal_record},
};
use crate::{
    Emulator, Fault, FaultKind, NewService,
    wire::value::{Map, Value},
};

fn once(emulator: &Emulator, kind: FaultKind) {
    emulator.fault(Fault::from(kind).times(1)).unwrap();
}

async fn connected(emulator: &Emulator, peer: &Peer, tag: &str) -> (String, PeerSocket) {
    let tmp_id = match tag {
        "demo" | "demo-data" => peer.seed(emulator, tag).await,
        _ => peer.appdata(emulator, tag).await,
    };
    let mut socket = peer.connect(emulator, &format!("tmp.{tmp_id}")).await;
    socket.expect("connected").await;
    (tmp_id, socket)
}

/// The result of an approval under a fault.
async fn result(kind: FaultKind, tag: &str) -> (String, Map) {
    let emulator = emulator().await;
    emulator
        .create_service(NewService::appdata("first", "First", 1))
        .unwrap();
    let (tmp_id, mut socket) = connected(&emulator, &Peer::new(1), tag).await;
    once(&emulator, kind);
    emulator.approve(tmp_id.as_str()).unwrap();
    (tmp_id, socket.expect("app_auth_result").await)
}

#[tokio::test(start_paused = true)]
async fn forms_of_refusal() {
    let denied = Map::new()
        .with("_res", "err")
        .with("code", "authorization_denied");
    for tag in ["demo", "first", "demo-app"] {
        let (tmp_id, body) = result(FaultKind::Deny, tag).await;
        let second = Map::new()
            .with("_res", "ok")
            .with("code", "authorization_denied")
            .with("status", "error")
            .with("tmp_id", tmp_id);
        assert_eq!(
            body,
            if tag == "demo-app" {
                second
            } else {
                denied.clone()
            },
            "{tag}"
        );
        assert_eq!(result(FaultKind::DenyAsErr, tag).await.1, denied, "{tag}");
        let (_, body) = result(
            FaultKind::ErrorCode {
                code: "teapot".into(),
            },
            tag,
        )
        .await;
        assert_eq!(body.text("code"), Some("teapot"));
        assert_eq!(body.text("status").is_some(), tag == "demo-app");
    }
    // The poll of the seed family says the same.
    let emulator = emulator().await;
    let (tmp_id, mut socket) = connected(&emulator, &Peer::new(1), "demo").await;
    emulator.fault(FaultKind::Deny).unwrap();
    let pending = socket.ask("app_connect_req", Map::new()).await;
    assert_eq!(
        pending.text("status"),
        Some("pending"),
        "nobody decided yet"
    );
    emulator.approve(tmp_id.as_str()).unwrap();
    assert_eq!(socket.expect("app_auth_result").await, denied);
    assert_eq!(
        socket
            .ask("app_connect_req", Map::new())
            .await
            .text("status"),
        Some("denied")
    );
}

#[tokio::test(start_paused = true)]
async fn altered_results() {
    let (tmp_id, body) = result(FaultKind::WrongTmpId, "demo-app").await;
    assert!(
        body.text("tmp_id")
            .is_some_and(|id| id != tmp_id && id.len() == 36)
    );
    let (_, body) = result(FaultKind::MissingTmpId, "demo-app").await;
    assert!(!body.contains("tmp_id"));
    for tag in ["first", "demo-app"] {
        for (kind, length) in [
            (FaultKind::ExtraCapability, 3),
            (FaultKind::MissingCapability, 1),
        ] {
            let (_, body) = result(kind, tag).await;
            let Some(Value::Array(items)) = body.get("capabilities") else {
                panic!("none")
            };
            assert_eq!(items.len(), length);
        }
        let (_, body) = result(FaultKind::BadId, tag).await;
        assert!(body.text("app_id").unwrap().parse::<u64>().is_err());
    }
    let (_, body) = result(FaultKind::BadId, "demo").await;
    assert!(body.text("sso_client_id").unwrap().contains('.'));
}

#[tokio::test(start_paused = true)]
async fn a_foreign_connection_is_not_verified() {
    let emulator = emulator().await;
    let peer = Peer::new(1);
    let (tmp_id, mut socket) = connected(&emulator, &peer, "demo").await;
    once(&emulator, FaultKind::ForeignService);
    let approved = emulator.approve(tmp_id.as_str()).unwrap();
    let body = socket.expect("app_auth_result").await;
    let foreign = body.text("sso_client_id").unwrap();
    assert_ne!(foreign, approved.app_id);
    let connections = emulator.connections();
    let connection = connections.iter().find(|it| it.app_id == foreign).unwrap();
    assert!(connection.alive && connection.svc_id != "demo");
    let ask = serde_json::json!({
        "svc_id": "demo", "sso_client_id": foreign, "safe_id": approved.safe_id,
        "sign_pk": crate::wire::text::to_base64(&peer.sign.public),
    });
    let (_, _, body) = emulator
        .http(
            "POST",
            "/v3/app_verify",
            None,
            ask.to_string().into(),
            super::peer::LOCAL,
        )
        .await;
    assert_eq!(body, br#"{"_res":"ok","valid":false}"#);
}

#[tokio::test(start_paused = true)]
async fn slow_and_absent_phones() {
    let emulator = emulator().await;
    let (tmp_id, mut socket) = connected(&emulator, &Peer::new(1), "demo").await;
    once(&emulator, FaultKind::SlowPhone { seconds: 20 });
    emulator.approve(tmp_id.as_str()).unwrap();
    let start = elapsed(&emulator);
    assert_eq!(
        socket
            .ask("app_connect_req", Map::new())
            .await
            .text("status"),
        Some("pending")
    );
    socket.expect("app_auth_result").await;
    assert_eq!(elapsed(&emulator) - start, Duration::from_secs(20));

    let peer = Peer::new(2);
    let (tmp_id, mut socket) = connected(&emulator, &peer, "demo-app").await;
    once(&emulator, FaultKind::NoPhone);
    emulator.approve(tmp_id.as_str()).unwrap();
    // Nothing but pings until the attempt is forgotten.
    loop {
        match socket.raw().await {
            crate::Message::Binary(bytes) => assert_eq!(
                socket.open(&bytes).map_or_else(
                    // Pings older than the test client's clock.
                    |_| "ping".to_owned(),
                    |seen| seen.name,
                ),
                "ping"
            ),
            crate::Message::Close(code) => break assert_eq!(code, 1000),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!((elapsed(&emulator) - start).as_secs(), 20 + 660);
}

#[tokio::test(start_paused = true)]
async fn nothing_is_heard_of_an_attempt_that_is_over() {
    let emulator = emulator().await;
    for (seconds, heard) in [(599, 1), (600, 0), (630, 0)] {
        let (tmp_id, mut socket) = connected(&emulator, &Peer::new(1), "demo").await;
        let start = elapsed(&emulator);
        once(&emulator, FaultKind::SlowPhone { seconds });
        emulator.approve(tmp_id).unwrap();
        let mut frames = 0;
        loop {
            match socket.raw().await {
                crate::Message::Binary(_) => frames += 1,
                crate::Message::Ping(_) => {}
                other => break assert_eq!(other, crate::Message::Close(1000)),
            }
        }
        assert_eq!(frames, heard, "{seconds}");
        assert_eq!((elapsed(&emulator) - start).as_secs(), 660);
    }
}

#[tokio::test(start_paused = true)]
async fn times_beyond_counting_are_far_away() {
    let emulator = emulator().await;
    let (tmp_id, mut socket) = connected(&emulator, &Peer::new(1), "demo").await;
    once(&emulator, FaultKind::SlowPhone { seconds: u64::MAX });
    emulator.approve(tmp_id.as_str()).unwrap();
    let offset = i64::MAX;
    emulator.set_clock_offset(offset);
    once(&emulator, FaultKind::FutureTs { seconds: u64::MAX });
    once(&emulator, FaultKind::ClockSkew { seconds: i64::MIN });
    socket.send("app_connect_req", Map::new()).await;
    socket.bytes().await;
}

async fn data(emulator: &Emulator, peer: &Peer, tag: &str) -> (String, PeerSocket) {
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

#[tokio::test(start_paused = true)]
async fn codes_of_the_handshake() {
    let emulator = emulator().await;
    let peer = Peer::new(1);
    for kind in [
        FaultKind::SsoDataNotApproved,
        FaultKind::AppTagInvalid,
        FaultKind::SsoServiceInvalid,
    ] {
        let code = kind.name().to_owned();
        once(&emulator, kind);
        let fields = peer.hello().with("svc_id", "demo");
        assert_eq!(peer.handshake(&emulator, fields).await, Err(code));
    }
    peer.seed(&emulator, "demo").await;
}

#[tokio::test(start_paused = true)]
async fn lifecycle_faults_act_now_or_on_the_next_socket() {
    let emulator = emulator().await;
    let peer = Peer::new(1);
    // Nobody is connected yet: it waits.
    once(
        &emulator,
        FaultKind::Rename {
            name: "Fresh".into(),
        },
    );
    let (app_id, mut socket) = data(&emulator, &peer, "demo-app").await;
    assert_eq!(
        socket.expect("app_updated").await.text("name"),
        Some("Fresh")
    );
    emulator
        .fault(Fault::from(FaultKind::Revoke).for_connection(&app_id))
        .unwrap();
    socket.expect("app_deleted").await;
    assert_eq!(socket.raw().await, crate::Message::Close(4401));
    assert!(!emulator.connections()[0].alive);
}

#[tokio::test(start_paused = true)]
async fn a_lifecycle_fault_keeps_to_its_attempt() {
    let emulator = emulator().await;
    let mut signed_in = Vec::new();
    for number in [1, 2] {
        let (tmp_id, _tmp) = connected(&emulator, &Peer::new(number), "demo").await;
        let app_id = emulator.approve(tmp_id.as_str()).unwrap().app_id;
        signed_in.push((tmp_id, app_id));
    }
    let names = || -> Vec<String> {
        let connections = emulator.connections().into_iter();
        connections.map(|it| it.name).collect()
    };
    let alive = || emulator.connections().iter().filter(|it| it.alive).count();
    let before = names();
    let name = "Other".to_owned();
    let rename = Fault::from(FaultKind::Rename { name }).for_attempt(&signed_in[1].0);
    emulator.fault(rename).unwrap();
    assert_eq!(names(), [before[0].as_str(), "Other"]);

    // An attempt that came to no connection yet: it waits for that one.
    let peer = Peer::new(3);
    let (tmp_id, _tmp) = connected(&emulator, &peer, "demo").await;
    let revoke = Fault::from(FaultKind::Revoke).for_attempt(&tmp_id);
    emulator.fault(revoke.times(1)).unwrap();
    assert_eq!(alive(), 2);
    let first = format!("app.{}", signed_in[0].1);
    let mut spared = Peer::new(1).connect(&emulator, &first).await;
    spared.expect("connected").await;
    spared.quiet().await;
    let app_id = emulator.approve(tmp_id).unwrap().app_id;
    let mut socket = peer.connect(&emulator, &format!("app.{app_id}")).await;
    socket.expect("connected").await;
    socket.expect("app_deleted").await;
    assert_eq!(alive(), 2);
}
