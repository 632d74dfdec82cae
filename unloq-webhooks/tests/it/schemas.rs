//! What each event has to look like (sections 3.2 and 3.3).

use unloq_webhooks::{
    Activate, Deactivate, Hooks, Logout, Other, Secret, Unlink, UnloqId, Verified, VerifyError,
    VerifyErrorKind as Kind, Warning,
};

use crate::given::{ACTIVATE, DEACTIVATE, FORM, JSON, LOGOUT, Request, builder, hooks, refused};

const KEY: &str = "live_0123456789abcdef";

fn keyed() -> Hooks {
    let key = Secret::new(KEY).unwrap();
    builder()
        .on::<Unlink>("/hooks/unloq/unlink")
        .api_key(key)
        .build()
        .unwrap()
}

fn logout(hooks: &Hooks, body: &str) -> Result<Verified<Logout>, VerifyError> {
    Request::signed(LOGOUT, JSON, body).verify(hooks)
}

fn activate(hooks: &Hooks, body: &str) -> Result<Verified<Activate>, VerifyError> {
    Request::signed(ACTIVATE, JSON, body).verify(hooks)
}

#[test]
fn logout_in_both_shapes() {
    let hooks = keyed();
    for body in [
        r#"{"unloq_id":"1234","sid":"s"}"#.to_owned(),
        r#"{"unloq_id":1234,"sid":"s"}"#.to_owned(),
        r#"{"id":"1234","sid":"s"}"#.to_owned(),
        r#"{"id":"1234","unloq_id":"1234","sid":"s"}"#.to_owned(),
        format!(r#"{{"id":"1234","key":"{KEY}","sid":"s"}}"#),
        format!(r#"{{"unloq_id":"1234","key":"{KEY}","sid":"s"}}"#),
    ] {
        let event = logout(&hooks, &body).unwrap();
        assert_eq!(
            (event.unloq_id().as_str(), event.sid()),
            ("1234", "s"),
            "{body}"
        );
    }
    let form = Request::signed(LOGOUT, FORM, &format!("id=4321&key={KEY}&sid=p8q7r6s5t4"));
    assert_eq!(form.verify::<Logout>(&hooks).unwrap().sid(), "p8q7r6s5t4");

    for (body, field) in [
        (r#"{"sid":"s"}"#.to_owned(), "unloq_id"),
        (r#"{"unloq_id":"1"}"#.to_owned(), "sid"),
        (r#"{"unloq_id":"1","id":"2","sid":"s"}"#.to_owned(), "id"),
        (
            r#"{"unloq_id":"1","sid":"s","key":"wrong"}"#.to_owned(),
            "key",
        ),
        (
            format!(r#"{{"unloq_id":"1","sid":"s","key":"{KEY} "}}"#),
            "key",
        ),
        (r#"{"unloq_id":"1","sid":"s","key":""}"#.to_owned(), "key"),
        (r#"{"unloq_id":"1","sid":"s","key":null}"#.to_owned(), "key"),
        (
            r#"{"unloq_id":"1","sid":"s","ip":""}"#.to_owned(),
            "(unknown)",
        ),
        (
            r#"{"unloq_id":"1","sid":"s","":""}"#.to_owned(),
            "(unknown)",
        ),
        (
            r#"{"unloq_id":"1","Sid":"s","sid":"s"}"#.to_owned(),
            "(unknown)",
        ),
    ] {
        assert_eq!(
            refused(logout(&hooks, &body)),
            Kind::Schema(field),
            "{body}"
        );
    }
    // A key that nobody configured cannot be the right one.
    let body = format!(r#"{{"id":"1","key":"{KEY}","sid":"s"}}"#);
    assert_eq!(
        refused(logout(&crate::given::hooks(), &body)),
        Kind::Schema("key")
    );
}

#[test]
fn ids_are_anchored_numbers() {
    let hooks = hooks();
    for (id, expected) in [
        ("\"1\"", "1"),
        ("\"99999999999999999999\"", "99999999999999999999"),
        ("1", "1"),
        ("1.0", "1"),
        ("1e3", "1000"),
        ("9007199254740991", "9007199254740991"),
    ] {
        let event = logout(&hooks, &format!(r#"{{"unloq_id":{id},"sid":"s"}}"#)).unwrap();
        assert_eq!(event.unloq_id().as_str(), expected);
        let numeric = !id.starts_with('"');
        assert_eq!(event.warnings().eq([Warning::NumericId]), numeric);
        assert_eq!(event.warnings().count(), usize::from(numeric));
    }
    for id in [
        "\"\"",
        "\"0\"",
        "\"01\"",
        "\"-1\"",
        "\"+1\"",
        "\" 1\"",
        "\"1 \"",
        "\"1\\n\"",
        "\"1.0\"",
        "\"1e3\"",
        "\"0x1\"",
        "\"1a\"",
        "\"١\"",
        "\"１\"",
        "\"100000000000000000000\"",
        "\"1\\u0000\"",
        "0",
        "-1",
        "1.5",
        "9007199254740992",
        "1e21",
        "null",
        "true",
        "[1]",
        "[\"1\"]",
        "{}",
        "{\"$gt\":0}",
    ] {
        let result = logout(&hooks, &format!(r#"{{"unloq_id":{id},"sid":"s"}}"#));
        assert_eq!(refused(result), Kind::Schema("unloq_id"), "{id}");
    }
}

#[test]
fn ids_order_as_numbers() {
    let id = |text| UnloqId::parse(text).unwrap();
    assert!(id("9") < id("10") && id("10") < id("11") && id("2") < id("10"));
    assert_eq!(id("42").to_string(), "42");
    assert_eq!(format!("{:?}", id("42")), "UnloqId(\"42\")");
    assert_eq!(UnloqId::parse("042"), None);
}

#[test]
fn sid_rules() {
    let hooks = hooks();
    let sid = |sid: &str| {
        let sid = serde_json::Value::from(sid);
        logout(&hooks, &format!(r#"{{"unloq_id":"1","sid":{sid}}}"#))
            .map(|event| event.sid().to_owned())
    };
    for right in [
        "s",
        &"x".repeat(128),
        &"é".repeat(128),
        &"😀".repeat(128),
        " a b ",
        "0",
        "unloq-id",
        "unloq_i",
    ] {
        assert_eq!(sid(right).as_deref(), Ok(right));
    }
    for wrong in [
        "",
        &"x".repeat(129),
        &"é".repeat(129),
        &"x".repeat(5_000),
        "a\nb",
        "a\0",
        "\u{7f}",
        "\u{85}",
        "unloq_id",
        "xunloq_id1",
        "a unloq_id",
    ] {
        assert_eq!(refused(sid(wrong)), Kind::Schema("sid"), "{wrong:?}");
    }
    for wrong in ["1", "null", "[\"s\"]", "{}", "true"] {
        let result = logout(&hooks, &format!(r#"{{"unloq_id":"1","sid":{wrong}}}"#));
        assert_eq!(refused(result), Kind::Schema("sid"), "{wrong}");
    }
    let narrow = builder()
        .sid_rule(|sid| sid.len() == 4 && sid.bytes().all(|byte| byte.is_ascii_hexdigit()))
        .build()
        .unwrap();
    assert!(logout(&narrow, r#"{"unloq_id":"1","sid":"0f1e"}"#).is_ok());
    let result = logout(&narrow, r#"{"unloq_id":"1","sid":"0f1g"}"#);
    assert_eq!(refused(result), Kind::Schema("sid"));
}

#[test]
fn account_events() {
    let hooks = hooks();
    let read = |body: &str| activate(&hooks, body);
    let event = read(r#"{"unloq_id":"1","email":"a@b","ip":"2001:db8::1"}"#).unwrap();
    assert_eq!(event.email(), Some("a@b"));
    assert_eq!(event.ip().unwrap().to_string(), "2001:db8::1");
    let event = read(r#"{"unloq_id":"1","email":"zoë@exämple.com","ip":""}"#).unwrap();
    assert_eq!((event.email(), event.ip()), (Some("zoë@exämple.com"), None));
    let event = read(r#"{"unloq_id":"1","email":"a@b"}"#).unwrap();
    assert_eq!((event.email(), event.ip()), (Some("a@b"), None));
    let long = format!("{}@x", "é".repeat(252));
    assert!(read(&format!(r#"{{"unloq_id":"1","email":"{long}","ip":""}}"#)).is_ok());

    for email in [
        "",
        "@",
        "a@",
        "@b",
        "ab",
        "a@b@c",
        "a b@c",
        "a@b\\n",
        "a@\\u0000",
        "a@\\u00a0b",
        "a@b\\u2003",
        &format!("{}@x", "é".repeat(253)),
        &format!("{}@x", "x".repeat(5_000)),
    ] {
        let result = read(&format!(r#"{{"unloq_id":"1","email":"{email}","ip":""}}"#));
        assert_eq!(refused(result), Kind::Schema("email"), "{email:?}");
    }
    for ip in [
        " ",
        "1.2.3",
        "1.2.3.4.5",
        "1.2.3.256",
        "01.2.3.4",
        "1.2.3.4 ",
        "::1%eth0",
        "[::1]",
        "1.2.3.4:80",
        "localhost",
        ":::",
        "1.2.3.4/8",
        "0x7f.1",
        "12345::",
    ] {
        let result = read(&format!(r#"{{"unloq_id":"1","email":"a@b","ip":"{ip}"}}"#));
        assert_eq!(refused(result), Kind::Schema("ip"), "{ip:?}");
    }
    for (body, field) in [
        (r#"{"unloq_id":"1","email":5,"ip":""}"#, "email"),
        (r#"{"unloq_id":"1","email":null,"ip":""}"#, "email"),
        (r#"{"unloq_id":"1","email":"a@b","ip":null}"#, "ip"),
        (r#"{"unloq_id":"1","email":"a@b","ip":[]}"#, "ip"),
        (r#"{"unloq_id":"1","ip":""}"#, "email"),
        (r#"{"email":"a@b","ip":""}"#, "unloq_id"),
        (r#"{"id":"1","email":"a@b","ip":""}"#, "(unknown)"),
        (
            r#"{"unloq_id":"1","email":"a@b","ip":"","sid":"s"}"#,
            "(unknown)",
        ),
    ] {
        assert_eq!(refused(read(body)), Kind::Schema(field), "{body}");
    }
    let deactivate = Request::signed(
        DEACTIVATE,
        JSON,
        r#"{"unloq_id":"1","email":"a@b","ip":""}"#,
    );
    assert_eq!(
        deactivate
            .verify::<Deactivate>(&hooks)
            .unwrap()
            .unloq_id()
            .as_str(),
        "1"
    );
}

#[test]
fn lenient_schemas_ignore_names_and_nothing_else() {
    let hooks = builder().insecure_lenient_schema().build().unwrap();
    let event = logout(&hooks, r#"{"unloq_id":"1","sid":"s","new":"thing"}"#).unwrap();
    assert!(event.warnings().eq([Warning::UnknownParameters]));
    assert!(
        logout(&hooks, r#"{"unloq_id":"1","sid":"s"}"#)
            .unwrap()
            .warnings()
            .next()
            .is_none()
    );
    for body in [
        r#"{"unloq_id":"x","sid":"s","new":1}"#,
        r#"{"unloq_id":"1","new":1}"#,
    ] {
        assert!(
            matches!(refused(logout(&hooks, body)), Kind::Schema(_)),
            "{body}"
        );
    }
}

#[test]
fn other_events_are_parameters() {
    let path = "/hooks/unloq/other";
    let hooks = builder()
        .insecure_lenient_schema()
        .on::<Other>(path)
        .skip_keys(["unsigned"])
        .build()
        .unwrap();
    let body = r#"{"b":[1,null],"a":1.50,"unsigned":"x"}"#;
    let signed = Request::signed(path, JSON, r#"{"b":[1,null],"a":1.50}"#);
    let request = Request {
        body: body.into(),
        ..signed
    }
    .without("Content-Length");
    let event = request.verify::<Other>(&hooks).unwrap();
    let all: Vec<_> = event.iter().collect();
    assert_eq!(all, [("a", "1.5"), ("b", "1,")]);
    assert_eq!(event.get("a"), Some("1.5"));
    assert_eq!(event.get("unsigned"), None);
}

/// A skipped name is unsigned, so the event does not see it either.
#[test]
fn skipped_names_are_gone() {
    let hooks = builder().skip_keys(["uauth", "sid"]).build().unwrap();
    let signed = Request::signed(LOGOUT, FORM, "unloq_id=1");
    let request = Request {
        body: b"unloq_id=1&sid=s&uauth=logout".into(),
        ..signed
    };
    let request = request.without("Content-Length");
    assert_eq!(request.authenticate::<Logout>(&hooks), Ok(0));
    assert_eq!(
        refused(request.verify::<Logout>(&hooks)),
        Kind::Schema("sid")
    );
    // Twice is malformed even where it is skipped.
    let twice = Request {
        body: b"unloq_id=1&uauth=a&uauth=b".into(),
        ..Request::signed(LOGOUT, FORM, "")
    };
    let twice = twice.without("Content-Length");
    assert_eq!(refused(twice.verify::<Logout>(&hooks)), Kind::DuplicateKey);
}
