//! Properties over generated values, frames and texts.

use std::time::Duration;

use keylockr_proto::{
    AppId, DataNonce, DisplayName, Document, Family, Filekey, FilekeyBlob, Identity, Nickname,
    QrUri, RecordCodec, RecordLayout, Replay, ReplayWindow, Revision, SafeId, TmpId, UnixTime,
    Value, Ver, VerifyOutcome, Window, WsSig, handshake_reply,
};
use proptest::collection::{btree_map, vec};
use proptest::prelude::*;

use crate::given::{NOW, Sequence, client_keys, pair};

fn leaf() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Nil),
        any::<bool>().prop_map(Value::Bool),
        any::<i64>().prop_map(Value::Int),
        (-70_000_i64..70_000).prop_map(Value::Int),
        any::<u64>().prop_map(Value::from),
        any::<f64>()
            .prop_filter("a number", |f| !f.is_nan())
            .prop_map(Value::F64),
        ".{0,40}".prop_map(Value::Text),
        vec(any::<u8>(), 0..300).prop_map(Value::Bin),
    ]
}

fn value() -> impl Strategy<Value = Value> {
    leaf().prop_recursive(6, 64, 20, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..20).prop_map(Value::Array),
            btree_map(".{0,12}", inner, 0..20).prop_map(Value::Map),
        ]
    })
}

/// A map whose members may stand in a body: no name ends in two underscores.
fn content() -> impl Strategy<Value = Value> {
    btree_map("[a-z]{0,12}", leaf(), 0..20).prop_map(Value::Map)
}

/// The same value in some other spelling that a reader must take: wider headers, members in another
/// order.
fn respell(value: &Value, dice: &mut impl FnMut(usize) -> usize, out: &mut Vec<u8>) {
    let header = |out: &mut Vec<u8>,
                  wide: [Option<u8>; 3],
                  length: usize,
                  dice: &mut dyn FnMut(usize) -> usize| {
        let fits = [
            u8::try_from(length).is_ok(),
            u16::try_from(length).is_ok(),
            true,
        ];
        let choices: Vec<usize> = (0..3).filter(|w| fits[*w] && wide[*w].is_some()).collect();
        let width = choices[dice(choices.len())];
        out.push(wide[width].unwrap());
        let bytes = u32::try_from(length).unwrap().to_be_bytes();
        out.extend(&bytes[4 - (1 << width)..]);
    };
    match value {
        Value::Int(number) => match (u64::try_from(*number), dice(2)) {
            (Ok(number), 0) => {
                out.push(0xcf);
                out.extend(number.to_be_bytes());
            }
            _ => {
                out.push(0xd3);
                out.extend(number.to_be_bytes());
            }
        },
        Value::Text(text) => {
            header(out, [Some(0xd9), Some(0xda), Some(0xdb)], text.len(), dice);
            out.extend(text.as_bytes());
        }
        Value::Bin(bytes) => {
            header(out, [Some(0xc4), Some(0xc5), Some(0xc6)], bytes.len(), dice);
            out.extend(bytes);
        }
        Value::Array(items) => {
            header(out, [None, Some(0xdc), Some(0xdd)], items.len(), dice);
            items.iter().for_each(|item| respell(item, dice, out));
        }
        Value::Map(members) => {
            header(out, [None, Some(0xde), Some(0xdf)], members.len(), dice);
            let mut members: Vec<_> = members.iter().collect();
            while !members.is_empty() {
                let (name, value) = members.swap_remove(dice(members.len()));
                respell(&Value::from(name.as_str()), dice, out);
                respell(value, dice, out);
            }
        }
        other => out.extend(other.encode()),
    }
}

fn dice(mut seed: u64) -> impl FnMut(usize) -> usize {
    move |sides| {
        seed = seed
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(seed >> 33).unwrap() % sides
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// What is written is read back, and written again as the same bytes, whichever spelling it
    /// came in.
    #[test]
    fn canonical_roundtrip(value in value(), seed: u64) {
        let bytes = value.encode();
        let document = Document::parse(&bytes).unwrap();
        prop_assert_eq!(document.canonical(), bytes.clone());
        prop_assert_eq!(document.to_value().encode(), bytes.clone());
        prop_assert_eq!(document.to_value(), value.clone());
        let mut foreign = Vec::new();
        respell(&value, &mut dice(seed), &mut foreign);
        let document = Document::parse(&foreign).unwrap();
        prop_assert_eq!(document.canonical(), bytes);
        prop_assert_eq!(document.to_value(), value);
    }

    /// Two values have the same bytes only if they are the same.
    #[test]
    fn canonical_form_tells_values_apart(one in value(), two in value()) {
        prop_assert_eq!(one.encode() == two.encode(), one == two);
    }

    /// Any bytes: refused, or read, re-encoded, and then stable.
    #[test]
    fn reader_takes_any_bytes(bytes in vec(any::<u8>(), 0..200)) {
        if let Ok(document) = Document::parse(&bytes) {
            let canonical = document.canonical();
            // A float of four bytes grows to eight; nothing grows more.
            prop_assert!(canonical.len() <= 2 * bytes.len());
            prop_assert_eq!(Document::parse(&canonical).unwrap().canonical(), canonical);
        }
    }

    /// Nearly right bytes, which get further.
    #[test]
    fn reader_takes_damaged_values(value in value(), at: prop::sample::Index, byte: u8) {
        let mut bytes = value.encode();
        let at = at.index(bytes.len());
        bytes[at] = byte;
        if let Ok(document) = Document::parse(&bytes) {
            let canonical = document.canonical();
            prop_assert_eq!(Document::parse(&canonical).unwrap().canonical(), canonical);
        }
    }

    /// A frame says what was put in, to the one it is for, in either direction.
    #[test]
    fn frames_say_what_was_put_in(
        body in content(),
        name in "[a-z_]{1,20}",
        ts: u64,
        seed: u64,
        embedded: bool,
    ) {
        let crate::given::Pair { client, server, .. } = pair();
        let client = client.with_embedded_nonce(embedded);
        let server = server.with_embedded_nonce(embedded);
        let now = UnixTime::from_secs(ts);
        let asked = client.seal(&name, now, &body, &[], &mut Sequence(seed)).unwrap();
        let told = server.seal(&name, now, &body, &[], &mut Sequence(seed)).unwrap();
        let heard = server.open(&asked, now, Window::CLIENT).unwrap();
        let read = client.open(&told, now, Window::CLIENT).unwrap();
        for message in [heard, read] {
            prop_assert_eq!(message.name(), &name);
            prop_assert_eq!(message.ts(), now);
            prop_assert_eq!(message.body().to_value(), body.clone());
        }
        // Nobody else reads it.
        let stranger = crate::given::pair_of(seed | 2, crate::given::app_identity());
        prop_assert!(stranger.client.open(&told, now, Window::CLIENT).is_err());
        prop_assert!(stranger.server.open(&asked, now, Window::CLIENT).is_err());
    }

    /// Binaries beside the box arrive in their places.
    #[test]
    fn raw_items_arrive_in_place(
        items in vec(vec(any::<u8>(), 0..60), 1..6),
        picks in vec((any::<prop::sample::Index>(), "[a-z]{1,8}"), 0..10),
    ) {
        let pair = pair();
        let raw: Vec<&[u8]> = items.iter().map(Vec::as_slice).collect();
        let picks: std::collections::BTreeMap<_, _> =
            picks.into_iter().map(|(pick, name)| (name, pick.index(items.len()))).collect();
        let number = |pick: &usize| Value::from(*pick as u64);
        let sent = picks.iter().map(|(name, pick)| (format!("{name}__"), number(pick)));
        let sent = Value::from_members(sent);
        let mut entropy = Sequence(1);
        let frame = pair.server.seal("app_get_data", NOW, &sent, &raw, &mut entropy).unwrap();
        let message = pair.client.open(&frame, NOW, Window::CLIENT).unwrap();
        let expected = picks.iter().map(|(name, pick)| (name.clone(), Value::from(raw[*pick])));
        prop_assert_eq!(message.body().to_value(), Value::from_members(expected));
    }

    /// Any bytes as a frame, in either role: never a panic, never accepted.
    #[test]
    fn opening_takes_any_bytes(bytes in vec(any::<u8>(), 0..400)) {
        let pair = pair();
        prop_assert!(pair.client.open(&bytes, NOW, Window::CLIENT).is_err());
        prop_assert!(pair.server.open(&bytes, NOW, Window::CLIENT).is_err());
    }

    /// A damaged frame is refused, wherever it was hit.
    #[test]
    fn damaged_frames_are_refused(body in content(), at: prop::sample::Index, flip in 1..=255_u8) {
        let pair = pair();
        let mut frame = pair.push("app_get_data", &body);
        let at = at.index(frame.len());
        frame[at] ^= flip;
        prop_assert!(pair.client.open(&frame, NOW, Window::CLIENT).is_err());
    }

    /// A window accepts exactly the seconds it names, at any point of time.
    #[test]
    fn windows_are_exact(
        now: u64,
        past in 0..100_000_i64,
        future in 0..100_000_i64,
        off in -200_000..200_000_i64,
    ) {
        let window = Window::new(past.unsigned_abs(), future.unsigned_abs());
        if let Some(ts) = now.checked_add_signed(off) {
            let accepted = window.accepts(UnixTime::from_secs(now), UnixTime::from_secs(ts));
            prop_assert_eq!(accepted, (-past..=future).contains(&off));
        }
    }

    /// A replay memory agrees with the obvious one: seen within the retention, and never more than
    /// it has room for.
    #[test]
    fn replay_memory_is_the_obvious_one(
        steps in vec((0..12_u8, 0..400_u64), 0..60),
        capacity in 1..6_usize,
    ) {
        let window = Window::new(100, 40);
        let mut memory = ReplayWindow::new(capacity, window);
        let mut model: Vec<(u8, Duration)> = Vec::new();
        let mut now = Duration::ZERO;
        for (which, wait) in steps {
            now += Duration::from_secs(wait);
            model.retain(|(_, at)| now <= *at + window.retention());
            let expected = if model.iter().any(|(seen, _)| *seen == which) {
                Replay::Seen
            } else if model.len() == capacity {
                Replay::Full
            } else {
                model.push((which, now));
                Replay::Fresh
            };
            let hash = keylockr_proto::KpsHash::from_bytes([which; 32]);
            prop_assert_eq!(memory.insert(hash, now), expected);
            prop_assert_eq!(memory.len(), model.len());
        }
    }

    /// Records come back under their own key and under no other.
    #[test]
    fn records_come_back(
        content in vec(any::<u8>(), 0..500),
        key: [u8; 32],
        nonce: [u8; 24],
        seed: u64,
        fixed: bool,
    ) {
        let layout = match fixed {
            true => RecordLayout::FixedNonce(DataNonce::from_bytes(nonce)),
            false => RecordLayout::Prefix,
        };
        let mut codec = RecordCodec::new(layout);
        let record = codec.seal(&Filekey::from_bytes(&key), &content, &mut Sequence(seed)).unwrap();
        let opened = codec.open(&Filekey::from_bytes(&key), &record).unwrap().unwrap();
        prop_assert_eq!(&*opened, &content);
        let mut other = key;
        other[usize::from(seed.to_le_bytes()[0] % 32)] ^= 1;
        prop_assert!(codec.open(&Filekey::from_bytes(&other), &record).is_err());
    }

    /// Identifiers print what they were read from, and an identity is read back from its own text.
    #[test]
    fn identifiers_read_back(text in "\\PC{0,140}", dots in "[a-z0-9.]{0,20}") {
        for text in [&text, &dots] {
            for revision in [Revision::One, Revision::Two] {
                for family in [Family::Seed, Family::AppData] {
                    if let Ok(id) = AppId::parse(family, revision, text) {
                        prop_assert_eq!(id.as_str(), text.as_str());
                        prop_assert!(!text.contains('.') && !text.chars().any(char::is_control));
                        let identity = Identity::App(id);
                        prop_assert_eq!(Identity::parse(&identity.to_string()), Ok(identity));
                    }
                    prop_assert_eq!(
                        SafeId::parse(family, revision, text).is_ok(),
                        AppId::parse(family, revision, text).is_ok()
                    );
                }
            }
            if let Ok(ver) = Ver::parse(text) {
                prop_assert!(!ver.is_older_than(&ver));
            }
        }
    }

    /// An attempt's id goes through the QR code and the socket's address unharmed.
    #[test]
    fn attempts_go_through_code_and_address(
        text in "[A-Za-z0-9_-]{1,128}",
        ts: u64,
        path in "[!-~]{0,60}",
    ) {
        let tmp_id = TmpId::parse(Family::Seed, &text).unwrap();
        prop_assert_eq!(QrUri::parse(QrUri::new(&tmp_id).as_str()), Ok(tmp_id.clone()));
        if let Ok(link) = QrUri::with_return(&tmp_id, &format!("https://acme.example/{path}")) {
            prop_assert_eq!(QrUri::parse(link.as_str()), Ok(tmp_id.clone()));
            prop_assert_eq!(link.as_str().matches(['&', '=', '#']).count(), 3, "{}", link);
        }
        let keys = client_keys(3);
        let identity = Identity::Tmp(tmp_id);
        let now = UnixTime::from_secs(ts);
        let sig = WsSig::new(&identity, now, &keys);
        let key = keys.sign_public().clone();
        let claim = WsSig::open(sig.as_str(), now, Window::CLIENT, |_| Some(key)).unwrap();
        prop_assert_eq!((claim.identity, claim.ts), (identity, now));
    }

    /// Text to show has no control or direction characters and is never too long; cleaning it again
    /// changes nothing.
    #[test]
    fn shown_text_is_plain(
        text in any::<String>(),
        marks in "[a-c\u{200e}\u{202a}-\u{202e}\u{2066}-\u{2069}\u{0}-\u{1f}]{0,100}",
    ) {
        for text in [text, marks] {
            if let Some(name) = Nickname::parse(&text) {
                prop_assert!(name.as_str().chars().count() <= 64);
                let turns = |c: char| ('\u{202a}'..='\u{202e}').contains(&c);
                prop_assert!(!name.as_str().contains(|c: char| c.is_control() || turns(c)));
                prop_assert_eq!(Nickname::parse(name.as_str()), Some(name));
            }
            let truncated = DisplayName::truncated(&text);
            prop_assert_eq!(truncated.is_ok(), Nickname::parse(&text).is_some());
            if let Ok(name) = DisplayName::parse(&text) {
                prop_assert_eq!(truncated, Ok(name));
            }
        }
    }

    /// Any answer to `app_verify` is one of three outcomes, and only the exact ones are a yes or a
    /// no.
    #[test]
    fn verify_takes_any_answer(
        status: u16,
        bytes in vec(any::<u8>(), 0..100),
        res in "ok|err|",
        valid in "true|false|1|null|\"true\"",
    ) {
        let outcome = VerifyOutcome::from_response(status, &bytes);
        let failed = matches!(outcome, VerifyOutcome::Failed { .. });
        prop_assert!(failed);
        let body = format!(r#"{{"_res":"{res}","valid":{valid}}}"#);
        let ok = res == "ok" && (200..300).contains(&status);
        match VerifyOutcome::from_response(status, body.as_bytes()) {
            VerifyOutcome::Valid { .. } => prop_assert!(ok && valid == "true"),
            VerifyOutcome::Invalid => prop_assert!(ok && valid == "false"),
            VerifyOutcome::Failed { .. } => {
                prop_assert!(!ok || (valid != "true" && valid != "false"));
            }
        }
    }

    /// Blobs and handshake answers of any bytes.
    #[test]
    fn small_readers_take_any_bytes(bytes in vec(any::<u8>(), 0..200), value in value()) {
        let keys = client_keys(3);
        for bytes in [bytes, value.encode()] {
            if let Ok(blob) = FilekeyBlob::from_bytes(&bytes) {
                prop_assert!(blob.open(keys.box_secret(), Some(keys.box_public())).is_err());
            }
            for family in [Family::Seed, Family::AppData] {
                let _ = handshake_reply(family, &bytes);
            }
        }
    }
}
