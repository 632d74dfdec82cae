//! Who verifies a payload: this project, two libraries with schemes of their own, and the floor, which
//! is nothing but an HMAC of the same bytes.

use std::hint::black_box;

use http::{HeaderMap, HeaderName, HeaderValue};
use unloq_webhooks::{Head, Hooks, Logout, Secret, UnixTime, sign};

use crate::{clock, payload::Payload};

const KEY: &str = "8f0cf7d3c1a94be2b6a05d31e6c47f92";
const PATH: &str = "/hooks/unloq/logout";
const ID: &str = "msg_2LJB7rM4Qd9sXw0kVhYtEa";
const NOW: UnixTime = UnixTime::from_secs(1_790_000_000);

/// What a subject does.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// HMAC-SHA256 and nothing else, over a keyed state that is kept.
    Floor,
    /// All of ours: headers, parameters in order, HMAC, comparison, and the event.
    Whole,
    /// The same up to the comparison: what no handler can use yet.
    Signature,
    /// Another library, with its own scheme. None of them reads the payload.
    Peer,
}

/// One way to look at a payload. It panics where the payload does not verify.
pub(crate) struct Subject<'p> {
    pub(crate) kind: Kind,
    pub(crate) name: &'static str,
    pub(crate) run: Box<dyn Fn() + 'p>,
}

/// All of them, for one payload.
pub(crate) fn subjects(payload: &Payload) -> Vec<Subject<'_>> {
    let subject = |kind, name, run| Subject { kind, name, run };
    vec![
        subject(Kind::Floor, "HMAC, hmac 0.13", floor_013(payload)),
        subject(Kind::Floor, "HMAC, hmac 0.12", floor_012(payload)),
        subject(Kind::Floor, "HMAC, aws-lc-rs", floor_aws_lc(payload)),
        subject(Kind::Whole, "unloq-webhooks", whole(payload)),
        subject(
            Kind::Signature,
            "unloq-webhooks, no event",
            signature(payload),
        ),
        subject(Kind::Peer, "standardwebhooks", standardwebhooks(payload)),
        subject(Kind::Peer, "svix", svix(payload)),
    ]
}

fn floor_013(payload: &Payload) -> Box<dyn Fn() + '_> {
    use hmac_013::{
        Hmac,
        digest::{KeyInit as _, Mac as _},
    };
    let keyed = Hmac::<sha2_011::Sha256>::new_from_slice(KEY.as_bytes()).expect("any length");
    Box::new(move || {
        let mut mac = keyed.clone();
        mac.update(black_box(payload.body.as_bytes()));
        black_box(mac.finalize());
    })
}

fn floor_012(payload: &Payload) -> Box<dyn Fn() + '_> {
    use hmac::{Hmac, Mac as _};
    let keyed = Hmac::<sha2::Sha256>::new_from_slice(KEY.as_bytes()).expect("any length");
    Box::new(move || {
        let mut mac = keyed.clone();
        mac.update(black_box(payload.body.as_bytes()));
        black_box(mac.finalize());
    })
}

fn floor_aws_lc(payload: &Payload) -> Box<dyn Fn() + '_> {
    use aws_lc_rs::hmac::{HMAC_SHA256, Key, sign};
    let key = Key::new(HMAC_SHA256, KEY.as_bytes());
    Box::new(move || {
        black_box(sign(&key, black_box(payload.body.as_bytes())));
    })
}

/// A configuration that takes what is larger than the event, and the headers of its delivery.
fn ours(payload: &Payload) -> (Hooks, HeaderMap) {
    let secret = || Secret::new(KEY).expect("a secret");
    let mut hooks = Hooks::builder(secret()).on::<Logout>(PATH);
    if payload.is_larger_than_the_event() {
        hooks = hooks.insecure_lenient_schema();
    }
    let media_type = payload.format.media_type();
    let body = payload.body.as_bytes();
    let signature = sign(&secret(), PATH, media_type, body).expect("readable parameters");
    let headers = headers([
        ("host", "app.example.com"),
        ("content-type", media_type),
        ("content-length", &body.len().to_string()),
        ("x-requested-with", "XMLHttpRequest"),
        ("x-unloq-signature", &signature),
    ]);
    (hooks.build().expect("a configuration"), headers)
}

fn head(headers: &HeaderMap) -> Head<'_> {
    let fields = headers
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_bytes()));
    Head::new("POST", PATH).with_headers(fields)
}

fn whole(payload: &Payload) -> Box<dyn Fn() + '_> {
    let (hooks, headers) = ours(payload);
    Box::new(move || {
        let body = black_box(payload.body.as_bytes());
        let event = hooks.verify::<Logout>(&head(black_box(&headers)), body, NOW);
        black_box(event.expect("signed right"));
    })
}

fn signature(payload: &Payload) -> Box<dyn Fn() + '_> {
    let (hooks, headers) = ours(payload);
    Box::new(move || {
        let admitted = hooks.admit::<Logout>(&head(black_box(&headers)));
        let admitted = admitted.expect("a right head");
        let body = black_box(payload.body.as_bytes());
        black_box(admitted.authenticate(body, NOW).expect("signed right"));
    })
}

fn standardwebhooks(payload: &Payload) -> Box<dyn Fn() + '_> {
    let hook = standardwebhooks::Webhook::from_bytes(KEY.into()).expect("a secret");
    let body = payload.body.as_bytes();
    let headers = theirs(|now| hook.sign(ID, now, body).expect("text"));
    Box::new(move || {
        let verified = hook.verify(black_box(body), black_box(&headers));
        verified.expect("signed right");
    })
}

fn svix(payload: &Payload) -> Box<dyn Fn() + '_> {
    let hook = svix::webhooks::Webhook::from_bytes(KEY.into()).expect("a secret");
    let body = payload.body.as_bytes();
    let headers = theirs(|now| hook.sign(ID, now, body).expect("text"));
    Box::new(move || {
        let verified = hook.verify(black_box(body), black_box(&headers));
        verified.expect("signed right");
    })
}

/// The headers of a delivery in their scheme. Both look up the names that neither has to itself.
fn theirs(sign: impl Fn(i64) -> String) -> HeaderMap {
    let now = clock::unix_seconds();
    headers([
        ("host", "app.example.com"),
        ("content-type", "application/json"),
        ("webhook-id", ID),
        ("webhook-timestamp", &now.to_string()),
        ("webhook-signature", &sign(now)),
    ])
}

fn headers<'a>(fields: impl IntoIterator<Item = (&'static str, &'a str)>) -> HeaderMap {
    fields
        .into_iter()
        .map(|(name, value)| {
            let value = HeaderValue::from_str(value).expect("a value");
            (HeaderName::from_static(name), value)
        })
        .collect()
}
