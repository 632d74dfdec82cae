//! The control API: each call, its answer, its refusals.

use serde_json::{Value as Json, json};

use super::peer::{Peer, emulator};
use crate::{
    Emulator, Fault,
    http::calls::{self, Call},
    wire::{text::to_base64, value::Map},
};

fn call(emulator: &Emulator, method: &str, name: &str, body: &str) -> (u16, Json) {
    let (name, query) = match name.split_once('?') {
        Some((name, query)) => (name, Some(query)),
        None => (name, None),
    };
    let call = Call {
        method,
        name,
        query,
        body: body.as_bytes(),
    };
    let answer = calls::answer(emulator.shared(), &call);
    let json = match answer.body.as_slice() {
        [] => Json::Null,
        body => serde_json::from_slice(body).unwrap(),
    };
    assert_eq!(json.get("error").is_some(), answer.status >= 400, "{json}");
    (answer.status, json)
}

fn get(emulator: &Emulator, name: &str) -> Json {
    let (status, json) = call(emulator, "GET", name, "");
    assert_eq!(status, 200, "{name}: {json}");
    json
}

fn post(emulator: &Emulator, name: &str, body: &Json) -> (u16, Json) {
    call(emulator, "POST", name, &body.to_string())
}

#[tokio::test(start_paused = true)]
async fn what_is_there_from_the_start() {
    let emulator = emulator().await;
    assert_eq!(get(&emulator, "health"), json!({ "ok": true }));
    assert_eq!(
        get(&emulator, "users"),
        json!([
            { "user": "alice", "safe_id": "1001", "nickname": "Alice", "locked": false, "standing": true },
            { "user": "bob", "safe_id": "1002", "nickname": "Bob", "locked": false, "standing": true },
        ])
    );
    assert_eq!(get(&emulator, "pending"), json!([]));
    assert_eq!(get(&emulator, "connections"), json!([]));
    let services = get(&emulator, "services");
    let names: Vec<_> = services
        .as_array()
        .unwrap()
        .iter()
        .map(|it| &it["svc_id"])
        .collect();
    assert_eq!(names, ["demo", "demo-data", "demo-app", "svc_acme"]);
    assert!(services[0]["server_ips"] == json!(["127.0.0.1", "::1"]));
}

#[tokio::test(start_paused = true)]
async fn services_and_users() {
    let emulator = emulator().await;
    let base = json!({ "title": "T", "url": "https://t.example", "mode": "auth" });
    assert_eq!(
        post(&emulator, "services", &base),
        (201, json!({ "svc_id": "101", "app_tag": "101" }))
    );
    assert_eq!(post(&emulator, "services", &base).1["svc_id"], "102");
    let mut full = json!({
        "svc_id": "full", "title": "T", "url": "u", "mode": "data", "family": "appdata",
        "revision": 1, "app_tag": "tag", "server_ips": ["127.0.0.1", "::1"],
        "service_key": to_base64(&Peer::new(1).enc_public), "record_scope": "service",
        "switches": ["omit_res", "embed_nonce", "user_id_differs"],
    });
    let made = post(&emulator, "services", &full);
    assert_eq!(made, (201, json!({ "svc_id": "full", "app_tag": "tag" })));
    assert_eq!(post(&emulator, "services", &full).0, 409);
    full["svc_id"] = json!("other");
    assert_eq!(
        post(&emulator, "services", &full).0,
        409,
        "the tag is taken"
    );
    for (name, value) in [
        ("mode", json!("both")),
        ("family", json!("new")),
        ("revision", json!(3)),
        ("server_ips", json!(["localhost"])),
        ("service_key", json!("AAAA")),
        ("service_key", json!(to_base64(&[0; 32]))),
        ("switches", json!(["sing"])),
        ("svc_id", json!("")),
        ("nonsense", json!(1)),
    ] {
        let mut bad = base.clone();
        bad[name] = value;
        assert_eq!(post(&emulator, "services", &bad).0, 400, "{bad}");
    }
    let carol = post(&emulator, "users", &json!({ "user": "carol" }));
    assert_eq!(
        carol,
        (
            201,
            json!({
                "user": "carol", "safe_id": "1003", "nickname": "Carol", "locked": false, "standing": true
            })
        )
    );
    assert_eq!(post(&emulator, "users", &json!({ "user": "carol" })).0, 409);
    assert_eq!(post(&emulator, "users", &json!({ "user": "" })).0, 400);
    let dave = post(
        &emulator,
        "users",
        &json!({ "user": "dave", "nickname": "D." }),
    );
    assert_eq!(dave.1["nickname"], "D.");
    let odd = "<b>\u{202e}\r\n\0".repeat(90);
    let eve = post(
        &emulator,
        "users",
        &json!({ "user": "eve", "nickname": odd }),
    );
    assert_eq!(
        eve.1["nickname"],
        odd.as_str(),
        "services have to live with it"
    );
}

#[tokio::test(start_paused = true)]
async fn an_attempt_from_scan_to_revocation() {
    let emulator = emulator().await;
    let peer = Peer::new(1);
    let tmp_id = peer.seed(&emulator, "demo-data").await;
    let pending = json!([{
        "tmp_id": tmp_id, "svc_id": "demo-data", "name": "Test client", "connected": false, "age": 0
    }]);
    assert_eq!(get(&emulator, "pending"), pending);
    let mut socket = peer.connect(&emulator, &format!("tmp.{tmp_id}")).await;
    socket.expect("connected").await;
    tokio::time::advance(std::time::Duration::from_secs(7)).await;
    assert_eq!(get(&emulator, "pending")[0]["connected"], true);
    assert_eq!(get(&emulator, "pending")[0]["age"], 7);

    let scan = json!({
        "tmp_id": tmp_id, "title": "Demo with data", "url": "http://127.0.0.1:3000",
        "name": "Test client", "app_data": true,
    });
    let uri = format!("keylockr://sso?tmp_id={tmp_id}");
    let with_return = format!("{uri}&return_url=https%3A%2F%2Fa.example%2F");
    let escaped = format!(
        "keylockr://sso?tmp_id=%{:02x}{}",
        tmp_id.as_bytes()[0],
        &tmp_id[1..]
    );
    for body in [
        json!({ "tmp_id": tmp_id }),
        json!({ "uri": uri }),
        json!({ "uri": with_return }),
        json!({ "uri": escaped }),
    ] {
        assert_eq!(
            post(&emulator, "scan", &body),
            (200, scan.clone()),
            "{body}"
        );
    }
    for uri in ["keylockr://sso", "keylockr://other?tmp_id=x", "keylockr:x"] {
        assert_eq!(
            post(&emulator, "scan", &json!({ "uri": uri })).0,
            400,
            "{uri}"
        );
    }
    assert_eq!(
        post(
            &emulator,
            "scan",
            &json!({ "uri": "keylockr://sso?tmp_id=x" })
        )
        .0,
        404
    );
    assert_eq!(post(&emulator, "scan", &json!({})).0, 400);

    let approve = json!({ "tmp_id": tmp_id, "user": "bob", "delay_ms": 1500 });
    let approved = post(&emulator, "approve", &approve);
    assert_eq!(
        approved,
        (200, json!({ "app_id": "4001", "safe_id": "1002" }))
    );
    assert_eq!(
        post(&emulator, "approve", &approve),
        approved,
        "again, the same user"
    );
    assert_eq!(
        post(&emulator, "approve", &json!({ "tmp_id": tmp_id })).0,
        409,
        "alice"
    );
    assert_eq!(post(&emulator, "deny", &json!({ "tmp_id": tmp_id })).0, 409);
    assert_eq!(get(&emulator, "pending"), json!([]));
    socket.expect("app_auth_result").await;
    for body in [
        json!({ "tmp_id": "x" }),
        json!({ "tmp_id": tmp_id, "user": "nobody" }),
    ] {
        assert_eq!(post(&emulator, "approve", &body).0, 404, "{body}");
    }
    let connection = json!([{
        "app_id": "4001", "svc_id": "demo-data", "user": "bob", "safe_id": "1002",
        "name": "Test client", "alive": true, "filekey_asked": false, "connected": false,
    }]);
    assert_eq!(get(&emulator, "connections"), connection);
    let rename = json!({ "app_id": "4001", "name": "Desk" });
    assert_eq!(post(&emulator, "rename", &rename).0, 204);
    assert_eq!(get(&emulator, "connections")[0]["name"], "Desk");
    let app = json!({ "app_id": "4001" });
    assert_eq!(post(&emulator, "revoke", &app).0, 204);
    assert_eq!(post(&emulator, "revoke", &app).0, 409);
    assert_eq!(post(&emulator, "rename", &rename).0, 409);
    assert_eq!(get(&emulator, "connections")[0]["alive"], false);
    let nobody = json!({ "app_id": "9" });
    for name in ["revoke", "filekey/approve", "filekey/deny"] {
        assert_eq!(post(&emulator, name, &nobody).0, 404, "{name}");
    }

    let tmp_id = peer.seed(&emulator, "demo").await;
    let denied = json!({ "tmp_id": tmp_id });
    assert_eq!(post(&emulator, "deny", &denied).0, 204);
    assert_eq!(post(&emulator, "approve", &denied).0, 409);
    assert_eq!(post(&emulator, "deny", &json!({ "tmp_id": "x" })).0, 404);
}

#[tokio::test(start_paused = true)]
async fn phones_and_filekeys() {
    let emulator = emulator().await;
    let alice = json!({ "user": "alice" });
    for (name, locked) in [("lock", true), ("unlock", false), ("lock", true)] {
        assert_eq!(post(&emulator, name, &alice), (204, Json::Null));
        assert_eq!(get(&emulator, "users")[0]["locked"], locked);
        assert_eq!(post(&emulator, name, &json!({ "user": "nobody" })).0, 404);
    }
    let standing = json!({ "user": "alice", "on": false });
    assert_eq!(post(&emulator, "filekey/standing", &standing).0, 204);
    assert_eq!(get(&emulator, "users")[0]["standing"], false);
    let peer = Peer::new(1);
    let tmp_id = peer.seed(&emulator, "demo-data").await;
    let app = post(&emulator, "approve", &json!({ "tmp_id": tmp_id })).1;
    let app = json!({ "app_id": app["app_id"] });
    let id = format!("app.{}", app["app_id"].as_str().unwrap());
    let mut socket = peer.connect(&emulator, &id).await;
    socket.expect("connected").await;
    for (name, status) in [("filekey/approve", "done"), ("filekey/deny", "denied")] {
        assert_eq!(post(&emulator, name, &app).0, 409, "nothing is asked");
        // A grant of before does not count while the phone is locked.
        let asked = socket.ask("app_req_filekey", Map::new()).await;
        assert_eq!(asked.text("status"), Some("safe_auth_required"));
        assert_eq!(get(&emulator, "connections")[0]["filekey_asked"], true);
        assert_eq!(post(&emulator, name, &app).0, 204);
        assert_eq!(
            socket.expect("app_filekey_result").await.text("status"),
            Some(status)
        );
        assert_eq!(get(&emulator, "connections")[0]["filekey_asked"], false);
    }
}

#[tokio::test(start_paused = true)]
async fn pushes_and_frames() {
    let emulator = emulator().await;
    let peer = Peer::new(1);
    let tmp_id = peer.seed(&emulator, "demo").await;
    let id = format!("tmp.{tmp_id}");
    let push = json!({ "id": id, "from": "odd", "body": { "a": { "$bin": "00ff" }, "n": 1 } });
    assert_eq!(post(&emulator, "push", &push).0, 409, "no socket");
    let mut socket = peer.connect(&emulator, &id).await;
    socket.expect("connected").await;
    assert_eq!(post(&emulator, "push", &push).0, 204);
    let body = socket.expect("odd").await;
    assert_eq!(body, Map::new().with("a", vec![0, 255]).with("n", 1_u64));
    socket.ask("app_connect_req", Map::new()).await;
    socket.socket.send(crate::Message::Binary(vec![0xc1])).await;
    let frames = get(&emulator, &format!("frames?id={id}"));
    let ts = socket.now;
    let expected = json!([
        { "dir": "s2c", "name": "connected", "ts": ts, "body": { "_res": "ok", "status": "ok" } },
        { "dir": "s2c", "name": "odd", "ts": ts, "body": { "a": { "$bin": "00ff" }, "n": 1 } },
        { "dir": "c2s", "name": "app_connect_req", "ts": ts, "body": {} },
        { "dir": "s2c", "name": "app_connect_req", "ts": ts,
          "body": { "_res": "ok", "status": "pending" } },
        { "dir": "c2s", "error": "E_MSGPACK" },
    ]);
    assert_eq!(frames, expected);
    for (bad, status) in [
        (json!({ "id": "tmp.x", "from": "a", "body": {} }), 404),
        (json!({ "id": "srv.x", "from": "a", "body": {} }), 400),
        (json!({ "id": id, "from": "a", "body": [] }), 400),
        (json!({ "id": id, "from": "", "body": {} }), 400),
    ] {
        assert_eq!(post(&emulator, "push", &bad).0, status, "{bad}");
    }
    assert_eq!(call(&emulator, "GET", "frames?id=app.9", "").0, 404);
    assert_eq!(call(&emulator, "GET", "frames", "").0, 400);
    tokio::time::advance(std::time::Duration::from_secs(600)).await;
    assert_eq!(
        call(&emulator, "GET", &format!("frames?id={id}"), "").0,
        404,
        "expired"
    );
}

#[tokio::test(start_paused = true)]
async fn clock_keys_faults_reset() {
    let emulator = emulator().await;
    let before = super::peer::server_time(&emulator).await;
    assert_eq!(post(&emulator, "clock", &json!({ "offset": -90 })).0, 204);
    assert_eq!(super::peer::server_time(&emulator).await, before - 90);
    assert_eq!(post(&emulator, "clock", &json!({ "offset": "x" })).0, 400);
    let key = async || super::peer::get(&emulator, "/v3/key_enc").await.1;
    let old = key().await;
    assert_eq!(call(&emulator, "POST", "rotate_keys", "").0, 204);
    let new = key().await;
    assert_ne!(new, old);

    let set = json!({ "fault": "stale_ts", "args": [700], "times": 2 });
    assert_eq!(post(&emulator, "faults", &set).0, 204);
    let active = &get(&emulator, "faults")["active"];
    assert_eq!(active[0]["fault"], "stale_ts");
    assert_eq!(
        (&active[0]["args"], &active[0]["left"]),
        (&json!({ "s": 700 }), &json!(2))
    );
    post(&emulator, "faults", &json!({ "fault": "deny" }));
    assert_eq!(
        call(&emulator, "DELETE", "faults?fault=stale_ts", "").0,
        204
    );
    let active = &get(&emulator, "faults")["active"];
    assert_eq!(
        (active[0]["fault"].as_str(), active[1].is_null()),
        (Some("deny"), true)
    );
    assert_eq!(call(&emulator, "DELETE", "faults", "").0, 204);
    assert_eq!(get(&emulator, "faults")["active"], json!([]));
    for (bad, status) in [
        (json!({ "fault": "sing" }), 404),
        (json!({ "fault": "stale_ts", "args": ["x"] }), 400),
        (json!({ "fault": "stale_ts", "args": [1, 2] }), 400),
        (json!({ "fault": "stale_ts", "args": { "t": 1 } }), 400),
        (json!({ "fault": "bad_seal", "args": 1 }), 400),
        (json!({ "fault": "bad_seal", "times": 0 }), 400),
        (json!({ "fault": "bad_seal", "times": -1 }), 400),
        (json!({ "fault": "bad_seal", "tmp_id": "x" }), 404),
        (json!({ "fault": "oversized", "args": 65_536 }), 400),
    ] {
        assert_eq!(post(&emulator, "faults", &bad).0, status, "{bad}");
    }

    let tmp_id = Peer::new(1).seed(&emulator, "demo").await;
    post(&emulator, "users", &json!({ "user": "carol" }));
    emulator.approve(tmp_id.as_str()).unwrap();
    assert_eq!(call(&emulator, "POST", "reset", "").0, 204);
    assert_eq!(get(&emulator, "users").as_array().unwrap().len(), 2);
    assert_eq!(get(&emulator, "connections"), json!([]));
    assert_eq!(super::peer::server_time(&emulator).await, before);
    assert_eq!(key().await, new, "the keys stay");
}

#[tokio::test(start_paused = true)]
async fn malformed_calls() {
    let emulator = emulator().await;
    for name in [
        "services",
        "users",
        "scan",
        "approve",
        "deny",
        "lock",
        "unlock",
        "filekey/approve",
        "filekey/deny",
        "filekey/standing",
        "revoke",
        "rename",
        "clock",
        "faults",
        "push",
    ] {
        for body in ["", "{", "[]", "{}", "null", "{\"a\":1}"] {
            assert_eq!(
                call(&emulator, "POST", name, body).0,
                400,
                "{name} {body:?}"
            );
        }
    }
    assert_eq!(call(&emulator, "GET", "nothing", "").0, 404);
    assert_eq!(call(&emulator, "POST", "health", "").0, 405);
    assert_eq!(call(&emulator, "GET", "approve", "").0, 405);
}

#[tokio::test(start_paused = true)]
async fn every_fault_of_the_list_can_be_set() {
    // keylockr.md 12.4, in its order.
    let names = "clock_skew stale_ts future_ts client_clock_bad bad_seal seal_wrong_key \
        seal_noncanonical bad_box wrong_recipient noncanonical_wire go_int64 embed_nonce \
        extra_members replay_same replay_reencoded replay_cross_attempt truncated trailing deep \
        dup_key length_bomb oversized raw_bad_index raw_collision wrong_phase no_connected \
        slow_phone no_phone deny deny_as_err error_code safe_auth_required filekey_deny \
        wrong_tmp_id missing_tmp_id extra_capability missing_capability bad_id sender_swap \
        bad_filekey short_filekey ver_conflict ver_same set_lost_ack record_rollback record_swap \
        app_file_not_found sso_data_not_approved app_tag_invalid sso_service_invalid \
        ip_not_allowed verify_false verify_garbage verify_timeout http_500 foreign_service \
        drop_socket duplicate_push push_before_answer revoke rename rotate_keys weak_server_key";
    let emulator = emulator().await;
    let known = get(&emulator, "faults")["known"].clone();
    let listed: Vec<_> = known
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it["fault"].as_str().unwrap())
        .collect();
    assert_eq!(listed, names.split_whitespace().collect::<Vec<_>>());
    for entry in known.as_array().unwrap() {
        let name = entry["fault"].as_str().unwrap();
        assert_eq!(Fault::parse(name, &Json::Null).unwrap().kind.name(), name);
        assert!(entry["does"].is_string() && entry["expect"].is_string());
        assert_eq!(
            post(&emulator, "faults", &json!({ "fault": name })).0,
            204,
            "{name}"
        );
    }
    // One bare value, an array, an object by name.
    for (args, when) in [
        (json!("now"), "now"),
        (json!(["before:app_auth_result"]), "before:app_auth_result"),
        (json!({ "when": "after_connected" }), "after:connected"),
        (json!("ping"), "after:ping"),
        (json!("request"), "request"),
    ] {
        let fault = Fault::parse("drop_socket", &args).unwrap();
        assert_eq!(fault.kind.args(), json!({ "when": when }));
    }
    for args in [json!(9), json!([9]), json!({ "s": 9 })] {
        let fault = Fault::parse("slow_phone", &args).unwrap();
        assert_eq!(fault.kind, crate::FaultKind::SlowPhone { seconds: 9 });
    }
}
