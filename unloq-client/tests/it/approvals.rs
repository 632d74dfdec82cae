//! `/authenticate` and `/authorize`: what approval looks like, and what does not.

use unloq_client::{
    ActionCode, Authenticate, Authenticated, Authorize, Authorized, Email, Error, ErrorCode, Otp,
    Problem, Reference, UnloqId,
};

use crate::stub::{Reply, client};

fn id(text: &str) -> UnloqId {
    UnloqId::parse(text).unwrap()
}

fn email() -> Email {
    Email::parse("jane@acme.example").unwrap()
}

fn result(result: &str) -> Reply {
    Reply::json(200, format!(r#"{{"type":"t","result":{result}}}"#))
}

fn problem<T: std::fmt::Debug>(outcome: Result<T, Error>) -> Problem {
    match outcome {
        Err(Error::InvalidResponse { problem, .. }) => problem,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_token_or_a_user() {
    let ask = Authenticate::push(email());
    let outcome = client(result(r#"{"unloq_id":"1234","token":"tok-1"}"#))
        .authenticate(&ask)
        .await;
    assert!(
        matches!(outcome, Ok(Authenticated::Token { user: Some(user), .. }) if user == id("1234"))
    );
    for bad in [
        "null",
        "[]",
        "{}",
        r#"{"unloq_id":"1234"}"#,
        r#"{"unloq_id":"x","token":"tok-1"}"#,
    ] {
        assert_eq!(
            problem(client(result(bad)).authenticate(&ask).await),
            Problem::Result,
            "{bad}"
        );
    }
    let ask = ask.generate_token(false);
    let user = r#"{"unloq_id":"1234","email":"jane@acme.example","approval_id":"appr-1"}"#;
    let outcome = client(result(user)).authenticate(&ask).await;
    let Ok(Authenticated::User(user)) = outcome else {
        panic!("{outcome:?}");
    };
    assert_eq!((user.unloq_id(), user.email()), (id("1234"), &email()));
    assert_eq!(user.approval_id().unwrap().as_str(), "appr-1");
    assert_eq!(user.answer_type(), Some("t"));
    // A token where a user was asked for is none.
    let token = result(r#"{"unloq_id":"1234","token":"tok-1"}"#);
    assert_eq!(
        problem(client(token).authenticate(&ask).await),
        Problem::Result
    );
}

#[tokio::test]
async fn a_mail_is_on_its_way() {
    let ask = Authenticate::mail(email());
    for answer in [
        "null",
        "{}",
        "true",
        r#"{"unloq_id":"1234"}"#,
        r#"{"unloq_id":"1234","token":null}"#,
    ] {
        let outcome = client(result(answer)).authenticate(&ask).await;
        assert!(
            matches!(outcome, Ok(Authenticated::Mailed)),
            "{answer}: {outcome:?}"
        );
    }
    let outcome = client(result(r#"{"unloq_id":"1234","token":"tok-1"}"#))
        .authenticate(&ask)
        .await;
    assert!(matches!(outcome, Ok(Authenticated::Token { .. })));
}

/// Whoever was asked by id is who must have approved.
#[tokio::test]
async fn an_approval_by_somebody_else() {
    let otp = || Otp::parse("123456").unwrap();
    let token = r#"{"unloq_id":"1234","token":"tok-1"}"#;
    let user = r#"{"unloq_id":"1234","email":"jane@acme.example"}"#;
    for (asked, good) in [("1234", true), ("4321", false)] {
        let outcome = client(result(token))
            .authenticate(&Authenticate::push(id(asked)))
            .await;
        assert_eq!(outcome.is_ok(), good);
        assert!(good || problem(outcome) == Problem::OtherUser);
        let ask = Authenticate::otp(id(asked), otp()).generate_token(false);
        let outcome = client(result(user)).authenticate(&ask).await;
        assert_eq!(outcome.is_ok(), good);
        assert!(good || problem(outcome) == Problem::OtherUser);
        let outcome = authorize(id(asked), false, token).await;
        assert_eq!(outcome.is_ok(), good);
        assert!(good || problem(outcome) == Problem::OtherUser);
    }
}

async fn authorize(user: UnloqId, token: bool, answer: &str) -> Result<Authorized, Error> {
    let (code, reference) = (
        ActionCode::parse("pay").unwrap(),
        Reference::parse("1").unwrap(),
    );
    let ask = Authorize::new(code, user, reference).generate_token(token);
    client(result(answer)).authorize(&ask).await
}

#[tokio::test]
async fn authorisation() {
    let mut authorized = authorize(id("1234"), true, r#"{"unloq_id":1234,"token":"tok-1"}"#)
        .await
        .unwrap();
    assert_eq!(
        (authorized.unloq_id(), authorized.answer_type()),
        (id("1234"), Some("t"))
    );
    assert!(authorized.take_token().is_some() && authorized.take_token().is_none());
    authorize(id("1234"), false, r#"{"unloq_id":"1234"}"#)
        .await
        .unwrap();
    for (token, bad) in [
        (false, "null"),
        (false, "{}"),
        (false, "true"),
        (false, r#"{"approved":true}"#),
        (true, r#"{"unloq_id":"1234"}"#),
        (true, r#"{"unloq_id":"1234","token":7}"#),
        (false, r#"{"unloq_id":"1234","token":"a b"}"#),
    ] {
        assert_eq!(
            problem(authorize(id("1234"), token, bad).await),
            Problem::Result,
            "{bad}"
        );
    }
}

/// Every code of U 4.4 arrives as itself.
#[tokio::test]
async fn device_denial_and_its_relatives() {
    for (code, want) in [
        ("APPROVAL.DENIED", ErrorCode::Denied),
        ("APPROVAL.TOKEN", ErrorCode::OtpRequired),
        ("APPROVAL.TIMEOUT", ErrorCode::ApprovalTimeout),
        ("APPROVAL.DEVICE", ErrorCode::NoDevice),
        ("PUSH.UNREGISTERED", ErrorCode::PushUnregistered),
        ("FIREWALL.BLOCKED", ErrorCode::Blocked),
        ("FIREWALL.THROTTLE", ErrorCode::Throttled),
        ("APPLICATION.NOT_FOUND", ErrorCode::ApplicationNotFound),
        (
            "APPROVAL.BRAND_NEW",
            ErrorCode::Other("APPROVAL.BRAND_NEW".into()),
        ),
    ] {
        let reply = || {
            Reply::json(
                403,
                format!(r#"{{"error":{{"code":"{code}","status":403}}}}"#),
            )
        };
        let error = client(reply())
            .authenticate(&Authenticate::push(email()))
            .await
            .unwrap_err();
        assert_eq!(error.code(), Some(&want));
        assert_eq!(
            error.to_string(),
            format!("UNLOQ's authenticate refused: {code}")
        );
        let (code, reference) = (
            ActionCode::parse("pay").unwrap(),
            Reference::parse("1").unwrap(),
        );
        let ask = Authorize::new(code, id("1234"), reference);
        let error = client(reply()).authorize(&ask).await.unwrap_err();
        assert_eq!(error.code(), Some(&want));
    }
}
