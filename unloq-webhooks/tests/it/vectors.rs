//! Every vector of the two files, whatever they hold.

use serde_json::Value as Json;
use unloq_webhooks::{
    Hooks, HooksBuilder, LinkVerdict, Logout, Secret, sign, string_to_sign, verify_link,
};

use crate::given::{FORM, JSON, NOW, Request};

const WEBHOOKS: &str = include_str!("../vectors/unloq-webhooks.json");
const LINK: &str = include_str!("../vectors/unloq-link.json");

fn read(text: &str) -> Vec<Json> {
    let vectors: Vec<Json> = serde_json::from_str(text).unwrap();
    assert!(!vectors.is_empty());
    vectors
}

fn text<'j>(vector: &'j Json, member: &str) -> &'j str {
    vector[member]
        .as_str()
        .unwrap_or_else(|| panic!("{member} in {vector}"))
}

fn hooks(vector: &Json, more: impl FnOnce(HooksBuilder) -> HooksBuilder) -> Hooks {
    let secret = Secret::new(text(vector, "api_secret")).unwrap();
    more(Hooks::builder(secret).on::<Logout>(text(vector, "path")))
        .build()
        .unwrap()
}

fn request(vector: &Json) -> Request {
    Request::with(
        "/whatever/the/router/saw",
        text(vector, "content_type"),
        text(vector, "body").as_bytes(),
        text(vector, "signature"),
    )
}

#[test]
fn vectors_webhooks_verdicts() {
    for vector in read(WEBHOOKS) {
        let hooks = hooks(&vector, |builder| builder);
        let verdict = request(&vector).authenticate::<Logout>(&hooks);
        match text(&vector, "expected") {
            "accept" => assert_eq!(verdict, Ok(0), "{}", vector["name"]),
            "reject" => assert!(verdict.is_err(), "{}", vector["name"]),
            other => panic!("undecided: {other}"),
        }
    }
}

/// What is accepted is so for the reason that the vector names; what is refused has either no text,
/// or one that this reader does not make.
#[test]
fn vectors_webhooks_strings_to_sign() {
    for vector in read(WEBHOOKS) {
        let (path, body) = (text(&vector, "path"), text(&vector, "body"));
        let content_type = text(&vector, "content_type");
        let ours = string_to_sign(path, content_type, body.as_bytes());
        let theirs = vector["string_to_sign"].as_str();
        match (ours, theirs) {
            (Ok(ours), Some(theirs)) => {
                let skips = text(&vector, "name").starts_with("reject_skipped");
                assert_eq!(ours == theirs, !skips, "{}", vector["name"]);
            }
            (Ok(ours), None) => panic!("{}: {ours}", vector["name"]),
            (Err(_), _) => assert_eq!(text(&vector, "expected"), "reject", "{}", vector["name"]),
        }
    }
}

#[test]
fn vectors_webhooks_signed_here() {
    for vector in read(WEBHOOKS) {
        if text(&vector, "expected") != "accept" {
            continue;
        }
        let secret = Secret::new(text(&vector, "api_secret")).unwrap();
        let (path, body) = (text(&vector, "path"), text(&vector, "body"));
        let signature = sign(
            &secret,
            path,
            text(&vector, "content_type"),
            body.as_bytes(),
        );
        assert_eq!(
            signature.unwrap(),
            text(&vector, "signature"),
            "{}",
            vector["name"]
        );
    }
}

/// The names that some clients leave out are left out on demand, and only then.
#[test]
fn vectors_webhooks_skipped_names() {
    let mut seen = 0;
    for vector in read(WEBHOOKS) {
        let skipped = match text(&vector, "name") {
            "reject_skipped_uauth" => "uauth",
            "reject_skipped_unloq_uauth" => "unloq_uauth",
            _ => continue,
        };
        let hooks = hooks(&vector, |builder| builder.skip_keys([skipped]));
        assert_eq!(request(&vector).authenticate::<Logout>(&hooks), Ok(0));
        seen += 1;
    }
    assert_eq!(seen, 2);
}

#[test]
fn vectors_link() {
    for vector in read(LINK) {
        let verdict = verify_link(
            vector["device_secret"].as_str(),
            vector["link_key"].as_str(),
            vector["link_signature"].as_str(),
        );
        let accepted = verdict == LinkVerdict::Ok;
        assert_eq!(
            accepted,
            text(&vector, "expected") == "accept",
            "{}",
            vector["name"]
        );
    }
}

/// The worked example of section 1.5, to the byte.
#[test]
fn vectors_worked_example() {
    let (path, body) = (
        "/hooks/unloq/logout",
        br#"{"unloq_id":"1234","sid":"sess-0f1e2d3c"}"#,
    );
    assert_eq!(
        string_to_sign(path, JSON, body).unwrap(),
        "/hooks/unloq/logoutsidsess-0f1e2d3cunloq_id1234"
    );
    let secret = Secret::new("7f3c1a9e5b2d48c6a0e4f1b8d2c37a65").unwrap();
    let signature = "jpX+3gaVrTKrPe4BPOWWE4GXYrgrwzJu+UHOTrIXsuA=";
    assert_eq!(sign(&secret, path, JSON, body).unwrap(), signature);
    let form = b"sid=sess-0f1e2d3c&unloq_id=1234";
    assert_eq!(sign(&secret, path, FORM, form).unwrap(), signature);

    let hooks = Hooks::builder(secret).on::<Logout>(path).build().unwrap();
    let request = Request::with(path, JSON, body, signature);
    let event = hooks.verify::<Logout>(&request.head(), body, NOW).unwrap();
    assert_eq!(event.unloq_id().as_str(), "1234");
    assert_eq!(event.sid(), "sess-0f1e2d3c");
}
