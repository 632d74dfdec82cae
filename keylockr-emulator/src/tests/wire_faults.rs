//! Faults of the wire: each does to a frame what keylockr.md 12.4 says, and no more than once
//! when asked once.

use super::peer::{Peer, PeerSocket, emulator};
use crate::{
    DropWhen, Emulator, Fault, FaultKind, Message,
    wire::{
        error::WireError,
        reader,
        value::{Map, Value},
    },
};

async fn connected(emulator: &Emulator, peer: &Peer) -> (String, PeerSocket) {
    let tmp_id = peer.seed(emulator, "demo").await;
    let mut socket = peer.connect(emulator, &format!("tmp.{tmp_id}")).await;
    socket.expect("connected").await;
    (tmp_id, socket)
}

/// The answer to a poll under a fault that acts once; then a good one.
async fn spoilt(kind: FaultKind) -> (Vec<u8>, PeerSocket) {
    let emulator = emulator().await;
    let (tmp_id, mut socket) = connected(&emulator, &Peer::new(1)).await;
    emulator
        .fault(Fault::from(kind.clone()).times(1).for_attempt(tmp_id))
        .unwrap();
    socket.send("app_connect_req", Map::new()).await;
    let bytes = socket.bytes().await;
    let next = socket.ask("app_connect_req", Map::new()).await;
    assert_eq!(next.text("status"), Some("pending"), "{kind:?} acted once");
    (bytes, socket)
}

#[tokio::test(start_paused = true)]
async fn damaged_frames_fail_as_the_table_says() {
    let cases = [
        (FaultKind::StaleTs { seconds: 601 }, WireError::Time),
        (FaultKind::FutureTs { seconds: 181 }, WireError::Time),
        (FaultKind::ClockSkew { seconds: 181 }, WireError::Time),
        (FaultKind::BadSeal, WireError::Seal),
        (FaultKind::SealWrongKey, WireError::Seal),
        (FaultKind::SealNoncanonical, WireError::Hash),
        (FaultKind::BadBox, WireError::Box),
        (FaultKind::WrongRecipient, WireError::Box),
        (FaultKind::Truncated, WireError::Msgpack),
        (FaultKind::Trailing, WireError::Msgpack),
        (FaultKind::Deep, WireError::Msgpack),
        (FaultKind::DupKey, WireError::Msgpack),
        (FaultKind::LengthBomb, WireError::Msgpack),
        (FaultKind::Oversized { bytes: 65_537 }, WireError::Size),
        (FaultKind::Oversized { bytes: 200_000 }, WireError::Size),
        (FaultKind::RawBadIndex, WireError::Raw),
        (FaultKind::RawCollision, WireError::Raw),
    ];
    for (kind, error) in cases {
        let (bytes, socket) = spoilt(kind.clone()).await;
        assert_eq!(socket.open(&bytes).err(), Some(error), "{kind:?}");
        if let FaultKind::Oversized { bytes: length } = kind {
            assert_eq!(bytes.len(), length);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn odd_frames_are_good() {
    for kind in [
        FaultKind::NoncanonicalWire,
        FaultKind::GoInt64,
        FaultKind::EmbedNonce,
        FaultKind::ExtraMembers,
        FaultKind::StaleTs { seconds: 599 },
        FaultKind::FutureTs { seconds: 179 },
    ] {
        let (bytes, socket) = spoilt(kind.clone()).await;
        let seen = socket.open(&bytes).unwrap();
        assert_eq!(seen.name, "app_connect_req", "{kind:?}");
        assert_eq!(seen.body.text("status"), Some("pending"), "{kind:?}");
        let Value::Map(root) = reader::decode(&bytes).unwrap() else {
            panic!("no map")
        };
        let kps = root.get("kps").and_then(Value::as_map).unwrap();
        assert_eq!(kps.contains("n"), kind != FaultKind::EmbedNonce);
        assert_eq!(kps.contains("trace"), kind == FaultKind::ExtraMembers);
        let canonical = crate::wire::writer::encode_map(&root) == bytes;
        assert_eq!(canonical, kind != FaultKind::NoncanonicalWire);
    }
}

#[tokio::test(start_paused = true)]
async fn replays_are_the_same_message() {
    for kind in [FaultKind::ReplaySame, FaultKind::ReplayReencoded] {
        let emulator = emulator().await;
        let (_, mut socket) = connected(&emulator, &Peer::new(1)).await;
        emulator.fault(Fault::from(kind.clone()).times(1)).unwrap();
        socket.send("app_connect_req", Map::new()).await;
        let (first, second) = (socket.bytes().await, socket.bytes().await);
        assert_eq!(first == second, kind == FaultKind::ReplaySame);
        assert_eq!(
            socket.open(&first).unwrap().hash,
            socket.open(&second).unwrap().hash
        );
        socket.quiet().await;
    }
}

#[tokio::test(start_paused = true)]
async fn another_attempts_result_comes_first() {
    let emulator = emulator().await;
    let peer = Peer::new(1);
    let first = peer.appdata(&emulator, "demo-app").await;
    let mut socket = peer.connect(&emulator, &format!("tmp.{first}")).await;
    socket.expect("connected").await;
    emulator.approve(first.as_str()).unwrap();
    let old = socket.frame().await;

    emulator.fault(FaultKind::ReplayCrossAttempt).unwrap();
    let second = peer.appdata(&emulator, "demo-app").await;
    let mut socket = peer.connect(&emulator, &format!("tmp.{second}")).await;
    socket.expect("connected").await;
    emulator.approve(second.as_str()).unwrap();
    let replayed = socket.frame().await;
    assert_eq!(replayed, old, "byte for byte the same kps");
    assert_eq!(replayed.body.text("tmp_id"), Some(first.as_str()));
    assert_eq!(
        socket.expect("app_auth_result").await.text("tmp_id"),
        Some(second.as_str())
    );
}

#[tokio::test(start_paused = true)]
async fn clocks() {
    let emulator = emulator().await;
    let before = super::peer::server_time(&emulator).await;
    emulator
        .fault(FaultKind::ClockSkew { seconds: 500 })
        .unwrap();
    assert_eq!(super::peer::server_time(&emulator).await, before + 500);
    // A client that follows /clock gets along.
    let (_, mut socket) = connected(&emulator, &Peer::new(1)).await;
    assert_eq!(socket.now, before + 500);
    assert_eq!(
        socket
            .ask("app_connect_req", Map::new())
            .await
            .text("status"),
        Some("pending")
    );
    emulator.clear_faults();
    emulator.set_clock_offset(-1000);
    assert_eq!(super::peer::server_time(&emulator).await, before - 1000);
    let (_, mut socket) = connected(&emulator, &Peer::new(2)).await;

    emulator
        .fault(Fault::from(FaultKind::ClientClockBad).times(1))
        .unwrap();
    let refused = socket.ask("app_connect_req", Map::new()).await;
    assert_eq!(refused.text("code"), Some("ts_invalid"));
    assert_eq!(
        socket
            .ask("app_connect_req", Map::new())
            .await
            .text("status"),
        Some("pending")
    );
}

#[tokio::test(start_paused = true)]
async fn keys_rotate_and_weaken() {
    let emulator = emulator().await;
    let peer = Peer::new(1);
    let (tmp_id, mut socket) = connected(&emulator, &peer).await;
    emulator.fault(FaultKind::RotateKeys).unwrap();
    emulator.approve(tmp_id.as_str()).unwrap();
    let bytes = socket.bytes().await;
    assert_eq!(socket.open(&bytes).err(), Some(WireError::Seal));
    let mut again = peer.connect(&emulator, &format!("tmp.{tmp_id}")).await;
    again.expect("connected").await;
    again.expect("app_auth_result").await;

    emulator
        .fault(Fault::from(FaultKind::WeakServerKey).times(2))
        .unwrap();
    for path in ["/v3/key_enc", "/v3/key_sign"] {
        let (_, body) = super::peer::get(&emulator, path).await;
        let key = crate::wire::text::from_base64(std::str::from_utf8(&body).unwrap()).unwrap();
        assert!(crate::wire::crypto::box_public(&key).is_err(), "{path}");
    }
    let (_, body) = super::peer::get(&emulator, "/v3/key_enc").await;
    let key = crate::wire::text::from_base64(std::str::from_utf8(&body).unwrap()).unwrap();
    assert!(crate::wire::crypto::box_public(&key).is_ok(), "a good one");
}

#[tokio::test(start_paused = true)]
async fn order_and_first_frames() {
    let emulator = emulator().await;
    let peer = Peer::new(1);
    emulator
        .fault(Fault::from(FaultKind::NoConnected).times(1))
        .unwrap();
    let tmp_id = peer.seed(&emulator, "demo").await;
    let mut socket = peer.connect(&emulator, &format!("tmp.{tmp_id}")).await;
    socket.quiet().await;
    let event = "app_deleted".to_owned();
    emulator
        .fault(Fault::from(FaultKind::WrongPhase { event }).times(1))
        .unwrap();
    emulator.approve(tmp_id.as_str()).unwrap();
    socket.expect("app_deleted").await;
    socket.expect("app_auth_result").await;

    emulator
        .fault(Fault::from(FaultKind::PushBeforeAnswer).times(1))
        .unwrap();
    socket.send("app_connect_req", Map::new()).await;
    socket.expect("app_auth_result").await;
    assert_eq!(
        socket.expect("app_connect_req").await.text("status"),
        Some("done")
    );
    socket.quiet().await;
}

#[tokio::test(start_paused = true)]
async fn pushes_come_twice() {
    let emulator = emulator().await;
    let (tmp_id, mut socket) = connected(&emulator, &Peer::new(1)).await;
    emulator.fault(FaultKind::DuplicatePush).unwrap();
    emulator.approve(tmp_id.as_str()).unwrap();
    let (first, second) = (socket.frame().await, socket.frame().await);
    assert_eq!(first.body, second.body);
    assert_ne!(first.hash, second.hash, "sealed anew");
    socket.quiet().await;
}

#[tokio::test(start_paused = true)]
async fn lines_drop_when_told() {
    let emulator = emulator().await;
    let peer = Peer::new(1);
    let drop = |when: DropWhen| {
        emulator
            .fault(Fault::from(FaultKind::DropSocket { when }).times(1))
            .unwrap();
    };
    let (_, mut socket) = connected(&emulator, &peer).await;
    drop(DropWhen::Now);
    assert_eq!(socket.socket.recv().await, None, "no close frame");

    let (_, mut socket) = connected(&emulator, &peer).await;
    drop(DropWhen::Request);
    socket.send("app_connect_req", Map::new()).await;
    assert_eq!(socket.socket.recv().await, None);

    drop(DropWhen::After("connected".into()));
    let (_, mut socket) = connected(&emulator, &peer).await;
    assert_eq!(socket.socket.recv().await, None);

    let (tmp_id, mut socket) = connected(&emulator, &peer).await;
    drop(DropWhen::Before("app_auth_result".into()));
    emulator.approve(tmp_id.as_str()).unwrap();
    assert_eq!(socket.socket.recv().await, None);
    let mut socket = peer.connect(&emulator, &format!("tmp.{tmp_id}")).await;
    socket.expect("connected").await;
    socket.expect("app_auth_result").await;
}

#[tokio::test(start_paused = true)]
async fn a_fault_keeps_to_its_attempt() {
    let emulator = emulator().await;
    let (mine, mut socket) = connected(&emulator, &Peer::new(1)).await;
    let (_, mut other) = connected(&emulator, &Peer::new(2)).await;
    emulator
        .fault(Fault::from(FaultKind::BadSeal).for_attempt(&mine))
        .unwrap();
    other.ask("app_connect_req", Map::new()).await;
    for _ in 0..3 {
        socket.send("app_connect_req", Map::new()).await;
        let bytes = socket.bytes().await;
        assert_eq!(
            socket.open(&bytes).err(),
            Some(WireError::Seal),
            "until cleared"
        );
    }
    emulator.clear_faults();
    socket.ask("app_connect_req", Map::new()).await;
    let unknown = Fault::from(FaultKind::BadSeal).for_attempt("nobody");
    assert_eq!(emulator.fault(unknown).unwrap_err().status(), 404);
    assert_eq!(
        emulator
            .fault(Fault::from(FaultKind::BadSeal).times(0))
            .unwrap_err()
            .status(),
        400
    );
    drop(socket);
    assert!(matches!(other.socket.recv().await, Some(Message::Ping(_))));
}
