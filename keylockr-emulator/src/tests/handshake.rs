//! The handshake: fields, families, order of refusals.

use super::peer::{LOCAL, Peer, emulator};
use crate::{
    Mode, NewService,
    wire::{
        reader,
        text::to_base64,
        value::{Map, Value},
        writer,
    },
};

#[tokio::test(start_paused = true)]
async fn fields_are_judged_before_names() {
    let emulator = emulator().await;
    let peer = Peer::new(1);
    // An unknown service on top: lengths and keys are judged first.
    let good = || peer.hello().with("svc_id", "nobody");
    let mut weak = vec![0; 32];
    weak[0] = 1;
    let bad = [
        good().with("sign_pk", vec![1; 31]),
        good().with("sign_pk", "text"),
        good().with("sign_pk", weak.clone()),
        good().with("enc_pk", vec![1; 33]),
        good().with("enc_pk", weak),
        good().with("enc_pk", vec![0; 32]),
        good().with("name", ""),
        good().with("name", "x".repeat(65)),
        good().with("name", vec![1]),
        good().with("svc_id", 88_u64),
        good().with("app_data", true),
        good().with("app_data", "yes"),
        good().with("app_id", "1"),
        good().with("ap", "1"),
        good().with("requested_scopes", "1"),
        peer.hello(),
        Map::new(),
    ];
    for fields in bad {
        let refused = peer.handshake(&emulator, fields.clone()).await;
        assert_eq!(refused, Err("param_invalid".to_owned()), "{fields:?}");
    }
    for missing in ["sign_pk", "enc_pk", "name"] {
        let mut fields = good();
        fields.remove(missing);
        let refused = peer.handshake(&emulator, fields).await;
        assert_eq!(refused, Err("param_invalid".to_owned()), "{missing}");
    }
    let refused = peer.handshake(&emulator, good()).await;
    assert_eq!(refused, Err("sso_service_invalid".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn families_do_not_mix() {
    let emulator = emulator().await;
    let peer = Peer::new(1);
    let plain = NewService {
        mode: Mode::Auth,
        ..NewService::appdata("plain", "Plain", 2)
    };
    emulator.create_service(plain).unwrap();
    let cases = [
        (Map::new().with("svc_id", "demo-app"), "sso_service_invalid"),
        (
            Map::new().with("svc_id", "demo").with("app_data", true),
            "param_invalid",
        ),
        (Map::new().with("app_tag", "demo"), "param_invalid"),
        (
            Map::new()
                .with("app_tag", "demo-app")
                .with("app_data", false),
            "param_invalid",
        ),
        (Map::new().with("app_tag", "nobody"), "app_tag_invalid"),
        (
            Map::new().with("app_tag", "plain").with("app_data", true),
            "sso_data_not_approved",
        ),
    ];
    for (names, code) in cases {
        let mut fields = peer.hello();
        for (key, value) in names.into_entries() {
            fields.insert(key, value);
        }
        let refused = peer.handshake(&emulator, fields.clone()).await;
        assert_eq!(refused, Err(code.to_owned()), "{fields:?}");
    }
    let fine = [
        Map::new().with("svc_id", "demo").with("app_tag", "ignored"),
        Map::new().with("svc_id", "demo-data"),
        Map::new().with("app_tag", "plain"),
        Map::new()
            .with("app_tag", "demo-app")
            .with("app_data", true),
        Map::new()
            .with("app_tag", "demo-app")
            .with("svc_id", Value::Nil),
    ];
    for names in fine {
        let mut fields = peer.hello();
        for (key, value) in names.into_entries() {
            fields.insert(key, value);
        }
        let tmp_id = peer.handshake(&emulator, fields).await.unwrap();
        assert_eq!(tmp_id.len(), 36);
        assert!(
            tmp_id
                .bytes()
                .all(|byte| byte.is_ascii_hexdigit() || byte == b'-')
        );
    }
}

#[tokio::test(start_paused = true)]
async fn the_data_permission_comes_before_the_service_key() {
    let emulator = emulator().await;
    let (owner, stranger) = (Peer::new(1), Peer::new(2));
    let service = NewService {
        mode: Mode::Auth,
        service_key: Some(to_base64(&owner.enc_public)),
        ..NewService::appdata("keyed", "Keyed", 2)
    };
    emulator.create_service(service).unwrap();
    let fields = stranger.hello().with("app_tag", "keyed");
    let asks = stranger
        .handshake(&emulator, fields.clone().with("app_data", true))
        .await;
    assert_eq!(asks, Err("sso_data_not_approved".to_owned()));
    let plain = stranger.handshake(&emulator, fields).await;
    assert_eq!(plain, Err("sso_service_key_mismatch".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn switches_of_section_11() {
    let emulator = emulator().await;
    let service = NewService {
        switches: vec![
            "omit_res".into(),
            "embed_nonce".into(),
            "user_id_differs".into(),
        ],
        ..NewService::seed("odd", "Odd", Mode::Auth)
    };
    emulator.create_service(service).unwrap();
    let peer = Peer::new(1);
    let body = writer::encode_map(&peer.hello().with("svc_id", "odd"));
    let (_, _, reply) = emulator
        .http("POST", "/v3/handshake", None, body, LOCAL)
        .await;
    let Value::Map(reply) = reader::decode(&reply).unwrap() else {
        panic!("no map")
    };
    assert!(!reply.contains("_res"));
    let tmp_id = reply.text("tmp_id").unwrap().to_owned();
    let mut socket = peer.connect(&emulator, &format!("tmp.{tmp_id}")).await;
    let bytes = socket.bytes().await;
    let Value::Map(root) = reader::decode(&bytes).unwrap() else {
        panic!("no map")
    };
    assert!(
        root.get("kps")
            .and_then(Value::as_map)
            .is_some_and(|kps| !kps.contains("n"))
    );
    let connected = socket.open(&bytes).unwrap();
    assert!(connected.name == "connected" && !connected.body.contains("_res"));
    let approved = emulator.approve(tmp_id.as_str()).unwrap();
    assert!(!socket.expect("app_auth_result").await.contains("_res"));
    let done = socket.ask("app_connect_req", Map::new()).await;
    assert_eq!(done.text("_res"), Some("ok"), "answers keep theirs");
    assert_ne!(done.text("user_id"), Some(approved.safe_id.as_str()));
}
