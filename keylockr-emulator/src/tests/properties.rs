//! Properties of the codec and of opening frames.

use proptest::{collection::vec, prelude::*};

use crate::wire::{
    crypto::{self, SignPair},
    envelope::{Envelope, MAX_FRAME, Sealing, Window, Writer},
    reader,
    value::{Map, Value},
    writer,
};

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Nil),
        any::<bool>().prop_map(Value::Bool),
        any::<i64>().prop_map(Value::Int),
        any::<u64>().prop_map(Value::from),
        (-1e9..1e9).prop_map(Value::Float),
        ".{0,40}".prop_map(Value::Text),
        vec(any::<u8>(), 0..300).prop_map(Value::Bin),
    ];
    leaf.prop_recursive(6, 64, 8, |inner| {
        let entries = vec((".{0,6}", inner.clone()), 0..8);
        prop_oneof![
            vec(inner, 0..8).prop_map(Value::Array),
            entries.prop_map(|entries| {
                Value::Map(
                    entries
                        .into_iter()
                        .fold(Map::new(), |map, (key, value)| map.with(key, value)),
                )
            }),
        ]
    })
}

proptest! {
    #[test]
    fn what_is_written_is_read_again(value in value()) {
        let bytes = writer::encode(&value);
        prop_assert_eq!(reader::decode(&bytes), Ok(value));
    }

    #[test]
    fn a_prefix_or_more_is_refused(value in value(), cut in any::<prop::sample::Index>()) {
        let mut bytes = writer::encode(&value);
        let cut = cut.index(bytes.len());
        prop_assert!(reader::decode(&bytes[..cut]).is_err());
        bytes.push(0xc0);
        prop_assert!(reader::decode(&bytes).is_err());
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in vec(any::<u8>(), 0..600)) {
        if let Ok(value) = reader::decode(&bytes) {
            let canonical = writer::encode(&value);
            prop_assert!(canonical.len() < bytes.len() * 2, "a float32 grows, nothing else does");
        }
        let _ = Envelope::decode(&bytes, MAX_FRAME, Writer::Client);
    }

    #[test]
    fn a_flipped_bit_is_refused(body in vec(any::<u8>(), 0..60), at in any::<prop::sample::Index>(), bit in 0_u32..8) {
        let (shared, sign) = ([3; 32], SignPair::from_seed(&[4; 32]));
        let sealing = Sealing {
            writer: Writer::Client,
            id: Some("tmp.x"),
            app_ver: None,
            name: "app_set_data",
            ts: 1_785_000_000,
            body: Map::new().with("data", body),
            raw: vec![vec![1, 2, 3]],
            nonce: [5; 24],
            embed_nonce: false,
        };
        let mut frame = sealing.seal(&shared, &sign);
        let open = |frame: &[u8]| {
            let envelope = Envelope::decode(frame, MAX_FRAME, Writer::Client).ok()?;
            let inner = envelope.authenticate(&sign.public).ok()?.open(&shared, Writer::Client).ok()?;
            inner.fresh(1_785_000_000, Window { past: 300, future: 5 }).ok()?.joined().ok()
        };
        prop_assert!(open(&frame).is_some());
        let at = at.index(frame.len());
        frame[at] ^= 1_u8 << bit;
        prop_assert!(open(&frame).is_none());
    }
}

#[test]
fn keys_agree_from_both_sides() {
    for number in 0..20_u8 {
        let (a, b) = (crypto::sha256(&[number, 1]), crypto::sha256(&[number, 2]));
        let (public_a, public_b) = (crypto::box_public_of(&a), crypto::box_public_of(&b));
        assert_eq!(
            crypto::shared_key(&public_a, &b),
            crypto::shared_key(&public_b, &a)
        );
    }
}
