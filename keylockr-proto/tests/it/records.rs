//! Filekeys and records: nonces, layers, layouts.

use std::collections::BTreeSet;

use keylockr_proto::{
    BoxSecret, DataNonce, Family, Filekey, FilekeyBlob, FixedNonceWrites, MAX_RECORD, RecordCodec,
    RecordDigest, RecordLayout, SharedKey, Value,
};

use crate::given::{Broken, Sequence, body, client_keys, code};

fn filekey() -> Filekey {
    Filekey::from_bytes(&[51; 32])
}

fn nd() -> RecordLayout {
    RecordLayout::FixedNonce(DataNonce::from_bytes([24; 24]))
}

fn content(codec: &mut RecordCodec, record: &[u8]) -> Result<Vec<u8>, keylockr_proto::Error> {
    codec
        .open(&filekey(), record)
        .map(|content| content.expect("a record").to_vec())
}

/// Every write draws 24 bytes, in both layouts and for equal contents; in the layout with the fixed
/// nonce the two ciphertexts differ in unpredictable bytes and not by the difference of their
/// contents.
#[test]
fn two_writes_two_nonces() {
    let mut entropy = Sequence(1);
    let mut prefix = RecordCodec::new(RecordLayout::Prefix);
    let mut nonces = BTreeSet::new();
    for _ in 0..1000 {
        let record = prefix.seal(&filekey(), b"same", &mut entropy).unwrap();
        assert_eq!(record.len(), 24 + 16 + 4);
        assert!(nonces.insert(record[..24].to_vec()));
    }
    let mut fixed = RecordCodec::new(nd());
    let mut records = BTreeSet::new();
    for _ in 0..1000 {
        let record = fixed.seal(&filekey(), b"same", &mut entropy).unwrap();
        assert_eq!(record.len(), 16 + 4 + 24 + 16 + 4);
        assert!(records.insert(record.clone()));
        assert_eq!(content(&mut fixed, &record).unwrap(), b"same");
    }
    let xor = |a: &[u8], b: &[u8]| -> Vec<u8> { a.iter().zip(b).map(|(a, b)| a ^ b).collect() };
    let (one, two) = (b"content number one", b"content number two");
    let first = fixed.seal(&filekey(), one, &mut entropy).unwrap();
    let second = fixed.seal(&filekey(), two, &mut entropy).unwrap();
    let difference = xor(&first[first.len() - 18..], &second[second.len() - 18..]);
    assert_ne!(difference, xor(one, two));
    for codec in [&mut prefix, &mut fixed] {
        assert_eq!(
            code(&codec.seal(&filekey(), b"x", &mut Broken)),
            "E_ENTROPY"
        );
    }
}

/// By default the `nd` layout is never written bare; the documented form needs the setting with the
/// ugly name.
#[test]
fn nd_raw_needs_opt_in() {
    let mut entropy = Sequence(1);
    let mut codec = RecordCodec::new(nd());
    let record = codec.seal(&filekey(), b"content", &mut entropy).unwrap();
    assert!(codec.inner_used());
    assert_eq!(record.len(), 7 + 16 + 4 + 24 + 16);
    let mut bare = RecordCodec::new(nd()).with_insecure_raw_writes();
    let raw = bare.seal(&filekey(), b"content", &mut Broken).unwrap();
    assert_eq!(raw.len(), 7 + 16, "no randomness in it");
    assert!(!bare.inner_used());
    // Reading needs no setting.
    let mut reader = RecordCodec::new(nd());
    assert_eq!(content(&mut reader, &raw).unwrap(), b"content");
    assert_eq!(content(&mut reader, &record).unwrap(), b"content");
}

#[test]
fn no_mix_after_inner() {
    let mut entropy = Sequence(1);
    let raw = RecordCodec::new(nd())
        .with_insecure_raw_writes()
        .seal(&filekey(), b"bare", &mut entropy)
        .unwrap();
    let layered = RecordCodec::new(nd())
        .seal(&filekey(), b"layered", &mut entropy)
        .unwrap();

    // Seen on reading, written by us, or known from before: from then on a bare content is refused.
    let mut seen = RecordCodec::new(nd());
    assert_eq!(content(&mut seen, &raw).unwrap(), b"bare", "not yet");
    assert_eq!(content(&mut seen, &layered).unwrap(), b"layered");
    let mut written = RecordCodec::new(nd());
    written.seal(&filekey(), b"x", &mut entropy).unwrap();
    let known = RecordCodec::new(nd()).with_inner_used(true);
    for mut codec in [seen, written, known] {
        assert!(codec.inner_used());
        assert_eq!(code(&content(&mut codec, &raw)), "E_RECORD");
        assert_eq!(
            content(&mut codec, &layered).unwrap(),
            b"layered",
            "nothing else changed"
        );
        let mut opted = codec.with_insecure_raw_writes();
        assert_eq!(
            code(&opted.seal(&filekey(), b"x", &mut entropy)),
            "E_RECORD"
        );
    }
    // A damaged inner layer is refused and leaves no mark.
    let shared = |content: &[u8]| {
        RecordCodec::new(nd())
            .with_insecure_raw_writes()
            .seal(&filekey(), content, &mut Broken)
            .unwrap()
    };
    for forged in [
        &b"KLi1"[..],
        b"KLi1 and nothing that opens",
        &[b"KLi1".as_slice(), &[0; 60]].concat(),
    ] {
        let mut codec = RecordCodec::new(nd());
        assert_eq!(code(&content(&mut codec, &shared(forged))), "E_RECORD");
        assert!(!codec.inner_used());
        assert_eq!(content(&mut codec, &raw).unwrap(), b"bare");
    }
}

/// A codec that could not seal has not written the layer: what is there is read as before.
#[test]
fn a_record_that_was_not_sealed_leaves_no_mark() {
    let mut entropy = Sequence(1);
    let mut codec = RecordCodec::new(nd());
    let room = MAX_RECORD - RecordCodec::overhead(Family::Seed, FixedNonceWrites::Inner);
    let large = vec![0; room + 1];
    assert_eq!(
        code(&codec.seal(&filekey(), &large, &mut entropy)),
        "E_SIZE"
    );
    assert_eq!(
        code(&codec.seal(&filekey(), b"x", &mut Broken)),
        "E_ENTROPY"
    );
    assert!(!codec.inner_used());
    let raw = RecordCodec::new(nd())
        .with_insecure_raw_writes()
        .seal(&filekey(), b"bare", &mut entropy)
        .unwrap();
    assert_eq!(content(&mut codec, &raw).unwrap(), b"bare");
    codec
        .seal(&filekey(), &large[..room], &mut entropy)
        .unwrap();
    assert!(codec.inner_used());
}

/// A record of another user, of another layout, or damaged anywhere, fails its tag.
#[test]
fn record_swap_refused() {
    let mut entropy = Sequence(1);
    let other = Filekey::from_bytes(&[52; 32]);
    for layout in [RecordLayout::Prefix, nd()] {
        let mut codec = RecordCodec::new(layout.clone());
        let mine = codec.seal(&filekey(), b"mine", &mut entropy).unwrap();
        let theirs = RecordCodec::new(layout.clone())
            .seal(&other, b"theirs", &mut entropy)
            .unwrap();
        assert_eq!(content(&mut codec, &mine).unwrap(), b"mine");
        assert_eq!(code(&content(&mut codec, &theirs)), "E_RECORD");
        assert_eq!(code(&codec.open(&other, &mine)), "E_RECORD");
        for bit in 0..mine.len() * 8 {
            let mut damaged = mine.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(
                code(&content(&mut codec, &damaged)),
                "E_RECORD",
                "bit {bit}"
            );
        }
        for length in 1..mine.len() {
            assert_eq!(
                code(&content(&mut codec, &mine[..length])),
                "E_RECORD",
                "{length} bytes"
            );
        }
        assert_eq!(
            codec.open(&filekey(), b"").unwrap(),
            None,
            "no bytes are no data yet"
        );
    }
    let prefixed = RecordCodec::new(RecordLayout::Prefix)
        .seal(&filekey(), b"x", &mut entropy)
        .unwrap();
    assert_eq!(
        code(&content(&mut RecordCodec::new(nd()), &prefixed)),
        "E_RECORD"
    );
    let mut lenient = RecordCodec::new(nd()).with_read_fallback(true);
    assert_eq!(content(&mut lenient, &prefixed).unwrap(), b"x");
    let fixed = RecordCodec::new(nd())
        .seal(&filekey(), b"x", &mut entropy)
        .unwrap();
    let written = lenient.seal(&filekey(), b"x", &mut entropy).unwrap();
    assert_eq!(
        written.len(),
        fixed.len(),
        "a write keeps to the configured layout"
    );
    assert_eq!(
        code(&content(&mut lenient, &prefixed)),
        "E_RECORD",
        "and then so does reading"
    );
}

/// The other way round: the nonce of a long blob reads a record of the `nd` layout, inner layer
/// included, and is never written with.
#[test]
fn the_prefix_layout_reads_the_other() {
    let mut entropy = Sequence(1);
    let plain = || RecordCodec::new(RecordLayout::Prefix);
    let nonce = DataNonce::from_bytes([24; 24]);
    let lenient = || plain().with_fixed_nonce_fallback(Some(nonce.clone()));
    let mut inner = RecordCodec::new(nd());
    let mut raw = RecordCodec::new(nd()).with_insecure_raw_writes();
    for writer in [&mut inner, &mut raw] {
        let record = writer.seal(&filekey(), b"fixed", &mut entropy).unwrap();
        assert_eq!(code(&content(&mut plain(), &record)), "E_RECORD");
        assert_eq!(content(&mut lenient(), &record).unwrap(), b"fixed");
        let mut damaged = record.clone();
        damaged[20] ^= 1;
        assert_eq!(code(&content(&mut lenient(), &damaged)), "E_RECORD");
        let other = DataNonce::from_bytes([25; 24]);
        let mut other = plain().with_fixed_nonce_fallback(Some(other));
        assert_eq!(code(&content(&mut other, &record)), "E_RECORD");
    }
    let mut codec = lenient();
    let [first, second] = [0, 1].map(|_| codec.seal(&filekey(), b"own", &mut entropy).unwrap());
    assert_ne!(first[..24], second[..24]);
    assert_eq!(content(&mut plain(), &first).unwrap(), b"own");
}

/// A digest tells states apart, and needs no key.
#[test]
fn digests_tell_records_apart() {
    let digest = |record: &[u8]| RecordDigest::of(record);
    assert_eq!(digest(b"a"), digest(b"a"));
    assert_ne!(digest(b"a"), digest(b"b"));
    let text = digest(b"").to_string();
    assert_eq!(text.len(), 64);
    assert!(text.starts_with("e3b0c44298fc1c14"), "SHA-256: {text}");
}

#[test]
fn record_size_limit() {
    let mut entropy = Sequence(1);
    let overhead = |family, writes| RecordCodec::overhead(family, writes);
    let raw = FixedNonceWrites::InsecureRaw;
    assert_eq!(overhead(Family::Seed, raw), 16);
    assert_eq!(overhead(Family::AppData, raw), 40);
    for (layout, family) in [
        (RecordLayout::Prefix, Family::AppData),
        (nd(), Family::Seed),
    ] {
        let overhead = overhead(family, FixedNonceWrites::Inner);
        let mut codec = RecordCodec::new(layout);
        let largest = vec![1; MAX_RECORD - overhead];
        let record = codec.seal(&filekey(), &largest, &mut entropy).unwrap();
        assert_eq!(record.len(), MAX_RECORD);
        assert_eq!(content(&mut codec, &record).unwrap(), largest);
        let more = [largest, vec![1]].concat();
        assert_eq!(code(&codec.seal(&filekey(), &more, &mut entropy)), "E_SIZE");
    }
}

/// Every member of a blob, left out or of the wrong form.
#[test]
fn filekey_blob_shapes() {
    let keys = client_keys(1);
    let phone = BoxSecret::from_bytes(&[9; 32]);
    let shared = SharedKey::agree(&phone, keys.box_public()).unwrap();
    let boxed = shared.seal(&[51; 32], &mut Sequence(1)).unwrap();
    let (nonce, boxed) = boxed.split_at(24);
    let bin = |bytes: &[u8]| Value::from(bytes);
    let short = body([
        ("k", bin(boxed)),
        ("nk", bin(nonce)),
        ("nd", bin(&[24; 24])),
    ]);
    let long = body([
        ("apEncPk", bin(phone.public().as_bytes())),
        ("encFileKey", bin(boxed)),
        ("nonceForKey", bin(nonce)),
    ]);
    let sender = phone.public();
    let open = |blob: &Value, expected| {
        FilekeyBlob::from_bytes(&blob.encode())
            .and_then(|blob| blob.open(keys.box_secret(), expected))
    };
    for (blob, expected) in [
        (&short, Some(&sender)),
        (&long, None),
        (&long, Some(&sender)),
    ] {
        let opened = open(blob, expected).unwrap();
        assert_eq!(opened.filekey.as_bytes(), &[51; 32]);
        assert_eq!(opened.sender, sender);
    }
    assert_eq!(code(&open(&short, None)), "E_FILEKEY_SENDER");
    let stranger = BoxSecret::from_bytes(&[10; 32]).public();
    assert_eq!(code(&open(&long, Some(&stranger))), "E_FILEKEY_SENDER");
    assert_eq!(code(&open(&short, Some(&stranger))), "E_FILEKEY");
    for good in [&short, &long] {
        let Value::Map(members) = good else { panic!() };
        for name in members.keys() {
            for odd in [
                Value::Nil,
                Value::Bin(vec![]),
                Value::Bin(vec![1; 23]),
                Value::Bin(vec![1; 80]),
                "text".into(),
                Value::Array(vec![]),
            ] {
                let mut changed = members.clone();
                changed.insert(name.clone(), odd.clone());
                let opened = open(&Value::Map(changed), Some(&sender));
                assert_eq!(code(&opened), "E_FILEKEY_SHAPE", "{name} {odd:?}");
            }
            let mut less = members.clone();
            less.remove(name);
            let opened = open(&Value::Map(less), Some(&sender));
            assert_eq!(code(&opened), "E_FILEKEY_SHAPE", "without {name}");
        }
    }
    // A short blob may name its sender; a long one may bring the nonce of the record.
    let Value::Map(mut named) = short else {
        panic!()
    };
    named.insert("apEncPk".to_owned(), bin(sender.as_bytes()));
    assert_eq!(code(&open(&Value::Map(named), None)), "ok");
    let Value::Map(mut noncy) = long else {
        panic!()
    };
    noncy.insert("nonceForData".to_owned(), bin(&[24; 24]));
    let opened = open(&Value::Map(noncy.clone()), None).unwrap();
    assert_eq!(opened.data_nonce, Some(DataNonce::from_bytes([24; 24])));
    noncy.insert("apEncPk".to_owned(), bin(&[0; 32]));
    assert_eq!(code(&open(&Value::Map(noncy), None)), "E_KEY");
    for bytes in [&b""[..], b"\xc0", b"\x90", b"\x80", b"\x80\x80"] {
        let opened = FilekeyBlob::from_bytes(bytes)
            .unwrap()
            .open(keys.box_secret(), None);
        assert_eq!(code(&opened), "E_FILEKEY_SHAPE");
    }
    assert_eq!(
        code(&FilekeyBlob::from_bytes(&[0; 1025])),
        "E_FILEKEY_SHAPE"
    );
    assert_eq!(code(&FilekeyBlob::from_bytes(&[0; 1024])), "ok");
}
