//! Forged signatures, moved borders, other routes.

use proptest::prelude::*;
use unloq_webhooks::{
    Activate, Deactivate, Hooks, Logout, Secret, VerifyErrorKind as Kind, sign, string_to_sign,
};

use crate::given::{
    ACTIVATE, DEACTIVATE, FORM, JSON, LOGOUT, Request, SECRET, builder, hooks, refused, secret,
};

const BODY: &str = r#"{"unloq_id":"1234","sid":"sess-0f1e2d3c"}"#;
const SIGNATURE: &str = "jpX+3gaVrTKrPe4BPOWWE4GXYrgrwzJu+UHOTrIXsuA=";

fn hex(signature: &[u8]) -> String {
    signature.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Spellings of a signature header, of which only those around the first are one.
#[test]
fn signature_matrix() {
    let (hooks, s) = (hooks(), SIGNATURE);
    let raw = hex(&[0x8e; 32]);
    let wrong = [
        String::new(),
        " ".into(),
        "=".into(),
        s[..43].into(),  // unpadded
        format!("{s}="), // padded twice
        format!("{}==", &s[..43]),
        format!("{}==", &s[..42]),
        s[1..].into(),
        format!("A{s}"),
        s.replace('+', "-"), // URL-safe
        s.replace('+', "-").replace('/', "_"),
        s.replace('+', " "),
        s.replace('+', "%2B"),
        s.replace('=', "%3D"),
        s.to_lowercase(),
        s.to_uppercase(),
        s.chars().rev().collect(),
        format!("\"{s}\""),
        format!("'{s}'"),
        format!("sha256={s}"),
        format!("v1,{s}"),
        format!("HMAC {s}"),
        format!("Basic {s}"),
        format!("{s},{s}"),
        format!("{s}, {s}"),
        format!("{s} {s}"),
        format!("{s};q=1"),
        format!("{s}\n"),
        format!("\n{s}"),
        format!("{s}\r\n"),
        format!("\u{b}{s}"),
        format!("\u{a0}{s}"),
        format!("{s}\0"),
        format!("\0{s}"),
        format!("{} {}", &s[..20], &s[20..]), // a space inside
        format!("{}\n{}", &s[..20], &s[20..]),
        format!("{}={}", &s[..20], &s[21..]), // padding inside
        format!("{}B=", &s[..42]),            // bits that mean nothing, set
        raw.clone(),                          // hex
        raw.to_uppercase(),
        format!("{}=", "A".repeat(43)), // zeros
        format!("{}=", "/".repeat(43)),
        format!("{}8=", "/".repeat(42)), // ones
        "true".into(),
        "null".into(),
        "none".into(),
        "*".into(),
        s.repeat(1000),
        s.chars().map(|c| format!("{c}\u{200b}")).collect(),
        s.replace('A', "\u{410}"), // Cyrillic
    ];
    assert!(wrong.len() >= 40);
    for spelling in &wrong {
        assert_ne!(spelling, s, "a wrong spelling");
        let request = Request::with(LOGOUT, JSON, BODY.as_bytes(), spelling);
        let kind = refused(request.verify::<Logout>(&hooks));
        assert!(
            matches!(kind, Kind::MalformedSignature | Kind::Mismatch),
            "{spelling:?}: {kind:?}"
        );
        let status = request.verify::<Logout>(&hooks).unwrap_err().status();
        assert_eq!(status, 401, "{spelling:?}");
    }
    for right in [
        s.to_owned(),
        format!(" {s}"),
        format!("{s} "),
        format!("\t {s} \t"),
    ] {
        let request = Request::with(LOGOUT, JSON, BODY.as_bytes(), &right);
        assert!(request.verify::<Logout>(&hooks).is_ok(), "{right:?}");
    }
}

#[test]
fn signature_field_once_in_any_case() {
    let hooks = hooks();
    let request = || Request::with(LOGOUT, JSON, BODY.as_bytes(), SIGNATURE);
    let none = request().without("X-Unloq-Signature");
    assert_eq!(
        refused(none.verify::<Logout>(&hooks)),
        Kind::MissingSignature
    );
    for name in [
        "x-unloq-signature",
        "X-UNLOQ-SIGNATURE",
        "x-Unloq-signaturE",
    ] {
        let renamed = request()
            .without("X-Unloq-Signature")
            .header(name, SIGNATURE);
        assert!(renamed.verify::<Logout>(&hooks).is_ok(), "{name}");
        // Twice is once too often, even if both are right.
        for second in [SIGNATURE, "", "x"] {
            let twice = request().header(name, second);
            assert_eq!(
                refused(twice.verify::<Logout>(&hooks)),
                Kind::RepeatedSignature
            );
        }
    }
    for other in [
        "X-Unloq-Signatur",
        "X-Unloq-Signature2",
        "X_Unloq_Signature",
        "Signature",
    ] {
        let renamed = request()
            .without("X-Unloq-Signature")
            .header(other, SIGNATURE);
        assert_eq!(
            refused(renamed.verify::<Logout>(&hooks)),
            Kind::MissingSignature,
            "{other}"
        );
    }
}

#[test]
fn every_bit_of_the_signature_counts() {
    let hooks = hooks();
    for at in 0..43 {
        for replacement in "AZaz09+/".chars() {
            let mut changed: Vec<char> = SIGNATURE.chars().collect();
            if changed[at] == replacement {
                continue;
            }
            changed[at] = replacement;
            let changed: String = changed.into_iter().collect();
            let request = Request::with(LOGOUT, JSON, BODY.as_bytes(), &changed);
            assert!(request.verify::<Logout>(&hooks).is_err(), "{changed}");
        }
    }
}

/// Section 2.1: one signature, three requests. The signature is right for all of them, and only one
/// is an event.
#[test]
fn collision_pairs_refused() {
    const SHARED: &str = "TvX498PQMPEQAN+ZMB/qNPHk/SLe2dmK4IcDRenR+WA=";
    let requests = [
        (
            "/hooks/unloq/activate",
            r#"{"email":"a@b.c","ip":"1.2.3.4","unloq_id":"77"}"#,
        ),
        (
            "/hooks/unloq/activate",
            r#"{"email":"a@b.cip1.2.3.4unloq_id77"}"#,
        ),
        (
            "/hooks/unloq/",
            r#"{"activateemail":"a@b.c","ip":"1.2.3.4","unloq_id":"77"}"#,
        ),
    ];
    for (at, (path, body)) in requests.into_iter().enumerate() {
        let hooks = Hooks::builder(secret())
            .on::<Activate>(path)
            .build()
            .unwrap();
        let request = Request::with(path, JSON, body.as_bytes(), SHARED);
        assert_eq!(request.authenticate::<Activate>(&hooks), Ok(0), "{body}");
        match at {
            0 => assert!(request.verify::<Activate>(&hooks).is_ok()),
            _ => assert!(matches!(
                refused(request.verify::<Activate>(&hooks)),
                Kind::Schema(_)
            )),
        }
    }
}

/// The chosen e-mail address of section 2.1: what it splits into again is no event.
#[test]
fn collision_by_chosen_address_refused() {
    let hooks = hooks();
    let genuine = r#"{"email":"xip1.1.1.1unloq_id1@evil.example","ip":"","unloq_id":"4711"}"#;
    let request = Request::signed(ACTIVATE, JSON, genuine);
    let event = request.verify::<Activate>(&hooks).unwrap();
    assert_eq!(event.unloq_id().as_str(), "4711");
    let signature = sign(&secret(), ACTIVATE, JSON, genuine.as_bytes()).unwrap();
    for moved in [
        r#"{"email":"x","ip":"1.1.1.1","unloq_id":"1@evil.exampleipunloq_id4711"}"#,
        r#"{"email":"x","ip":"1.1.1.1unloq_id1@evil.example","ipunloq_id4711":""}"#,
        r#"{"email":"xip1.1.1.1unloq_id1@evil.exampleip","unloq_id":"4711"}"#,
    ] {
        let request = Request::with(ACTIVATE, JSON, moved.as_bytes(), &signature);
        assert_eq!(request.authenticate::<Activate>(&hooks), Ok(0), "{moved}");
        match request.verify::<Activate>(&hooks) {
            Err(error) => assert!(matches!(error.kind(), Kind::Schema(_)), "{moved}"),
            // The same user, and an address that nobody is told.
            Ok(event) => {
                assert_eq!(event.unloq_id().as_str(), "4711");
                assert_eq!(event.email(), None);
            }
        }
    }
}

/// Every way to cut `text` into a set of these parameters, as forms.
fn splits(text: &str, names: &[&[&str]]) -> Vec<Vec<(String, String)>> {
    fn cut(
        text: &str,
        names: &[&str],
        found: &mut Vec<(String, String)>,
        all: &mut Vec<Vec<(String, String)>>,
    ) {
        let Some((name, rest_names)) = names.split_first() else {
            if text.is_empty() {
                all.push(found.clone());
            }
            return;
        };
        let Some(rest) = text.strip_prefix(name) else {
            return;
        };
        for (end, _) in rest.char_indices().chain([(rest.len(), ' ')]) {
            found.push(((*name).to_owned(), rest[..end].to_owned()));
            cut(&rest[end..], rest_names, found, all);
            found.pop();
        }
    }
    let mut all = Vec::new();
    for names in names {
        cut(text, names, &mut Vec::new(), &mut all);
    }
    all
}

/// A JSON object with these members, in this order.
fn object(members: &[(String, String)]) -> String {
    let members: Vec<String> = members
        .iter()
        .map(|(name, value)| format!("{name:?}:{}", serde_json::Value::from(value.as_str())))
        .collect();
    format!("{{{}}}", members.join(","))
}

const ACCOUNT_NAMES: &[&[&str]] = &[&["email", "ip", "unloq_id"], &["email", "unloq_id"]];
const LOGOUT_NAMES: &[&[&str]] = &[
    &["sid", "unloq_id"],
    &["id", "sid"],
    &["id", "sid", "unloq_id"],
    &["id", "key", "sid"],
    &["key", "sid", "unloq_id"],
    &["id", "key", "sid", "unloq_id"],
];

/// Pieces that text is made of which wants to be read in two ways.
fn tricky() -> impl Strategy<Value = String> {
    let pieces = prop::sample::select(vec![
        "ip", "unloq_id", "sid", "id", "key", "K", "email", "@", ".", ":", "1", "77", "0", "a",
        "f", "b.c", "1.2.3.4", "::1", "vip", "x",
    ]);
    prop::collection::vec(pieces, 1..7).prop_map(|pieces| pieces.concat())
}

fn address() -> impl Strategy<Value = String> {
    (tricky(), tricky())
        .prop_map(|(name, host)| format!("{}@{}", name.replace('@', ""), host.replace('@', "")))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(debug_assertions) { 400 } else { 20_000 }))]

    /// Section 2.4: of all the ways to cut an accepted text again, one is accepted, or they differ
    /// in an address that is not given.
    #[test]
    fn accepted_language_is_unambiguous(
        email in prop_oneof![tricky(), address()], ip in prop::option::of(tricky()), sid in tricky(), id in 1..100_000_u64,
        shape in 0..LOGOUT_NAMES.len(),
    ) {
        let api_key = Secret::new("K").unwrap();
        let hooks = builder().api_key(api_key).build().unwrap();

        let ip_text = ip.map(|ip| format!("ip{ip}")).unwrap_or_default();
        let text = format!("email{email}{ip_text}unloq_id{id}");
        let signature = signature_of(ACTIVATE, &text);
        let mut with_address = 0;
        for members in splits(&text, ACCOUNT_NAMES) {
            let request = Request::with(ACTIVATE, JSON, object(&members).as_bytes(), &signature);
            prop_assert_eq!(request.authenticate::<Activate>(&hooks), Ok(0));
            if let Ok(event) = request.verify::<Activate>(&hooks) {
                prop_assert_eq!(event.unloq_id().as_str(), id.to_string());
                with_address += usize::from(event.email().is_some());
            }
        }
        prop_assert!(with_address <= 1, "{} addresses in {}", with_address, text);

        let values = |name: &&str| match *name {
            "key" => "K".to_owned(),
            "sid" => sid.clone(),
            _ => id.to_string(),
        };
        let text: String = LOGOUT_NAMES[shape]
            .iter()
            .map(|name| format!("{name}{}", values(name)))
            .collect();
        let signature = signature_of(LOGOUT, &text);
        let mut accepted = Vec::new();
        for members in splits(&text, LOGOUT_NAMES) {
            let request = Request::with(LOGOUT, JSON, object(&members).as_bytes(), &signature);
            prop_assert_eq!(request.authenticate::<Logout>(&hooks), Ok(0));
            if let Ok(event) = request.verify::<Logout>(&hooks) {
                accepted.push((*event.unloq_id(), event.sid().to_owned()));
            }
        }
        prop_assert!(accepted.len() <= 1, "{:?} in {}", accepted, text);
    }
}

/// The signature of a text after a path, whatever it is cut into: one parameter signs like many.
fn signature_of(path: &str, text: &str) -> String {
    let body = format!("{{{}:\"\"}}", serde_json::Value::from(text));
    assert_eq!(
        string_to_sign(path, JSON, body.as_bytes()).unwrap(),
        format!("{path}{text}")
    );
    sign(&secret(), path, JSON, body.as_bytes()).unwrap()
}

#[test]
fn ambiguous_address_is_not_given() {
    let hooks = hooks();
    let read = |body: &str| {
        let request = Request::signed(ACTIVATE, JSON, body);
        request.verify::<Activate>(&hooks).unwrap()
    };
    let event = read(r#"{"email":"jane@doe.vip","unloq_id":"5"}"#);
    assert_eq!(event.email(), None);
    assert_eq!(event.warnings().count(), 1);
    let event = read(r#"{"email":"jane@doe.vip","ip":"","unloq_id":"5"}"#);
    assert_eq!(event.email(), Some("jane@doe.vip"));
    assert_eq!(event.warnings().count(), 0);
    let event = read(r#"{"email":"jane@ip.shop","unloq_id":"5"}"#);
    assert_eq!(event.email(), Some("jane@ip.shop"));
    let event = read(r#"{"email":"jane@ipa.de","unloq_id":"5"}"#);
    assert_eq!(event.email(), None); // `ipa.de` reads as ip and the characters of one
}

/// Activate and deactivate have the same payload: the path alone tells them apart.
#[test]
fn cross_route_refused() {
    let hooks = hooks();
    let account = r#"{"unloq_id":"1234","email":"john@doe.com","ip":"203.0.113.9"}"#;
    let activate = Request::signed(ACTIVATE, JSON, account);
    assert!(activate.verify::<Activate>(&hooks).is_ok());
    assert_eq!(
        refused(activate.verify::<Deactivate>(&hooks)),
        Kind::Mismatch
    );
    assert_eq!(refused(activate.verify::<Logout>(&hooks)), Kind::Mismatch);
    let deactivate = Request::signed(DEACTIVATE, JSON, account);
    assert!(deactivate.verify::<Deactivate>(&hooks).is_ok());
    assert_eq!(
        refused(deactivate.verify::<Activate>(&hooks)),
        Kind::Mismatch
    );
    let logout = Request::signed(LOGOUT, FORM, "unloq_id=1&sid=s");
    assert!(logout.verify::<Logout>(&hooks).is_ok());
    assert_eq!(refused(logout.verify::<Activate>(&hooks)), Kind::Mismatch);
    // The kind is the route's, not the payload's.
    let named = r#"{"unloq_id":"1234","email":"john@doe.com","ip":"","type":"activate"}"#;
    let named = Request::signed(DEACTIVATE, JSON, named);
    assert!(matches!(
        refused(named.verify::<Deactivate>(&hooks)),
        Kind::Schema(_)
    ));
}

#[test]
fn any_change_is_a_mismatch() {
    let hooks = hooks();
    for (path, body) in [
        (LOGOUT, r#"{"unloq_id":"1235","sid":"sess-0f1e2d3c"}"#),
        (LOGOUT, r#"{"unloq_id":"1234","sid":"sess-0f1e2d3C"}"#),
        (LOGOUT, r#"{"unloq_id":"1234","sid":"sess-0f1e2d3c "}"#),
        (
            LOGOUT,
            r#"{"unloq_id":"1234","sid":"sess-0f1e2d3c","x":""}"#,
        ),
        (LOGOUT, r#"{"unloq_id":"1234"}"#),
        (LOGOUT, "{}"),
        (LOGOUT, ""),
    ] {
        let request = Request::with(path, JSON, body.as_bytes(), SIGNATURE);
        assert_eq!(
            refused(request.verify::<Logout>(&hooks)),
            Kind::Mismatch,
            "{body}"
        );
    }
    for other in [
        &SECRET[1..],
        "",
        &SECRET.to_uppercase(),
        &format!("{SECRET} "),
    ] {
        let Ok(other) = Secret::new(other) else {
            continue;
        };
        let hooks = Hooks::builder(other).on::<Logout>(LOGOUT).build().unwrap();
        let request = Request::with(LOGOUT, JSON, BODY.as_bytes(), SIGNATURE);
        assert_eq!(refused(request.verify::<Logout>(&hooks)), Kind::Mismatch);
    }
}
