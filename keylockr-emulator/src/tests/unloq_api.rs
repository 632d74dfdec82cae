//! UNLOQ's API as an application meets it: who may ask, what is refused, tokens and sessions.

use std::time::Duration;

use serde_json::json;

use super::unloq_peer::{ALICE, ALICE_ID, KEY, get, post, raw, refused, request, sign_in, start};

#[tokio::test(start_paused = true)]
async fn a_push_gives_a_token_and_the_token_a_user() {
    let (_emulator, unloq) = start().await;
    let user = sign_in(
        &unloq,
        json!({ "sid": "Hx2PzG0c1f8kQmVn", "duration": 600 }),
    )
    .await;
    assert_eq!(user["unloq_id"], ALICE_ID.to_string());
    assert_eq!(user["email"], ALICE);
    assert_eq!(user["token_type"], "AUTHENTICATE");
    assert_eq!(user["method"], "UNLOQ");
    assert!(user.get("encryption_key").is_none(), "mode api_only");
    let sessions = unloq.sessions();
    assert_eq!(sessions.len(), 1);
    assert_eq!(sessions[0].sid, "Hx2PzG0c1f8kQmVn");
    assert_eq!(
        (sessions[0].unloq_id, sessions[0].expires_in),
        (ALICE_ID, Some(600))
    );
    tokio::time::advance(Duration::from_secs(600)).await;
    assert!(unloq.sessions().is_empty(), "it has run out");
}

#[tokio::test(start_paused = true)]
async fn only_the_applications_key_opens() {
    let (_emulator, unloq) = start().await;
    let body = json!({ "token": "x" });
    let with = |names: &[(&'static str, &str)]| {
        let mut request = request("/v1/token", "", Some(&body));
        request.headers_mut().remove("authorization");
        for (name, value) in names {
            request.headers_mut().append(*name, value.parse().unwrap());
        }
        request
    };
    let bearer = ("authorization", "Bearer demo-unloq-key");
    let (key, secret) = (("x-api-key", KEY), ("x-api-secret", "demo-unloq-secret"));
    for names in [
        &[][..],
        &[("authorization", "Bearer demo-unloq-key2")],
        &[("authorization", "Bearer")],
        &[("authorization", "Basic demo-unloq-key")],
        &[("authorization", "demo-unloq-key")],
        &[bearer, bearer],
        &[key],
        &[key, ("x-api-secret", "wrong")],
        &[bearer, key, secret],
    ] {
        let (status, answer) = raw(&unloq, with(names)).await;
        assert_eq!(status, 401, "{names:?}");
        assert_eq!(
            answer["error"]["code"], "APPLICATION.NOT_FOUND",
            "{names:?}"
        );
    }
    for names in [
        &[bearer][..],
        &[("authorization", "bearer demo-unloq-key")],
        &[key, secret],
    ] {
        let (status, answer) = raw(&unloq, with(names)).await;
        assert_eq!(status, 400, "{names:?}");
        assert_eq!(
            answer["error"]["code"], "ACCESS_TOKEN.NOT_FOUND",
            "{names:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_client_must_not_send_is_refused() {
    let (_emulator, unloq) = start().await;
    for (path, body) in [
        ("/v1/authenticate", json!({})),
        (
            "/v1/authenticate",
            json!({ "email": ALICE, "unloq_id": ALICE_ID }),
        ),
        ("/v1/authenticate", json!({ "unloq_id": "7001" })),
        (
            "/v1/authenticate",
            json!({ "email": ALICE, "method": "PUSH" }),
        ),
        (
            "/v1/authenticate",
            json!({ "email": ALICE, "method": "EMAIL", "generate_token": false }),
        ),
        (
            "/v1/authenticate",
            json!({ "email": ALICE, "method": "EMAIL" }),
        ),
        ("/v1/authenticate", json!({ "email": ALICE, "ip": "here" })),
        (
            "/v1/authenticate",
            json!({ "email": ALICE, "public_key": "key" }),
        ),
        ("/v1/authenticate", json!({ "email": ALICE, "colour": 7 })),
        (
            "/v1/authenticate",
            json!({ "email": ALICE, "source_client": { "host": "x" } }),
        ),
        ("/v1/authenticate?events=yes", json!({ "email": ALICE })),
        ("/v1/token", json!({})),
        ("/v1/token", json!({ "token": "x", "temporary_keys": true })),
        ("/v1/token", json!({ "token": "x", "sid": "" })),
        ("/v1/token", json!({ "token": "x", "sid": "x".repeat(129) })),
        ("/v1/token", json!({ "token": "x", "sid": "a\nb" })),
        (
            "/v1/token",
            json!({ "token": "x", "sid": "an unloq_id in it" }),
        ),
        (
            "/v1/token",
            json!({ "token": "x", "sid": "s", "duration": 0 }),
        ),
        (
            "/v1/token",
            json!({ "token": "x", "sid": "s", "duration": "60" }),
        ),
        ("/v1/token?sid=s", json!({ "token": "x" })),
        ("/v1/token", json!([{ "token": "x" }])),
        ("/v1/token/session", json!({ "sid": "s" })),
        (
            "/v1/token/session",
            json!({ "sid": "s", "token": "x", "approval_id": "y" }),
        ),
        ("/v1/token/device", json!({ "token": "x", "sid": "s" })),
        ("/v1/authorize/pay", json!({ "unloq_id": ALICE_ID })),
        (
            "/v1/authorize/pay",
            json!({ "unloq_id": ALICE_ID, "reference": "x".repeat(21) }),
        ),
        ("/v1/authorize/pay", json!({ "reference": "x" })),
        (
            "/v1/authorize/p%20y",
            json!({ "unloq_id": ALICE_ID, "reference": "x" }),
        ),
        (
            "/v1/authorize/a-code-of-21-letters-",
            json!({ "unloq_id": ALICE_ID, "reference": "x" }),
        ),
        (
            "/v1/encryption/user",
            json!({ "unloq_id": ALICE_ID, "message": "x".repeat(201) }),
        ),
        (
            "/v1/encryption/user",
            json!({ "unloq_id": ALICE_ID, "purpose": "x" }),
        ),
        (
            "/v1/encryption/user",
            json!({ "unloq_id": ALICE_ID, "public_key": "-----BEGIN RSA PUBLIC KEY-----" }),
        ),
        ("/v1/enroll", json!({ "email": "nobody" })),
        (
            "/v1/enroll",
            json!({ "email": ALICE, "name": "x".repeat(201) }),
        ),
        ("/v1/deactivate", json!({ "email": ALICE, "why": "x" })),
    ] {
        let (status, code) = refused(&unloq, path, body.clone()).await;
        assert_eq!(
            (status, code.as_str()),
            (400, "DATA.INVALID"),
            "{path} {body}"
        );
    }
    assert!(unloq.approvals().is_empty(), "nobody was asked");
    for path in [
        "/v1/enrolled",
        "/v1/enrolled?email=x",
        "/v1/enrolled?email=a%40b.c&email=d%40e.f",
        "/v1/approvals?limit=9",
        "/v1/approvals?page=0",
    ] {
        assert_eq!(get(&unloq, path).await.0, 400, "{path}");
    }
}

#[tokio::test(start_paused = true)]
async fn kinds_methods_sizes_and_paths() {
    let (_emulator, unloq) = start().await;
    let body = json!({ "token": "x" });
    for kind in [
        "",
        "text/plain",
        "application/x-www-form-urlencoded",
        "application/json2",
        "application/json; charset=latin1",
    ] {
        let mut request = request("/v1/token", KEY, Some(&body));
        request
            .headers_mut()
            .insert("content-type", kind.parse().unwrap());
        assert_eq!(raw(&unloq, request).await.0, 415, "{kind}");
    }
    for kind in ["application/json; charset=utf-8", "Application/JSON"] {
        let mut request = request("/v1/token", KEY, Some(&body));
        request
            .headers_mut()
            .insert("content-type", kind.parse().unwrap());
        assert_eq!(
            raw(&unloq, request).await.0,
            400,
            "{kind}: only the token is wrong"
        );
    }
    for path in [
        "/v1/token",
        "/v1/authenticate",
        "/v1/authorize/x",
        "/v1/encryption/user",
    ] {
        let answer = unloq.http(request(path, KEY, None)).await;
        assert_eq!(answer.status(), 405, "{path}");
        assert_eq!(answer.headers()["allow"], "POST");
    }
    assert_eq!(post(&unloq, "/v1/enrolled", json!({})).await.0, 405);
    for path in ["/v1/", "/v1/nothing", "/v1/token/", "/v1/users/1"] {
        assert_eq!(get(&unloq, path).await.0, 404, "{path}");
    }
    let long = json!({ "token": "x".repeat(65_536) });
    assert_eq!(post(&unloq, "/v1/token", long).await.0, 413);
}
