//! Nonces, coming in and going out, and what else sealing refuses.

use std::collections::{BTreeMap, BTreeSet};

use keylockr_proto::{Entropy, EntropyError, Value, Window};
use sha2::{Digest, Sha256};

use crate::given::forge::Forge;
use crate::given::{NOW, Sequence, body, code, pair};

#[test]
fn nonce_rules() {
    let pair = pair();
    let good = Forge::from_server(&pair);
    let Value::Map(members) = good.kps() else {
        panic!()
    };
    let (Value::Bin(nonce), Value::Bin(boxed)) = (&members["n"], &members["box"]) else {
        panic!()
    };
    let open = |n: Option<Value>, boxed: Value| {
        let mut kps = BTreeMap::from([("box".to_owned(), boxed)]);
        kps.extend(n.map(|n| ("n".to_owned(), n)));
        let kps = Value::Map(kps);
        let seal = pair.server_sign.sign_message(&Sha256::digest(kps.encode()));
        let frame = body([("kps", kps), ("seal", seal.into())]).encode();
        code(&pair.client.open(&frame, NOW, Window::CLIENT))
    };
    let bin = |bytes: &[u8]| Value::from(bytes);
    let whole = [nonce.as_slice(), boxed].concat();
    assert_eq!(open(Some(bin(nonce)), bin(boxed)), "ok");
    assert_eq!(open(None, bin(&whole)), "ok", "embedded");
    assert_eq!(open(Some(Value::Nil), bin(&whole)), "ok", "nil is absent");
    for length in [0, 1, 12, 23, 25, 32, 48] {
        assert_eq!(
            open(Some(bin(&vec![7; length])), bin(boxed)),
            "E_SHAPE",
            "{length} bytes"
        );
    }
    assert_eq!(
        open(Some("twenty-four characters !".into()), bin(boxed)),
        "E_SHAPE"
    );
    assert_eq!(open(Some(Value::Array(vec![])), bin(boxed)), "E_SHAPE");
    // The shortest boxes: a tag alone, and a nonce with a tag.
    assert_eq!(open(Some(bin(nonce)), bin(&boxed[..15])), "E_SHAPE");
    assert_eq!(open(Some(bin(nonce)), bin(&boxed[..16])), "E_BOX");
    assert_eq!(open(None, bin(&whole[..39])), "E_SHAPE");
    assert_eq!(open(None, bin(&whole[..40])), "E_BOX");
    // Both forms at once is the plain form with a damaged box.
    assert_eq!(open(Some(bin(nonce)), bin(&whole)), "E_BOX");
    let mut other = nonce.clone();
    other[23] ^= 1;
    assert_eq!(open(Some(bin(&other)), bin(boxed)), "E_BOX");
    assert_eq!(open(Some(bin(nonce)), "text".into()), "E_SHAPE");
}

/// Counts what it gives out, so that every nonce on the wire can be traced to one draw.
struct Counting {
    inner: Sequence,
    drawn: Vec<Vec<u8>>,
}

impl Entropy for Counting {
    fn fill(&mut self, dest: &mut [u8]) -> Result<(), EntropyError> {
        self.inner.fill(dest)?;
        self.drawn.push(dest.to_vec());
        Ok(())
    }
}

/// Every frame takes one draw of 24 bytes, and what was drawn is what it carries: no counter, no
/// derivation, no reuse, over 100,000 frames and on both ends.
#[test]
fn outgoing_nonces_unique() {
    let pair = pair();
    let mut entropy = Counting {
        inner: Sequence(1),
        drawn: Vec::new(),
    };
    let mut seen = BTreeSet::new();
    for round in 0..100_000_usize {
        entropy.drawn.clear();
        let frame = match round % 2 {
            0 => pair
                .client
                .seal("pong", NOW, &Value::map(), &[], &mut entropy),
            _ => pair
                .server
                .seal("ping", NOW, &Value::map(), &[], &mut entropy),
        }
        .unwrap();
        let [nonce] = entropy.drawn.as_slice() else {
            panic!("one draw for a frame")
        };
        assert_eq!(nonce.len(), 24);
        let on_wire = [&[0xa1, b'n', 0xc4, 24], &nonce[..]].concat();
        assert!(
            frame.windows(28).any(|at| at == on_wire),
            "the nonce on the wire is the one drawn"
        );
        assert!(seen.insert(nonce.clone()), "round {round}");
    }
    assert_eq!(seen.len(), 100_000);
    assert_eq!(
        code(
            &pair
                .client
                .seal("pong", NOW, &Value::map(), &[], &mut crate::given::Broken)
        ),
        "E_ENTROPY",
        "no randomness, no frame"
    );
}

#[test]
fn frames_name_their_software() {
    let said = |app_ver: Option<&str>| {
        let channel = pair().client.with_app_ver(app_ver);
        let frame = channel.seal("x", NOW, &Value::map(), &[], &mut Sequence(1));
        let opened = pair().server.open(&frame.unwrap(), NOW, Window::CLIENT);
        opened.unwrap().app_ver().map(ToOwned::to_owned)
    };
    let frame = pair()
        .client
        .seal("x", NOW, &Value::map(), &[], &mut Sequence(1))
        .unwrap();
    let opened = pair().server.open(&frame, NOW, Window::CLIENT).unwrap();
    assert_eq!(opened.app_ver(), Some("klsso/0.1.0"));
    assert_eq!(opened.app_ver(), Some(keylockr_proto::APP_VERSION));
    assert_eq!(said(Some("other/1")), Some("other/1".to_owned()));
    assert_eq!(said(None), None);
    assert_eq!(said(Some(&"v".repeat(64))), Some("v".repeat(64)));
    assert_eq!(said(Some(&"v".repeat(65))), None, "too long to be one");
}

#[test]
fn seal_refuses_what_nobody_would_open() {
    let pair = pair();
    let seal = |body: &Value| code(&pair.client.seal("x", NOW, body, &[], &mut Sequence(1)));
    assert_eq!(seal(&Value::Nil), "E_SHAPE");
    assert_eq!(seal(&Value::Array(vec![])), "E_SHAPE");
    // The largest body that fits, to the byte.
    let fixed = pair.client.seal(
        "x",
        NOW,
        &body([("b", Value::Bin(vec![0; 60_000]))]),
        &[],
        &mut Sequence(1),
    );
    let room = 65_536 - fixed.unwrap().len();
    let sized = |length: usize| body([("b", Value::Bin(vec![0; length]))]);
    assert_eq!(seal(&sized(60_000 + room)), "ok");
    assert_eq!(seal(&sized(60_000 + room + 1)), "E_SIZE");
    let wider = crate::given::pair().client.with_frame_limit(100_000);
    let frame = wider
        .seal("x", NOW, &sized(90_000), &[], &mut Sequence(1))
        .unwrap();
    assert!(frame.len() > 90_000);
}
