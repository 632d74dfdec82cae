//! What goes out: address, credentials and body of every call (U 4.1, 4.2).

use std::net::{IpAddr, Ipv4Addr};
use std::num::NonZeroU32;

use serde_json::json;
use unloq_client::{
    AccessToken, ActionCode, ApprovalId, AttachSession, Authenticate, Authorize, Email, Error,
    Exchange, InvalidRequest, Otp, Reference, SessionHandle, SourceClient, UnloqId,
};

use crate::stub::{API_KEY, Reply, Seen, Stub};

fn email() -> Email {
    Email::parse("jane+x@acme.example").unwrap()
}

fn id() -> UnloqId {
    UnloqId::parse("1234").unwrap()
}

fn ip() -> IpAddr {
    Ipv4Addr::new(192, 0, 2, 7).into()
}

/// An answer that no call takes, so that each sends exactly one request.
fn stub() -> std::sync::Arc<Stub> {
    Stub::new([Reply::json(400, r#"{"error":{"code":"X"}}"#)])
}

fn assert_sent(seen: &Seen, path: &str, body: &serde_json::Value) {
    assert_eq!(
        (seen.method, seen.url.as_str()),
        ("POST", &*format!("https://unloq.test/v1/{path}"))
    );
    assert_eq!(
        seen.credentials,
        [("authorization", format!("Bearer {API_KEY}"))]
    );
    assert_eq!(&seen.body, body);
}

#[tokio::test]
async fn authenticate() {
    let key = crate::keys::public_key();
    let pem = key.as_str().to_owned();
    let source = SourceClient {
        ip: Some(ip()),
        user_agent: Some("Firefox".into()),
    };
    for (ask, body) in [
        (
            Authenticate::push(email()),
            json!({"email": "jane+x@acme.example", "method": "UNLOQ", "generate_token": true}),
        ),
        (
            Authenticate::push(id())
                .ip(ip())
                .with_otp(Otp::parse("123 456").unwrap()),
            json!({"unloq_id": 1234, "method": "UNLOQ", "generate_token": true, "ip": "192.0.2.7", "token": "123456"}),
        ),
        (
            Authenticate::otp(email(), Otp::parse("123456").unwrap()).generate_token(false),
            json!({"email": "jane+x@acme.example", "method": "OTP", "generate_token": false, "token": "123456"}),
        ),
        (
            Authenticate::mail(email())
                .ask_trusted(true)
                .variable("page", "checkout"),
            json!({"email": "jane+x@acme.example", "method": "EMAIL", "generate_token": true,
                "ask_trusted": true, "page": "checkout"}),
        ),
        (
            Authenticate::push(email())
                .source_client(source)
                .public_key(key),
            json!({"email": "jane+x@acme.example", "method": "UNLOQ", "generate_token": true,
                "source_client": {"ip": "192.0.2.7", "user-agent": "Firefox"}, "public_key": pem}),
        ),
    ] {
        let stub = stub();
        stub.client().authenticate(&ask).await.unwrap_err();
        assert_sent(&stub.only(), "authenticate", &body);
    }
}

#[tokio::test]
async fn tokens() {
    let token = AccessToken::parse("tok-1").unwrap();
    let handle = SessionHandle::parse("handle-1").unwrap();
    let approval = ApprovalId::parse("appr-1").unwrap();
    let hour = NonZeroU32::new(3600);
    for (exchange, body) in [
        (Exchange::new(&token), json!({"token": "tok-1"})),
        (
            Exchange::new(&token).session(&handle, hour).ip(ip()),
            json!({"token": "tok-1", "sid": "handle-1", "duration": 3600, "ip": "192.0.2.7"}),
        ),
        (
            Exchange::new(&token).session(&handle, None),
            json!({"token": "tok-1", "sid": "handle-1"}),
        ),
    ] {
        let stub = stub();
        stub.client().exchange(&exchange).await.unwrap_err();
        assert_sent(&stub.only(), "token", &body);
    }
    for (attach, body) in [
        (
            AttachSession::to_token(&token, &handle),
            json!({"token": "tok-1", "sid": "handle-1"}),
        ),
        (
            AttachSession::to_approval(&approval, &handle).duration(hour.unwrap()),
            json!({"approval_id": "appr-1", "sid": "handle-1", "duration": 3600}),
        ),
    ] {
        let stub = stub();
        stub.client().attach_session(&attach).await.unwrap_err();
        assert_sent(&stub.only(), "token/session", &body);
    }
    let stub = stub();
    stub.client().device_user(&token).await.unwrap_err();
    assert_sent(&stub.only(), "token/device", &json!({"token": "tok-1"}));
}

#[tokio::test]
async fn authorize() {
    let code = ActionCode::parse("pay-Invoice_7").unwrap();
    let reference = Reference::parse("INV 2026/0042").unwrap();
    for (ask, body) in [
        (
            Authorize::new(code.clone(), id(), reference.clone()),
            json!({"unloq_id": 1234, "reference": "INV 2026/0042"}),
        ),
        (
            Authorize::new(code, email(), reference)
                .ip(ip())
                .generate_token(true)
                .variable("amount", "99")
                .variable("to", "Bob"),
            json!({"email": "jane+x@acme.example", "reference": "INV 2026/0042", "ip": "192.0.2.7",
                "generate_token": true, "amount": "99", "to": "Bob"}),
        ),
    ] {
        let stub = stub();
        stub.client().authorize(&ask).await.unwrap_err();
        assert_sent(&stub.only(), "authorize/pay-Invoice_7", &body);
    }
}

#[test]
fn codes_and_references() {
    for bad in [
        "",
        "a b",
        "a/b",
        "..",
        "a?b",
        "ä",
        "%2e",
        "123456789012345678901",
    ] {
        assert!(ActionCode::parse(bad).is_err(), "{bad:?}");
    }
    for bad in ["", "a\nb", "123456789012345678901"] {
        assert!(Reference::parse(bad).is_err(), "{bad:?}");
    }
    Reference::parse(&"€".repeat(20)).unwrap();
}

#[tokio::test]
async fn enrolment() {
    let stub1 = stub();
    stub1.client().enrolled(&email()).await.unwrap_err();
    let seen = stub1.only();
    assert_eq!(
        (seen.method, seen.url.as_str()),
        (
            "GET",
            "https://unloq.test/v1/enrolled?email=jane%2Bx%40acme.example"
        )
    );
    assert_eq!(seen.credentials.len(), 1);
    assert!(seen.body.is_null());
    let stub2 = stub();
    stub2
        .client()
        .enroll(&email(), Some("Jane"))
        .await
        .unwrap_err();
    assert_sent(
        &stub2.only(),
        "enroll",
        &json!({"email": "jane+x@acme.example", "name": "Jane"}),
    );
    let stub3 = stub();
    stub3.client().deactivate(&email()).await.unwrap_err();
    assert_sent(
        &stub3.only(),
        "deactivate",
        &json!({"email": "jane+x@acme.example"}),
    );
}

/// The old pair goes out in the bearer key's place, never beside it.
#[tokio::test]
async fn legacy_credentials() {
    let stub = stub();
    let client = stub
        .builder()
        .legacy_credentials("old-secret")
        .build()
        .unwrap();
    client.enrolled(&email()).await.unwrap_err();
    let want = [
        ("x-api-key", API_KEY.to_owned()),
        ("x-api-secret", "old-secret".to_owned()),
    ];
    assert_eq!(stub.only().credentials, want);
}

/// What cannot be asked is not sent.
#[tokio::test]
async fn requests_that_are_not_sent() {
    let stub = Stub::new([]);
    let client = stub.client();
    let fields = [
        "email",
        "unloq_id",
        "method",
        "ip",
        "token",
        "generate_token",
        "ask_trusted",
        "source_client",
        "public_key",
        "",
    ];
    for name in fields {
        let ask = Authenticate::push(id())
            .variable("fine", "x")
            .variable(name, "x");
        assert_refused(
            &client.authenticate(&ask).await.unwrap_err(),
            InvalidRequest::ReservedName,
        );
        let outcome = client.authenticate_with_events(&ask, |_| ()).await;
        assert_refused(&outcome.unwrap_err(), InvalidRequest::ReservedName);
    }
    let ask = Authenticate::mail(id()).generate_token(false);
    assert_refused(
        &client.authenticate(&ask).await.unwrap_err(),
        InvalidRequest::NeedsToken,
    );
    let code = ActionCode::parse("pay").unwrap();
    let reference = Reference::parse("1").unwrap();
    for name in ["unloq_id", "email", "reference", "ip", "generate_token", ""] {
        let ask = Authorize::new(code.clone(), id(), reference.clone()).variable(name, "x");
        assert_refused(
            &client.authorize(&ask).await.unwrap_err(),
            InvalidRequest::ReservedName,
        );
    }
    for name in ["", &"n".repeat(201)] {
        let refused = client.enroll(&email(), Some(name)).await.unwrap_err();
        assert_refused(&refused, InvalidRequest::Name);
    }
    assert!(stub.seen().is_empty());
}

fn assert_refused(error: &Error, want: InvalidRequest) {
    assert!(error.was_not_sent());
    assert!(
        matches!(error, Error::Config { problem, .. } if *problem == want),
        "{error:?}"
    );
}

/// Every future can be spawned on a runtime of many threads.
#[tokio::test]
async fn futures_are_send() {
    fn is_send<F: Future + Send + 'static>(future: F) {
        drop(future);
    }
    let client = Stub::new([]).client();
    let pair = crate::keys::pair();
    is_send({
        let client = client.clone();
        async move {
            let token = AccessToken::parse("tok-1").unwrap();
            let handle = SessionHandle::parse("h").unwrap();
            let request = unloq_client::KeyRequest::new(id(), "m");
            let _ = client.exchange(&Exchange::new(&token)).await;
            let _ = client
                .attach_session(&AttachSession::to_token(&token, &handle))
                .await;
            let _ = client.device_user(&token).await;
            let ask = Authenticate::push(id());
            let _ = client.authenticate(&ask).await;
            let _ = client.authenticate_with_events(&ask, |_| ()).await;
            let (code, reference) = (
                ActionCode::parse("p").unwrap(),
                Reference::parse("1").unwrap(),
            );
            let _ = client
                .authorize(&Authorize::new(code, id(), reference))
                .await;
            let _ = client.enrolled(&email()).await;
            let _ = client.enroll(&email(), None).await;
            let _ = client.deactivate(&email()).await;
            let _ = client.personal_key_for(&request, pair.public_key()).await;
            let _ = client.personal_key(&request, pair).await;
        }
    });
    is_send(async { unloq_client::KeyPool::new().unwrap().take().await });
}
