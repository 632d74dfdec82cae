//! HTTP: each code, and what pages of other origins may do.

use std::time::Duration;

use serde_json::{Value as Json, json};

use super::peer::{LOCAL, Peer, elapsed, emulator, get};
use crate::{
    Emulator, FaultKind, Mode, NewService,
    http::{
        answer::Answer,
        api::{self, ApiRequest},
    },
    wire::{text::to_base64, writer},
};

async fn post(emulator: &Emulator, path: &str, body: Vec<u8>) -> u16 {
    emulator.http("POST", path, None, body, LOCAL).await.0
}

fn raw(emulator: &Emulator, method: &str, path: &str) -> Answer {
    let request = ApiRequest {
        method,
        path,
        query: None,
        body: &[],
        peer: LOCAL,
    };
    api::answer(emulator.shared(), &request)
}

#[tokio::test(start_paused = true)]
async fn statuses() {
    let emulator = emulator().await;
    for path in [
        "/",
        "/v3",
        "/v3/",
        "/v3/key_enc/",
        "/v3/KEY_ENC",
        "/key_enc",
        "/v2/clock",
    ] {
        assert_eq!(get(&emulator, path).await.0, 404, "{path}");
    }
    for path in ["/v3/key_enc", "/v3/key_sign", "/v3/clock", "/v3/ws"] {
        assert_eq!(post(&emulator, path, Vec::new()).await, 405, "{path}");
    }
    for path in ["/v3/handshake", "/v3/app_verify"] {
        assert_eq!(get(&emulator, path).await.0, 405, "{path}");
        assert_eq!(post(&emulator, path, vec![0; 65_537]).await, 413, "{path}");
        for body in [&b""[..], b"\xc1", b"{}x", b"\x81"] {
            assert_eq!(
                post(&emulator, path, body.to_vec()).await,
                400,
                "{path} {body:?}"
            );
        }
    }
    assert_eq!(get(&emulator, "/v3/ws").await.0, 401);
    for path in ["/v3/key_enc", "/v3/key_sign"] {
        let (status, body) = get(&emulator, path).await;
        assert_eq!((status, body.len()), (200, 44), "{path}");
    }
}

#[tokio::test(start_paused = true)]
async fn handshakes_are_limited_by_minute_and_address() {
    let emulator = Emulator::builder()
        .in_process()
        .handshake_limit(2)
        .start()
        .await
        .unwrap();
    let hello = writer::encode_map(&Peer::new(1).hello().with("svc_id", "demo"));
    for expected in [200, 200, 429] {
        assert_eq!(
            post(&emulator, "/v3/handshake", hello.clone()).await,
            expected
        );
    }
    let other = [127, 0, 0, 2].into();
    let (status, _, _) = emulator
        .http("POST", "/v3/handshake", None, hello.clone(), other)
        .await;
    assert_eq!(status, 200, "another address");
    let mapped = "::ffff:127.0.0.1".parse().unwrap();
    let (status, _, _) = emulator
        .http("POST", "/v3/handshake", None, hello.clone(), mapped)
        .await;
    assert_eq!(status, 429, "the same address in IPv6");
    tokio::time::advance(Duration::from_secs(60)).await;
    assert_eq!(post(&emulator, "/v3/handshake", hello.clone()).await, 200);

    let free = Emulator::builder()
        .in_process()
        .handshake_limit(0)
        .start()
        .await
        .unwrap();
    for _ in 0..100 {
        assert_eq!(post(&free, "/v3/handshake", hello.clone()).await, 200);
    }
}

#[tokio::test(start_paused = true)]
async fn pages_of_other_origins_read_what_they_may() {
    let emulator = emulator().await;
    let open = |answer: &Answer| {
        answer
            .headers
            .iter()
            .any(|(name, value)| *name == "access-control-allow-origin" && value == "*")
    };
    for path in ["/v3/key_enc", "/v3/key_sign", "/v3/clock"] {
        assert!(open(&raw(&emulator, "GET", path)), "{path}");
    }
    assert!(
        open(&raw(&emulator, "POST", "/v3/handshake")),
        "on a refusal too"
    );
    let preflight = raw(&emulator, "OPTIONS", "/v3/handshake");
    assert_eq!(preflight.status, 204);
    assert!(open(&preflight));
    let verify = raw(&emulator, "OPTIONS", "/v3/app_verify");
    assert_eq!(verify.status, 405);
    assert!(!open(&verify) && !open(&raw(&emulator, "POST", "/v3/app_verify")));
}

async fn verify(emulator: &Emulator, body: &Json, peer: &str) -> Json {
    let peer = peer.parse().unwrap();
    let body = body.to_string().into_bytes();
    let (status, _, body) = emulator
        .http("POST", "/v3/app_verify", None, body, peer)
        .await;
    assert_eq!(status, 200);
    serde_json::from_slice(&body).unwrap()
}

#[tokio::test(start_paused = true)]
async fn app_verify_in_its_order() {
    let emulator = emulator().await;
    let nobody = NewService {
        server_ips: Some(Vec::new()),
        ..NewService::seed("closed", "Closed", Mode::Auth)
    };
    emulator.create_service(nobody).unwrap();
    let peer = Peer::new(1);
    let tmp_id = peer.seed(&emulator, "demo").await;
    let approved = emulator.approve(tmp_id.as_str()).unwrap();
    let good = json!({
        "svc_id": "demo",
        "sso_client_id": approved.app_id,
        "safe_id": approved.safe_id,
        "sign_pk": to_base64(&peer.sign.public),
    });
    let with = |name: &str, value: Json| {
        let mut body = good.clone();
        body[name] = value;
        body
    };
    let code = |answer: &Json| answer["code"].as_str().map(str::to_owned);

    // Unknown service before the address, the address before the ids.
    let unknown = verify(&emulator, &with("svc_id", json!("nobody")), "127.0.0.9").await;
    assert_eq!(code(&unknown).as_deref(), Some("sso_service_invalid"));
    let tag = verify(&emulator, &json!({ "app_tag": "nobody" }), "127.0.0.9").await;
    assert_eq!(code(&tag).as_deref(), Some("app_tag_invalid"));
    let far = verify(&emulator, &with("safe_id", json!("0")), "127.0.0.9").await;
    assert_eq!(code(&far).as_deref(), Some("ip_not_allowed"));
    let closed = verify(&emulator, &with("svc_id", json!("closed")), "127.0.0.1").await;
    assert_eq!(code(&closed).as_deref(), Some("ip_not_allowed"));
    for address in ["127.0.0.1", "::1", "::ffff:127.0.0.1"] {
        let yes = verify(&emulator, &good, address).await;
        assert_eq!(
            yes,
            json!({ "_res": "ok", "valid": true, "nickname": "Alice" }),
            "{address}"
        );
    }
    let no = json!({ "_res": "ok", "valid": false });
    let foreign = to_base64(&Peer::new(2).sign.public);
    for body in [
        with("safe_id", json!("1002")),
        with("sso_client_id", json!("4002")),
        with("sso_client_id", Json::Null),
        with("sign_pk", json!(foreign)),
        with("sign_pk", json!("?")),
        with("svc_id", json!("demo-data")),
    ] {
        assert_eq!(verify(&emulator, &body, "127.0.0.1").await, no, "{body}");
    }
    emulator.revoke(&approved.app_id).unwrap();
    assert_eq!(verify(&emulator, &good, "127.0.0.1").await, no);
}

#[tokio::test(start_paused = true)]
async fn faults_of_app_verify() {
    let emulator = emulator().await;
    let peer = Peer::new(1);
    let tmp_id = peer.seed(&emulator, "demo").await;
    let approved = emulator.approve(tmp_id.as_str()).unwrap();
    let body = json!({
        "svc_id": "demo",
        "sso_client_id": approved.app_id,
        "safe_id": approved.safe_id,
        "sign_pk": to_base64(&peer.sign.public),
    });
    let ask = async || {
        let body = body.to_string().into_bytes();
        let before = elapsed(&emulator);
        let (status, _, body) = emulator
            .http("POST", "/v3/app_verify", None, body, LOCAL)
            .await;
        (
            status,
            serde_json::from_slice::<Json>(&body).ok(),
            elapsed(&emulator) - before,
        )
    };
    let one = |kind: FaultKind| emulator.fault(crate::Fault::from(kind).times(1)).unwrap();
    one(FaultKind::IpNotAllowed);
    assert_eq!(ask().await.1.unwrap()["code"], "ip_not_allowed");
    one(FaultKind::VerifyFalse);
    assert_eq!(ask().await.1.unwrap()["valid"], false);
    one(FaultKind::VerifyGarbage);
    assert_eq!(ask().await.1, None);
    one(FaultKind::Http500);
    assert_eq!(ask().await.0, 500);
    one(FaultKind::VerifyTimeout { seconds: 60 });
    assert!(ask().await.2 >= Duration::from_secs(60));
    assert_eq!(ask().await.1.unwrap()["valid"], true, "each acted once");
}
