//! Messages that promise more than they hold.
//!
//! The corpus runs in a process of its own whose memory is capped, because a counting allocator
//! would need `unsafe`: what allocates by a declared length, or once for each value a message
//! claims to have, dies there.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod given;

use given::{NOW, Sequence, code, pair};
use keylockr_proto::{Document, FilekeyBlob, Value, Window, handshake_reply};

/// Inputs that must be refused, each with what is wrong with it.
fn bombs() -> Vec<(String, Vec<u8>)> {
    let mut bombs: Vec<(String, Vec<u8>)> = Vec::new();
    // A length that lies, for every header that has one, bare, and as a member of an envelope.
    for head in [
        0xc4_u8, 0xc5, 0xc6, 0xd9, 0xda, 0xdb, 0xdc, 0xdd, 0xde, 0xdf,
    ] {
        let width = match head {
            0xc4 | 0xd9 => 1,
            0xc5 | 0xda | 0xdc | 0xde => 2,
            _ => 4,
        };
        for length in [0x7f_u8, 0x80, 0xff] {
            let mut lie = vec![head];
            lie.push(length);
            lie.extend(vec![0xff; width - 1]);
            bombs.push((format!("{head:#x} of {length:#x}"), lie.clone()));
            bombs.push((
                format!("{head:#x} of {length:#x} and a byte"),
                [&lie[..], &[0]].concat(),
            ));
            let wrapped = [&[0x82, 0xa3][..], b"kps", &lie, &[0xa4], b"seal", &[0xc0]].concat();
            bombs.push((format!("{head:#x} in kps"), wrapped));
        }
    }
    for short in [0x8f_u8, 0x9f, 0xbf] {
        bombs.push((format!("{short:#x} without content"), vec![short]));
    }
    // Containers in containers, of both kinds, finished and not.
    for depth in [33, 100, 1000, 65_000, 262_143] {
        bombs.push((
            format!("{depth} arrays"),
            [vec![0x91; depth], vec![0xc0]].concat(),
        ));
        bombs.push((format!("{depth} open arrays"), vec![0x91; depth]));
        let maps = [0x81, 0xa1, b'a'].repeat(depth);
        bombs.push((format!("{depth} open maps"), maps.clone()));
        bombs.push((format!("{depth} maps"), [maps, vec![0xc0]].concat()));
    }
    bombs.push(("arrays of all that is left".to_owned(), {
        // Each declares exactly the bytes that follow it: honest for one, hopeless for all.
        (0..4000_u16)
            .rev()
            .flat_map(|left| [vec![0xdc], (left * 3).to_be_bytes().to_vec()].concat())
            .collect()
    }));
    // Too many values, though every length is honest.
    let array = |count: u16| {
        [
            vec![0xdc],
            count.to_be_bytes().to_vec(),
            vec![0xc0; count.into()],
        ]
        .concat()
    };
    bombs.push(("4097 values".to_owned(), array(4096)));
    bombs.push(("60,000 values".to_owned(), array(60_000)));
    let map = |count: u16| {
        let members = (0..count)
            .flat_map(|n| [vec![0xa4], format!("{n:04x}").into_bytes(), vec![0xc0]].concat());
        [vec![0xde], count.to_be_bytes().to_vec(), members.collect()].concat()
    };
    bombs.push(("4097 values with names".to_owned(), map(2048)));
    let pairs = [
        vec![0xdc, 0x06, 0x00],
        [0x81, 0xa1, b'a', 0xc0].repeat(0x600),
    ]
    .concat();
    bombs.push(("many small maps".to_owned(), pairs));
    // Names twice, found without comparing each with each.
    let mut twice = map(2047);
    let name = twice.iter().rposition(|byte| *byte == 0xa4).unwrap() + 1;
    twice[name..name + 4].copy_from_slice(b"0000");
    bombs.push(("a name twice among thousands".to_owned(), twice));
    // Nothing, too much, and what msgpack has but the protocol does not.
    bombs.push(("nothing".to_owned(), vec![]));
    bombs.push(("one byte over the limit".to_owned(), {
        let text = 262_144 - 4_u32;
        [vec![0xc6], text.to_be_bytes().to_vec(), vec![0; 262_140]].concat()
    }));
    for head in [0xc1_u8, 0xc7, 0xc8, 0xc9, 0xd4, 0xd5, 0xd6, 0xd7, 0xd8] {
        bombs.push((format!("{head:#x}"), [vec![head], vec![0; 20]].concat()));
        bombs.push((
            format!("{head:#x} in an array"),
            [vec![0x91, head], vec![0; 20]].concat(),
        ));
    }
    bombs
}

fn assert_all_refused() {
    let pair = pair();
    let shared =
        keylockr_proto::SharedKey::agree(&pair.server_enc, pair.keys.box_public()).unwrap();
    for (what, bytes) in bombs() {
        assert_eq!(code(&Document::parse(&bytes)), "E_MSGPACK", "{what}");
        let opened = pair.client.open(&bytes, NOW, Window::CLIENT);
        assert!(opened.is_err(), "{what}");
        let opened = pair.server.open(&bytes, NOW, Window::CLIENT);
        assert!(opened.is_err(), "{what}");
        assert!(
            handshake_reply(keylockr_proto::Family::Seed, &bytes).is_err(),
            "{what}"
        );
        if let Ok(blob) = FilekeyBlob::from_bytes(&bytes) {
            assert_eq!(
                code(&blob.open(pair.keys.box_secret(), None)),
                "E_FILEKEY_SHAPE",
                "{what}"
            );
        }
        // In the box of a frame that is good in every other way.
        if bytes.len() < 60_000 {
            let boxed = shared.seal(&bytes, &mut Sequence(1)).unwrap();
            let kps = Value::from_members([("box", Value::from(boxed))]);
            let hash = <sha2::Sha256 as sha2::Digest>::digest(kps.encode());
            let seal = pair.server_sign.sign_message(&hash);
            let frame = Value::from_members([("kps", kps), ("seal", seal.into())]).encode();
            let opened = pair.client.open(&frame, NOW, Window::CLIENT);
            assert_eq!(code(&opened), "E_INNER", "{what}");
        }
    }
}

/// What the limits still allow, read to the last value.
fn assert_limits_are_reached() {
    let values = [vec![0xdc, 0x0f, 0xff], vec![0xc0; 4095]].concat();
    assert_eq!(Document::parse(&values).unwrap().canonical(), values);
    let largest = [vec![0xc6, 0, 3, 0xff, 0xfb], vec![7; 262_139]].concat();
    assert_eq!(largest.len(), 262_144);
    assert_eq!(Document::parse(&largest).unwrap().canonical(), largest);
    let deepest = [vec![0x91; 32], vec![0x90]].concat();
    assert_eq!(
        Document::parse(&deepest).unwrap().canonical(),
        deepest,
        "an empty array holds no leaf"
    );
    // 2047 names in falling order: sorted by their places, not by copies.
    let members = (0..2047)
        .rev()
        .flat_map(|n| [vec![0xa4], format!("{n:04x}").into_bytes(), vec![0xc0]].concat());
    let falling = [vec![0xde, 0x07, 0xff], members.collect::<Vec<u8>>()].concat();
    let members =
        (0..2047).flat_map(|n| [vec![0xa4], format!("{n:04x}").into_bytes(), vec![0xc0]].concat());
    let rising = [vec![0xde, 0x07, 0xff], members.collect::<Vec<u8>>()].concat();
    assert_eq!(Document::parse(&falling).unwrap().canonical(), rising);
}

#[test]
#[ignore = "run by bomb_corpus, under a cap"]
fn under_the_cap() {
    assert_all_refused();
    assert_limits_are_reached();
}

/// What the cap is there to catch: the control of the control.
#[test]
#[ignore = "run by bomb_corpus, and must die there"]
fn over_the_cap() {
    let eager: Vec<u64> = Vec::with_capacity(0x7fff_ffff);
    std::hint::black_box(&eager);
}

/// Runs a test of this file in a process that may map no more than 512 MiB. The smallest lie among
/// the bombs that would be believed is two gigabytes of values; the runtime itself maps some
/// hundred MiB.
#[cfg(unix)]
fn runs_capped(test: &str) -> bool {
    let output = std::process::Command::new("sh")
        .args(["-c", "ulimit -c 0; ulimit -v 524288 && exec \"$0\" \"$@\""])
        .arg(std::env::current_exe().expect("this program"))
        .args(["--exact", test, "--ignored", "--test-threads", "1"])
        .output()
        .expect("a shell");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(said.contains("running 1 test"), "{said}");
    output.status.success()
}

#[test]
fn bomb_corpus() {
    assert_all_refused();
    assert_limits_are_reached();
    #[cfg(unix)]
    {
        assert!(runs_capped("under_the_cap"));
        assert!(!runs_capped("over_the_cap"), "the cap holds");
    }
}
