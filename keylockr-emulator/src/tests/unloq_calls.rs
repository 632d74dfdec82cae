//! The calls of UNLOQ one by one: results, operations, lists, enrolment, mails.

use serde_json::json;

use super::unloq_peer::{ALICE, ALICE_ID, configure, get, ok, post, raw, refused, request, start};
use crate::unloq::{AppSettings, ApprovalStatus, Envelope};

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
