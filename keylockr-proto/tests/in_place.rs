//! Sealing into a buffer and opening in place: the same messages, and not one allocation.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod given;

use std::alloc::System;
use std::sync::Mutex;

use given::forge::Forge;
use given::{Broken, NOW, Sequence, body, code, ok_body, pair};
use keylockr_proto::{Document, Message, Value, View, Window};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// The count is the whole process's, so one test at a time.
static ALONE: Mutex<()> = Mutex::new(());

fn allocations(run: impl FnOnce()) -> usize {
    let region = Region::new(ALLOCATOR);
    run();
    let change = region.change();
    change.allocations + change.reallocations
}

fn alone() -> impl Drop {
    ALONE
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// The first frame may grow a buffer; no other does anything but its work.
#[test]
fn warm_operations_allocate_nothing() {
    let _alone = alone();
    let pair = pair();
    // Otherwise one of the rounds would.
    pair.server_keys.prepare();
    for size in [64, 256, 1024, 16_384, 60_000] {
        let payload = vec![7; size];
        let request = [("data_enc", View::Bin(&payload))];
        let answer = [
            ("_res", View::Text("ok")),
            ("data_enc", View::Bin(&payload)),
        ];
        let reference = [("_res", View::Text("ok")), ("data_enc__", View::Int(0))];
        let (mut asked, mut answered, mut referred) = (Vec::new(), Vec::new(), Vec::new());
        let (mut buffer, mut scratch) = (Vec::new(), Vec::new());
        let mut entropy = Sequence(1);
        let mut round = || {
            asked.clear();
            pair.client
                .seal_into(&mut asked, "app_set_data", NOW, &request, &[], &mut entropy)
                .unwrap();
            answered.clear();
            pair.server
                .seal_into(
                    &mut answered,
                    "app_set_data",
                    NOW,
                    &answer,
                    &[],
                    &mut entropy,
                )
                .unwrap();
            referred.clear();
            pair.server
                .seal_into(
                    &mut referred,
                    "app_get_data",
                    NOW,
                    &reference,
                    &[&payload],
                    &mut entropy,
                )
                .unwrap();
            for frame in [&answered, &referred] {
                buffer.clear();
                buffer.extend_from_slice(frame);
                let message = pair
                    .client
                    .open_in_place(&mut buffer, NOW, Window::CLIENT)
                    .unwrap();
                assert_eq!(message.body().get("_res"), Some(View::Text("ok")));
                assert_eq!(message.body().get("data_enc"), Some(View::Bin(&payload)));
                let message = pair
                    .client
                    .open_or_refuse(frame, &mut scratch, NOW, Window::CLIENT)
                    .unwrap();
                assert_eq!(message.body().get("data_enc"), Some(View::Bin(&payload)));
            }
            buffer.clear();
            buffer.extend_from_slice(&asked);
            let message = pair
                .server
                .open_in_place(&mut buffer, NOW, Window::CLIENT)
                .unwrap();
            assert_eq!(message.name(), "app_set_data");
            // Refusing allocates as little.
            buffer.clear();
            buffer.extend_from_slice(&asked);
            buffer[100] ^= 1;
            assert!(
                pair.server
                    .open_or_refuse(&buffer, &mut scratch, NOW, Window::CLIENT)
                    .is_err()
            );
            assert!(
                pair.server
                    .open_in_place(&mut buffer, NOW, Window::CLIENT)
                    .is_err()
            );
        };
        round();
        assert_eq!(counted(&mut round), [0; 58], "at {size} bytes");
    }
}

/// What is counted is the whole process's: the harness may begin another test meanwhile. What the
/// operations do themselves would be there every time.
fn counted(round: &mut dyn FnMut()) -> Vec<usize> {
    let mut counts = || {
        (2..60)
            .map(|_| allocations(&mut *round))
            .collect::<Vec<_>>()
    };
    let mut counted = counts();
    for _ in 0..4 {
        if counted.iter().any(|count| *count > 0) {
            counted = counts();
        }
    }
    counted
}

/// A peer that does not take the shortest header, but keeps its maps in order, costs no more than
/// the hash of what it means.
#[test]
fn another_spelling_in_order_allocates_nothing() {
    let _alone = alone();
    let pair = pair();
    pair.server_keys.prepare();
    let frame = pair.push("connected", &ok_body());
    let (head, members) = (&frame[..5], frame[5]);
    assert_eq!((head, members & 0xf0), (&b"\x82\xa3kps"[..], 0x80));
    let wide = [head, &[0xde, 0, members & 0x0f], &frame[6..]].concat();
    let mut buffer = Vec::new();
    let mut round = || {
        buffer.clear();
        buffer.extend_from_slice(&wide);
        let opened = pair.client.open_in_place(&mut buffer, NOW, Window::CLIENT);
        assert_eq!(opened.unwrap().name(), "connected");
    };
    round();
    assert_eq!(counted(&mut round), [0; 58]);
}

fn told<B: AsRef<[u8]>>(
    message: &Message<B>,
) -> (String, u64, Option<String>, Option<String>, Value) {
    (
        message.name().to_owned(),
        message.ts().as_secs(),
        message.id().map(ToOwned::to_owned),
        message.app_ver().map(ToOwned::to_owned),
        message.body().to_value(),
    )
}

/// Whatever the body is given as, and wherever the frame is opened.
#[test]
fn all_ways_say_the_same() {
    let _alone = alone();
    let pair = pair();
    let value = body([
        ("_res", "ok".into()),
        ("list", Value::Array(vec![Value::Int(-7), Value::Nil])),
        ("x__", Value::Int(1)),
    ]);
    let encoded = value.encode();
    let View::Map(map) = Document::parse(&encoded).unwrap().root() else {
        panic!("a map")
    };
    let members: Vec<_> = map.iter().collect();
    let raw: &[&[u8]] = &[b"one", b"two"];
    let frame = pair
        .client
        .seal("name", NOW, &value, raw, &mut Sequence(3))
        .unwrap();
    let by_view = pair.client.seal("name", NOW, &map, raw, &mut Sequence(3));
    assert_eq!(by_view.unwrap(), frame);
    let by_members = pair
        .client
        .seal("name", NOW, members.as_slice(), raw, &mut Sequence(3));
    assert_eq!(by_members.unwrap(), frame);
    let mut buffer = b"before".to_vec();
    pair.client
        .seal_into(&mut buffer, "name", NOW, &value, raw, &mut Sequence(3))
        .unwrap();
    assert_eq!(buffer, [b"before", frame.as_slice()].concat(), "appended");

    let owned = pair.server.open(&frame, NOW, Window::CLIENT).unwrap();
    let mut place = frame.clone();
    let lying = pair
        .server
        .open_in_place(&mut place, NOW, Window::CLIENT)
        .unwrap();
    let mut scratch = Vec::new();
    let copied = pair
        .server
        .open_or_refuse(&frame, &mut scratch, NOW, Window::CLIENT)
        .unwrap();
    assert_eq!(told(&owned), told(&lying));
    assert_eq!(told(&owned), told(&copied));
    assert_eq!(told(&owned), told(&lying.to_owned()));
    assert_eq!(owned.kps_hash(), copied.kps_hash());
    assert_eq!(owned.body().get("x"), Some(View::Bin(b"two")));
}

/// Many raw items, of which a few lie where none is allocated for.
#[test]
fn raw_items_of_any_number() {
    let _alone = alone();
    let pair = pair();
    for count in 0_u8..12 {
        let items: Vec<Vec<u8>> = (0..count)
            .map(|item| vec![item; usize::from(item)])
            .collect();
        let raw: Vec<&[u8]> = items.iter().map(Vec::as_slice).collect();
        let names: Vec<String> = (0..count).map(|item| format!("m{item:02}__")).collect();
        let value = Value::from_members(
            names
                .iter()
                .zip(0..)
                .map(|(name, index)| (name.as_str(), Value::Int(index))),
        );
        let frame = pair
            .server
            .seal("connected", NOW, &value, &raw, &mut Sequence(5))
            .unwrap();
        let mut place = frame.clone();
        let message = pair
            .client
            .open_in_place(&mut place, NOW, Window::CLIENT)
            .unwrap();
        for (index, item) in items.iter().enumerate() {
            let found = message.body().get(&format!("m{index:02}"));
            assert_eq!(found, Some(View::Bin(item)), "{index} of {count}");
        }
    }
}

/// A buffer that a failed sealing was to append to is as it was, and held no plaintext behind it.
#[test]
fn a_failure_appends_nothing() {
    let _alone = alone();
    let pair = pair();
    let secret = [("secret", View::Text("plaintext"))];
    let mut buffer = b"before".to_vec();
    let refused = pair
        .client
        .seal_into(&mut buffer, "name", NOW, &secret, &[], &mut Broken);
    assert_eq!(code(&refused), "E_ENTROPY");
    let unsorted = [("b", View::Nil), ("a", View::Nil)];
    let twice = [("a", View::Nil), ("a", View::Nil)];
    for body in [unsorted, twice] {
        let refused = pair
            .client
            .seal_into(&mut buffer, "name", NOW, &body, &[], &mut Sequence(1));
        assert_eq!(code(&refused), "E_SHAPE");
    }
    let small = given::pair().client.with_frame_limit(100);
    let refused = small.seal_into(&mut buffer, "name", NOW, &secret, &[], &mut Sequence(1));
    assert_eq!(code(&refused), "E_SIZE");
    assert_eq!(buffer, b"before");
}

/// The quiet refusal refuses what the named one refuses, whichever step would have found it.
#[test]
fn quiet_refusal_accepts_nothing_more() {
    let _alone = alone();
    let pair = pair();
    let mut scratch = Vec::new();
    let frame = pair.push("connected", &ok_body());
    for bit in 0..frame.len() * 8 {
        let mut frame = frame.clone();
        frame[bit / 8] ^= 1 << (bit % 8);
        let refused = pair
            .client
            .open_or_refuse(&frame, &mut scratch, NOW, Window::CLIENT);
        assert!(refused.is_err(), "bit {bit}");
    }
    let spoils: [fn(&mut Forge); 5] = [
        |forge| forge.flip_signature = true,
        |forge| forge.hash_of = Some(Value::Nil),
        |forge| forge.boxed_by.secret = [77; 32],
        |forge| forge.sign = [78; 32],
        |forge| forge.trailing = true,
    ];
    for spoil in spoils {
        for mut forge in [Forge::from_server(&pair), Forge::from_client(&pair)] {
            let good = forge.bytes();
            spoil(&mut forge);
            let bad = forge.bytes();
            let mut opens = |frame: &[u8]| {
                let client = pair
                    .client
                    .open_or_refuse(frame, &mut scratch, NOW, Window::CLIENT)
                    .is_ok();
                client
                    || pair
                        .server
                        .open_or_refuse(frame, &mut scratch, NOW, Window::CLIENT)
                        .is_ok()
            };
            assert!(opens(&good));
            assert!(!opens(&bad));
        }
    }
}
