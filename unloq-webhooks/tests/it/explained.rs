//! What the explainer says of each mistake that integrations make.

use unloq_webhooks::{
    Finding, ParameterChange as Parameters, PathChange as Path, Secret, SecretChange, SecretSet,
    SignatureFault, VerifyErrorKind as Kind, explain, sign, string_to_sign,
};

use crate::given::{FORM, JSON, LOGOUT, NOW, Request, SECRET, secret};

const BODY: &str = r#"{"unloq_id":"1234","sid":"handle-to-hide"}"#;

fn found(set: &SecretSet, path: &str, request: &Request) -> Vec<Finding> {
    let explanation = explain(set, path, &request.head(), &request.body, NOW);
    let shown = format!("{explanation} {explanation:?}");
    let (signature, text) = (
        sign(&secret(), path, JSON, &request.body).unwrap_or_else(|_| "none".into()),
        string_to_sign(path, JSON, &request.body).unwrap_or_else(|_| "none".into()),
    );
    for hidden in [SECRET, "handle-to-hide", "1234", &text, &signature] {
        assert!(
            hidden == "none" || !shown.contains(hidden),
            "{shown} holds {hidden}"
        );
    }
    assert_eq!(
        explanation.verifies(),
        matches!(explanation.findings(), [Finding::Verifies { .. }])
    );
    explanation.findings().to_vec()
}

fn one() -> SecretSet {
    secret().into()
}

/// A delivery signed with this path and body, which arrives with that target and body.
fn delivery(signed_path: &str, signed: &str, target: &str, body: &str) -> Request {
    let signature = sign(&secret(), signed_path, JSON, signed.as_bytes()).unwrap();
    Request::with(target, JSON, body.as_bytes(), &signature)
}

#[test]
fn explains_what_verifies() {
    let request = Request::signed(LOGOUT, JSON, BODY);
    assert_eq!(
        found(&one(), LOGOUT, &request),
        [Finding::Verifies { secret: 0 }]
    );
    let set = SecretSet::new([Secret::new("another one, newer").unwrap(), secret()]).unwrap();
    assert_eq!(
        found(&set, LOGOUT, &request),
        [Finding::Verifies { secret: 1 }]
    );
    let set = SecretSet::new([secret().until(NOW), Secret::new("newer").unwrap()]).unwrap();
    let expired = Finding::Secret {
        secret: 0,
        change: SecretChange::Expired,
    };
    assert_eq!(found(&set, LOGOUT, &request), [expired]);
}

#[test]
fn explains_paths() {
    let url = "https://app.example.com/hooks/logout?tenant=7";
    for (configured, signed, target, expected) in [
        (
            "/hooks/logout",
            "/public/hooks/logout",
            "/public/hooks/logout",
            Path::RequestTarget,
        ),
        (
            "/logout",
            "/logout?tenant=7",
            "/logout?tenant=7",
            Path::RequestQuery,
        ),
        (
            "/logout",
            "/logout?tenant=7",
            "/inner?tenant=7",
            Path::RequestQuery,
        ),
        ("/logout?tenant=7", "/logout", "/logout", Path::NoQuery),
        (
            "/api/v1/hooks/logout",
            "/hooks/logout",
            "/x",
            Path::PrefixAdded,
        ),
        (
            "/x",
            "/hooks/logout",
            "/inner/hooks/logout",
            Path::TargetSuffix,
        ),
        ("/logout", "/logout/", "/logout/", Path::TrailingSlash),
        ("/logout/", "/logout", "/x", Path::TrailingSlash),
        ("/log%6fut", "/logout", "/x", Path::Decoded),
        ("/Hooks/Logout", "/hooks/logout", "/x", Path::LowerCase),
    ] {
        let request = delivery(signed, BODY, target, BODY);
        assert_eq!(
            found(&one(), configured, &request),
            [Finding::Path(expected)],
            "{configured}"
        );
    }
    // What our own signer cannot do, done by hand: one parameter signs like a longer path.
    for (configured, text, expected) in [
        (url, format!("/{url}"), Path::WholeUrl),
        (LOGOUT, LOGOUT[1..].to_owned(), Path::NoLeadingSlash),
    ] {
        let rest = string_to_sign("", JSON, BODY.as_bytes()).unwrap()[1..].to_owned();
        let signature = raw_signature(&format!("{text}{rest}"));
        let request = Request::with("/x", JSON, BODY.as_bytes(), &signature);
        assert_eq!(
            found(&one(), configured, &request),
            [Finding::Path(expected)],
            "{configured}"
        );
    }
}

fn raw_signature(text: &str) -> String {
    use base64::Engine as _;
    use hmac_013::{KeyInit, Mac};
    let mut mac = hmac_013::Hmac::<sha2_011::Sha256>::new_from_slice(SECRET.as_bytes()).unwrap();
    mac.update(text.as_bytes());
    base64::engine::general_purpose::STANDARD.encode(mac.finalize().into_bytes())
}

#[test]
fn explains_parameters() {
    let signed_text = |text: &str, content_type: &str, body: &str| {
        let signature = raw_signature(&format!("{LOGOUT}{text}"));
        Request::with(LOGOUT, content_type, body.as_bytes(), &signature)
    };
    for (text, content_type, body, expected) in [
        ("", JSON, BODY, Parameters::None),
        ("sids", FORM, "sid=s&uauth=logout", Parameters::SkippedUauth),
        (
            "sids",
            FORM,
            "sid=s&unloq_uauth=logout",
            Parameters::SkippedUnloqUauth,
        ),
        (
            "sids",
            JSON,
            r#"{"sid":"s","csrf":"1"}"#,
            Parameters::OneMore,
        ),
        ("a1.50", JSON, r#"{"a":1.50}"#, Parameters::NumbersAsWritten),
        (
            "a12345678901234567890",
            JSON,
            r#"{"a":12345678901234567890}"#,
            Parameters::NumbersAsWritten,
        ),
        (
            "a1.5",
            JSON,
            r#"{"a":"1.50"}"#,
            Parameters::NumbersBecameText,
        ),
        ("a", JSON, r#"{"a":null}"#, Parameters::NullWasEmpty),
        ("abx", JSON, r#"{"a":5,"b":"x"}"#, Parameters::OnlyTexts),
        ("ax", JSON, r#"{"a":" x "}"#, Parameters::Trimmed),
        (
            "a<b>&",
            JSON,
            r#"{"a":"&lt;b&gt;&amp;"}"#,
            Parameters::HtmlEscaped,
        ),
        ("～1😀2", JSON, r#"{"～":1,"😀":2}"#, Parameters::ByteOrder),
        ("ax%40y", FORM, "a=x%40y", Parameters::Undecoded),
        ("ax+y@", FORM, "a=x+y%40", Parameters::PlusKept),
        (BODY, JSON, BODY, Parameters::RawBody),
    ] {
        let request = signed_text(text, content_type, body);
        let findings = found(&one(), LOGOUT, &request);
        assert_eq!(findings, [Finding::Parameters(expected)], "{body}");
    }
}

#[test]
fn explains_secrets() {
    for (ours, theirs, change) in [
        ("the secret ", "the secret", SecretChange::Trimmed),
        ("the secret", "the secret\n", SecretChange::LineFeed),
        ("\"the secret\"", "the secret", SecretChange::Unquoted),
        (
            "74686520736563726574",
            "the secret",
            SecretChange::HexDecoded,
        ),
        (
            "dGhlIHNlY3JldA==",
            "the secret",
            SecretChange::Base64Decoded,
        ),
        ("The Secret", "the secret", SecretChange::LowerCase),
        ("the secret", "THE SECRET", SecretChange::UpperCase),
    ] {
        let theirs = Secret::new(theirs).unwrap();
        let signature = sign(&theirs, LOGOUT, JSON, BODY.as_bytes()).unwrap();
        let request = Request::with(LOGOUT, JSON, BODY.as_bytes(), &signature);
        let set = SecretSet::new([secret(), Secret::new(ours).unwrap()]).unwrap();
        let expected = Finding::Secret { secret: 1, change };
        assert_eq!(found(&set, LOGOUT, &request), [expected], "{ours}");
    }
}

#[test]
fn explains_several_at_once() {
    let theirs = Secret::new("the secret").unwrap();
    let signature = sign(&theirs, "/public/logout", JSON, br#"{"sid":"s"}"#).unwrap();
    let request = Request::with("/public/logout", JSON, br#"{"sid":"s","x":1}"#, &signature);
    let set = SecretSet::new([Secret::new(" the secret").unwrap()]).unwrap();
    assert_eq!(
        found(&set, LOGOUT, &request),
        [
            Finding::Path(Path::RequestTarget),
            Finding::Parameters(Parameters::OneMore),
            Finding::Secret {
                secret: 0,
                change: SecretChange::Trimmed
            },
        ]
    );
}

#[test]
fn explains_headers() {
    let right = sign(&secret(), LOGOUT, JSON, BODY.as_bytes()).unwrap();
    let with = |signature: &str| {
        let request = Request::with(LOGOUT, JSON, BODY.as_bytes(), signature);
        found(&one(), LOGOUT, &request)
    };
    let verifies = Finding::Verifies { secret: 0 };
    let hex: String = {
        use base64::Engine as _;
        let raw = base64::engine::general_purpose::STANDARD
            .decode(&right)
            .unwrap();
        raw.iter().map(|byte| format!("{byte:02x}")).collect()
    };
    assert_eq!(
        with(&right[..43]),
        [Finding::Signature(SignatureFault::Unpadded), verifies]
    );
    assert_eq!(
        with(&right.replace('+', "-").replace('/', "_")),
        [Finding::Signature(SignatureFault::UrlSafe), verifies]
    );
    assert_eq!(
        with(&hex),
        [Finding::Signature(SignatureFault::Hex), verifies]
    );
    assert_eq!(with("x"), [Finding::Signature(SignatureFault::Malformed)]);
    assert_eq!(with(""), [Finding::Signature(SignatureFault::Malformed)]);
    let none = Request::signed(LOGOUT, JSON, BODY).without("X-Unloq-Signature");
    assert_eq!(
        found(&one(), LOGOUT, &none),
        [Finding::Signature(SignatureFault::Missing)]
    );
    let twice = Request::signed(LOGOUT, JSON, BODY).header("x-unloq-signature", &right);
    assert_eq!(
        found(&one(), LOGOUT, &twice),
        [Finding::Signature(SignatureFault::Repeated)]
    );
}

#[test]
fn explains_bodies_that_are_refused() {
    let request = Request::signed(LOGOUT, JSON, BODY)
        .without("Content-Type")
        .header("Content-Type", "text/plain");
    assert_eq!(
        found(&one(), LOGOUT, &request),
        [
            Finding::Unreadable(Kind::UnsupportedMediaType),
            Finding::Unexplained
        ]
    );
    let request = delivery(LOGOUT, "{}", LOGOUT, r#"{"a":1,"a":2}"#);
    assert_eq!(
        found(&one(), LOGOUT, &request),
        [
            Finding::Unreadable(Kind::DuplicateKey),
            Finding::Parameters(Parameters::None)
        ]
    );
}

#[test]
fn explains_when_it_cannot() {
    let other = Secret::new("nobody knows this one").unwrap();
    let signature = sign(&other, LOGOUT, JSON, BODY.as_bytes()).unwrap();
    let request = Request::with(LOGOUT, JSON, BODY.as_bytes(), &signature);
    assert_eq!(found(&one(), LOGOUT, &request), [Finding::Unexplained]);
}

/// Sentences for people: each is one, and none is another's.
#[test]
fn every_finding_is_a_sentence() {
    let findings = [
        Finding::Unexplained,
        Finding::Verifies { secret: 2 },
        Finding::Unreadable(Kind::MalformedBody),
        Finding::Path(Path::NoQuery),
        Finding::Parameters(Parameters::OneMore),
        Finding::Secret {
            secret: 1,
            change: SecretChange::Trimmed,
        },
        Finding::Signature(SignatureFault::Hex),
    ];
    let texts: std::collections::HashSet<String> =
        findings.iter().map(ToString::to_string).collect();
    assert_eq!(texts.len(), findings.len());
    assert!(
        texts
            .iter()
            .all(|text| text.len() > 20 && !text.contains('\n'))
    );
}
