//! What a refusal tells, and what nothing tells.

use unloq_webhooks::{
    Activate, Hooks, Logout, Secret, SecretSet, VerifyError, explain, sign, string_to_sign,
};

use crate::given::{ACTIVATE, JSON, LOGOUT, NOW, Request, SECRET, builder, hooks};

const BODY: &str = r#"{"unloq_id":"1234567","sid":"session-handle-to-hide"}"#;

/// One refusal of each kind, with what must not be seen of it.
fn refusals() -> Vec<(Request, VerifyError)> {
    let hooks = builder().expected_hosts(["right.example"]).build().unwrap();
    let signed = || Request::signed(LOGOUT, JSON, BODY).header("Host", "right.example");
    let other = |body: &str| {
        let mut request = Request::signed(LOGOUT, JSON, body).header("Host", "right.example");
        request.headers.retain(|(name, _)| name != "Content-Length");
        request
    };
    let with_body = |body: &str| Request {
        body: body.into(),
        ..signed().without("Content-Length")
    };
    let requests = [
        signed().method("GET"),
        signed()
            .without("Content-Length")
            .header("Content-Length", "99999999"),
        with_body(&" ".repeat(20_000)),
        signed().without("X-Unloq-Signature"),
        signed().header("X-Unloq-Signature", "again"),
        signed()
            .without("X-Unloq-Signature")
            .header("X-Unloq-Signature", "malformed-signature"),
        signed().without("Host").header("Host", "evil.example"),
        signed()
            .without("Content-Type")
            .header("Content-Type", "text/secret-type"),
        with_body(r#"{"sid":"session-handle-to-hide""#),
        with_body(r#"{"sid":"session-handle-to-hide","sid":"2"}"#),
        with_body(r#"{"hasOwnProperty":"session-handle-to-hide"}"#),
        with_body(r#"{"unloq_id":"1234567","sid":"session-handle-to-hide-2"}"#),
        other(r#"{"unloq_id":"1234567","sid":"session-handle-to-hide","session-name-to-hide":1}"#),
        other(r#"{"unloq_id":"1234567x","sid":"session-handle-to-hide"}"#),
    ];
    requests
        .into_iter()
        .map(|request| {
            let verified = hooks.verify::<Logout>(&request.head(), &request.body, NOW);
            let error = verified.expect_err("a refusal");
            (request, error)
        })
        .collect()
}

#[test]
fn refusals_look_alike() {
    let refusals = refusals();
    for (_, error) in &refusals {
        assert_eq!(error.body(), r#"{"status":false}"#);
        assert_eq!(error.body(), VerifyError::BODY);
        assert_eq!(error.allow().is_some(), error.status() == 405);
    }
    // A wrong signature, a malformed one and none are one answer; so is any wrong payload.
    let statuses = |wanted: u16| {
        refusals
            .iter()
            .filter(|(_, error)| error.status() == wanted)
            .count()
    };
    assert_eq!(statuses(401), 4);
    assert_eq!(statuses(400), 5);
}

/// Everything that must stay hidden of a request, and of the verifier's own side.
fn hidden(body: &[u8]) -> Vec<String> {
    let mut hidden: Vec<String> = [
        SECRET,
        "1234567",
        "session-handle",
        "session-name",
        "evil.example",
        "text/secret",
        "malformed-signature",
    ]
    .map(Into::into)
    .to_vec();
    let secret = Secret::new(SECRET).unwrap();
    if let Ok(signature) = sign(&secret, LOGOUT, JSON, body) {
        hidden.push(signature[..12].to_owned());
        hidden.push(string_to_sign(LOGOUT, JSON, body).unwrap());
    }
    hidden.push(format!("{LOGOUT}sid"));
    hidden
}

#[test]
fn error_never_holds_signature() {
    for (request, error) in refusals() {
        let shown = [
            format!("{error}"),
            format!("{error:?}"),
            format!("{error:#?}"),
            error.body().to_owned(),
            error.kind().as_str().to_owned(),
            format!("{:?}", error.kind()),
            std::error::Error::source(&error).map_or_else(String::new, ToString::to_string),
        ];
        for text in shown {
            for hidden in hidden(&request.body) {
                assert!(!text.contains(&hidden), "{text:?} holds {hidden:?}");
            }
        }
    }
    // It cannot: it is a kind and nothing else.
    assert!(size_of::<VerifyError>() <= 5 * size_of::<usize>());
}

#[test]
fn nothing_prints_a_secret_or_an_event() {
    let hooks = hooks();
    let request = Request::signed(LOGOUT, JSON, BODY);
    let head = request.head();
    let admitted = hooks.admit::<Logout>(&head).unwrap();
    let authentic = admitted.authenticate(&request.body, NOW).unwrap();
    let verified = authentic.read().unwrap();
    let account = r#"{"unloq_id":"7654321","email":"hidden@example.com","ip":"192.0.2.77"}"#;
    let account = Request::signed(ACTIVATE, JSON, account)
        .verify::<Activate>(&hooks)
        .unwrap();
    let set = SecretSet::new([Secret::new(SECRET).unwrap().until(NOW)]).unwrap();
    let builder = Hooks::builder(Secret::new(SECRET).unwrap()).on::<Logout>(LOGOUT);
    let explanation = explain(&set, LOGOUT, &head, &request.body, NOW);
    let shown = [
        format!("{hooks:?}"),
        format!("{head:?}"),
        format!("{admitted:?}"),
        format!("{authentic:?}"),
        format!("{verified:?}"),
        format!("{:?}", verified.digest()),
        format!("{:?}", verified.arrival().digest),
        format!("{account:?}"),
        format!("{set:?}"),
        format!("{builder:?}"),
        format!("{explanation:?} {explanation}"),
    ];
    let hidden = [
        SECRET,
        "session-handle",
        "hidden@",
        "192.0.2",
        &request.headers[1].1.escape_ascii().to_string()[..12],
    ];
    for text in shown {
        for hidden in hidden {
            assert!(!text.contains(hidden), "{text:?} holds {hidden:?}");
        }
    }
}
