//! Both generations of answers, honest and otherwise (U 4.1, 4.4).

use proptest::prelude::*;
use unloq_client::{AccessToken, Email, Endpoint, Error, ErrorCode, Exchange, Problem};

use crate::stub::{Reply, Step, client};

const USER: &str = r#"{"unloq_id":"1234","email":"jane@acme.example"}"#;

async fn exchange(reply: Reply) -> Result<String, Error> {
    let token = AccessToken::parse("a-token").unwrap();
    let signed_in = client(reply).exchange(&Exchange::new(&token)).await?;
    Ok(format!(
        "{} {:?}",
        signed_in.unloq_id(),
        signed_in.answer_type()
    ))
}

fn problem(error: &Error) -> Option<(u16, Problem)> {
    match error {
        Error::InvalidResponse {
            status, problem, ..
        } => Some((*status, *problem)),
        _ => None,
    }
}

#[tokio::test]
async fn successes_of_both_generations() {
    for (body, kind) in [
        (
            format!(r#"{{"type":"api.application.approval.token","result":{USER}}}"#),
            Some("api.application.approval.token"),
        ),
        (format!(r#"{{"result":{USER}}}"#), None),
        (
            format!(
                r#"{{"type":"something.else","result":{USER},"meta":{{"total_count":1}},"more":[1]}}"#
            ),
            Some("something.else"),
        ),
        (
            format!(r#"{{"type":"success","data":{USER}}}"#),
            Some("success"),
        ),
        // `result` goes before everything but an error object.
        (
            format!(r#"{{"type":"error","result":{USER},"code":"X"}}"#),
            Some("error"),
        ),
        (
            format!(r#"{{"type":"success","result":{USER},"data":{{}}}}"#),
            Some("success"),
        ),
        (format!(r#"{{"error":null,"result":{USER}}}"#), None),
        (format!(r#"{{"error":"none","result":{USER}}}"#), None),
        (
            format!(r#"{{"error":false,"type":7,"result":{USER}}}"#),
            None,
        ),
        (format!(" \r\n{{\"result\":{USER}}}\n\t "), None),
    ] {
        for status in [200, 201] {
            let answer = exchange(Reply::json(status, body.clone())).await;
            assert_eq!(answer.unwrap(), format!("1234 {kind:?}"), "{body}");
        }
    }
}

#[tokio::test]
async fn refusals_of_both_generations() {
    for (status, body, code, ns, inner) in [
        (
            401,
            r#"{"error":{"code":"ACCESS_TOKEN.EXPIRED","ns":"AUTH","message":"m","status":401}}"#,
            ErrorCode::TokenExpired,
            Some("AUTH"),
            401,
        ),
        (
            400,
            r#"{"error":{"code":"APPROVAL.TOKEN","message":"m","status":"422"}}"#,
            ErrorCode::OtpRequired,
            None,
            422,
        ),
        (
            400,
            r#"{"error":{"code":"TOKEN_REQUIRED","message":"m"}}"#,
            ErrorCode::OtpRequired,
            None,
            400,
        ),
        (
            403,
            r#"{"error":{"code":"BRAND.NEW","ns":7,"message":"m","status":{}},"result":{}}"#,
            ErrorCode::Other("BRAND.NEW".into()),
            None,
            403,
        ),
        (
            500,
            r#"{"error":{"code":"X","message":"m","status":"many"}}"#,
            ErrorCode::Other("X".into()),
            None,
            500,
        ),
        (
            200,
            r#"{"type":"error","code":"APPROVAL.DENIED","message":"m","data":{}}"#,
            ErrorCode::Denied,
            None,
            200,
        ),
        (
            403,
            r#"{"type":"error","code":"FIREWALL.BLOCKED","message":"m"}"#,
            ErrorCode::Blocked,
            None,
            403,
        ),
    ] {
        let error = exchange(Reply::json(status, body)).await.unwrap_err();
        let Error::Refused { endpoint, refusal } = &error else {
            panic!("{body}: {error:?}");
        };
        assert_eq!(*endpoint, Endpoint::Token);
        assert_eq!(
            (refusal.code(), refusal.ns(), refusal.status()),
            (&code, ns, Some(inner)),
            "{body}"
        );
        assert_eq!(refusal.untrusted_message(), Some("m"));
        assert_eq!(error.code(), Some(&code));
        assert!(!error.was_not_sent());
    }
}

/// A status of success with an error inside is no success, and the reason is kept.
#[tokio::test]
async fn an_error_in_a_success() {
    for body in [
        r#"{"error":{"code":"APPROVAL.DENIED"}}"#.to_owned(),
        format!(r#"{{"result":{USER},"error":{{"code":"APPROVAL.DENIED"}}}}"#),
        format!(r#"{{"type":"success","data":{USER},"error":{{"code":"APPROVAL.DENIED"}}}}"#),
    ] {
        let error = exchange(Reply::json(200, body)).await.unwrap_err();
        assert_eq!(problem(&error), Some((200, Problem::ErrorInSuccess)));
        assert_eq!(error.code(), Some(&ErrorCode::Denied));
    }
    let error = exchange(Reply::json(200, r#"{"error":{}}"#))
        .await
        .unwrap_err();
    assert_eq!(
        (problem(&error), error.code()),
        (Some((200, Problem::ErrorInSuccess)), None)
    );
}

#[tokio::test]
async fn hostile_answers() {
    let deep = format!("{}{}", r#"{"result":"#.repeat(200), "}".repeat(200));
    for body in [
        "",
        "null",
        "7",
        "\"result\"",
        "[]",
        &format!(r#"["x",{USER},null,null,null,null]"#),
        "{}",
        r#"{"type":"success"}"#,
        &format!(r#"{{"type":"Success","data":{USER}}}"#),
        &format!(r#"{{"data":{USER}}}"#),
        &format!(r#"{{"result":{USER}"#),
        &format!(r#"{{"result":{USER}}}x"#),
        &format!(r#"{{"result":{USER}}}{{}}"#),
        &format!(r#"{{"result":{USER},"result":{USER}}}"#),
        &format!(r#"{{"result":{USER},"\u0072esult":{USER}}}"#),
        &format!("\u{feff}{{\"result\":{USER}}}"),
        r#"{"type":"error"}"#,
        r#"{"type":"error","code":7}"#,
        r#"{"type":"error","code":""}"#,
        "<html>502</html>",
        &deep,
    ] {
        let error = exchange(Reply::json(200, body)).await.unwrap_err();
        let (status, problem) = problem(&error).unwrap_or_else(|| panic!("{body}: {error:?}"));
        assert!(
            status == 200 && matches!(problem, Problem::Envelope | Problem::Result),
            "{body}: {error:?}"
        );
    }
    let not_utf8 = [
        &br#"{"result":{"unloq_id":"1","email":"j@"#[..],
        b"\xff\"}}",
    ]
    .concat();
    let error = exchange(Reply::steps(200, [Step::Bytes(not_utf8)]))
        .await
        .unwrap_err();
    assert_eq!(problem(&error), Some((200, Problem::Envelope)));
}

#[tokio::test]
async fn failures_without_a_reason() {
    for status in [199, 400, 401, 404, 418, 500, 503, 599] {
        for body in [
            "",
            "not json",
            r#"{"result":{}}"#,
            &format!(r#"{{"result":{USER}}}"#),
            &format!(r#"{{"type":"success","data":{USER}}}"#),
            r#"{"error":{}}"#,
            r#"{"error":{"code":null}}"#,
            r#"{"error":{"code":"X","code":"Y"}}"#,
            r#"{"error":["X"]}"#,
            r#"{"error":"APPROVAL.DENIED"}"#,
        ] {
            let error = exchange(Reply::json(status, body)).await.unwrap_err();
            assert_eq!(problem(&error), Some((status, Problem::Status)), "{body}");
        }
    }
}

/// A redirect is an answer that cannot be used, whatever its body says.
#[tokio::test]
async fn redirects_are_failures() {
    for status in [300, 301, 302, 303, 307, 308, 399] {
        let body = format!(r#"{{"result":{USER}}}"#);
        let error = exchange(Reply::json(status, body)).await.unwrap_err();
        assert_eq!(problem(&error), Some((status, Problem::Redirect)));
    }
}

/// UNLOQ's words are bounded and kept out of what is printed.
#[tokio::test]
async fn messages_are_foreign() {
    let message = format!("\u{1b}[31m<script>{}", "é".repeat(1000));
    let body = serde_json::json!({"error": {"code": "a-token", "ns": message, "message": message}});
    let error = exchange(Reply::json(400, body.to_string()))
        .await
        .unwrap_err();
    let Error::Refused { refusal, .. } = &error else {
        panic!("{error:?}");
    };
    assert_eq!(refusal.untrusted_message().unwrap().chars().count(), 256);
    assert_eq!(refusal.ns().unwrap().chars().count(), 64);
    assert_eq!(refusal.code().as_str(), "a-token");
    let printed = format!("{error} {error:?} {refusal} {refusal:#?}");
    for foreign in ["script", "\u{1b}", "é", "a-token"] {
        assert!(!printed.contains(foreign), "{printed}");
    }
}

#[tokio::test]
async fn users_that_cannot_be() {
    for result in [
        "null",
        "[]",
        "{}",
        r#"["1234","jane@acme.example"]"#,
        r#"{"unloq_id":"1234"}"#,
        r#"{"email":"jane@acme.example"}"#,
        r#"{"unloq_id":"0","email":"jane@acme.example"}"#,
        r#"{"unloq_id":"1234x","email":"jane@acme.example"}"#,
        r#"{"unloq_id":9007199254740992,"email":"jane@acme.example"}"#,
        r#"{"unloq_id":null,"email":"jane@acme.example"}"#,
        r#"{"unloq_id":["1234"],"email":"jane@acme.example"}"#,
        r#"{"unloq_id":"1234","id":"4321","email":"jane@acme.example"}"#,
        r#"{"unloq_id":"1234","unloq_id":"1234","email":"jane@acme.example"}"#,
        r#"{"unloq_id":"1234","email":"jane"}"#,
        r#"{"unloq_id":"1234","email":null}"#,
        r#"{"unloq_id":"1234","email":7}"#,
        r#"{"unloq_id":"1234","email":"jane@acme.example","approval_id":7}"#,
        r#"{"unloq_id":"1234","email":"jane@acme.example","approval_id":"a b"}"#,
        r#"{"unloq_id":"1234","email":"jane@acme.example","first_name":{}}"#,
        r#"{"unloq_id":"1234","email":"jane@acme.example","encryption_key":7}"#,
        r#"{"unloq_id":"1234","email":"jane@acme.example","encryption_key":""}"#,
        r#"{"unloq_id":"1234","email":"jane@acme.example","encryption_key":"\ud800"}"#,
    ] {
        let body = format!(r#"{{"result":{result}}}"#);
        let error = exchange(Reply::json(200, body)).await.unwrap_err();
        assert_eq!(problem(&error), Some((200, Problem::Result)), "{result}");
    }
    for result in [
        r#"{"unloq_id":1234,"email":"jane@acme.example","first_name":null,"x":1}"#,
        r#"{"id":"1234","email":"jane@acme.example"}"#,
        r#"{"id":1234,"unloq_id":"1234","email":"jane@acme.example","encryption_key":null}"#,
    ] {
        let answer = exchange(Reply::json(200, format!(r#"{{"result":{result}}}"#))).await;
        assert_eq!(answer.unwrap(), "1234 None");
    }
}

/// Every call reads the same envelope.
#[tokio::test]
async fn every_call_reads_refusals() {
    let reply = || Reply::json(429, r#"{"error":{"code":"FIREWALL.THROTTLE"}}"#);
    let email = Email::parse("jane@acme.example").unwrap();
    let token = AccessToken::parse("a-token").unwrap();
    let errors = [
        client(reply()).enrolled(&email).await.unwrap_err(),
        client(reply()).enroll(&email, None).await.unwrap_err(),
        client(reply()).deactivate(&email).await.unwrap_err(),
        client(reply()).device_user(&token).await.unwrap_err(),
    ];
    for error in errors {
        assert_eq!(error.code(), Some(&ErrorCode::Throttled), "{error:?}");
    }
}

/// An answer that breaks off is none, wherever it does.
#[tokio::test]
async fn truncated_answers() {
    for whole in [
        format!(r#"{{"type":"t","result":{USER}}}"#),
        format!(r#"{{"type":"success","data":{USER}}}"#),
    ] {
        exchange(Reply::json(200, whole.clone())).await.unwrap();
        for length in 0..whole.len() {
            let error = exchange(Reply::json(200, &whole[..length]))
                .await
                .unwrap_err();
            assert_eq!(problem(&error), Some((200, Problem::Envelope)), "{length}");
        }
    }
}

/// Something like an answer, with and without sense.
fn json() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("null".to_owned()),
        Just("true".to_owned()),
        any::<f64>().prop_map(|number| serde_json::json!(number).to_string()),
        any::<u64>().prop_map(|number| number.to_string()),
        ".{0,12}".prop_map(|text| serde_json::json!(text).to_string()),
        Just(r#""1234""#.to_owned()),
        Just(r#""a@b""#.to_owned()),
        Just(r#""success""#.to_owned()),
        Just(r#""error""#.to_owned()),
    ];
    let name = prop_oneof![
        Just("type"),
        Just("result"),
        Just("error"),
        Just("data"),
        Just("code"),
        Just("message"),
        Just("status"),
        Just("unloq_id"),
        Just("id"),
        Just("email"),
        Just("token"),
        Just("encryption_key"),
        Just("approval_id"),
        Just("source_client"),
        Just("x"),
    ];
    leaf.prop_recursive(4, 48, 8, move |inner| {
        let member =
            (name.clone(), inner.clone()).prop_map(|(name, value)| format!(r#""{name}":{value}"#));
        let members = proptest::collection::vec(member, 0..8);
        let values = proptest::collection::vec(inner, 0..4);
        prop_oneof![
            4 => members.prop_map(|members| format!("{{{}}}", members.join(","))),
            1 => values.prop_map(|values| format!("[{}]", values.join(","))),
        ]
    })
}

proptest! {
    /// No answer makes a call panic, and none of a status of failure is a success.
    #[test]
    fn no_answer_panics(body in prop_oneof![json(), ".{0,60}"], status in 100u16..600, events: bool) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let outcomes = runtime.block_on(async {
            let email = Email::parse("jane@acme.example").unwrap();
            let ask = unloq_client::Authenticate::push(email.clone());
            let reply = || {
                let reply = Reply::json(status, format!("{body}\n"));
                if events { reply.streamed() } else { reply }
            };
            [
                exchange(reply()).await.is_ok(),
                client(reply()).authenticate_with_events(&ask, |_| ()).await.is_ok(),
                client(reply()).enrolled(&email).await.is_ok(),
                client(reply()).enroll(&email, None).await.is_ok(),
                client(reply()).device_user(&AccessToken::parse("t").unwrap()).await.is_ok(),
            ]
        });
        prop_assert!((200..300).contains(&status) || outcomes == [false; 5], "{outcomes:?}");
    }
}
