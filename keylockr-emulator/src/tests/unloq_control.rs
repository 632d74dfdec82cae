//! UNLOQ's control calls over the network.

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt as _, Full};
use hyper_util::rt::TokioIo;
use serde_json::{Value as Json, json};
use tokio::net::TcpStream;

use super::unloq_peer::{ALICE, KEY};
use crate::{
    Emulator,
    unloq::{HookEvent, KeyMode, Padding},
};

/// One request over the network: status, head and body.
async fn send(origin: &str, request: Request<Bytes>) -> (u16, http::HeaderMap, Bytes) {
    let address = origin.strip_prefix("http://").unwrap();
    let stream = TcpStream::connect(address).await.unwrap();
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
        .await
        .unwrap();
    let connection = tokio::spawn(connection);
    let (mut head, body) = request.into_parts();
    head.headers.insert("host", address.parse().unwrap());
    let request = Request::from_parts(head, Full::new(body));
    let answer = sender.send_request(request).await.unwrap();
    let (status, head) = (answer.status().as_u16(), answer.headers().clone());
    let body = answer.into_body().collect().await.unwrap().to_bytes();
    connection.abort();
    (status, head, body)
}

/// A control call.
async fn call(emulator: &Emulator, method: &str, path: &str, body: Json) -> (u16, Json) {
    let mut request = Request::builder()
        .method(method)
        .uri(format!("/_emu/v1/unloq/{path}"));
    if !body.is_null() {
        request = request.header("content-type", "application/json");
    }
    let text = if body.is_null() {
        String::new()
    } else {
        body.to_string()
    };
    let request = request.body(Bytes::from(text)).unwrap();
    let (status, _, body) = send(&emulator.control(), request).await;
    (status, serde_json::from_slice(&body).unwrap_or(Json::Null))
}

#[tokio::test]
async fn a_sign_in_by_control_calls_over_the_network() {
    let emulator = Emulator::start().await.unwrap();
    assert_eq!(emulator.unloq().api(), format!("{}/v1", emulator.api()));
    let ask = Request::post("/v1/authenticate")
        .header("authorization", "Bearer demo-unloq-key")
        .header("content-type", "application/json")
        .body(Bytes::from(json!({ "email": ALICE }).to_string()))
        .unwrap();
    let origin = emulator.api();
    let asked = tokio::spawn(async move { send(&origin, ask).await });
    emulator.unloq().next_approval(ALICE).await.unwrap();
    let (status, open) = call(&emulator, "GET", "approvals", Json::Null).await;
    assert_eq!(status, 200);
    assert_eq!(
        (&open[0]["email"], &open[0]["kind"]),
        (&json!(ALICE), &json!("AUTHENTICATION"))
    );
    let id = json!({ "id": open[0]["id"] });
    let (status, approved) = call(&emulator, "POST", "approve", id.clone()).await;
    assert_eq!((status, &approved["status"]), (200, &json!("APPROVED")));
    assert_eq!(call(&emulator, "POST", "deny", id).await.0, 409);
    let (status, _, answer) = asked.await.unwrap();
    assert_eq!(status, 200);
    let token = serde_json::from_slice::<Json>(&answer).unwrap()["result"]["token"].clone();
    let exchange = Request::post("/v1/token")
        .header("authorization", "Bearer demo-unloq-key")
        .header("content-type", "application/json")
        .body(Bytes::from(
            json!({ "token": token, "sid": "handle" }).to_string(),
        ))
        .unwrap();
    assert_eq!(send(&emulator.api(), exchange).await.0, 200);
    let (_, sessions) = call(&emulator, "GET", "sessions", Json::Null).await;
    assert_eq!(sessions[0]["sid"], "handle");
    let out = json!({ "id": sessions[0]["id"] });
    assert_eq!(
        call(&emulator, "POST", "log_out", out.clone()).await,
        (200, json!([]))
    );
    assert_eq!(call(&emulator, "POST", "log_out", out).await.0, 404);
    // What the page lives on.
    let (_, state) = call(&emulator, "GET", "state", Json::Null).await;
    assert_eq!(state["api"], emulator.api());
    assert_eq!(state["profiles"][0]["otp"].as_str().unwrap().len(), 6);
    emulator.stop().await;
}

#[tokio::test]
async fn calls_that_are_refused() {
    let emulator = Emulator::start().await.unwrap();
    for (method, path, body, status) in [
        ("GET", "nothing", Json::Null, 404),
        ("POST", "approvals", json!({}), 405),
        ("DELETE", "apps", Json::Null, 405),
        ("POST", "approve", json!({ "id": "x" }), 404),
        ("POST", "approve", json!({}), 400),
        ("POST", "approve", json!({ "id": "x", "user": "y" }), 400),
        (
            "POST",
            "activate",
            json!({ "user": "nobody@example.test" }),
            404,
        ),
        ("POST", "activate", json!({ "user": ALICE }), 409),
        ("POST", "deactivate", json!({ "user": "alice" }), 404),
        ("GET", "otp", Json::Null, 400),
        ("GET", "otp?user=1", Json::Null, 404),
        ("POST", "redeliver", json!({ "id": 1 }), 404),
        ("POST", "apps", json!({}), 409),
        ("PUT", "apps", json!({ "api_key": "unknown" }), 404),
        ("PUT", "apps", json!({ "key_size": 0 }), 400),
        ("PUT", "apps", json!({ "key_size": 4097 }), 400),
        ("PUT", "apps", json!({ "approval_seconds": 9 }), 400),
        ("PUT", "apps", json!({ "secret": "" }), 400),
        (
            "PUT",
            "apps",
            json!({ "return_url": "javascript:alert(1)" }),
            400,
        ),
        ("PUT", "apps", json!({ "return_url": "http://a/#b" }), 400),
        (
            "PUT",
            "apps",
            json!({ "hooks": { "logout": { "url": "https://127.0.0.1/" } } }),
            400,
        ),
        (
            "PUT",
            "apps",
            json!({ "hooks": { "login": { "url": "http://127.0.0.1/" } } }),
            400,
        ),
        (
            "POST",
            "apps/hook",
            json!({ "api_key": KEY, "event": "logout", "hook": { "url": "http://example.test/" } }),
            400,
        ),
        (
            "POST",
            "apps/secret",
            json!({ "api_key": "unknown", "secret": "x" }),
            404,
        ),
        (
            "POST",
            "profiles",
            json!({ "email": "Alice@EXAMPLE.test" }),
            409,
        ),
        ("POST", "profiles", json!({ "email": "nobody" }), 400),
        ("POST", "faults", json!({ "fault": "nothing" }), 400),
        ("POST", "faults", json!({ "fault": { "status": 404 } }), 400),
        (
            "POST",
            "device_token",
            json!({ "user": ALICE, "api_key": "unknown" }),
            404,
        ),
    ] {
        let (got, answer) = call(&emulator, method, path, body.clone()).await;
        assert_eq!(got, status, "{method} {path} {body}: {answer}");
        assert!(answer["error"].is_string(), "{path}");
    }
    let secret = json!({ "api_key": KEY, "secret": 7, "hooks": "a-secret" });
    let (_, answer) = call(&emulator, "PUT", "apps", secret).await;
    assert!(
        !answer.to_string().contains("a-secret"),
        "errors repeat nothing"
    );
}

#[tokio::test]
async fn applications_users_devices_and_faults_by_call() {
    let emulator = Emulator::start().await.unwrap();
    let unloq = emulator.unloq();
    let app = json!({ "name": "Notes", "api_key": "notes-key", "widget_key": "notes-widget", "secret": "s",
        "return_url": "http://127.0.0.1:3000/back", "mode": "always", "padding": "oaep_sha256", "key_size": 20,
        "hooks": { "logout": { "url": "http://127.0.0.1:3000/out", "form": true } } });
    let (status, made) = call(&emulator, "POST", "apps", app.clone()).await;
    assert_eq!(status, 201);
    assert_eq!(made["hooks"], json!(["logout"]));
    assert!(made.get("secret").is_none());
    let seen = unloq.app("notes-key").unwrap();
    assert_eq!(
        (seen.mode, seen.padding),
        (KeyMode::Always, Padding::OaepSha256)
    );
    assert_eq!(call(&emulator, "POST", "apps", app).await.0, 409);
    let taken = json!({ "api_key": "third", "widget_key": "notes-widget" });
    assert_eq!(call(&emulator, "POST", "apps", taken).await.0, 409);
    let hook = json!({ "api_key": "notes-key", "event": "activate", "hook": { "url": "http://localhost/in" } });
    assert_eq!(
        call(&emulator, "POST", "apps/hook", hook).await.1["hooks"],
        json!(["logout", "activate"])
    );
    let gone = json!({ "api_key": "notes-key", "event": "logout" });
    assert_eq!(
        call(&emulator, "POST", "apps/hook", gone).await.1["hooks"],
        json!(["activate"])
    );
    assert_eq!(unloq.app("notes-key").unwrap().hooks, [HookEvent::Activate]);
    let carol = json!({ "email": "carol@example.test", "first_name": "Carol" });
    let (status, made) = call(&emulator, "POST", "profiles", carol).await;
    assert_eq!((status, &made["unloq_id"]), (201, &json!(7003)));
    let device = json!({ "user": "7003", "paired": true, "push": false });
    assert_eq!(
        call(&emulator, "POST", "device", device).await.1["push"],
        false
    );
    let (_, otp) = call(
        &emulator,
        "GET",
        "otp?user=carol%40example.test",
        Json::Null,
    )
    .await;
    assert_eq!(otp["otp"].as_str().unwrap().len(), 6);
    for fault in [
        json!("key_in_clear"),
        json!({ "truncate": 7 }),
        json!({ "status": 502 }),
    ] {
        let body = json!({ "fault": fault, "times": 2 });
        assert_eq!(call(&emulator, "POST", "faults", body).await.0, 204);
    }
    let (_, faults) = call(&emulator, "GET", "faults", Json::Null).await;
    assert_eq!(faults["active"].as_array().unwrap().len(), 3);
    assert_eq!(
        faults["active"][1],
        json!({ "fault": { "truncate": 7 }, "times": 2 })
    );
    assert_eq!(faults["known"].as_array().unwrap().len(), 12);
    assert_eq!(call(&emulator, "DELETE", "faults", Json::Null).await.0, 204);
    let token = json!({ "user": ALICE, "api_key": KEY });
    assert_eq!(call(&emulator, "POST", "device_token", token).await.0, 201);
}
