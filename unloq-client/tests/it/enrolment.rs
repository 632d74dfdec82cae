//! `enrolled`, `enroll`, `deactivate`.

use unloq_client::Email;

use crate::stub::{Reply, client};

fn email() -> Email {
    Email::parse("jane@acme.example").unwrap()
}

fn answer(result: &str) -> Reply {
    Reply::json(200, format!(r#"{{"type":"t","result":{result}}}"#))
}

/// Only a literal `true` is a yes: this answer unlocks accounts.
#[tokio::test]
async fn enrolled() {
    for (result, want) in [
        (r#"{"enrolled":true}"#, Some(true)),
        (r#"{"enrolled":false,"x":1}"#, Some(false)),
        (r#"{"enrolled":"true"}"#, None),
        (r#"{"enrolled":1}"#, None),
        (r#"{"enrolled":null}"#, None),
        (r#"{"enrolled":false,"enrolled":true}"#, None),
        ("{}", None),
        ("true", None),
        ("[true]", None),
        ("null", None),
    ] {
        assert_eq!(
            client(answer(result)).enrolled(&email()).await.ok(),
            want,
            "{result}"
        );
    }
}

#[tokio::test]
async fn deactivate() {
    for (result, want) in [
        (r#"{"deactivated":true}"#, Some(true)),
        (r#"{"deactivated":false}"#, Some(false)),
        (r#"{"deactivated":"yes"}"#, None),
        ("{}", None),
    ] {
        assert_eq!(
            client(answer(result)).deactivate(&email()).await.ok(),
            want,
            "{result}"
        );
    }
}

#[tokio::test]
async fn enroll() {
    for (result, expire) in [
        (
            r#"{"exists":false,"qr_url":"https://x.example/qr","expire_at":"2026-11-22T00:00:00Z"}"#,
            Some("2026-11-22T00:00:00Z"),
        ),
        (
            r#"{"exists":false,"qr_url":"https://x.example/qr","expire_at":1795305600}"#,
            Some("1795305600"),
        ),
        (
            r#"{"exists":false,"qr_url":"https://x.example/qr","expire_at":{}}"#,
            None,
        ),
    ] {
        let enrolment = client(answer(result))
            .enroll(&email(), Some("Jane"))
            .await
            .unwrap();
        assert_eq!(
            (enrolment.exists(), enrolment.qr_url()),
            (false, Some("https://x.example/qr"))
        );
        assert_eq!(
            (enrolment.expire_at(), enrolment.answer_type()),
            (expire, Some("t"))
        );
    }
    let enrolment = client(answer(r#"{"exists":true}"#))
        .enroll(&email(), None)
        .await
        .unwrap();
    assert!(enrolment.exists() && enrolment.qr_url().is_none());
    for bad in [
        "{}",
        r#"{"exists":1}"#,
        r#"{"exists":false,"qr_url":7}"#,
        r#"{"exists":false,"qr_url":"javascript:alert(1)"}"#,
        r#"{"exists":false,"qr_url":"http://x.example/qr"}"#,
        r#"{"exists":false,"qr_url":"/qr"}"#,
    ] {
        client(answer(bad))
            .enroll(&email(), None)
            .await
            .unwrap_err();
    }
}
