//! Results of `/token`, `/token/session` and `/token/device` (U 4.3).

use std::net::{IpAddr, Ipv4Addr};

use unloq_client::{
    AccessToken, AttachSession, Error, Exchange, Problem, SessionHandle, SignedIn, SourceClient,
};

use crate::stub::{Reply, client};

fn token() -> AccessToken {
    AccessToken::parse("tok-1").unwrap()
}

#[tokio::test]
async fn every_field_of_a_user() {
    let body = r#"{"type":"t","result":{"unloq_id":"1234","email":"jane@acme.example",
        "approval_id":"appr-1","ip_source":"192.0.2.7","method":"UNLOQ","first_name":"Jane",
        "last_name":null,"image":"https://x.example/j.png","token_type":"AUTHENTICATE",
        "link_key":"lk","link_signature":"ls",
        "source_client":{"ip":"192.0.2.7","user-agent":"Firefox","more":1}}}"#;
    let user = client(Reply::json(200, body))
        .exchange(&Exchange::new(&token()))
        .await
        .unwrap();
    assert_eq!(user.unloq_id().to_string(), "1234");
    assert_eq!(user.email().as_str(), "jane@acme.example");
    assert_eq!(user.approval_id().unwrap().as_str(), "appr-1");
    let texts = [
        user.ip_source(),
        user.method(),
        user.first_name(),
        user.last_name(),
        user.image(),
        user.token_type(),
        user.link_key(),
        user.link_signature(),
        user.answer_type(),
    ];
    let want = [
        Some("192.0.2.7"),
        Some("UNLOQ"),
        Some("Jane"),
        None,
        Some("https://x.example/j.png"),
        Some("AUTHENTICATE"),
        Some("lk"),
        Some("ls"),
        Some("t"),
    ];
    assert_eq!(texts, want);
    let source = SourceClient {
        ip: Some(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 7))),
        user_agent: Some("Firefox".into()),
    };
    assert_eq!(user.source_client(), Some(&source));
    assert_eq!(
        format!("{user:?}"),
        "SignedIn { unloq_id: UnloqId(1234), key: false, .. }"
    );
}

/// The user of a result with one text of so many bytes.
async fn with_text(name: &str, length: usize) -> Result<SignedIn, Error> {
    let text = "x".repeat(length);
    let body = format!(r#"{{"result":{{"unloq_id":"1","email":"a@b","{name}":"{text}"}}}}"#);
    client(Reply::json(200, body))
        .exchange(&Exchange::new(&token()))
        .await
}

/// Nobody stays out for a text that is only shown: beyond 64 KiB it is not there.
#[tokio::test]
async fn long_texts_for_show_are_left_out() {
    type Get = for<'a> fn(&'a SignedIn) -> Option<&'a str>;
    let texts: [(&str, Get); 6] = [
        ("image", SignedIn::image),
        ("first_name", SignedIn::first_name),
        ("last_name", SignedIn::last_name),
        ("ip_source", SignedIn::ip_source),
        ("method", SignedIn::method),
        ("token_type", SignedIn::token_type),
    ];
    for (name, get) in texts {
        for (length, kept) in [(65_536, Some(65_536)), (65_537, None)] {
            let user = with_text(name, length).await.unwrap();
            assert_eq!(get(&user).map(str::len), kept, "{name}");
        }
    }
}

/// What a sign-in depends on is not left out.
#[tokio::test]
async fn long_texts_that_matter_are_refused() {
    for name in ["approval_id", "link_key", "link_signature"] {
        let error = with_text(name, 65_537).await.unwrap_err();
        let problem = match error {
            Error::InvalidResponse { problem, .. } => Some(problem),
            _ => None,
        };
        assert_eq!(problem, Some(Problem::Result), "{name}");
    }
}

/// Old installations send anything there; a sign-in does not fail over it.
#[tokio::test]
async fn odd_source_clients() {
    for source in ["null", "7", "[]", r#"{"ip":"not one"}"#] {
        let body =
            format!(r#"{{"result":{{"unloq_id":"1","email":"a@b","source_client":{source}}}}}"#);
        let user = client(Reply::json(200, body))
            .exchange(&Exchange::new(&token()))
            .await;
        assert_eq!(user.unwrap().source_client(), None, "{source}");
    }
}

#[tokio::test]
async fn sessions() {
    let handle = SessionHandle::parse("handle-1").unwrap();
    let token = token();
    let attach = AttachSession::to_token(&token, &handle);
    for body in [
        r#"{"type":"api.application.approval.session","result":{}}"#,
        r#"{"result":null}"#,
        r#"{"result":true}"#,
        r#"{"type":"success","data":{}}"#,
    ] {
        client(Reply::json(200, body))
            .attach_session(&attach)
            .await
            .unwrap();
    }
    for body in [
        "",
        "{}",
        r#"{"type":"success"}"#,
        r#"{"error":{"code":"X"}}"#,
    ] {
        client(Reply::json(200, body))
            .attach_session(&attach)
            .await
            .unwrap_err();
    }
}

/// Everything is optional, and nothing may be wrong.
#[tokio::test]
async fn users_of_a_device() {
    let answer = |result: &str| Reply::json(200, format!(r#"{{"type":"t","result":{result}}}"#));
    let user = client(answer("{}")).device_user(&token()).await.unwrap();
    assert_eq!(
        (user.unloq_id(), user.email(), user.first_name()),
        (None, None, None)
    );
    let whole = r#"{"id":1234,"email":"jane@acme.example","first_name":"Jane"}"#;
    let user = client(answer(whole)).device_user(&token()).await.unwrap();
    assert_eq!(user.unloq_id().unwrap().to_string(), "1234");
    assert_eq!(user.email().unwrap().as_str(), "jane@acme.example");
    assert_eq!(
        (user.first_name(), user.answer_type()),
        (Some("Jane"), Some("t"))
    );
    for bad in [
        "null",
        "[]",
        r#"{"unloq_id":"x"}"#,
        r#"{"email":"x"}"#,
        r#"{"id":1,"unloq_id":2}"#,
    ] {
        client(answer(bad)).device_user(&token()).await.unwrap_err();
    }
}
