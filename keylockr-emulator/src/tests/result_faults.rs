//! Faults of results and connections.

use std::time::Duration;

use super::{
    data_faults::data,
    peer::{Peer, PeerSocket, elapsed, emulator},
};
use crate::{
    Emulator, Fault, FaultKind, NewService,
    wire::value::{Map, Value},
};

pub(super) fn once(emulator: &Emulator, kind: FaultKind) {
    emulator.fault(Fault::from(kind).times(1)).unwrap();
}

pub(super) async fn connected(emulator: &Emulator, peer: &Peer, tag: &str) -> (String, PeerSocket) {
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
