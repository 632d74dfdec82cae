//! Whether it takes longer to refuse what is nearly right: cookies, session ids, signatures of web hooks.
//!
//! Two classes of wrong inputs for each, taken in random order: one differs from the right one in its first byte, the
//! other in its last. Welch's t compares their times; above 4.5 there is a difference that an attacker could
//! use (the bench `timing` of the threat table). `MEASUREMENTS=100000` takes fewer than a million.
//!
//! A comparison that stops at the first difference is measured as well, and has to be found out: otherwise the
//! verdict on the others would be worth nothing.
//!
//! The times are a clock's, of several refusals in a row: what this cannot see, a network cannot either. Outliers,
//! which are the machine's, are left out by the same bound for both classes.
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    reason = "a bench fails by panicking"
)]

use std::{
    hint::black_box,
    io::{self, Write},
};

use actix_session::storage::{SessionKey, SessionStore};
use keylockr_actix::MemoryStore;
use keylockr_benches::{Effort, Stopwatch};
use keylockr_tower::keylockr_login::BrowserHash;
use unloq_webhooks::{Head, Hooks, Logout, Secret, UnixTime, sign};

/// Refusals in a row, for one measurement.
const ROW: usize = 32;
/// More than this, and times tell something.
const BOUND: f64 = 4.5;

fn main() -> io::Result<()> {
    let wanted = std::env::var("MEASUREMENTS").ok();
    let wanted = wanted.map_or(1_000_000, |text| text.parse().expect("a number"));
    let effort = Effort::from_args();
    let measurements = effort.pick(wanted, 10);
    let mut out = io::stdout();
    let mut said = |name: &str, refuse: &mut Refuse| {
        let t = welch(measurements, refuse);
        writeln!(out, "{name}: t = {t:.2} of {measurements} measurements")?;
        Ok::<_, io::Error>(t.abs() >= BOUND)
    };
    let seen = said("stopping at the first difference", &mut stopping())?;
    let mut leaks = false;
    for (name, mut refuse) in [
        ("cookie", cookie()),
        ("session id", session_id()),
        ("hook signature", hook_signature()),
    ] {
        leaks |= said(name, &mut refuse)?;
    }
    if effort.pick(true, false) {
        assert!(seen, "this machine is too busy to see any difference");
        assert!(!leaks, "times tell how much of a guess is right");
    }
    Ok(())
}

/// Refuses a wrong input: of the class that differs early, or late.
type Refuse = Box<dyn FnMut(bool)>;

/// How not to compare.
fn stopping() -> Refuse {
    let wrong = [first_byte([7; 32]), last_byte([7; 32])];
    Box::new(move |late| {
        let pairs = wrong[usize::from(late)].iter().zip([7; 32]);
        let mut same = true;
        for (one, other) in pairs {
            if *black_box(one) != black_box(other) {
                same = false;
                break;
            }
        }
        assert!(!same);
    })
}

/// Compared as hashes, in constant time.
fn cookie() -> Refuse {
    let hash = |bytes: [u8; 32]| -> BrowserHash {
        use base64::Engine as _;
        let text = base64::prelude::BASE64_URL_SAFE_NO_PAD.encode(bytes);
        serde_json::from_value(text.into()).expect("a hash")
    };
    let right = hash([7; 32]);
    let wrong = [first_byte([7; 32]), last_byte([7; 32])].map(hash);
    Box::new(move |late| {
        assert!(black_box(&right) != black_box(&wrong[usize::from(late)]));
    })
}

/// Looked up by hash.
fn session_id() -> Refuse {
    let store = MemoryStore::default();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .expect("a runtime");
    let life = actix_web::cookie::time::Duration::hours(1);
    let kept = runtime.block_on(store.save([].into(), &life));
    let right = kept.expect("a session");
    let id: [u8; 64] = right.as_ref().as_bytes().try_into().expect("64 digits");
    let wrong = [first_digit(id), last_digit(id)].map(|id| {
        let text = String::from_utf8(id.to_vec()).expect("digits");
        SessionKey::try_from(text).expect("an id")
    });
    Box::new(move |late| {
        let found = runtime.block_on(store.load(black_box(&wrong[usize::from(late)])));
        assert!(found.expect("a store in memory").is_none());
    })
}

/// The whole of a verification, up to its no.
fn hook_signature() -> Refuse {
    const PATH: &str = "/hooks/unloq/logout";
    const KIND: &str = "application/json";
    const BODY: &[u8] = br#"{"unloq_id":"77","sid":"gone"}"#;
    let secret = || Secret::new("8f0cf7d3c1a94be2b6a05d31e6c47f92").expect("a secret");
    let hooks = Hooks::builder(secret()).on::<Logout>(PATH).build();
    let hooks = hooks.expect("a configuration");
    let right = sign(&secret(), PATH, KIND, BODY).expect("a signature");
    let altered = |place: usize| {
        let mut text = right.clone().into_bytes();
        text[place] = if text[place] == b'A' { b'B' } else { b'A' };
        String::from_utf8(text).expect("base64")
    };
    // The last digit before the padding carries four bits: the one before it is the last that is whole.
    let wrong = [altered(0), altered(right.len() - 3)];
    Box::new(move |late| {
        let headers = [
            ("content-type", KIND.as_bytes()),
            ("x-unloq-signature", wrong[usize::from(late)].as_bytes()),
        ];
        let head = Head::new("POST", PATH).with_headers(headers);
        let now = UnixTime::from_secs(1_790_000_000);
        assert!(hooks.verify::<Logout>(black_box(&head), BODY, now).is_err());
    })
}

fn first_byte(mut bytes: [u8; 32]) -> [u8; 32] {
    bytes[0] ^= 1;
    bytes
}

fn last_byte(mut bytes: [u8; 32]) -> [u8; 32] {
    bytes[31] ^= 1;
    bytes
}

fn first_digit(mut id: [u8; 64]) -> [u8; 64] {
    id[0] = if id[0] == b'0' { b'1' } else { b'0' };
    id
}

fn last_digit(mut id: [u8; 64]) -> [u8; 64] {
    id[63] = if id[63] == b'0' { b'1' } else { b'0' };
    id
}

/// Welch's t of the two classes, without the slowest tenth of all.
fn welch(measurements: usize, refuse: &mut Refuse) -> f64 {
    let mut classes = [
        Vec::with_capacity(measurements),
        Vec::with_capacity(measurements),
    ];
    let mut state = 1_u64;
    for _ in 0..measurements / 100 {
        refuse(false);
        refuse(true);
    }
    for _ in 0..measurements {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        let late = state >> 63 == 1;
        let watch = Stopwatch::start();
        for _ in 0..ROW {
            refuse(late);
        }
        let nanoseconds = u32::try_from(watch.elapsed().as_nanos()).unwrap_or(u32::MAX);
        classes[usize::from(late)].push(nanoseconds);
    }
    let mut all = classes.concat();
    all.sort_unstable();
    let bound = all[all.len() * 9 / 10];
    let [early, late] = classes.map(|times| {
        let kept: Vec<_> = times.into_iter().filter(|time| *time <= bound).collect();
        Class::of(&kept)
    });
    (early.mean - late.mean) / (early.spread + late.spread).sqrt()
}

/// What is known of a class: its mean, and the variance of that.
struct Class {
    mean: f64,
    spread: f64,
}

impl Class {
    fn of(times: &[u32]) -> Self {
        let count = times.len() as f64;
        let mean = times.iter().map(|time| f64::from(*time)).sum::<f64>() / count;
        let squares = times.iter().map(|time| (f64::from(*time) - mean).powi(2));
        Self {
            mean,
            spread: squares.sum::<f64>() / (count - 1.0) / count,
        }
    }
}
