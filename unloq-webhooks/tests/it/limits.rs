//! Sizes, counts, methods and media types: section 8, item 7, and the order of section 1.6.

use unloq_webhooks::{
    Head, Hooks, Link, Logout, VerifyError, VerifyErrorKind as Kind, string_to_sign,
};

use crate::given::{FORM, JSON, LOGOUT, NOW, Request, builder, hooks, refused, secret};

const BODY: &str = r#"{"sid":"s1","unloq_id":"9"}"#;

#[expect(clippy::needless_pass_by_value, reason = "the call is the argument")]
fn status(result: Result<impl Sized, VerifyError>) -> u16 {
    match result {
        Ok(_) => 200,
        Err(error) => error.status(),
    }
}

#[test]
fn body_limit_to_the_byte() {
    for limit in [1024, 16 * 1024, 1024 * 1024] {
        let hooks = builder().body_limit(limit).build().unwrap();
        for (size, expected) in [(limit - 1, 200), (limit, 200), (limit + 1, 413)] {
            let body = format!("{}{BODY}", " ".repeat(size - BODY.len()));
            let request = Request::signed(LOGOUT, JSON, &body);
            assert_eq!(status(request.verify::<Logout>(&hooks)), expected, "{size}");
            // Declared, it is refused with the head, before a byte of it is there.
            assert_eq!(
                status(hooks.admit::<Logout>(&request.head())),
                expected,
                "{size}"
            );
            // Not declared, it is refused when it has come.
            let silent = Request::signed(LOGOUT, JSON, &body).without("Content-Length");
            assert!(hooks.admit::<Logout>(&silent.head()).is_ok());
            assert_eq!(status(silent.verify::<Logout>(&hooks)), expected, "{size}");
        }
    }
    assert_eq!(hooks().body_limit(), 16 * 1024);
}

#[test]
fn declared_lengths() {
    let hooks = hooks();
    let declared = |value: &str| {
        let request = Request::signed(LOGOUT, JSON, BODY).without("Content-Length");
        let request = request.header("Content-Length", value);
        status(hooks.admit::<Logout>(&request.head()))
    };
    for value in [
        "16385",
        "99999999999999999999999999",
        "18446744073709551616",
        "0016385",
    ] {
        assert_eq!(declared(value), 413, "{value}");
    }
    // What is no number is the framework's to refuse; here it declares nothing.
    for value in ["0", "27", "16384", "", "-1", "1e9", "0x7fffffff", "27, 27"] {
        assert_eq!(declared(value), 200, "{value}");
    }
}

#[test]
fn parameters_to_the_last() {
    let body = |count: usize| {
        let members: Vec<String> = (0..count).map(|at| format!("\"n{at}\":\"\"")).collect();
        format!("{{{}}}", members.join(","))
    };
    let form = |count: usize| {
        let pieces: Vec<String> = (0..count).map(|at| format!("n{at}=")).collect();
        pieces.join("&")
    };
    for count in [0, 1, 3, 4, 5, 8, 9, 63, 64] {
        assert!(
            string_to_sign("/", JSON, body(count).as_bytes()).is_ok(),
            "{count}"
        );
        assert!(
            string_to_sign("/", FORM, form(count).as_bytes()).is_ok(),
            "{count}"
        );
        let text = string_to_sign("/", JSON, body(count).as_bytes()).unwrap();
        assert_eq!(
            text,
            string_to_sign("/", FORM, form(count).as_bytes()).unwrap()
        );
    }
    for count in [65, 66, 1000] {
        let request = string_to_sign("/", JSON, body(count).as_bytes());
        assert_eq!(refused(request), Kind::MalformedBody, "{count}");
        let request = string_to_sign("/", FORM, form(count).as_bytes());
        assert_eq!(refused(request), Kind::MalformedBody, "{count}");
    }
}

#[test]
fn depth_to_the_last() {
    for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
        // The outermost object is the first level.
        let nested = |depth: usize| {
            let inner = format!("{}1{}", open.repeat(depth - 1), close.repeat(depth - 1));
            format!("{{\"a\":{inner}}}")
        };
        for depth in [1, 2, 15, 16] {
            assert!(
                string_to_sign("/", JSON, nested(depth).as_bytes()).is_ok(),
                "{depth}"
            );
        }
        for depth in [17, 18, 5_000] {
            let result = string_to_sign("/", JSON, nested(depth).as_bytes());
            assert_eq!(refused(result), Kind::MalformedBody, "{depth}");
        }
        // Never closed.
        let open = format!("{{\"a\":{}", open.repeat(100_000));
        assert_eq!(
            refused(string_to_sign("/", JSON, open.as_bytes())),
            Kind::MalformedBody
        );
    }
}

#[test]
fn media_types() {
    let hooks = hooks();
    let with = |content_type: &str| {
        let request = Request::signed(LOGOUT, JSON, BODY).without("Content-Type");
        let request = request.header("Content-Type", content_type);
        status(request.verify::<Logout>(&hooks))
    };
    for content_type in [
        JSON,
        "Application/JSON",
        "application/json; charset=utf-8",
        "application/json;charset=latin1",
        " application/json ",
        "application/json ;x",
        "application/json;",
    ] {
        assert_eq!(with(content_type), 200, "{content_type}");
    }
    for content_type in [
        "text/plain",
        "text/json",
        "application/json+x",
        "application/problem+json",
        "multipart/form-data",
        "application/jsonp",
        "application",
        "json",
        "",
        ";",
        "application/json, text/plain",
        "*/*",
        "application/x-www-form-urlencoded2",
        "application /json",
        "application/json\u{a0}",
    ] {
        assert_eq!(with(content_type), 415, "{content_type}");
    }
    let request = || Request::signed(LOGOUT, JSON, BODY);
    assert_eq!(
        status(request().without("Content-Type").verify::<Logout>(&hooks)),
        415
    );
    assert_eq!(
        status(
            request()
                .header("Content-Type", JSON)
                .verify::<Logout>(&hooks)
        ),
        415
    );
    for encoding in ["identity", "Identity", " identity "] {
        let request = request().header("Content-Encoding", encoding);
        assert_eq!(status(request.verify::<Logout>(&hooks)), 200, "{encoding}");
    }
    for encoding in ["gzip", "br", "deflate", "identity, gzip", "", "x"] {
        let request = request().header("Content-Encoding", encoding);
        assert_eq!(
            status(request.verify::<Logout>(&hooks)),
            415,
            "{encoding:?}"
        );
    }
    // Nothing is of no type: it fails for what it says.
    for content_type in ["text/plain", JSON] {
        let empty = Request::with(LOGOUT, content_type, b"", &signature(LOGOUT));
        assert_eq!(
            refused(empty.verify::<Logout>(&hooks)),
            Kind::Schema("unloq_id")
        );
        let empty = empty.header("Content-Encoding", "gzip");
        assert_eq!(
            refused(empty.verify::<Logout>(&hooks)),
            Kind::Schema("unloq_id")
        );
    }
}

fn signature(path: &str) -> String {
    unloq_webhooks::sign(&secret(), path, JSON, b"").unwrap()
}

#[test]
fn methods() {
    let hooks = builder().on::<Link>("/hooks/unloq/link").build().unwrap();
    for method in [
        "GET", "HEAD", "PUT", "DELETE", "PATCH", "OPTIONS", "post", "POST ", "", "CONNECT",
    ] {
        let request = Request::signed(LOGOUT, JSON, BODY).method(method);
        let error = request.verify::<Logout>(&hooks).unwrap_err();
        assert_eq!(
            (error.status(), error.allow()),
            (405, Some("POST")),
            "{method}"
        );
        assert_eq!(hooks.preflight::<Logout>(method), None);
        let error = request.verify::<Link>(&hooks).unwrap_err();
        assert_eq!(
            (error.status(), error.allow()),
            (405, Some("POST, OPTIONS")),
            "{method}"
        );
        assert_eq!(
            hooks.preflight::<Link>(method).is_some(),
            method == "OPTIONS"
        );
    }
    assert_eq!(
        Hooks::preflight::<Link>(&builder().build().unwrap(), "OPTIONS"),
        None
    );
}

#[test]
fn requested_with() {
    let hooks = builder()
        .on::<Link>("/hooks/unloq/link")
        .api_key(secret())
        .require_requested_with(true)
        .build()
        .unwrap();
    let request = || Request::signed(LOGOUT, JSON, BODY);
    assert_eq!(
        refused(request().verify::<Logout>(&hooks)),
        Kind::MissingRequestedWith
    );
    for (value, expected) in [("unloq-api", 200), ("x", 200), ("", 401), ("  ", 401)] {
        let request = request().header("X-Requested-With", value);
        assert_eq!(
            status(request.verify::<Logout>(&hooks)),
            expected,
            "{value:?}"
        );
    }
    let link = Request::signed("/hooks/unloq/link", FORM, "");
    assert_eq!(
        refused(hooks.admit::<Link>(&link.head())),
        Kind::MissingRequestedWith
    );
    for (value, right) in [("unloq-app", true), ("unloq-api", false), ("", false)] {
        let link = Request::signed("/hooks/unloq/link", FORM, "").header("X-Requested-With", value);
        assert_eq!(hooks.admit::<Link>(&link.head()).is_ok(), right, "{value}");
    }
}

#[test]
fn expected_hosts() {
    let hooks = builder()
        .expected_hosts(["app.example.com", "app.example.com:8443"])
        .build()
        .unwrap();
    let with = |host: &str| Request::signed(LOGOUT, JSON, BODY).header("Host", host);
    for host in ["app.example.com", "APP.example.com", "app.example.com:8443"] {
        assert!(with(host).verify::<Logout>(&hooks).is_ok(), "{host}");
    }
    for host in [
        "",
        "example.com",
        "app.example.com:80",
        "app.example.com.",
        "x.app.example.com",
    ] {
        let error = with(host).verify::<Logout>(&hooks).unwrap_err();
        assert_eq!(
            (error.kind(), error.status()),
            (Kind::UnexpectedHost, 421),
            "{host}"
        );
    }
    let none = Request::signed(LOGOUT, JSON, BODY);
    assert_eq!(refused(none.verify::<Logout>(&hooks)), Kind::UnexpectedHost);
    let twice = with("app.example.com").header("Host", "app.example.com");
    assert_eq!(
        refused(twice.verify::<Logout>(&hooks)),
        Kind::UnexpectedHost
    );
    // HTTP/2 has an authority instead.
    let head = none.head().with_authority(Some("app.example.com"));
    assert!(hooks.verify::<Logout>(&head, BODY.as_bytes(), NOW).is_ok());
    let request = with("app.example.com");
    let head = request.head().with_authority(Some("evil.example"));
    assert_eq!(
        refused(hooks.verify::<Logout>(&head, BODY.as_bytes(), NOW)),
        Kind::UnexpectedHost
    );
}

/// Everything wrong at once, then one thing less each time: the kinds come in the order of section
/// 1.6.
#[test]
fn checks_come_in_their_order() {
    let hooks = builder()
        .require_requested_with(true)
        .expected_hosts(["right.example"])
        .body_limit(1024)
        .build()
        .unwrap();
    let long = vec![b'x'; 2000];
    let (bad, signed) = (b"{".as_slice(), signature(LOGOUT));
    type Step<'a> = (Kind, &'a str, &'a [u8], Vec<(&'a str, &'a str)>);
    let steps: Vec<Step<'_>> = vec![
        (
            Kind::MethodNotAllowed,
            "GET",
            &long,
            vec![("content-length", "2000")],
        ),
        (
            Kind::BodyTooLarge,
            "POST",
            &long,
            vec![("content-length", "2000")],
        ),
        (
            Kind::MissingSignature,
            "POST",
            bad,
            vec![("content-length", "1")],
        ),
        (
            Kind::MalformedSignature,
            "POST",
            bad,
            vec![("content-length", "1"), ("x-unloq-signature", "x")],
        ),
        (
            Kind::MissingRequestedWith,
            "POST",
            bad,
            vec![("content-length", "1"), ("x-unloq-signature", &signed)],
        ),
        (
            Kind::UnexpectedHost,
            "POST",
            bad,
            vec![
                ("content-length", "1"),
                ("x-unloq-signature", &signed),
                ("x-requested-with", "x"),
            ],
        ),
        (
            Kind::UnsupportedMediaType,
            "POST",
            bad,
            vec![
                ("content-length", "1"),
                ("x-unloq-signature", &signed),
                ("x-requested-with", "x"),
                ("host", "right.example"),
            ],
        ),
        (
            Kind::MalformedBody,
            "POST",
            bad,
            vec![
                ("content-length", "1"),
                ("x-unloq-signature", &signed),
                ("x-requested-with", "x"),
                ("host", "right.example"),
                ("content-type", JSON),
            ],
        ),
        (
            Kind::Mismatch,
            "POST",
            b"{\"a\":1}",
            vec![
                ("content-length", "7"),
                ("x-unloq-signature", &signed),
                ("x-requested-with", "x"),
                ("host", "right.example"),
                ("content-type", JSON),
            ],
        ),
        (
            Kind::Schema("sid"),
            "POST",
            b"{}",
            vec![
                ("content-length", "2"),
                ("x-unloq-signature", &signed),
                ("x-requested-with", "x"),
                ("host", "right.example"),
                ("content-type", JSON),
            ],
        ),
    ];
    for (kind, method, body, headers) in steps {
        let headers = headers
            .iter()
            .map(|(name, value)| (*name, value.as_bytes()));
        let head = Head::new(method, LOGOUT).with_headers(headers);
        let found = refused(hooks.verify::<Logout>(&head, body, NOW));
        // A schema names the first field that it misses.
        match (kind, found) {
            (Kind::Schema(_), Kind::Schema(_)) => {}
            _ => assert_eq!(found, kind),
        }
    }
}
