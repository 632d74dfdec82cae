//! Frames that come in: order of checks, closes, answers.

use std::time::Duration;

use super::peer::{LOCAL, Peer, PeerSocket, elapsed, emulator, server_time};
use crate::{
    Direction, Emulator, Message,
    server::tests_api::fill_replay,
    wire::{
        crypto::SignPair,
        envelope,
        value::{Map, Value},
        writer,
    },
};

async fn connected(emulator: &Emulator, peer: &Peer) -> (String, PeerSocket) {
    let tmp_id = peer.seed(emulator, "demo").await;
    let identity = format!("tmp.{tmp_id}");
    let mut socket = peer.connect(emulator, &identity).await;
    socket.expect("connected").await;
    (identity, socket)
}

fn errors(emulator: &Emulator, identity: &str) -> Vec<String> {
    let frames = emulator.frames(identity).unwrap();
    let incoming = frames
        .into_iter()
        .filter(|frame| frame.dir == Direction::C2s);
    incoming.filter_map(|frame| frame.error).collect()
}

#[tokio::test(start_paused = true)]
async fn broken_frames_close_the_socket() {
    let emulator = emulator().await;
    let peer = Peer::new(1);
    let stranger = SignPair::from_seed(&[7; 32]);
    for (error, code) in [
        ("E_SIZE", 1009),
        ("E_MSGPACK", 1008),
        ("E_SHAPE", 1008),
        ("E_IDENTITY", 1008),
        ("E_SEAL", 1008),
        ("E_HASH", 1008),
        ("E_BOX", 1008),
    ] {
        let (identity, mut socket) = connected(&emulator, &peer).await;
        let (shared, own) = (socket.shared, peer.sign.clone());
        let mut sealing = socket.sealing("app_connect_req", Map::new());
        let frame = match error {
            "E_SIZE" => vec![0x81; 65_537],
            "E_MSGPACK" => vec![0xc1],
            "E_SHAPE" => writer::encode_map(&Map::new().with("kps", Map::new())),
            "E_IDENTITY" => {
                sealing.id = Some("tmp.somebody-else");
                sealing.seal(&shared, &own)
            }
            "E_SEAL" => sealing.seal(&shared, &stranger),
            "E_HASH" => {
                let kps = sealing.kps(&sealing.inner(), &shared);
                envelope::frame(&kps, envelope::seal_of(b"something else", &own))
            }
            _ => sealing.seal(&[1; 32], &own),
        };
        socket.socket.send(Message::Binary(frame)).await;
        assert_eq!(socket.raw().await, Message::Close(code), "{error}");
        assert_eq!(errors(&emulator, &identity), [error]);
    }
}

#[tokio::test(start_paused = true)]
async fn an_identity_is_judged_before_its_seal() {
    let emulator = emulator().await;
    let peer = Peer::new(1);
    let (identity, mut socket) = connected(&emulator, &peer).await;
    let shared = socket.shared;
    let mut sealing = socket.sealing("pong", Map::new());
    sealing.id = Some("app.4001");
    let frame = sealing.seal(&shared, &SignPair::from_seed(&[7; 32]));
    socket.socket.send(Message::Binary(frame)).await;
    assert_eq!(errors(&emulator, &identity), ["E_IDENTITY"]);
}

#[tokio::test(start_paused = true)]
async fn what_can_be_answered_is_answered() {
    let emulator = emulator().await;
    let peer = Peer::new(1);
    let (identity, mut socket) = connected(&emulator, &peer).await;
    // E_TIME: the seed window is 300 s back and 5 s ahead.
    let now = socket.now;
    for (ts, code) in [
        (now - 301, true),
        (now - 300, false),
        (now + 5, false),
        (now + 6, true),
    ] {
        socket.now = ts;
        socket.send("app_connect_req", Map::new()).await;
        socket.now = now;
        let answer = socket.expect("app_connect_req").await;
        assert_eq!(
            answer.text("code") == Some("ts_invalid"),
            code,
            "{}",
            ts as i64 - now as i64
        );
    }
    // E_INNER and E_RAW under a good seal.
    let (shared, own) = (socket.shared, peer.sign.clone());
    let sealing = socket.sealing("app_connect_req", Map::new());
    let header = Map::new().with("to", "app_connect_req").with("ts", "now");
    let inner = Map::new().with("header", header).with("body", Map::new());
    let kps = sealing.kps(&writer::encode_map(&inner), &shared);
    let seal = envelope::seal_of(&writer::encode_map(&kps), &own);
    socket
        .socket
        .send(Message::Binary(envelope::frame(&kps, seal)))
        .await;
    let answer = socket.expect("app_connect_req").await;
    assert_eq!(answer.text("code"), Some("param_invalid"));
    let mut sealing = socket.sealing("app_connect_req", Map::new().with("data__", 3_u64));
    sealing.raw = vec![vec![1]];
    let frame = sealing.seal(&shared, &own);
    socket.socket.send(Message::Binary(frame)).await;
    assert_eq!(
        socket.expect("app_connect_req").await.text("code"),
        Some("param_invalid")
    );
    assert_eq!(
        errors(&emulator, &identity),
        ["E_TIME", "E_TIME", "E_INNER", "E_RAW"]
    );

    for (action, code) in [
        ("nonsense", "action_invalid"),
        ("app_get_data", "not_allowed"),
        ("app_scan_info", "not_allowed"),
        ("app_add", "not_allowed"),
        ("safe_list", "not_allowed"),
        ("file_get", "not_allowed"),
    ] {
        let answer = socket.ask(action, Map::new()).await;
        assert_eq!(answer.text("code"), Some(code), "{action}");
    }
    socket.send("pong", Map::new()).await;
    socket.quiet().await;
}

#[tokio::test(start_paused = true)]
async fn a_replay_is_dropped_in_any_spelling() {
    let emulator = emulator().await;
    let peer = Peer::new(1);
    let (identity, mut socket) = connected(&emulator, &peer).await;
    let (shared, own) = (socket.shared, peer.sign.clone());
    let sealing = socket.sealing("app_connect_req", Map::new());
    let kps = sealing.kps(&sealing.inner(), &shared);
    let seal = envelope::seal_of(&writer::encode_map(&kps), &own);
    let frame = envelope::frame(&kps, seal.clone());
    let mut respelled = vec![0xdf, 0, 0, 0, 2];
    writer::write(&mut respelled, &"seal".into());
    writer::write(&mut respelled, &seal.into());
    writer::write(&mut respelled, &"kps".into());
    writer::write(&mut respelled, &Value::Map(kps));
    for frame in [frame.clone(), frame, respelled] {
        socket.socket.send(Message::Binary(frame)).await;
    }
    socket.expect("app_connect_req").await;
    socket.quiet().await;
    assert_eq!(errors(&emulator, &identity), ["E_REPLAY", "E_REPLAY"]);

    // The memory belongs to the identity, not to the socket (11.34).
    let bytes = socket.seal("app_connect_req", Map::new());
    socket.socket.send(Message::Binary(bytes.clone())).await;
    socket.expect("app_connect_req").await;
    let mut next = peer.connect(&emulator, &identity).await;
    next.expect("connected").await;
    next.socket.send(Message::Binary(bytes)).await;
    next.quiet().await;
}

#[tokio::test(start_paused = true)]
async fn a_full_memory_takes_every_frame_for_a_replay() {
    let emulator = emulator().await;
    let (identity, mut socket) = connected(&emulator, &Peer::new(1)).await;
    let tmp_id = identity.strip_prefix("tmp.").unwrap();
    fill_replay(&mut emulator.shared().world().server, tmp_id);
    socket.send("app_connect_req", Map::new()).await;
    socket.quiet().await;
    assert_eq!(errors(&emulator, &identity), ["E_REPLAY"]);
}

#[tokio::test(start_paused = true)]
async fn text_messages_close_with_1003() {
    let emulator = emulator().await;
    let (_, mut socket) = connected(&emulator, &Peer::new(1)).await;
    socket.socket.send(Message::Text("hello".into())).await;
    assert_eq!(socket.raw().await, Message::Close(1003));
}

#[tokio::test(start_paused = true)]
async fn pings_come_every_thirty_seconds() {
    let emulator = emulator().await;
    let (_, mut seed) = connected(&emulator, &Peer::new(1)).await;
    let peer = Peer::new(2);
    let tmp_id = peer.appdata(&emulator, "demo-app").await;
    let mut appdata = peer.connect(&emulator, &format!("tmp.{tmp_id}")).await;
    appdata.expect("connected").await;
    let start = elapsed(&emulator);
    for round in 1..=3 {
        assert_eq!(seed.raw().await, Message::Ping(Vec::new()));
        assert_eq!((elapsed(&emulator) - start).as_secs(), 30 * round);
        let ping = appdata.expect("ping").await;
        assert_eq!(ping, Map::new().with("_res", "ok"));
        appdata.send("pong", Map::new()).await;
    }
    appdata.quiet().await;
    seed.socket.send(Message::Ping(vec![1, 2])).await;
    assert_eq!(seed.raw().await, Message::Pong(vec![1, 2]));
}

#[tokio::test(start_paused = true)]
async fn sigs_are_refused_with_401() {
    let emulator = emulator().await;
    let peer = Peer::new(1);
    let tmp_id = peer.seed(&emulator, "demo").await;
    let identity = format!("tmp.{tmp_id}");
    let now = server_time(&emulator).await;
    let good = peer.sig(&identity, now);
    let bad = [
        "/v3/ws".to_owned(),
        "/v3/ws?sig=".to_owned(),
        "/v3/ws?sig=%zz".to_owned(),
        format!("{good}&sig=x"),
        format!("{good}A"),
        Peer::new(2).sig(&identity, now),
        peer.sig(&identity, now - 301),
        peer.sig(&identity, now + 6),
        peer.sig("tmp.nobody", now),
        peer.sig("app.4001", now),
        peer.sig("srv.1", now),
    ];
    for sig in bad {
        assert_eq!(emulator.socket(&sig, LOCAL).err(), Some(401), "{sig}");
    }
    // It may be presented again inside its window, padded or not.
    assert!(emulator.socket(&good, LOCAL).is_ok());
    assert!(emulator.socket(&good, LOCAL).is_ok());
    assert_eq!(emulator.socket("/v3/clock", LOCAL).err(), Some(404));
}

#[tokio::test(start_paused = true)]
async fn a_poll_hears_of_denial_and_expiry() {
    let emulator = emulator().await;
    let peer = Peer::new(1);
    let (identity, mut socket) = connected(&emulator, &peer).await;
    let tmp_id = identity.strip_prefix("tmp.").unwrap();
    emulator.deny(tmp_id).unwrap();
    let push = socket.expect("app_auth_result").await;
    assert_eq!(
        push,
        Map::new()
            .with("_res", "err")
            .with("code", "authorization_denied")
    );
    let poll = socket.ask("app_connect_req", Map::new()).await;
    assert_eq!(poll.text("status"), Some("denied"));
    assert_eq!(emulator.approve(tmp_id).unwrap_err().status(), 409);

    let (_, mut socket) = connected(&emulator, &peer).await;
    tokio::time::advance(Duration::from_secs(601)).await;
    socket.now += 601;
    // Pings of ten minutes may come first.
    socket.send("app_connect_req", Map::new()).await;
    let expired = loop {
        if let Message::Binary(bytes) = socket.raw().await {
            break socket.open(&bytes).unwrap().body;
        }
    };
    assert_eq!(expired.text("status"), Some("expired"));
}
