//! Opening frames: what is refused, with which error, and in which order.

use std::time::Duration;

use keylockr_proto::{Replay, ReplayWindow, ServerKeys, UnixTime, Value, Window};

use crate::given::forge::{Forge, inner};
use crate::given::{NOW, Sequence, body, code, ok_body, pair};

#[test]
fn every_bit_flip_is_refused() {
    let pair = pair();
    let raw: &[&[u8]] = &[b"beside the box"];
    let value = body([("_res", "ok".into()), ("data_plain__", Value::Int(0))]);
    let pushed = pair
        .server
        .seal("app_get_data", NOW, &value, raw, &mut Sequence(1))
        .unwrap();
    let asked = pair
        .client
        .seal("app_get_data", NOW, &Value::map(), &[], &mut Sequence(2))
        .unwrap();
    assert_eq!(code(&pair.client.open(&pushed, NOW, Window::CLIENT)), "ok");
    assert_eq!(code(&pair.server.open(&asked, NOW, Window::CLIENT)), "ok");
    for bit in 0..pushed.len() * 8 {
        let mut frame = pushed.clone();
        frame[bit / 8] ^= 1 << (bit % 8);
        assert!(
            pair.client.open(&frame, NOW, Window::CLIENT).is_err(),
            "bit {bit} of a service's frame"
        );
    }
    for bit in 0..asked.len() * 8 {
        let mut frame = asked.clone();
        frame[bit / 8] ^= 1 << (bit % 8);
        assert!(
            pair.server.open(&frame, NOW, Window::CLIENT).is_err(),
            "bit {bit} of a client's frame"
        );
    }
}

#[test]
fn every_truncation_is_refused() {
    let pair = pair();
    let frame = pair.push("connected", &ok_body());
    for length in 0..frame.len() {
        let opened = pair.client.open(&frame[..length], NOW, Window::CLIENT);
        assert_eq!(code(&opened), "E_MSGPACK", "{length} bytes");
    }
}

/// Makes one thing wrong.
type Spoil = fn(&mut Forge);

/// The steps of K 3.4, each with a defect that only it can find.
const STEPS: [(&str, Spoil); 9] = [
    // Step 1 is the limit, set by the test.
    ("E_MSGPACK", |forge| forge.trailing = true),
    ("E_SHAPE", |forge| {
        forge.kps.insert("count".to_owned(), Value::Int(5));
    }),
    ("E_IDENTITY", |forge| {
        forge
            .kps
            .insert("id".to_owned(), "tmp.somebody-else".into());
    }),
    ("E_SEAL", |forge| forge.flip_signature = true),
    ("E_HASH", |forge| forge.hash_of = Some(Value::Nil)),
    ("E_BOX", |forge| forge.boxed_by.secret = [77; 32]),
    ("E_INNER", |forge| {
        let Value::Map(inner) = &mut forge.inner else {
            panic!()
        };
        let Some(Value::Map(header)) = inner.get_mut("header") else {
            panic!()
        };
        header.insert("from".to_owned(), "".into());
        header.insert("to".to_owned(), "".into());
    }),
    ("E_TIME", |forge| {
        let Value::Map(inner) = &mut forge.inner else {
            panic!()
        };
        let Some(Value::Map(header)) = inner.get_mut("header") else {
            panic!()
        };
        header.insert("ts".to_owned(), Value::Int(5));
    }),
    ("E_RAW", |forge| {
        let raw = Value::Array(vec![Value::Bin(vec![1])]);
        forge.kps.insert("raw".to_owned(), raw);
        let Value::Map(inner) = &mut forge.inner else {
            panic!()
        };
        inner.insert("body".to_owned(), body([("data__", Value::Int(1))]));
    }),
];

/// A frame that is wrong in two ways, or in all from some step on, reports the earlier one.
#[test]
fn opening_order_holds() {
    let pair = pair();
    for from_server in [true, false] {
        let good = match from_server {
            true => Forge::from_server(&pair),
            false => Forge::from_client(&pair),
        };
        let open = |forge: &Forge, limit: usize| {
            let frame = forge.bytes();
            let limited = crate::given::pair();
            let result = match from_server {
                true => limited
                    .client
                    .with_frame_limit(limit)
                    .open(&frame, NOW, Window::CLIENT),
                false => limited
                    .server
                    .with_frame_limit(limit)
                    .open(&frame, NOW, Window::CLIENT),
            };
            code(&result)
        };
        let steps: Vec<_> = STEPS
            .iter()
            .filter(|(code, _)| !(from_server && *code == "E_IDENTITY"))
            .collect();
        assert_eq!(open(&good, 65_536), "ok");
        for (i, (first, spoil)) in steps.iter().enumerate() {
            let mut one = good.clone();
            spoil(&mut one);
            assert_eq!(open(&one, 65_536), *first);
            assert_eq!(open(&one, 20), "E_SIZE", "too large and {first}");
            let mut all = one.clone();
            for (second, spoil_too) in &steps[i + 1..] {
                let mut two = one.clone();
                spoil_too(&mut two);
                assert_eq!(open(&two, 65_536), *first, "{first} and {second}");
                spoil_too(&mut all);
            }
            assert_eq!(open(&all, 65_536), *first, "{first} and all after it");
        }
    }
}

/// The last step: a frame that was seen is a replay only if everything before holds.
#[test]
fn opening_order_ends_with_the_replay() {
    let pair = pair();
    let frame = pair.push("connected", &ok_body());
    let mut memory = ReplayWindow::new(8, Window::CLIENT);
    let message = pair.client.open(&frame, NOW, Window::CLIENT).unwrap();
    assert_eq!(
        memory.insert(message.kps_hash(), Duration::ZERO),
        Replay::Fresh
    );
    let late = pair
        .client
        .open(&frame, NOW.saturating_add(601), Window::CLIENT);
    assert_eq!(code(&late), "E_TIME");
}

#[test]
fn reflected_frame_refused() {
    let pair = pair();
    let ours = pair
        .client
        .seal("app_connect_req", NOW, &Value::map(), &[], &mut Sequence(1))
        .unwrap();
    assert_eq!(
        code(&pair.client.open(&ours, NOW, Window::CLIENT)),
        "E_SEAL"
    );
    let theirs = pair.push("connected", &ok_body());
    let back = pair.server.open(&theirs, NOW, Window::CLIENT);
    assert_eq!(code(&back), "E_SHAPE", "a service's frame names no sender");
    // Even sealed by the right key, the direction in the box must be right.
    let mut forge = Forge::from_server(&pair);
    forge.inner = inner("to", "connected", NOW.as_secs().into(), ok_body());
    let opened = pair.client.open(&forge.bytes(), NOW, Window::CLIENT);
    assert_eq!(code(&opened), "E_INNER");
    // And a service that signs with the client's key, as one key for all would let it.
    let same_key = ServerKeys {
        enc: pair.server_keys.enc.clone(),
        sign: pair.keys.sign_public().clone(),
    };
    let channel =
        keylockr_proto::Channel::new(&pair.keys, &same_key, crate::given::tmp_identity()).unwrap();
    assert_eq!(code(&channel.open(&ours, NOW, Window::CLIENT)), "E_INNER");
}

#[test]
fn ts_matrix() {
    let pair = pair();
    let open = |ts: Value, now: UnixTime| {
        let mut forge = Forge::from_server(&pair);
        forge.inner = inner("from", "ping", ts, body([("_res", "ok".into())]));
        code(&pair.client.open(&forge.bytes(), now, Window::CLIENT))
    };
    let now = NOW.as_secs();
    let of = |ts: u64| Value::from(ts);
    for (ts, expected) in [
        (of(now), "ok"),
        (of(now - 600), "ok"),
        (of(now - 601), "E_TIME"),
        (of(now + 180), "ok"),
        (of(now + 181), "E_TIME"),
        (of(0), "E_TIME"),
        (Value::UInt(u64::MAX), "E_TIME"),
        (Value::Int(i64::MAX), "E_TIME"),
        (Value::Int(-1), "E_INNER"),
        (Value::Int(i64::MIN), "E_INNER"),
        (Value::F64(1_785_000_000.0), "E_INNER"),
        (Value::F64(f64::NAN), "E_INNER"),
        (Value::F64(f64::INFINITY), "E_INNER"),
        ("1785000000".into(), "E_INNER"),
        (Value::Bin(vec![0x6a, 0x64, 0xf0, 0x40]), "E_INNER"),
        (Value::Bool(true), "E_INNER"),
        (Value::Nil, "E_INNER"),
        (Value::Array(vec![of(now)]), "E_INNER"),
        (Value::map(), "E_INNER"),
    ] {
        assert_eq!(open(ts.clone(), NOW), expected, "{ts:?}");
    }
    // At both ends of time nothing wraps round.
    for (ts, now, expected) in [
        (of(0), 0, "ok"),
        (of(180), 0, "ok"),
        (of(181), 0, "E_TIME"),
        (Value::UInt(u64::MAX), 0, "E_TIME"),
        (Value::UInt(u64::MAX), u64::MAX, "ok"),
        (Value::UInt(u64::MAX - 600), u64::MAX, "ok"),
        (Value::UInt(u64::MAX - 601), u64::MAX, "E_TIME"),
        (of(0), u64::MAX, "E_TIME"),
    ] {
        assert_eq!(open(ts, UnixTime::from_secs(now)), expected);
    }
    let mut forge = Forge::from_server(&pair);
    forge.inner = body([
        ("body", Value::map()),
        ("header", body([("from", "ping".into())])),
    ]);
    let opened = pair.client.open(&forge.bytes(), NOW, Window::CLIENT);
    assert_eq!(code(&opened), "E_INNER", "no ts");
}

#[test]
fn shapes_refused() {
    let pair = pair();
    let good = Forge::from_server(&pair);
    let spoiled = |name: &str, value: Value| {
        let mut forge = good.clone();
        forge.kps.insert(name.to_owned(), value);
        code(&pair.client.open(&forge.bytes(), NOW, Window::CLIENT))
    };
    // Numbers have no agreed hash, at any depth; everything else unknown is hashed and ignored.
    for value in [Value::Int(0), Value::UInt(u64::MAX), Value::F64(0.5)] {
        assert_eq!(spoiled("x", value.clone()), "E_SHAPE");
        assert_eq!(spoiled("x", Value::Array(vec![value.clone()])), "E_SHAPE");
        assert_eq!(spoiled("x", body([("y", value.clone())])), "E_SHAPE");
        let deep = Value::Array(vec![body([("y", Value::Array(vec![value]))])]);
        assert_eq!(spoiled("x", deep), "E_SHAPE");
    }
    for value in [
        Value::Nil,
        Value::Bool(true),
        "text".into(),
        Value::Bin(vec![1]),
        Value::map(),
    ] {
        assert_eq!(spoiled("x", value), "ok");
    }
    // A client does not care what `id` and `app_ver` of a service are.
    assert_eq!(spoiled("id", Value::Bin(vec![1])), "ok");
    assert_eq!(spoiled("app_ver", Value::Bool(false)), "ok");
    // A service does.
    let client = Forge::from_client(&pair);
    for (name, value, expected) in [
        ("id", Value::Nil, "E_SHAPE"),
        ("id", Value::Bin(b"tmp.x".to_vec()), "E_SHAPE"),
        ("id", "".into(), "E_IDENTITY"),
        ("id", "tmp.".into(), "E_IDENTITY"),
        ("app_ver", Value::Nil, "ok"),
        ("app_ver", Value::Bool(true), "E_SHAPE"),
        ("app_ver", "other/1".into(), "ok"),
    ] {
        let mut forge = client.clone();
        forge.kps.insert(name.to_owned(), value.clone());
        let opened = pair.server.open(&forge.bytes(), NOW, Window::CLIENT);
        assert_eq!(code(&opened), expected, "{name} {value:?}");
    }
    // Roots that are no envelope.
    let (kps, seal) = (good.kps(), Value::Bin(vec![0; 96]));
    for root in [
        Value::Nil,
        Value::map(),
        Value::Array(vec![kps.clone(), seal.clone()]),
        body([("kps", kps.clone())]),
        body([("seal", seal.clone())]),
        body([("kps", Value::Nil), ("seal", seal.clone())]),
        body([("kps", Value::Array(vec![])), ("seal", seal.clone())]),
        body([("kps", Value::map()), ("seal", seal)]),
        body([("kps", kps.clone()), ("seal", Value::Bin(vec![0; 95]))]),
        body([("kps", kps.clone()), ("seal", Value::Bin(vec![0; 97]))]),
        body([("kps", kps.clone()), ("seal", Value::Bin(vec![0; 64]))]),
        body([("kps", kps), ("seal", "s".repeat(96).into())]),
    ] {
        let opened = pair.client.open(&root.encode(), NOW, Window::CLIENT);
        assert_eq!(code(&opened), "E_SHAPE", "{root:?}");
    }
}

/// Contents of the box that are no message.
#[test]
fn inner_refused() {
    let pair = pair();
    let open = |value: Value| {
        let mut forge = Forge::from_server(&pair);
        forge.inner = value;
        code(&pair.client.open(&forge.bytes(), NOW, Window::CLIENT))
    };
    let header = || body([("from", "ping".into()), ("ts", NOW.as_secs().into())]);
    assert_eq!(
        open(body([("body", Value::map()), ("header", header())])),
        "ok"
    );
    let more = body([
        ("body", Value::map()),
        ("header", header()),
        ("more", Value::Nil),
    ]);
    assert_eq!(open(more), "ok");
    for value in [
        Value::Nil,
        Value::Array(vec![]),
        Value::map(),
        body([("header", header())]),
        body([("body", Value::map())]),
        body([("body", Value::Nil), ("header", header())]),
        body([("body", Value::Array(vec![])), ("header", header())]),
        body([("body", Value::map()), ("header", Value::Array(vec![]))]),
        body([("body", Value::map()), ("header", Value::map())]),
        inner("from", "", NOW.as_secs().into(), Value::map()),
        inner("to", "ping", NOW.as_secs().into(), Value::map()),
        inner("From", "ping", NOW.as_secs().into(), Value::map()),
        body([
            ("body", Value::map()),
            (
                "header",
                body([
                    ("from", Value::Bin(b"ping".to_vec())),
                    ("ts", NOW.as_secs().into()),
                ]),
            ),
        ]),
    ] {
        assert_eq!(open(value.clone()), "E_INNER", "{value:?}");
    }
}
