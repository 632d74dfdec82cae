//! Section 8, item 2: over random objects and forms.

use proptest::{collection::vec, prelude::*};
use serde_json::Value as Json;
use unloq_webhooks::{
    Activate, Deactivate, Head, Hooks, Link, Logout, Other, Secret, Unlink, sign, string_to_sign,
};

use crate::given::{FORM, JSON, NOW, Request, SECRET, secret};

fn leaf() -> impl Strategy<Value = Json> {
    prop_oneof![
        Just(Json::Null),
        any::<bool>().prop_map(Json::from),
        any::<i64>().prop_map(Json::from),
        any::<u64>().prop_map(Json::from),
        any::<f64>()
            .prop_filter("finite", |v| v.is_finite())
            .prop_map(Json::from),
        ".{0,20}".prop_map(Json::from),
    ]
}

fn value() -> impl Strategy<Value = Json> {
    leaf().prop_recursive(5, 24, 5, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..5).prop_map(Json::from),
            vec((".{0,6}", inner), 0..5)
                .prop_map(|members| Json::Object(members.into_iter().collect())),
        ]
    })
}

/// Names that a form can write, with texts.
fn texts() -> impl Strategy<Value = Vec<(String, String)>> {
    prop::collection::btree_map("[^\\[]{1,12}", ".{0,24}", 0..12).prop_map(|map| {
        map.into_iter()
            .filter(|(name, _)| name != "hasOwnProperty")
            .collect()
    })
}

fn json(members: &[(String, String)]) -> String {
    let members: Vec<String> = members
        .iter()
        .map(|(name, value)| {
            format!(
                "{}:{}",
                Json::from(name.as_str()),
                Json::from(value.as_str())
            )
        })
        .collect();
    format!("{{{}}}", members.join(","))
}

/// A form in which some bytes are escaped, as `escapes` says.
fn form(members: &[(String, String)], escapes: &mut impl Iterator<Item = bool>) -> String {
    let mut write = |text: &str| -> String {
        text.chars()
            .map(|c| {
                let escape = escapes.next().unwrap_or(true);
                let must = matches!(c, '&' | '=' | '%' | '+');
                match c {
                    ' ' if !escape => "+".to_owned(),
                    c if escape || must => {
                        let mut room = [0; 4];
                        let bytes = c.encode_utf8(&mut room).bytes();
                        bytes.map(|byte| format!("%{byte:02x}")).collect()
                    }
                    c => c.to_string(),
                }
            })
            .collect()
    };
    let pieces: Vec<String> = members
        .iter()
        .map(|(name, value)| format!("{}={}", write(name), write(value)))
        .collect();
    pieces.join("&")
}

/// The rules of 1.4 and 1.5 once more, slowly, over a parsed value.
fn reference(members: &[(String, Json)]) -> Option<String> {
    fn text(value: &Json, element: bool) -> Option<String> {
        Some(match value {
            Json::Null if element => String::new(),
            Json::Array(elements) => {
                let texts: Option<Vec<String>> = elements.iter().map(|e| text(e, true)).collect();
                texts?.join(",")
            }
            Json::Object(members) if members.contains_key("toString") => return None,
            Json::Object(_) => "[object Object]".into(),
            Json::String(text) => text.clone(),
            // Numbers have an oracle of their own.
            Json::Number(number) => {
                let body = format!("{{\"\":{number}}}");
                string_to_sign("/", JSON, body.as_bytes()).ok()?[1..].to_owned()
            }
            other => other.to_string(),
        })
    }
    let mut members: Vec<_> = members.iter().collect();
    members.sort_by(|(a, _), (b, _)| a.encode_utf16().cmp(b.encode_utf16()));
    let mut all = "/p".to_owned();
    for (name, value) in members {
        if name == "hasOwnProperty" {
            return None;
        }
        all.push_str(name);
        all.push_str(&text(value, false)?);
    }
    Some(all)
}

fn many_hooks() -> Hooks {
    Hooks::builder(secret())
        .insecure_lenient_schema()
        .api_key(secret())
        .on::<Logout>("/1")
        .on::<Activate>("/2")
        .on::<Deactivate>("/3")
        .on::<Link>("/4?own=1")
        .on::<Unlink>("/5")
        .on::<Other>("/6")
        .build()
        .unwrap()
}

fn cases(release: u32) -> ProptestConfig {
    ProptestConfig::with_cases(if cfg!(debug_assertions) { 256 } else { release })
}

proptest! {
    #![proptest_config(cases(20_000))]

    #[test]
    fn no_bytes_panic(body in vec(any::<u8>(), 0..300), target in ".{0,40}", content_type in prop::sample::select(vec![JSON, FORM])) {
        let signature = sign(&secret(), "/6", content_type, &body).unwrap_or_default();
        let request = Request::with(&target, content_type, &body, &signature);
        let hooks = many_hooks();
        let head = request.head();
        let _ = hooks.verify::<Logout>(&head, &body, NOW);
        let _ = hooks.verify::<Link>(&head, &body, NOW);
        let verified = hooks.verify::<Other>(&head, &body, NOW);
        prop_assert_eq!(verified.is_ok(), !signature.is_empty());
    }

    #[test]
    fn no_header_panics(headers in vec(("[a-zA-Z-]{0,20}", vec(any::<u8>(), 0..60)), 0..8), method in ".{0,8}", target in ".{0,40}") {
        let hooks = many_hooks();
        let fields = headers.iter().map(|(name, value)| (name.as_str(), value.as_slice()));
        let head = Head::new(&method, &target).with_headers(fields);
        let verified = hooks.verify::<Logout>(&head, b"{}", NOW);
        prop_assert!(verified.is_err());
    }

    #[test]
    fn any_object_signs_as_the_rules_say(members in prop::collection::btree_map(".{0,10}", value(), 0..10)) {
        let members: Vec<(String, Json)> = members.into_iter().collect();
        let body: Vec<String> = members
            .iter()
            .map(|(name, value)| format!(" {} : {value}\n", Json::from(name.as_str())))
            .collect();
        let body = format!("{{{}}}", body.join(","));
        let ours = string_to_sign("/p", JSON, body.as_bytes()).ok();
        prop_assert_eq!(ours, reference(&members), "{}", body);
    }

    #[test]
    fn order_and_encoding_keep_the_signature(
        (members, shuffled) in texts().prop_flat_map(|members| (Just(members.clone()), Just(members).prop_shuffle())),
        escapes in vec(any::<bool>(), 0..200),
    ) {
        let signature = |content_type, body: &str| sign(&secret(), "/p", content_type, body.as_bytes());
        let expected = signature(JSON, &json(&members));
        prop_assert!(expected.is_ok());
        prop_assert_eq!(signature(JSON, &json(&shuffled)), expected.clone());
        let mut escapes = escapes.into_iter();
        prop_assert_eq!(signature(FORM, &form(&shuffled, &mut escapes)), expected.clone());
        prop_assert_eq!(signature(FORM, &form(&members, &mut std::iter::empty())), expected);
    }

    #[test]
    fn one_changed_byte_changes_the_verdict(members in texts(), at in any::<prop::sample::Index>(), what in 0..3) {
        let (path, body) = ("/hooks/one".to_owned(), json(&members));
        let signature = sign(&secret(), &path, JSON, body.as_bytes()).unwrap();
        let change = |text: &str| {
            let mut chars: Vec<char> = text.chars().collect();
            let at = at.index(chars.len());
            chars[at] = if chars[at] == 'x' { 'y' } else { 'x' };
            chars.into_iter().collect::<String>()
        };
        let (mut the_path, mut the_secret, mut the_members) = (path.clone(), SECRET.to_owned(), members.clone());
        match what {
            0 => the_path = format!("/{}", change(&path[1..])),
            1 => the_secret = change(SECRET),
            _ => {
                let Some((_, value)) = the_members.iter_mut().find(|(_, value)| !value.is_empty()) else {
                    return Ok(());
                };
                *value = change(value);
            }
        }
        let secret = Secret::new(the_secret).unwrap();
        let hooks = Hooks::builder(secret).on::<Logout>(the_path).build().unwrap();
        let request = Request::with("/", JSON, json(&the_members).as_bytes(), &signature);
        prop_assert!(request.authenticate::<Logout>(&hooks).is_err());
        let hooks = Hooks::builder(crate::given::secret()).on::<Logout>(path).build().unwrap();
        let request = Request::with("/", JSON, body.as_bytes(), &signature);
        prop_assert!(request.authenticate::<Logout>(&hooks).is_ok());
    }
}
