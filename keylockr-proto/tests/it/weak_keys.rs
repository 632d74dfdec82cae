//! Keys that cannot be loaded: none of them becomes part of a connection.

use std::hash::BuildHasher as _;

use keylockr_proto::{BoxPublic, BoxSecret, ErrorKind, ServerKeys, SignSecret};

use crate::given::{client_keys, code, pair};

#[test]
fn weak_server_keys_refused() {
    use keylockr_proto::{Error, SignPublic};

    let hex32 = |text: &str| -> [u8; 32] { hex::decode(text).unwrap().try_into().unwrap() };
    let good = pair().server_keys;
    let (enc, sign) = (good.enc.to_base64(), good.sign.to_base64());
    let kind = |result: Result<ServerKeys, Error>| result.map_err(|error| error.kind());
    assert_eq!(kind(ServerKeys::from_base64(&enc, &sign)), Ok(good.clone()));
    let spaced = ServerKeys::from_base64(&format!(" {enc}\r\n"), &format!("\t{sign}\n"));
    assert_eq!(kind(spaced), Ok(good.clone()));

    let low_order = [
        "0000000000000000000000000000000000000000000000000000000000000000",
        "0100000000000000000000000000000000000000000000000000000000000000",
        "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
        "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    ];
    for text in low_order {
        let mut key = hex32(text);
        for ignored_bit in [0, 0x80] {
            key[31] |= ignored_bit;
            assert_eq!(
                x25519_dalek::x25519([8; 32], key),
                [0; 32],
                "{text} is of low order"
            );
            assert_eq!(code(&BoxPublic::from_bytes(&key)), "E_KEY", "{text}");
            let text = base64_of(&key);
            assert_eq!(
                kind(ServerKeys::from_base64(&text, &sign)),
                Err(ErrorKind::Key)
            );
        }
    }
    for text in [
        "0100000000000000000000000000000000000000000000000000000000000000",
        "0000000000000000000000000000000000000000000000000000000000000000",
        "0000000000000000000000000000000000000000000000000000000000000080",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
        // No point at all.
        "0200000000000000000000000000000000000000000000000000000000000000",
    ] {
        let key = hex32(text);
        assert_eq!(code(&SignPublic::from_bytes(&key)), "E_KEY", "{text}");
        let text = base64_of(&key);
        assert_eq!(
            kind(ServerKeys::from_base64(&enc, &text)),
            Err(ErrorKind::Key)
        );
    }

    // The numbers from p to 2^255 spell points that have a shorter name, or none.
    let mut points = 0;
    for low in 0xed..=0xff {
        for high in [0x7f, 0xff] {
            let mut spelling = [0xff; 32];
            (spelling[0], spelling[31]) = (low, high);
            points += u32::from(ed25519_dalek::VerifyingKey::from_bytes(&spelling).is_ok());
            assert_eq!(
                code(&SignPublic::from_bytes(&spelling)),
                "E_KEY",
                "{low:x} {high:x}"
            );
        }
    }
    assert!(points > 4, "some of them a lax reader takes");

    // Strict base64 of exactly 32 bytes.
    for text in [
        String::new(),
        enc[..43].to_owned(),
        enc.replace('=', ""),
        enc.replace('=', "=="),
        format!("{}\n{}", &enc[..20], &enc[20..]),
        format!("{enc}{enc}"),
        base64_of(&[5; 31]),
        base64_of(&[5; 33]),
        base64_of(&[0xff; 32]).replace('/', "_"),
        format!("\u{a0}{enc}"),
        "\"".to_owned() + &enc + "\"",
        // Bits behind the end that are not zero: 32 bytes leave two of them.
        non_canonical(&enc),
    ] {
        assert_eq!(
            kind(ServerKeys::from_base64(&text, &sign)),
            Err(ErrorKind::Key),
            "{text}"
        );
        assert_eq!(
            kind(ServerKeys::from_base64(&enc, &text)),
            Err(ErrorKind::Key),
            "{text}"
        );
    }
    let most = " ".repeat(1024 - enc.len()) + &enc;
    assert_eq!(kind(ServerKeys::from_base64(&most, &sign)), Ok(good));
    let endless = " ".repeat(1024 - enc.len() + 1) + &enc;
    assert_eq!(
        kind(ServerKeys::from_base64(&endless, &sign)),
        Err(ErrorKind::Size)
    );
}

#[test]
fn fingerprints_tell_pairs_apart() {
    let keys = |enc: u8, sign: u8| ServerKeys {
        enc: BoxSecret::from_bytes(&[enc; 32]).public(),
        sign: SignSecret::from_bytes(&[sign; 32]).public(),
    };
    let print = keys(1, 1).fingerprint();
    assert_eq!(print.len(), 16);
    assert!(print.bytes().all(|byte| byte.is_ascii_hexdigit()));
    assert_eq!(print, keys(1, 1).fingerprint());
    assert_ne!(print, keys(2, 1).fingerprint());
    assert_ne!(print, keys(1, 2).fingerprint());
}

fn base64_of(bytes: &[u8]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

/// The same text with a last digit whose unused bits are set.
fn non_canonical(text: &str) -> String {
    const DIGITS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut bytes = text.as_bytes().to_vec();
    let last = bytes.iter().rposition(|byte| *byte != b'=').unwrap();
    let digit = DIGITS
        .iter()
        .position(|digit| *digit == bytes[last])
        .unwrap();
    bytes[last] = DIGITS[digit + 1];
    String::from_utf8(bytes).unwrap()
}

#[test]
fn keys_are_equal_to_themselves_alone() {
    let (one, other) = (client_keys(1), client_keys(2));
    assert_eq!(*one.sign_public(), one.sign_public().clone());
    assert_ne!(one.sign_public(), other.sign_public());
    assert_eq!(*one.box_public(), one.box_public().clone());
    assert_ne!(one.box_public(), other.box_public());
    let build = std::hash::RandomState::new();
    assert_ne!(
        build.hash_one(one.sign_public()),
        build.hash_one(other.sign_public())
    );
}

/// 32 bytes in standard base64 with padding, and nothing like it.
#[test]
fn secrets_are_read_from_text() {
    use base64::Engine as _;
    use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE};

    let bytes = [0xfb; 32];
    let text = STANDARD.encode(bytes);
    let sign = SignSecret::from_base64(&text).unwrap();
    let enc = BoxSecret::from_base64(&text).unwrap();
    assert_eq!((sign.as_bytes(), enc.as_bytes()), (&bytes, &bytes));
    for wrong in [
        STANDARD_NO_PAD.encode(bytes),
        URL_SAFE.encode(bytes),
        STANDARD.encode(&bytes[1..]),
        STANDARD.encode([0xfb; 33]),
        STANDARD.encode([0xfb; 36]),
        STANDARD.encode([0xfb; 64]),
        format!("{text}\n"),
        String::new(),
    ] {
        assert_eq!(code(&SignSecret::from_base64(&wrong)), "E_KEY", "{wrong}");
        assert_eq!(code(&BoxSecret::from_base64(&wrong)), "E_KEY", "{wrong}");
    }
}
