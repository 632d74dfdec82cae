//! From the personal key to records.

use std::time::Duration;

use serde::Deserialize;
use tokio::time::advance;
use zeroize::Zeroizing;

use super::super::{CheckValue, KeyContext, KeyError, PersonalKey, RecordError, Salt};
use super::user;
use crate::clock;
use crate::who::UnloqId;

const KEY: &[u8] = b"q8Zt3VnB7xLm2RkP5wYc9JdF4sHg6TaE";

fn personal(bytes: &[u8], user: UnloqId) -> PersonalKey {
    PersonalKey::new(Zeroizing::new(bytes.to_vec()), user, clock::monotonic()).unwrap()
}

fn context(user: UnloqId) -> KeyContext {
    KeyContext::new("acme", Salt::from_bytes([7; 32]), user).unwrap()
}

#[derive(Deserialize)]
struct Case {
    key: String,
    salt: String,
    application: String,
    user: String,
    purpose: String,
    derived: String,
    check_value: String,
}

fn array(text: &str) -> [u8; 32] {
    hex::decode(text).unwrap().try_into().unwrap()
}

/// Against Python's hmac, `tests/vectors/derivation.py`.
#[test]
fn derivation_vectors() {
    let json = include_str!("../../../tests/vectors/derivation.json");
    let cases: Vec<Case> = serde_json::from_str(json).unwrap();
    assert_eq!(cases.len(), 5);
    for case in cases {
        let user = UnloqId::parse(&case.user).unwrap();
        let salt = Salt::from_bytes(array(&case.salt));
        let context = KeyContext::new(&case.application, salt, user).unwrap();
        let key = personal(&hex::decode(&case.key).unwrap(), user);
        assert_eq!(
            *key.expand(&context, &case.purpose).unwrap(),
            array(&case.derived)
        );
        let (_, value) = key.first_use(&context).unwrap();
        assert_eq!(value.as_bytes(), &array(&case.check_value));
    }
}

/// Each ingredient changes the derived key.
#[test]
fn every_part_counts() {
    let other = UnloqId::parse("12345").unwrap();
    let salt = Salt::from_bytes([7; 32]);
    let derive = |bytes: &[u8], application: &str, salt, user, purpose: &str| {
        let context = KeyContext::new(application, salt, user).unwrap();
        *personal(bytes, user).expand(&context, purpose).unwrap()
    };
    let derived = [
        derive(KEY, "acme", salt, user(), "notes"),
        derive(&KEY[1..], "acme", salt, user(), "notes"),
        derive(KEY, "acm", salt, user(), "notes"),
        derive(KEY, "acme", Salt::from_bytes([8; 32]), user(), "notes"),
        derive(KEY, "acme", salt, other, "notes"),
        derive(KEY, "acme", salt, user(), "note"),
    ];
    let distinct: std::collections::HashSet<_> = derived.iter().collect();
    assert_eq!(distinct.len(), derived.len());
    assert_ne!(Salt::generate().unwrap(), Salt::generate().unwrap());
}

#[test]
fn kcv_mismatch_refused() {
    let context = context(user());
    let (_, stored) = personal(KEY, user()).first_use(&context).unwrap();
    personal(KEY, user()).check(&context, &stored).unwrap();
    // A swapped key, a longer one, a shorter one.
    for bytes in [
        &KEY[1..],
        b"another key of the same length !",
        &[KEY, b"x"].concat()[..],
    ] {
        let refused = personal(bytes, user())
            .check(&context, &stored)
            .unwrap_err();
        assert_eq!(refused, KeyError::KeyMismatch);
    }
    for byte in 0..32 {
        let mut altered = *stored.as_bytes();
        altered[byte] ^= 1;
        let altered = CheckValue::from_bytes(altered);
        let refused = personal(KEY, user()).check(&context, &altered).unwrap_err();
        assert_eq!(refused, KeyError::KeyMismatch);
    }
    // Another salt is another key: losing it loses the data, and is not taken for a first use.
    let moved = KeyContext::new("acme", Salt::from_bytes([8; 32]), user()).unwrap();
    let refused = personal(KEY, user()).check(&moved, &stored).unwrap_err();
    assert_eq!(refused, KeyError::KeyMismatch);
}

#[test]
fn another_users_context_is_refused() {
    let other = UnloqId::parse("4321").unwrap();
    let (checked, stored) = personal(KEY, user()).first_use(&context(user())).unwrap();
    assert_eq!(
        checked.derive(&context(other), "notes").unwrap_err(),
        KeyError::WrongUser
    );
    let refused = personal(KEY, other)
        .check(&context(user()), &stored)
        .unwrap_err();
    assert_eq!(refused, KeyError::WrongUser);
    let refused = personal(KEY, other)
        .first_use(&context(user()))
        .unwrap_err();
    assert_eq!(refused, KeyError::WrongUser);
}

#[test]
fn labels() {
    let salt = Salt::from_bytes([7; 32]);
    let (checked, _) = personal(KEY, user()).first_use(&context(user())).unwrap();
    for bad in ["", "a\0b", "\0", &"x".repeat(257)] {
        assert_eq!(
            KeyContext::new(bad, salt, user()).unwrap_err(),
            KeyError::Label,
            "{bad:?}"
        );
        assert_eq!(
            checked.derive(&context(user()), bad).unwrap_err(),
            KeyError::Label,
            "{bad:?}"
        );
    }
    assert_eq!(
        checked.derive(&context(user()), "check").unwrap_err(),
        KeyError::Label
    );
    checked.derive(&context(user()), "Check").unwrap();
}

#[test]
fn key_lengths() {
    for (length, good) in [(0, false), (1, true), (4096, true), (4097, false)] {
        let bytes = Zeroizing::new(vec![b'k'; length]);
        assert_eq!(
            PersonalKey::new(bytes, user(), clock::monotonic()).is_some(),
            good
        );
    }
}

/// Five minutes after its arrival nothing works any more, the derived keys included.
#[tokio::test(start_paused = true)]
async fn a_key_is_held_for_five_minutes() {
    let context = context(user());
    let late = personal(KEY, user());
    let later = personal(KEY, user());
    let (checked, stored) = personal(KEY, user()).first_use(&context).unwrap();
    let record_key = checked.derive(&context, "notes").unwrap();
    let sealed = record_key.seal(b"1", b"text").unwrap();
    advance(Duration::from_secs(300)).await;
    late.check(&context, &stored).unwrap();
    checked.derive(&context, "notes").unwrap();
    assert_eq!(&*record_key.open(b"1", &sealed).unwrap(), b"text");
    advance(Duration::from_millis(1)).await;
    assert_eq!(
        later.check(&context, &stored).unwrap_err(),
        KeyError::Expired
    );
    assert_eq!(
        checked.derive(&context, "notes").unwrap_err(),
        KeyError::Expired
    );
    assert_eq!(
        record_key.open(b"1", &sealed).unwrap_err(),
        RecordError::Expired
    );
    assert_eq!(
        record_key.seal(b"1", b"text").unwrap_err(),
        RecordError::Expired
    );
}

#[test]
fn records() {
    let context = context(user());
    let (checked, _) = personal(KEY, user()).first_use(&context).unwrap();
    let key = checked.derive(&context, "notes").unwrap();
    let other = checked.derive(&context, "letters").unwrap();
    let sealed = key.seal(b"note 7", b"a text").unwrap();
    assert_eq!(sealed.len(), 29 + 6);
    assert_eq!(&*key.open(b"note 7", &sealed).unwrap(), b"a text");
    assert_eq!(&*key.open(b"", &key.seal(b"", b"").unwrap()).unwrap(), b"");
    // Under another id, and under another purpose's key.
    assert_eq!(key.open(b"note 8", &sealed).unwrap_err(), RecordError::Open);
    assert_eq!(
        other.open(b"note 7", &sealed).unwrap_err(),
        RecordError::Open
    );
    // Any bit.
    for bit in 0..sealed.len() * 8 {
        let mut flipped = sealed.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        let want = if bit < 8 {
            RecordError::Form
        } else {
            RecordError::Open
        };
        assert_eq!(key.open(b"note 7", &flipped).unwrap_err(), want, "{bit}");
    }
    // Any length.
    for length in 0..sealed.len() {
        let want = if length < 29 {
            RecordError::Form
        } else {
            RecordError::Open
        };
        assert_eq!(
            key.open(b"note 7", &sealed[..length]).unwrap_err(),
            want,
            "{length}"
        );
    }
    let longer = [&sealed[..], b"x"].concat();
    assert_eq!(key.open(b"note 7", &longer).unwrap_err(), RecordError::Open);
}

#[test]
fn two_seals_two_nonces() {
    let context = context(user());
    let (checked, _) = personal(KEY, user()).first_use(&context).unwrap();
    let key = checked.derive(&context, "notes").unwrap();
    let mut seen = std::collections::HashSet::new();
    for _ in 0..1000 {
        let sealed = key.seal(b"note 7", b"a text").unwrap();
        assert!(seen.insert(sealed[1..13].to_vec()));
    }
}

#[test]
fn nothing_is_printed() {
    let context = context(user());
    let key = personal(KEY, user());
    let printed = format!("{key:?}");
    let (checked, value) = key.first_use(&context).unwrap();
    let record_key = checked.derive(&context, "notes").unwrap();
    let printed = format!("{printed} {checked:?} {value:?} {record_key:?} {context:?}");
    assert_eq!(
        printed,
        "PersonalKey { user: UnloqId(1234), .. } CheckedKey { user: UnloqId(1234), .. } \
         CheckValue(..) RecordKey(..) KeyContext { application: \"acme\", salt: Salt(..), \
         user: UnloqId(1234) }"
    );
}
