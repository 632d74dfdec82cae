//! Pairs: one attempt each, one padding each, one error.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use proptest::prelude::*;

use super::super::{KeyError, KeyPair, KeySize, Padding, PublicKeyPem};
use super::{PADDINGS, delivered, encrypt, file, pair};

const TEXT: &[u8] = b"q8Zt3VnB7xLm2RkP5wYc9JdF4sHg6TaE";

fn base64(bytes: &[u8]) -> String {
    BASE64_STANDARD.encode(bytes)
}

#[test]
fn every_size_and_padding_round_trips() {
    for size in [KeySize::Rsa2048, KeySize::Rsa3072, KeySize::Rsa4096] {
        // One pair for each size is slow enough: the paddings are tried at 2048 bits.
        let paddings = if size == KeySize::Rsa2048 {
            &PADDINGS[..]
        } else {
            &PADDINGS[..1]
        };
        for padding in paddings {
            let pair = KeyPair::generate(size, *padding).unwrap();
            let bytes = encrypt(pair.public_key(), *padding, TEXT);
            let want = match size {
                KeySize::Rsa2048 => 256,
                KeySize::Rsa3072 => 384,
                KeySize::Rsa4096 => 512,
            };
            assert_eq!((bytes.len(), pair.padding()), (want, *padding));
            assert_eq!(
                delivered(&base64(&bytes)).open(pair).unwrap().exposed(),
                TEXT
            );
        }
    }
}

/// The attempt takes the pair by value, right or wrong; that a second one does not compile is
/// shown in the documentation of the module `pair_is_single_use`. Here: no two pairs are alike,
/// so what was sent for one opens under no other.
#[test]
fn pair_is_single_use() {
    let first = KeyPair::generate(KeySize::Rsa2048, Padding::Pkcs1V15).unwrap();
    let second = KeyPair::generate(KeySize::Rsa2048, Padding::Pkcs1V15).unwrap();
    assert_ne!(first.public_key(), second.public_key());
    let text = base64(&encrypt(first.public_key(), Padding::Pkcs1V15, TEXT));
    assert_eq!(delivered(&text).open(first).unwrap().exposed(), TEXT);
    assert_eq!(
        delivered(&text).open(second).unwrap_err(),
        KeyError::DecryptFailed
    );
}

/// Six wrong combinations, each with one try.
#[test]
fn the_wrong_padding_has_no_second_try() {
    for made in PADDINGS {
        let text = base64(&encrypt(pair(made).public_key(), made, TEXT));
        for tried in PADDINGS {
            let opened = delivered(&text).open(pair(tried));
            if made == tried {
                assert_eq!(opened.unwrap().exposed(), TEXT);
            } else {
                assert_eq!(
                    opened.unwrap_err(),
                    KeyError::DecryptFailed,
                    "{made:?} {tried:?}"
                );
            }
        }
    }
}

/// Whatever is wrong with a ciphertext, the error is the same to the last byte and has no cause.
#[test]
fn rsa_errors_identical() {
    let mut seen = 0;
    for padding in PADDINGS {
        let good = encrypt(pair(padding).public_key(), padding, TEXT);
        let other = KeyPair::generate(KeySize::Rsa2048, padding).unwrap();
        let mut bad = vec![
            ("zero", vec![0; 256]),
            ("one", [vec![0; 255], vec![1]].concat()),
            ("above the modulus", vec![0xff; 256]),
            ("other key", encrypt(other.public_key(), padding, TEXT)),
            (
                "empty text",
                encrypt(pair(padding).public_key(), padding, b""),
            ),
        ];
        for bit in (0..2048).step_by(97) {
            let mut flipped = good.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            bad.push(("flipped", flipped));
        }
        for (what, bytes) in bad {
            let error = delivered(&base64(&bytes)).open(pair(padding)).unwrap_err();
            assert_eq!(error, KeyError::DecryptFailed, "{padding:?}: {what}");
            assert_eq!(error.to_string(), "the personal key could not be decrypted");
            assert_eq!(format!("{error:?}"), "DecryptFailed");
            assert!(core::error::Error::source(&error).is_none());
            seen += 1;
        }
    }
    assert_eq!(seen, 3 * (5 + 22));
}

/// What has not the form of a ciphertext is the key itself, more often than not.
#[test]
fn clear_text_is_told_from_ciphertext() {
    let good = base64(&encrypt(
        pair(Padding::Pkcs1V15).public_key(),
        Padding::Pkcs1V15,
        TEXT,
    ));
    let spaced: String = good.chars().map(|char| format!(" {char}\t\r\n")).collect();
    let opened = delivered(&spaced).open(pair(Padding::Pkcs1V15)).unwrap();
    assert_eq!(opened.exposed(), TEXT);
    for text in [
        "q8Zt3VnB7xLm2RkP5wYc9JdF4sHg6TaE",
        " ",
        "====",
        "@@@ not base64 @@@",
        &good[..340],
        &good[..343],
        &format!("{good}AAAA"),
        &format!("{good}="),
        &format!("{good}#{good}"),
        &good.replace('/', "_").replace('+', "-"),
        good.trim_end_matches('='),
        &good.replacen('=', "\u{a0}=", 1),
        &base64(&[1; 255]),
        &base64(&[1; 257]),
        &base64(&[1; 512]),
        &hex::encode([1; 256]),
    ] {
        let error = delivered(text).open(pair(Padding::Pkcs1V15)).unwrap_err();
        assert_eq!(error, KeyError::NotEncrypted, "{text}");
    }
}

/// Pieces of JSON text as the SDK's unused code makes them.
fn chunked(pieces: &[&[u8]]) -> String {
    let padding = Padding::Pkcs1V15;
    let key = pair(padding);
    let pieces = pieces
        .iter()
        .map(|piece| base64(&encrypt(key.public_key(), padding, piece)));
    pieces.collect::<Vec<_>>().join("#")
}

#[test]
fn chunks_need_to_be_allowed_and_whole() {
    let open = |text: &str| {
        delivered(text)
            .open(pair(Padding::Pkcs1V15).allow_chunked(true))
            .map(|key| key.exposed().to_vec())
    };
    assert_eq!(
        open(&chunked(&[b"\"a\\u00e9", b"b\""])).unwrap(),
        "aéb".as_bytes()
    );
    // One piece is the ordinary form, whatever it holds.
    assert_eq!(open(&chunked(&[b"\"ab\""])).unwrap(), b"\"ab\"");
    for (text, want) in [
        (chunked(&[b"\"a", b"b"]), KeyError::DecryptFailed),
        (chunked(&[b"12", b"34"]), KeyError::DecryptFailed),
        (chunked(&[b"\"", b"\""]), KeyError::DecryptFailed),
        (chunked(&[b"\"\xff", b"\""]), KeyError::DecryptFailed),
        (
            format!("{}#{}", chunked(&[b"\"a"]), base64(&[0; 256])),
            KeyError::DecryptFailed,
        ),
        (format!("{}#", chunked(&[b"\"a\""])), KeyError::NotEncrypted),
        (format!("#{}", chunked(&[b"\"a\""])), KeyError::NotEncrypted),
        (
            chunked(&[b"\"", b"\""]).replace('#', "##"),
            KeyError::NotEncrypted,
        ),
        (
            vec![base64(&[1; 256]); 65].join("#"),
            KeyError::NotEncrypted,
        ),
    ] {
        assert_eq!(open(&text).unwrap_err(), want);
    }
    // 4,096 bytes are a key, one more is none.
    for (length, good) in [(4096, true), (4097, false)] {
        let json = format!("\"{}\"", "k".repeat(length));
        let pieces: Vec<_> = json.as_bytes().chunks(100).collect();
        assert_eq!(open(&chunked(&pieces)).is_ok(), good, "{length}");
    }
}

#[test]
fn public_keys() {
    let pem = file().public_key_spki_pem;
    for same in [
        pem.clone(),
        pem.replace('\n', "\r\n"),
        format!("\n  {pem}\n\n"),
        pem.trim().to_owned(),
    ] {
        assert_eq!(PublicKeyPem::parse(&same).unwrap().as_str(), pem);
    }
    assert!(pem.starts_with("-----BEGIN PUBLIC KEY-----\n") && !pem.contains('\r'));
    for bad in [
        String::new(),
        "-----BEGIN PUBLIC KEY-----\n-----END PUBLIC KEY-----".to_owned(),
        pem.replace("PUBLIC KEY", "RSA PUBLIC KEY"),
        pem.replacen('M', "N", 1),
        format!("{pem}{pem}"),
        file().test_only_private_key_pkcs8_pem,
        file()
            .test_only_private_key_pkcs8_pem
            .replace("PRIVATE", "PUBLIC"),
        include_str!("../../../tests/vectors/refused-keys/rsa1024.pem").to_owned(),
        include_str!("../../../tests/vectors/refused-keys/rsa5120.pem").to_owned(),
        include_str!("../../../tests/vectors/refused-keys/p256.pem").to_owned(),
    ] {
        assert_eq!(
            PublicKeyPem::parse(&bad).unwrap_err(),
            KeyError::PublicKey,
            "{bad}"
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// No text that UNLOQ could send opens, and none panics.
    #[test]
    fn no_text_panics(text in "[A-Za-z0-9+/=# \n]{1,700}", chunked: bool) {
        let key = pair(Padding::Pkcs1V15).allow_chunked(chunked);
        prop_assert!(delivered(&text).open(key).is_err());
    }
}
