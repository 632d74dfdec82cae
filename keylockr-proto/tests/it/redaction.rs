//! What can be seen of a secret: nothing. And what can be done with a key of the wrong kind:
//! nothing.

use std::fmt::{Debug, Display};
use std::marker::PhantomData;

use keylockr_proto::{
    BoxPublic, BoxSecret, ClientKeys, DataNonce, Direction, Document, Filekey, FilekeyBlob, Frame,
    KpsHash, Possession, ReplayWindow, SharedKey, SignPublic, SignSecret, Value, View, Window,
    WsSig,
};

use crate::given::{NOW, Sequence, TMP_ID, app_identity, body, client_keys, ok_body, pair};

/// Whether a type has a trait, asked at run time: the inherent method wins over the trait's where
/// the bound holds.
macro_rules! has {
    ($type:ty: $($bound:tt)+) => {{
        struct Probe<T: ?Sized>(PhantomData<T>);
        #[allow(dead_code)]
        trait No {
            fn answer(&self) -> bool {
                false
            }
        }
        impl<T: ?Sized> No for Probe<T> {}
        #[allow(dead_code)]
        impl<T: ?Sized + $($bound)+> Probe<T> {
            fn answer(&self) -> bool {
                true
            }
        }
        Probe::<$type>(PhantomData).answer()
    }};
}

/// See also the examples that must not compile, in the crate's documentation of this name.
#[test]
fn secret_types_print_nothing() {
    assert!(
        has!(String: Debug) && has!(String: Clone),
        "the question works"
    );
    macro_rules! silent {
        ($($type:ty),*) => {$(
            assert!(!has!($type: Debug), "Debug");
            assert!(!has!($type: Display), "Display");
            assert!(!has!($type: Clone), "Clone");
            assert!(!has!($type: serde::Serialize), "Serialize");
            assert!(!has!($type: std::ops::Deref), "Deref");
            assert!(!has!($type: AsRef<[u8]>), "AsRef");
            assert!(!has!($type: PartialEq), "a comparison that takes its time");
        )*};
    }
    silent!(Filekey, SignSecret, BoxSecret, SharedKey);
    macro_rules! unprinted {
        ($($type:ty),*) => {$(
            assert!(!has!($type: Display), "Display");
            assert!(!has!($type: serde::Serialize), "Serialize");
        )*};
    }
    unprinted!(
        ClientKeys,
        FilekeyBlob,
        WsSig,
        DataNonce,
        keylockr_proto::Message
    );
    assert!(!has!(ClientKeys: Clone));
}

#[test]
fn key_types_do_not_mix() {
    assert!(has!(u64: From<u32>), "the question works");
    macro_rules! apart {
        ($left:ty, $($right:ty),+) => {$(
            assert!(!has!($left: From<$right>) && !has!($right: From<$left>));
            assert!(!has!($left: TryFrom<$right>) && !has!($right: TryFrom<$left>));
            assert!(!has!($left: AsRef<$right>) && !has!($right: AsRef<$left>));
            assert!(!has!($left: PartialEq<$right>) && !has!($right: PartialEq<$left>));
        )+};
    }
    apart!(
        SignSecret, BoxSecret, SharedKey, Filekey, SignPublic, BoxPublic, [u8; 32]
    );
    apart!(
        BoxSecret, SharedKey, Filekey, SignPublic, BoxPublic, [u8; 32]
    );
    apart!(SharedKey, Filekey, SignPublic, BoxPublic, [u8; 32]);
    apart!(Filekey, SignPublic, BoxPublic, KpsHash, [u8; 32]);
    apart!(SignPublic, BoxPublic, KpsHash, [u8; 32]);
    apart!(BoxPublic, KpsHash, [u8; 32]);
}

/// Every spelling in which bytes may turn up in a text.
fn spellings(bytes: &[u8]) -> Vec<String> {
    use base64::Engine as _;
    use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};

    let hex = hex::encode(bytes);
    let list = format!("{bytes:?}");
    vec![
        hex[..16].to_owned(),
        hex[..16].to_uppercase(),
        STANDARD_NO_PAD.encode(bytes)[..10].to_owned(),
        URL_SAFE_NO_PAD.encode(bytes)[..10].to_owned(),
        list[1..list.len().min(24)].to_owned(),
        format!("{bytes:#x?}")[2..30].to_owned(),
        bytes[..8].escape_ascii().to_string(),
    ]
}

fn assert_hides(shown: &dyn Debug, secrets: &[&[u8]]) {
    for text in [format!("{shown:?}"), format!("{shown:#?}")] {
        for secret in secrets {
            for spelling in spellings(secret) {
                assert!(!text.contains(&spelling), "{text} shows {spelling}");
            }
        }
    }
}

#[test]
fn debug_redaction() {
    let pair = pair();
    let sign = *pair.keys.sign_secret().as_bytes();
    let enc = *pair.keys.box_secret().as_bytes();
    let secrets: &[&[u8]] = &[&sign, &enc];
    assert_hides(&pair.keys, secrets);
    assert_hides(&pair.client, secrets);
    assert_hides(
        &pair.server,
        &[pair.server_sign.as_bytes(), pair.server_enc.as_bytes()],
    );
    let text = format!("{:?}", pair.keys);
    assert!(
        text.contains(&pair.keys.sign_public().to_base64()),
        "public halves tell keys apart"
    );

    let blob = [0xb1; 64];
    let said = body([
        ("_res", "ok".into()),
        ("data_filekey", Value::from(&blob[..])),
        ("status", "done".into()),
    ]);
    let message = pair.said("app_filekey_result", &said);
    assert_hides(&message, &[&blob]);
    assert_hides(&message.body(), &[&blob]);
    assert_hides(&message.body().get("data_filekey"), &[&blob]);
    assert_hides(&message.body().to_value(), &[&blob]);
    let push = keylockr_proto::Push::decode(&message, keylockr_proto::Family::Seed).unwrap();
    assert_hides(&push, &[&blob]);
    assert_hides(&FilekeyBlob::from_bytes(&blob).unwrap(), &[&blob]);
    assert_eq!(
        format!("{:?}", FilekeyBlob::from_bytes(&blob).unwrap()),
        "FilekeyBlob(..)"
    );

    let sig = WsSig::new(&app_identity(), NOW, &pair.keys);
    assert_eq!(format!("{sig:?}"), "WsSig(..)");
    let nonce = DataNonce::from_bytes([0xd1; 24]);
    assert_eq!(format!("{nonce:?}"), "DataNonce(..)");
    let claim = Possession {
        audience: "https://acme.example",
        challenge: &[0xc4; 32],
        app_id: &keylockr_proto::AppId::parse(
            keylockr_proto::Family::Seed,
            keylockr_proto::Revision::One,
            "4711",
        )
        .unwrap(),
        safe_id: &keylockr_proto::SafeId::parse(
            keylockr_proto::Family::Seed,
            keylockr_proto::Revision::One,
            "1042",
        )
        .unwrap(),
    };
    let proof = claim.sign(pair.keys.sign_secret());
    assert_hides(&proof, &[&proof.as_bytes()[..]]);
    assert_hides(&claim, &[&[0xc4; 32]]);

    // A frame, and a memory of frames, show the first digits of a hash and no more.
    let bytes = pair.push("connected", &ok_body());
    let opened = pair.client.open(&bytes, NOW, Window::CLIENT).unwrap();
    let hash = *opened.kps_hash().as_bytes();
    let text = format!("{:?}", opened.kps_hash());
    assert_eq!(text, format!("KpsHash({})", hex::encode(&hash[..4])));
    let mut memory = ReplayWindow::new(4, Window::CLIENT);
    memory.insert(opened.kps_hash(), std::time::Duration::ZERO);
    assert_hides(&memory, &[&hash[..]]);
}

/// Enough to tell one from another in a log, exactly as far as this.
#[test]
fn debug_tells_which() {
    let pair = pair();
    let keys = &pair.keys;
    let sign = format!("SignPublic({})", keys.sign_public().to_base64());
    let enc = format!("BoxPublic({})", keys.box_public().to_base64());
    assert_eq!(format!("{:?}", keys.sign_public()), sign);
    assert_eq!(format!("{:?}", keys.box_public()), enc);
    assert_eq!(
        format!("{keys:?}"),
        format!("ClientKeys {{ sign: {sign}, enc: {enc}, lifetime: Fresh, .. }}")
    );
    let channel = format!("{:?}", pair.client);
    assert!(channel.starts_with("Channel { identity: "), "{channel}");
    assert!(channel.contains(TMP_ID), "{channel}");
    assert!(format!("{:?}", pair.server).starts_with("ServerChannel {"));

    let bytes = pair.push("connected", &ok_body());
    let frame = Frame::decode(&bytes[..], bytes.len(), Direction::FromServer).unwrap();
    let hash = hex::encode(&frame.hash().as_bytes()[..4]);
    let hash = format!("hash: KpsHash({hash})");
    assert_eq!(format!("{frame:?}"), format!("Frame {{ {hash}, .. }}"));
    let authentic = frame.verify(&pair.server_keys.sign).unwrap();
    assert_eq!(
        format!("{authentic:?}"),
        format!("Authentic {{ {hash}, .. }}")
    );
    let shared = SharedKey::agree(pair.keys.box_secret(), &pair.server_keys.enc).unwrap();
    let opened = authentic.open(&shared).unwrap();
    let message = format!("Message {{ name: \"connected\", ts: {NOW:?}, {hash}, .. }}");
    assert_eq!(
        format!("{opened:?}"),
        format!("Opened {{ message: {message} }}")
    );
    let opened = opened.fresh(NOW, Window::CLIENT).unwrap();
    assert_eq!(format!("{opened:?}"), message);

    let mut memory = ReplayWindow::new(4, Window::CLIENT);
    memory.insert(opened.kps_hash(), std::time::Duration::ZERO);
    assert_eq!(
        format!("{memory:?}"),
        "ReplayWindow { len: 1, capacity: 4, .. }"
    );
    assert_eq!(keylockr_proto::Refused.to_string(), "refused");

    let list = vec![Value::Nil, true.into(), Value::Int(-1), Value::F64(1.5)];
    let value = body([
        ("bin", Value::Bin(vec![7; 3])),
        ("list", Value::Array(list)),
        ("text", "said".into()),
    ]);
    assert_eq!(
        format!("{value:?}"),
        r#"{"bin": Bin(3 bytes), "list": [Nil, true, -1, 1.5], "text": "said"}"#
    );
    let bytes = value.encode();
    let document = Document::parse(&bytes).unwrap();
    assert_eq!(format!("{document:?}"), "Document(..)");
    let View::Map(members) = document.root() else {
        panic!("a map")
    };
    assert_eq!(format!("{:?}", document.root()), "MapView(3 members)");
    let shown: Vec<String> = members
        .iter()
        .map(|(_, view)| format!("{view:?}"))
        .collect();
    assert_eq!(shown, ["Bin(3 bytes)", "ArrayView(4 items)", "\"said\""]);
    let Some(View::Array(items)) = members.get("list") else {
        panic!("a list")
    };
    let shown: Vec<String> = items.iter().map(|view| format!("{view:?}")).collect();
    assert_eq!(shown, ["Nil", "true", "-1", "1.5"]);
    assert_eq!(format!("{:?}", Value::from(u64::MAX)), u64::MAX.to_string());
    let bytes = Value::from(u64::MAX).encode();
    let document = Document::parse(&bytes).unwrap();
    assert_eq!(format!("{:?}", document.root()), u64::MAX.to_string());
}

/// No error repeats what it refused.
#[test]
fn errors_do_not_echo() {
    let marker = "hunter2-hunter2-hunter2";
    let texts = [
        format!("{:?}", SignPublic::from_base64(marker)),
        format!("{:?}", SignSecret::from_base64(marker).err()),
        format!("{:?}", BoxSecret::from_base64(marker).err()),
        format!("{:?}", keylockr_proto::Identity::parse(marker)),
        format!("{:?}", Document::parse(marker.as_bytes()).err()),
        format!("{:?}", WsSig::open(marker, NOW, Window::CLIENT, |_| None)),
    ];
    for text in texts {
        assert!(!text.contains("hunter2"), "{text}");
        assert!(text.contains("kind"), "{text} still says what kind it was");
    }
    let keys = client_keys(1);
    let shared = SharedKey::agree(keys.box_secret(), keys.box_public()).unwrap();
    let boxed = shared.seal(marker.as_bytes(), &mut Sequence(1)).unwrap();
    let error = shared.open(&boxed[1..]).unwrap_err();
    assert_eq!(error.to_string(), "refused (E_BOX)");
}
