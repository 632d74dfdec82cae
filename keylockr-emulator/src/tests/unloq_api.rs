//! UNLOQ's API as an application meets it: who may ask, what is refused, tokens and sessions.

use std::time::Duration;

use bytes::Bytes;
use http::Request;
use serde_json::{Value as Json, json};

use super::unloq_peer::{
    ALICE, ALICE_ID, BOB, KEY, configure, get, ok, post, read, refused, request, sign_in, start,
};
use crate::unloq::{AppSettings, ApprovalStatus, Envelope, Unloq};

async fn raw(unloq: &Unloq, request: Request<Bytes>) -> (u16, Json) {
    let (status, body) = read(unloq.http(request).await).await;
    (status, serde_json::from_slice(&body).unwrap_or(Json::Null))
}

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

#[tokio::test(start_paused = true)]
async fn a_token_lives_a_minute_and_is_good_once() {
    let (_emulator, unloq) = start().await;
    let token = async || {
        let asked = ok(&unloq, "/v1/authenticate", json!({ "email": ALICE }));
        let (answer, _) = tokio::join!(asked, unloq.approve_next(ALICE));
        answer["token"].as_str().unwrap().to_owned()
    };
    let first = token().await;
    tokio::time::advance(Duration::from_millis(59_999)).await;
    ok(&unloq, "/v1/token", json!({ "token": first })).await;
    let again = refused(&unloq, "/v1/token", json!({ "token": first })).await;
    assert_eq!(again, (400, "ACCESS_TOKEN.NOT_FOUND".to_owned()));

    let second = token().await;
    tokio::time::advance(Duration::from_secs(60)).await;
    let late = refused(&unloq, "/v1/token", json!({ "token": second })).await;
    assert_eq!(late, (400, "ACCESS_TOKEN.EXPIRED".to_owned()));

    let third = token().await;
    unloq.add_app(AppSettings::named("other")).unwrap();
    let foreign = request(
        "/v1/token",
        "other-unloq-key",
        Some(&json!({ "token": third })),
    );
    let (status, answer) = raw(&unloq, foreign).await;
    assert_eq!(
        (status, &answer["error"]["code"]),
        (400, &json!("ACCESS_TOKEN.NOT_FOUND"))
    );
    let device = refused(&unloq, "/v1/token/device", json!({ "token": third })).await;
    assert_eq!(
        device.1, "ACCESS_TOKEN.NOT_FOUND",
        "a token of another kind"
    );
    ok(&unloq, "/v1/token", json!({ "token": third })).await;
}

#[tokio::test(start_paused = true)]
async fn device_tokens_live_two_minutes() {
    let (_emulator, unloq) = start().await;
    let token = unloq.device_token(BOB, KEY).unwrap();
    let wrong = refused(&unloq, "/v1/token", json!({ "token": token })).await;
    assert_eq!(wrong.1, "ACCESS_TOKEN.NOT_FOUND");
    tokio::time::advance(Duration::from_secs(119)).await;
    let user = ok(&unloq, "/v1/token/device", json!({ "token": token })).await;
    assert_eq!(user["email"], BOB);
    let token = unloq.device_token(BOB, KEY).unwrap();
    tokio::time::advance(Duration::from_secs(120)).await;
    let late = refused(&unloq, "/v1/token/device", json!({ "token": token })).await;
    assert_eq!(late.1, "ACCESS_TOKEN.EXPIRED");
}

#[tokio::test(start_paused = true)]
async fn a_session_is_attached_once_and_within_a_minute() {
    let (_emulator, unloq) = start().await;
    let attach = async |body: Json| refused(&unloq, "/v1/token/session", body).await;
    let user = sign_in(&unloq, json!({})).await;
    let id = user["approval_id"].as_str().unwrap();
    assert!(unloq.sessions().is_empty());
    ok(
        &unloq,
        "/v1/token/session",
        json!({ "approval_id": id, "sid": "one" }),
    )
    .await;
    assert_eq!(unloq.sessions().len(), 1);
    let again = attach(json!({ "approval_id": id, "sid": "two" })).await;
    assert_eq!(again, (409, "SESSION.EXISTS".to_owned()));
    assert_eq!(unloq.sessions()[0].sid, "one");

    let unknown = attach(json!({ "approval_id": "nobody", "sid": "two" })).await;
    assert_eq!(unknown.0, 404);
    let never = attach(json!({ "token": "never", "sid": "two" })).await;
    assert_eq!(never.1, "ACCESS_TOKEN.NOT_FOUND");

    // By the approval, a minute after the application was told who it is.
    let user = sign_in(&unloq, json!({})).await;
    tokio::time::advance(Duration::from_secs(60)).await;
    let late = attach(json!({ "approval_id": user["approval_id"], "sid": "two" })).await;
    assert_eq!(late.1, "ACCESS_TOKEN.EXPIRED");

    // By the token, after its exchange and not before.
    let asked = ok(&unloq, "/v1/authenticate", json!({ "email": ALICE }));
    let (answer, _) = tokio::join!(asked, unloq.approve_next(ALICE));
    let token = &answer["token"];
    let early = attach(json!({ "token": token, "sid": "three" })).await;
    assert_eq!(early.1, "ACCESS_TOKEN.NOT_FOUND");
    ok(&unloq, "/v1/token", json!({ "token": token })).await;
    tokio::time::advance(Duration::from_secs(60)).await;
    let late = attach(json!({ "token": token, "sid": "three" })).await;
    assert_eq!(late.1, "ACCESS_TOKEN.EXPIRED");
}

#[tokio::test(start_paused = true)]
async fn without_a_token_the_user_comes_at_once() {
    let (_emulator, unloq) = start().await;
    let body = json!({ "unloq_id": ALICE_ID, "generate_token": false, "ip": "192.0.2.7",
        "source_client": { "ip": "192.0.2.7", "user-agent": "Test" }, "tenant": "blue" });
    let asked = ok(&unloq, "/v1/authenticate", body);
    let approve = async {
        let open = unloq.next_approval(ALICE).await.unwrap();
        assert_eq!(open.ip.as_deref(), Some("192.0.2.7"));
        assert_eq!(open.variables, [("tenant".to_owned(), "blue".to_owned())]);
        unloq.approve(&open.id).unwrap();
    };
    let (user, ()) = tokio::join!(asked, approve);
    assert_eq!(user["email"], ALICE);
    assert_eq!(user["source_client"]["user-agent"], "Test");
    assert!(user.get("token").is_none());
    let attach = json!({ "approval_id": user["approval_id"], "sid": "handle" });
    ok(&unloq, "/v1/token/session", attach).await;
    assert_eq!(unloq.sessions().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn the_older_generation_of_answers() {
    let (_emulator, unloq) = start().await;
    configure(&unloq, |app| app.envelope = Envelope::Legacy);
    let asked = post(&unloq, "/v1/authenticate", json!({ "email": ALICE }));
    let ((status, answer), _) = tokio::join!(asked, unloq.approve_next(ALICE));
    assert_eq!((status, &answer["type"]), (200, &json!("success")));
    let token = &answer["data"]["token"];
    let (_, user) = post(&unloq, "/v1/token", json!({ "token": token })).await;
    assert_eq!(user["data"]["id"], ALICE_ID);
    let (status, again) = post(&unloq, "/v1/token", json!({ "token": token })).await;
    assert_eq!(status, 400);
    assert_eq!(again["type"], "error");
    assert_eq!(again["code"], "ACCESS_TOKEN.NOT_FOUND");
}

#[tokio::test(start_paused = true)]
async fn an_operation_is_approved_with_what_it_says() {
    let (_emulator, unloq) = start().await;
    let body = json!({ "unloq_id": ALICE_ID, "reference": "INV-7", "amount": "12 EUR", "generate_token": true });
    let asked = ok(&unloq, "/v1/authorize/pay-invoice", body);
    let approve = async {
        let open = unloq.next_approval(ALICE).await.unwrap();
        assert_eq!(open.reference.as_deref(), Some("INV-7"));
        assert!(open.message.unwrap().contains("pay-invoice"));
        assert_eq!(open.variables, [("amount".to_owned(), "12 EUR".to_owned())]);
        unloq.approve(&open.id).unwrap();
        open.id
    };
    let (answer, id) = tokio::join!(asked, approve);
    assert_eq!(answer["unloq_id"], ALICE_ID.to_string());
    let user = ok(&unloq, "/v1/token", json!({ "token": answer["token"] })).await;
    assert_eq!(user["token_type"], "AUTHORIZE");
    let attach = json!({ "approval_id": id, "sid": "handle" });
    assert_eq!(
        refused(&unloq, "/v1/token/session", attach).await.0,
        404,
        "no sign-in"
    );
}

#[tokio::test(start_paused = true)]
async fn approvals_are_listed_by_page_and_by_application() {
    let (_emulator, unloq) = start().await;
    for _ in 0..12 {
        let asked = ok(&unloq, "/v1/authenticate", json!({ "email": ALICE }));
        let (_, approved) = tokio::join!(asked, unloq.approve_next(ALICE));
        approved.unwrap();
    }
    let (status, answer) = get(&unloq, "/v1/approvals?page=2").await;
    assert_eq!(status, 200);
    let meta = json!({ "total_count": 12, "page_count": 2, "current_count": 2, "current_page": 2 });
    assert_eq!(answer["meta"], meta);
    let one = &answer["result"][0];
    assert_eq!(
        (&one["type"], &one["status"]),
        (&json!("AUTHENTICATION"), &json!("APPROVED"))
    );
    let id = one["id"].as_str().unwrap();
    let (_, read) = get(&unloq, &format!("/v1/approvals/{id}")).await;
    assert_eq!(read["result"], *one);
    unloq.add_app(AppSettings::named("other")).unwrap();
    let path = format!("/v1/approvals/{id}");
    let (status, _) = raw(&unloq, request(&path, "other-unloq-key", None)).await;
    assert_eq!(status, 404, "another application's");
}

#[tokio::test(start_paused = true)]
async fn enrolment_from_the_first_mail_to_the_last() {
    let (_emulator, unloq) = start().await;
    let enrolled = async |email: &str| {
        let path = format!("/v1/enrolled?email={}", email.replace('@', "%40"));
        let (status, answer) = get(&unloq, &path).await;
        assert_eq!(status, 200);
        answer["result"]["enrolled"].as_bool().unwrap()
    };
    assert!(enrolled(ALICE).await && enrolled("Alice@Example.test").await);
    assert!(!enrolled("carol@example.test").await);
    let carol = json!({ "email": "Carol@example.test", "name": "Carol" });
    let started = ok(&unloq, "/v1/enroll", carol.clone()).await;
    assert_eq!(started["exists"], false);
    assert!(started["qr_url"].as_str().unwrap().starts_with("https://"));
    assert_eq!(ok(&unloq, "/v1/enroll", carol).await["exists"], true);
    assert!(!enrolled("carol@example.test").await, "no device yet");
    let asked = refused(
        &unloq,
        "/v1/authenticate",
        json!({ "email": "carol@example.test" }),
    )
    .await;
    assert_eq!(asked.1, "APPROVAL.DEVICE");
    unloq.activate("carol@example.test").await.unwrap();
    assert!(enrolled("carol@example.test").await);
    let gone = async |email| {
        ok(&unloq, "/v1/deactivate", json!({ "email": email })).await["deactivated"].clone()
    };
    assert_eq!(gone("carol@example.test").await, true);
    assert_eq!(gone("carol@example.test").await, false);
    assert!(!enrolled("carol@example.test").await);
    let nobody = refused(
        &unloq,
        "/v1/deactivate",
        json!({ "email": "nobody@example.test" }),
    )
    .await;
    assert_eq!(nobody, (404, "USER.NOT_FOUND".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn a_mail_leads_back_with_a_token() {
    let (_emulator, unloq) = start().await;
    configure(&unloq, |app| {
        app.return_url = Some("http://127.0.0.1:3000/back?from=unloq".to_owned());
    });
    let sent = ok(
        &unloq,
        "/v1/authenticate",
        json!({ "email": ALICE, "method": "EMAIL" }),
    )
    .await;
    assert!(sent.get("token").is_none(), "it is in the mail");
    let mails = unloq.outbox();
    assert_eq!((mails.len(), mails[0].to.as_str()), (1, ALICE));
    let (back, token) = mails[0].link.split_once("&token=").unwrap();
    assert_eq!(back, "http://127.0.0.1:3000/back?from=unloq");
    let user = ok(&unloq, "/v1/token", json!({ "token": token })).await;
    assert_eq!(
        (&user["email"], &user["method"]),
        (&json!(ALICE), &json!("EMAIL"))
    );
    assert!(unloq.approvals().is_empty());
    assert_eq!(
        unloq
            .approval(user["approval_id"].as_str().unwrap())
            .unwrap()
            .status,
        ApprovalStatus::Approved
    );
}
