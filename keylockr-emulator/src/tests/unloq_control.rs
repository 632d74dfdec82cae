//! UNLOQ's control calls, its widget, its place in seed, state and reset.

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt as _, Full};
use hyper_util::rt::TokioIo;
use serde_json::{Value as Json, json};
use tokio::net::TcpStream;

use super::unloq_peer::{ALICE, ALICE_ID, BOB, KEY, configure, ok, post, refused, sign_in, start};
use crate::{
    Emulator,
    unloq::{AppSettings, Body, FaultKind, HookEvent, KeyMode, Moment, Padding, Unloq},
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

// ---- the widget

fn browse(path: &str, form: Option<&str>) -> Request<Bytes> {
    let request = Request::builder().uri(path);
    match form {
        Some(form) => request
            .method("POST")
            .header("content-type", "application/x-www-form-urlencoded")
            .body(Bytes::from(form.to_owned()))
            .unwrap(),
        None => request.body(Bytes::new()).unwrap(),
    }
}

async fn page(unloq: &Unloq, request: Request<Bytes>) -> (u16, String, String) {
    let response: Response<Body> = unloq.http(request).await;
    let location = response.headers().get("location").cloned();
    let location = location.map_or_else(String::new, |it| it.to_str().unwrap().to_owned());
    let (status, body) = super::unloq_peer::read(response).await;
    (status, location, String::from_utf8(body).unwrap())
}

const FORM: &str = "key=demo-unloq-widget&email=alice%40example.test";

fn with_return(unloq: &Unloq) {
    configure(unloq, |app| {
        app.return_url = Some("http://127.0.0.1:3000/unloq/back".to_owned());
        app.name = "<Demo> & \"co\"".to_owned();
    });
}

#[tokio::test(start_paused = true)]
async fn the_widget_leads_back_with_a_token() {
    let (_emulator, unloq) = start().await;
    with_return(&unloq);
    let address = unloq.widget(&unloq.app(KEY).unwrap());
    let path = address.strip_prefix("http://127.0.0.1:4600").unwrap();
    let (status, _, html) = page(&unloq, browse(path, None)).await;
    assert_eq!(status, 200);
    assert!(
        html.contains("Sign in to &lt;Demo&gt; &amp; &quot;co&quot;"),
        "{html}"
    );
    assert!(!html.contains("<script"));
    let (status, wait, _) = page(&unloq, browse("/widget", Some(FORM))).await;
    assert_eq!(status, 303);
    assert!(wait.starts_with("/widget/wait?visit="));
    let (status, _, html) = page(&unloq, browse(&wait, None)).await;
    assert_eq!(status, 200);
    assert!(html.contains("http-equiv=\"refresh\""));
    let approval = unloq.approve_next(ALICE).await.unwrap();
    assert!(
        !wait.contains(&approval.id),
        "the approval is not the visit"
    );
    let (status, back, _) = page(&unloq, browse(&wait, None)).await;
    assert_eq!(status, 303);
    let token = back
        .strip_prefix("http://127.0.0.1:3000/unloq/back?token=")
        .unwrap();
    let user = ok(&unloq, "/v1/token", json!({ "token": token })).await;
    assert_eq!(user["email"], ALICE);
    let (status, location, _) = page(&unloq, browse(&wait, None)).await;
    assert_eq!((status, location.as_str()), (404, ""), "no second token");
}

#[tokio::test(start_paused = true)]
async fn the_widget_says_what_went_wrong() {
    let (_emulator, unloq) = start().await;
    assert_eq!(
        page(&unloq, browse("/widget?key=demo-unloq-widget", None))
            .await
            .0,
        404,
        "no return address"
    );
    with_return(&unloq);
    assert_eq!(page(&unloq, browse("/widget?key=other", None)).await.0, 404);
    assert_eq!(
        page(&unloq, browse("/widget/wait?visit=nothing", None))
            .await
            .0,
        404
    );
    assert_eq!(page(&unloq, browse("/widget/wait", Some(""))).await.0, 405);
    assert_eq!(page(&unloq, browse("/widget/style.css", None)).await.0, 200);
    let unknown = "key=demo-unloq-widget&email=%22%3Ex%40y";
    let (status, _, html) = page(&unloq, browse("/widget", Some(unknown))).await;
    assert_eq!(status, 422);
    assert!(
        html.contains("does not know this address") && html.contains("value=\"&quot;&gt;x@y\"")
    );

    let (_, wait, _) = page(&unloq, browse("/widget", Some(FORM))).await;
    unloq.deny_next(ALICE).await.unwrap();
    let (status, location, html) = page(&unloq, browse(&wait, None)).await;
    assert_eq!((status, location.as_str()), (200, ""));
    assert!(html.contains("Denied"));
    // Now the one-time password is due.
    let (status, _, html) = page(&unloq, browse("/widget", Some(FORM))).await;
    assert_eq!(status, 422);
    assert!(html.contains("name=\"otp\""));
    let wrong = format!("{FORM}&otp=12");
    assert_eq!(page(&unloq, browse("/widget", Some(&wrong))).await.0, 422);
    let right = format!("{FORM}&otp={}", unloq.otp(ALICE).unwrap());
    let (status, wait, _) = page(&unloq, browse("/widget", Some(&right))).await;
    assert_eq!(status, 303);
    tokio::time::advance(std::time::Duration::from_secs(30)).await;
    let (_, _, html) = page(&unloq, browse(&wait, None)).await;
    assert!(html.contains("Nobody answered in time"));
}

// ---- seed, state, reset

#[tokio::test(start_paused = true)]
async fn a_seed_repeats_ids_keys_and_passwords() {
    let facts = async |seed: u64| {
        let emulator = Emulator::builder()
            .in_process()
            .seed(seed)
            .start()
            .await
            .unwrap();
        let unloq = emulator.unloq();
        configure(&unloq, |app| app.mode = KeyMode::Always);
        let first = sign_in(&unloq, json!({})).await;
        emulator.reset();
        configure(&unloq, |app| app.mode = KeyMode::Always);
        assert_eq!(
            sign_in(&unloq, json!({})).await,
            first,
            "after a reset, too"
        );
        first
    };
    let first = facts(1).await;
    assert_eq!(facts(1).await, first);
    let other = facts(2).await;
    for member in ["approval_id", "encryption_key"] {
        assert_ne!(other[member], first[member], "{member}");
    }
}

#[tokio::test]
async fn a_restart_keeps_users_applications_and_keys() {
    let name = format!("keylockr-emulator-unloq-{}", std::process::id());
    let file = std::env::temp_dir().join(name);
    let _ = std::fs::remove_file(&file);
    let begin = || Emulator::builder().in_process().state(&file).start();
    let of_alice = || json!({ "unloq_id": ALICE_ID });
    let ask = async |unloq: &Unloq| {
        let asked = ok(unloq, "/v1/encryption/user", of_alice());
        let (answer, _) = tokio::join!(asked, unloq.approve_next(ALICE));
        answer["encryption_key"].as_str().unwrap().to_owned()
    };
    let (key, otp) = {
        let emulator = begin().await.unwrap();
        let unloq = emulator.unloq();
        let app = AppSettings {
            secret: "kept".to_owned(),
            ..AppSettings::named("own")
        };
        unloq.add_app(app).unwrap();
        unloq.add_profile("carol@example.test", "Carol").unwrap();
        unloq.deactivate(BOB).await.unwrap();
        sign_in(&unloq, json!({ "sid": "gone" })).await;
        let key = ask(&unloq).await;
        let asked = post(&unloq, "/v1/authenticate", json!({ "email": ALICE }));
        let _ = tokio::time::timeout(std::time::Duration::from_millis(1), asked).await;
        let otp = otp_at(&emulator, 90);
        emulator.stop().await;
        (key, otp)
    };
    let emulator = begin().await.unwrap();
    let unloq = emulator.unloq();
    assert!(unloq.app("own-unloq-key").is_ok());
    assert_eq!(unloq.profiles().len(), 3);
    assert!(!unloq.profiles()[1].active, "bob left");
    assert!(unloq.approvals().is_empty() && unloq.sessions().is_empty());
    assert_eq!(otp_at(&emulator, 90), otp);
    assert_eq!(ask(&unloq).await, key, "known still, and the same key");
    assert_eq!(
        unloq.add_profile("dave@example.test", "").unwrap().unloq_id,
        7004
    );
    drop(emulator);

    // A file of the time before UNLOQ: everything as at the start.
    let text = std::fs::read_to_string(&file).unwrap();
    let mut saved: Json = serde_json::from_str(&text).unwrap();
    saved.as_object_mut().unwrap().remove("unloq");
    std::fs::write(&file, saved.to_string()).unwrap();
    let emulator = begin().await.unwrap();
    assert_eq!(emulator.unloq().profiles().len(), 2);
    drop(emulator);
    // A file that contradicts itself is refused.
    saved["unloq"] = json!({ "apps": [], "profiles": [{ "unloq_id": 9, "email": "A@b", "first_name": "",
        "last_name": "", "active": true, "paired": true, "push": true, "otp_due": false }],
        "known": [], "next_id": 10, "otp": [], "keys": [] });
    std::fs::write(&file, saved.to_string()).unwrap();
    assert!(begin().await.is_err());
    std::fs::remove_file(&file).unwrap();
}

/// Alice's one-time password at a time.
fn otp_at(emulator: &Emulator, unix: u64) -> String {
    let moment = Moment {
        elapsed: std::time::Duration::ZERO,
        unix,
    };
    emulator.shared().world().unloq.otp(ALICE, moment).unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_reset_brings_everything_back() {
    let (emulator, unloq) = start().await;
    unloq.add_app(AppSettings::named("own")).unwrap();
    unloq.add_profile("carol@example.test", "Carol").unwrap();
    unloq.fault(FaultKind::Blocked).unwrap();
    unloq.set_secret(KEY, "another").unwrap();
    emulator.reset();
    assert_eq!((unloq.apps().len(), unloq.profiles().len()), (1, 2));
    let early = refused(
        &unloq,
        "/v1/encryption/user",
        json!({ "unloq_id": ALICE_ID }),
    )
    .await;
    assert_eq!(early.1, "APPROVAL.ENCRYPTION", "nobody has logged in");
    sign_in(&unloq, json!({ "sid": "s" })).await;
    assert_eq!(unloq.sessions()[0].id, "1");
}
