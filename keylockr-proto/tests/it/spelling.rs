//! One message, many spellings: what is hashed, what is a name twice, what is a replay.

use std::time::Duration;

use keylockr_proto::{Replay, ReplayWindow, SharedKey, Value, Window};
use sha2::{Digest, Sha256};

use crate::given::forge::Forge;
use crate::given::{NOW, Sequence, body, code, ok_body, pair};

#[test]
fn seal_over_foreign_spelling_refused() {
    let pair = pair();
    let good = Forge::from_server(&pair);
    let canonical = good.kps().encode();
    assert_eq!(canonical[0], 0x82, "a short header");
    // The same map with a wide header, with members the other way round, and with a wide text
    // header.
    let wide = [&[0xde, 0, 2], &canonical[1..]].concat();
    let members = match good.kps() {
        Value::Map(members) => members,
        _ => panic!(),
    };
    let member = |name: &str| [Value::from(name).encode(), members[name].encode()].concat();
    let turned = [vec![0x82], member("n"), member("box")].concat();
    let wide_text = [
        &[0x82, 0xd9, 3][..],
        b"box",
        &members["box"].encode(),
        &member("n"),
    ]
    .concat();
    for spelling in [wide, turned, wide_text] {
        assert_ne!(spelling, canonical);
        let sealed_over = |bytes: &[u8]| {
            let seal = pair.server_sign.sign_message(&Sha256::digest(bytes));
            [
                &[0x82, 0xa3][..],
                b"kps",
                &spelling,
                &Value::from("seal").encode(),
                &Value::from(seal).encode(),
            ]
            .concat()
        };
        let own = pair
            .client
            .open(&sealed_over(&spelling), NOW, Window::CLIENT);
        assert_eq!(code(&own), "E_HASH", "a seal over the spelling itself");
        let agreed = pair
            .client
            .open(&sealed_over(&canonical), NOW, Window::CLIENT);
        assert_eq!(code(&agreed), "ok", "a seal over the canonical form");
    }
}

/// At every level: root, `kps`, deeper in `kps`, the box, its header, its body.
#[test]
fn duplicate_keys_refused() {
    let pair = pair();
    let good = Forge::from_server(&pair);
    let member = |name: &str, value: &Value| [Value::from(name).encode(), value.encode()].concat();
    let kps = good.kps();
    let seal = Value::from(pair.server_sign.sign_message(&Sha256::digest(kps.encode())));
    let root = [
        vec![0x83],
        member("kps", &kps),
        member("seal", &seal),
        member("seal", &seal),
    ]
    .concat();
    assert_eq!(
        code(&pair.client.open(&root, NOW, Window::CLIENT)),
        "E_MSGPACK"
    );
    let Value::Map(members) = &kps else { panic!() };
    for extra in [
        member("n", &members["n"]),
        // A nested map with the name twice.
        [
            Value::from("x").encode(),
            vec![0x82, 0xa1, b'a', 0xc0, 0xa1, b'a', 0xc0],
        ]
        .concat(),
        // The name again, in another spelling.
        [vec![0xd9, 1, b'n'], members["n"].encode()].concat(),
    ] {
        let frame = [
            vec![0x82],
            Value::from("kps").encode(),
            vec![0x83],
            member("box", &members["box"]),
            member("n", &members["n"]),
            extra,
            member("seal", &seal),
        ]
        .concat();
        assert_eq!(
            code(&pair.client.open(&frame, NOW, Window::CLIENT)),
            "E_MSGPACK"
        );
    }
    let shared = SharedKey::agree(&pair.server_enc, pair.keys.box_public()).unwrap();
    let header = body([("from", "ping".into()), ("ts", NOW.as_secs().into())]);
    let header_twice = [
        vec![0x83],
        member("from", &"ping".into()),
        member("ts", &NOW.as_secs().into()),
        member("from", &"ping".into()),
    ]
    .concat();
    let twice = |name: &str, value: &[u8]| [Value::from(name).encode(), value.to_vec()].concat();
    for inner in [
        [
            vec![0x83],
            member("body", &Value::map()),
            member("header", &header),
            member("body", &Value::map()),
        ]
        .concat(),
        [
            vec![0x82],
            member("body", &Value::map()),
            twice("header", &header_twice),
        ]
        .concat(),
        [
            vec![0x82],
            twice("body", &[0x82, 0xa1, b'a', 1, 0xa1, b'a', 1]),
            member("header", &header),
        ]
        .concat(),
    ] {
        let boxed = shared.seal(&inner, &mut Sequence(3)).unwrap();
        let mut forge = good.clone();
        forge.kps.insert("n".to_owned(), boxed[..24].into());
        forge.kps.insert("box".to_owned(), boxed[24..].into());
        let opened = pair.client.open(&forge.bytes(), NOW, Window::CLIENT);
        assert_eq!(code(&opened), "E_INNER");
    }
}

#[test]
fn replay_refused() {
    let pair = pair();
    let mut memory = ReplayWindow::new(8, Window::CLIENT);
    let mut receive = |frame: &[u8], elapsed: u64| {
        let message = pair.client.open(frame, NOW, Window::CLIENT).unwrap();
        memory.insert(message.kps_hash(), Duration::from_secs(elapsed))
    };
    let one = pair.push("connected", &ok_body());
    let two = pair.push_at("connected", &ok_body(), NOW, 8);
    assert_eq!(receive(&one, 0), Replay::Fresh);
    assert_eq!(
        receive(&two, 0),
        Replay::Fresh,
        "the same words, boxed anew"
    );
    assert_eq!(receive(&one, 0), Replay::Seen);
    assert_eq!(
        receive(&one, 840),
        Replay::Seen,
        "as long as any window reaches"
    );
    assert_eq!(receive(&two, 840), Replay::Seen);
    assert_eq!(
        receive(&one, 841),
        Replay::Fresh,
        "only then is it forgotten"
    );
}

#[test]
fn respelled_replay_refused() {
    let pair = pair();
    let good = Forge::from_server(&pair);
    let frame = good.bytes();
    let wide = [&[0xde, 0, 2], &frame[1..]].concat();
    let Value::Map(members) = Value::from_members([("kps", good.kps())]) else {
        panic!()
    };
    let seal = pair
        .server_sign
        .sign_message(&Sha256::digest(good.kps().encode()));
    // Members of the root the other way round, and an extra one that nothing covers.
    let turned = [
        vec![0x83],
        Value::from("seal").encode(),
        Value::from(seal).encode(),
        Value::from("kps").encode(),
        members["kps"].encode(),
        Value::from("more").encode(),
        vec![0xc0],
    ]
    .concat();
    let mut memory = ReplayWindow::new(8, Window::CLIENT);
    let verdicts: Vec<Replay> = [&frame, &wide, &turned, &frame]
        .into_iter()
        .map(|bytes| {
            let message = pair.client.open(bytes, NOW, Window::CLIENT).unwrap();
            memory.insert(message.kps_hash(), Duration::ZERO)
        })
        .collect();
    assert_eq!(
        verdicts,
        [Replay::Fresh, Replay::Seen, Replay::Seen, Replay::Seen]
    );
}

#[test]
fn replay_memory_never_evicts_what_lives() {
    let pair = pair();
    let hash = |seed| {
        let frame = pair.push_at("connected", &ok_body(), NOW, seed);
        pair.client
            .open(&frame, NOW, Window::CLIENT)
            .unwrap()
            .kps_hash()
    };
    let mut memory = ReplayWindow::new(2, Window::CLIENT);
    assert!(memory.is_empty() && !memory.is_full());
    assert_eq!(memory.insert(hash(1), Duration::ZERO), Replay::Fresh);
    assert_eq!(
        memory.insert(hash(2), Duration::from_secs(100)),
        Replay::Fresh
    );
    assert!(memory.is_full() && !memory.is_empty());
    assert_eq!(
        memory.insert(hash(3), Duration::from_secs(200)),
        Replay::Full
    );
    assert_eq!(
        memory.insert(hash(1), Duration::from_secs(200)),
        Replay::Seen
    );
    assert_eq!(
        memory.insert(hash(3), Duration::from_secs(841)),
        Replay::Fresh,
        "the first ended"
    );
    assert_eq!(
        memory.insert(hash(1), Duration::from_secs(841)),
        Replay::Full
    );
    assert_eq!(memory.len(), 2);
}
