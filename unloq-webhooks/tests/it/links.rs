//! The link hook (section 3.4), unlink, and the proof at sign-in (section 3.5).

use unloq_webhooks::{
    Head, HookPath, Hooks, HooksBuilder, Link, LinkText, LinkVerdict, Secret, Unlink,
    VerifyErrorKind as Kind, sign, verify_link,
};

use crate::given::{FORM, JSON, NOW, Request, refused, secret};

const KEY: &str = "AbCdEf0123456789";
const DEVICE: &str = "Q7m2xV9bT4kR8sLc1Wd6Zp3Yh5Nf0JgA";
const PATH: &str = "/?unloq_uauth=link";

fn builder() -> HooksBuilder {
    Hooks::builder(secret()).api_key(Secret::new(KEY).unwrap())
}

fn hooks() -> Hooks {
    builder().on::<Link>(PATH).build().unwrap()
}

/// A link request: `query` is what UNLOQ signed, `target` what the device calls.
fn request(query: &str, target: &str) -> Request {
    let signature = sign(&secret(), PATH, FORM, query.as_bytes()).unwrap();
    Request::with(
        target,
        FORM,
        format!("secret={DEVICE}").as_bytes(),
        &signature,
    )
}

#[test]
fn link_is_signed_over_its_query() {
    let hooks = hooks();
    let query = format!("id=42&key={KEY}");
    for target in [
        format!("/?unloq_uauth=link&key={KEY}&id=42"),
        format!("/?id=42&unloq_uauth=link&key={KEY}"),
        format!("/?id=42&key={KEY}"),
        format!("/?i%64=4%32&key={KEY}&&"),
    ] {
        let event = request(&query, &target).verify::<Link>(&hooks).unwrap();
        assert_eq!(
            (event.unloq_id().as_str(), event.secret()),
            ("42", DEVICE),
            "{target}"
        );
    }
    for (target, kind) in [
        (
            format!("/?unloq_uauth=link&key={KEY}&id=43"),
            Kind::Mismatch,
        ),
        (
            format!("/?unloq_uauth=link&key={KEY}&id=42&x=1"),
            Kind::Mismatch,
        ),
        ("/?unloq_uauth=link&id=42".to_owned(), Kind::Mismatch),
        ("/".to_owned(), Kind::Mismatch),
        // A parameter of the configured path says what it says there, or nothing.
        (
            format!("/?unloq_uauth=unlink&key={KEY}&id=42"),
            Kind::MalformedBody,
        ),
        (format!("/?key={KEY}&id=42&id=42"), Kind::DuplicateKey),
        (format!("/?key={KEY}&id=%zz"), Kind::MalformedBody),
        (format!("/?key={KEY}&id[]=42"), Kind::MalformedBody),
    ] {
        assert_eq!(
            refused(request(&query, &target).verify::<Link>(&hooks)),
            kind,
            "{target}"
        );
    }
}

#[test]
fn link_schema() {
    let hooks = hooks();
    let verify = |query: &str| {
        let target = format!("{PATH}&{query}");
        request(query, &target).verify::<Link>(&hooks).map(|_| ())
    };
    assert_eq!(verify(&format!("id=42&key={KEY}")), Ok(()));
    for (query, field) in [
        (format!("key={KEY}"), "id"),
        ("id=42".to_owned(), "key"),
        ("id=42&key=wrong".to_owned(), "key"),
        (format!("id=0&key={KEY}"), "id"),
        (format!("id=42&key={KEY}&x="), "(unknown)"),
    ] {
        assert_eq!(refused(verify(&query)), Kind::Schema(field), "{query}");
    }
    // The body, which nobody signed, holds the secret and nothing else.
    let query = format!("id=42&key={KEY}");
    let with_body = |content_type: &str, body: &str| {
        let mut request = request(&query, &format!("{PATH}&{query}"))
            .without("Content-Length")
            .without("Content-Type")
            .header("Content-Type", content_type);
        request.body = body.into();
        request
            .verify::<Link>(&hooks)
            .map(|event| event.secret().to_owned())
    };
    assert_eq!(
        with_body(JSON, &format!(r#"{{"secret":"{DEVICE}"}}"#)).as_deref(),
        Ok(DEVICE)
    );
    for body in [
        "",
        "secret=",
        "other=1",
        &format!("secret={}", &DEVICE[1..]),
        &format!("secret={DEVICE}x"),
        &format!("secret={}%0a", &DEVICE[1..]),
        &format!("secret={}%c3%a9", &DEVICE[2..]),
    ] {
        assert!(
            matches!(refused(with_body(FORM, body)), Kind::Schema(_)),
            "{body}"
        );
    }
    let more = format!("secret={DEVICE}&id=43");
    assert_eq!(refused(with_body(FORM, &more)), Kind::Schema("(unknown)"));
    let number = "{\"secret\":11111111111111111111111111111111}";
    assert_eq!(refused(with_body(JSON, number)), Kind::Schema("secret"));
    // The signed names may not move into the body.
    let bare = Request {
        body: format!("secret={DEVICE}&{query}").into(),
        ..request(&query, PATH).without("Content-Length")
    };
    assert_eq!(refused(bare.verify::<Link>(&hooks)), Kind::Mismatch);
}

#[test]
fn link_by_full_target() {
    let hooks = builder()
        .on::<Link>("/link")
        .link_text(LinkText::FullTarget)
        .build()
        .unwrap();
    let query = format!("key={KEY}&id=42");
    let signature = sign(&secret(), &format!("/link?{query}"), FORM, b"").unwrap();
    let body = format!("secret={DEVICE}");
    let verify = |target: &str| {
        Request::with(target, FORM, body.as_bytes(), &signature)
            .verify::<Link>(&hooks)
            .map(|event| *event.unloq_id())
    };
    assert_eq!(verify(&format!("/link?{query}")).unwrap().as_str(), "42");
    for target in [
        format!("/link?id=42&key={KEY}"),
        format!("/link?{query}&"),
        "/link".to_owned(),
    ] {
        assert_eq!(refused(verify(&target)), Kind::Mismatch, "{target}");
    }
}

/// While the hook moves, the query of one path is no query of the other.
#[test]
fn link_by_either_of_two_paths() {
    let paths = [PATH, "/?unloq_uauth=pair"];
    let path = HookPath::configured(paths[0]).also(paths[1]);
    let hooks = builder().on::<Link>(path).build().unwrap();
    let query = format!("id=42&key={KEY}");
    let body = format!("secret={DEVICE}");
    let verify = |signed: &str, target: &str| {
        let signature = sign(&secret(), signed, FORM, query.as_bytes()).unwrap();
        Request::with(target, FORM, body.as_bytes(), &signature)
            .verify::<Link>(&hooks)
            .map(|event| event.path_index())
    };
    for (at, path) in paths.into_iter().enumerate() {
        let target = format!("{path}&{query}");
        assert_eq!(verify(path, &target), Ok(at), "{target}");
        assert_eq!(verify(path, &format!("/?{query}")), Ok(at), "{target}");
        let other = paths[1 - at];
        assert_eq!(refused(verify(other, &target)), Kind::Mismatch, "{target}");
        // What contradicts both is malformed still.
        let neither = format!("/?unloq_uauth=unlink&{query}");
        assert_eq!(refused(verify(path, &neither)), Kind::MalformedBody);
    }
}

/// A skipped name is unsigned in a query as in a body, so the event does not see it either.
#[test]
fn link_leaves_skipped_names_out() {
    let query = format!("id=42&key={KEY}");
    let target = format!("{PATH}&{query}&uauth=x");
    assert_eq!(
        refused(request(&query, &target).verify::<Link>(&hooks())),
        Kind::Mismatch
    );
    let skipping = builder().skip_keys(["uauth"]).on::<Link>(PATH);
    let skipping = skipping.build().unwrap();
    let event = request(&query, &target).verify::<Link>(&skipping).unwrap();
    assert_eq!(event.unloq_id().as_str(), "42");
    let other = format!("{target}&other=x");
    assert_eq!(
        refused(request(&query, &other).verify::<Link>(&skipping)),
        Kind::Mismatch
    );
    let without_id = format!("key={KEY}");
    let hooks = builder().skip_keys(["id"]).on::<Link>(PATH).build();
    assert_eq!(
        refused(request(&without_id, &format!("{PATH}&{query}")).verify::<Link>(&hooks.unwrap())),
        Kind::Schema("id")
    );
}

#[test]
fn link_digests_leave_the_secret_out() {
    let hooks = hooks();
    let query = format!("id=42&key={KEY}");
    let target = format!("{PATH}&{query}");
    let first = request(&query, &target).verify::<Link>(&hooks).unwrap();
    let other = Request {
        body: format!("secret={}", "x".repeat(32)).into(),
        ..request(&query, &target)
    };
    let other = other.verify::<Link>(&hooks).unwrap();
    assert_eq!(first.digest(), other.digest());
    assert_ne!(first.secret(), other.secret());
}

#[test]
fn preflight_is_answered_on_link_alone() {
    let hooks = builder()
        .on::<Link>("/l")
        .on::<Unlink>("/u")
        .build()
        .unwrap();
    let headers = hooks.preflight::<Link>("OPTIONS").unwrap();
    let find = |name: &str| {
        headers
            .iter()
            .find(|(other, _)| *other == name)
            .map(|(_, value)| *value)
    };
    assert_eq!(find("access-control-allow-origin"), Some("*"));
    assert_eq!(find("access-control-allow-methods"), Some("POST, OPTIONS"));
    assert_eq!(
        find("access-control-allow-headers"),
        Some("X-Unloq-Signature, X-Requested-With, Content-Type")
    );
    assert_eq!(find("access-control-allow-credentials"), None);
    assert_eq!(hooks.preflight::<Unlink>("OPTIONS"), None);
    let head = Head::new("OPTIONS", "/u");
    assert_eq!(
        refused(hooks.verify::<Unlink>(&head, b"", NOW)),
        Kind::MethodNotAllowed
    );
}

#[test]
fn unlink_shapes() {
    let hooks = builder().on::<Unlink>("/unlink").build().unwrap();
    let verify = |body: &str| Request::signed("/unlink", FORM, body).verify::<Unlink>(&hooks);
    let event = verify(&format!("id=42&key={KEY}&secret={DEVICE}")).unwrap();
    assert_eq!(
        (event.unloq_id().as_str(), event.secret()),
        ("42", Some(DEVICE))
    );
    assert_eq!(verify("id=42").unwrap().secret(), None);
    for (body, field) in [
        ("id=42&secret=short", "secret"),
        ("id=42&key=x", "key"),
        ("secret=Q7m2xV9bT4kR8sLc1Wd6Zp3Yh5Nf0JgA", "id"),
        ("unloq_id=42", "(unknown)"),
    ] {
        assert_eq!(refused(verify(body)), Kind::Schema(field), "{body}");
    }
}

#[test]
fn link_proof_outcomes() {
    let (key, signature) = (
        "b3f1c7de90a24c55",
        "l+2aRCLyzOIF3pbJvBmALoRTFhlmr/EYoecumBdcXjg=",
    );
    assert_eq!(
        verify_link(Some(DEVICE), Some(key), Some(signature)),
        LinkVerdict::Ok
    );
    for none in [None, Some("")] {
        assert_eq!(
            verify_link(none, Some(key), Some(signature)),
            LinkVerdict::NoLink
        );
        assert_eq!(verify_link(none, None, None), LinkVerdict::NoLink);
        assert_eq!(
            verify_link(Some(DEVICE), none, Some(signature)),
            LinkVerdict::NoLinkData
        );
        assert_eq!(
            verify_link(Some(DEVICE), Some(key), none),
            LinkVerdict::NoLinkData
        );
    }
    for wrong in [
        &signature[..43],
        &format!("{signature}="),
        &signature.replace('+', "-"),
        "x",
        " ",
    ] {
        assert_eq!(
            verify_link(Some(DEVICE), Some(key), Some(wrong)),
            LinkVerdict::InvalidLink
        );
    }
    assert_eq!(
        verify_link(Some(&DEVICE[1..]), Some(key), Some(signature)),
        LinkVerdict::InvalidLink
    );
    assert_eq!(
        verify_link(Some(DEVICE), Some(&key[1..]), Some(signature)),
        LinkVerdict::InvalidLink
    );
}
