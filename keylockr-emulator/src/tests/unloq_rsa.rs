//! The device's RSA against openssl, and against keys that must be refused.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use sha2_011::{Digest as _, Sha256};

use super::unloq_peer::Pair;
use crate::unloq::{
    Padding,
    encrypt::{BadKey, PublicKey},
};

const ALL: [Padding; 3] = [Padding::Pkcs1V15, Padding::OaepSha1, Padding::OaepSha256];

/// Bytes that repeat themselves from run to run.
fn stream(seed: u64) -> impl FnMut(&mut [u8]) {
    let mut counter = 0_u64;
    move |out| {
        for byte in out {
            counter += 1;
            let mut hash = Sha256::new();
            hash.update(seed.to_be_bytes());
            hash.update(counter.to_be_bytes());
            *byte = hash.finalize()[0];
        }
    }
}

#[test]
fn openssl_decrypts_every_padding_at_every_size() {
    for bits in [2048, 3072, 4096] {
        let Some(pair) = Pair::make(bits, None) else {
            return;
        };
        let key = PublicKey::parse(&pair.pem).unwrap();
        for padding in ALL {
            let most = key.capacity(padding);
            for length in [0, 1, 32, most] {
                let message: Vec<u8> = (0..=250).cycle().take(length).collect();
                let sealed = key.encrypt(&message, padding, &mut stream(length as u64));
                let sealed = sealed.unwrap();
                let size = BASE64_STANDARD.decode(&sealed).unwrap().len();
                assert_eq!(size, bits as usize / 8);
                let opened = pair.decrypt(&sealed, padding);
                assert_eq!(
                    opened.as_deref(),
                    Some(&*message),
                    "{bits} {padding:?} {length}"
                );
            }
            let long = vec![7; most + 1];
            let refused = key.encrypt(&long, padding, &mut stream(1));
            assert!(refused.is_err(), "{bits} {padding:?}");
        }
    }
}

#[test]
fn no_padding_passes_for_another() {
    let Some(pair) = Pair::make(2048, None) else {
        return;
    };
    let key = PublicKey::parse(&pair.pem).unwrap();
    for sealed_with in ALL {
        let sealed = key
            .encrypt(b"personal", sealed_with, &mut stream(3))
            .unwrap();
        for opened_with in ALL {
            // openssl answers a wrong PKCS#1 v1.5 padding with random bytes, or with none.
            let opened = pair.decrypt(&sealed, opened_with);
            let right = opened.as_deref() == Some(b"personal");
            assert_eq!(right, sealed_with == opened_with);
        }
    }
}

#[test]
fn odd_sizes_and_small_exponents_do_too() {
    for (bits, exponent) in [
        (2048, Some(3)),
        (2056, None),
        (3001, Some(17)),
        (2048, Some((1 << 32) + 1)),
    ] {
        let Some(pair) = Pair::make(bits, exponent) else {
            return;
        };
        let key = PublicKey::parse(&pair.pem).unwrap();
        for padding in ALL {
            let sealed = key.encrypt(b"personal", padding, &mut stream(5)).unwrap();
            assert_eq!(
                pair.decrypt(&sealed, padding).as_deref(),
                Some(&b"personal"[..]),
                "{bits} {exponent:?} {padding:?}"
            );
        }
    }
}

/// A modulus of so many bits, odd or even.
fn modulus(bits: usize, odd: bool) -> Vec<u8> {
    let mut bytes = vec![0xa5; bits.div_ceil(8)];
    let top = (bits - 1) % 8;
    bytes[0] = (1 << top) | (0xa5 & ((1 << top) - 1));
    let last = bytes.len() - 1;
    bytes[last] = if odd { 1 } else { 2 };
    bytes
}

#[test]
fn bad_moduli_and_exponents_are_refused() {
    const E: &[u8] = &[1, 0, 1];
    for bits in [2048, 2049, 3072, 4095, 4096] {
        assert!(PublicKey::new(&modulus(bits, true), E).is_ok(), "{bits}");
        let even = PublicKey::new(&modulus(bits, false), E);
        assert_eq!(even.unwrap_err(), BadKey::Modulus, "{bits}, even");
    }
    for bits in [1, 8, 512, 1024, 2047, 4097, 16_384] {
        let refused = PublicKey::new(&modulus(bits, true), E);
        assert_eq!(refused.unwrap_err(), BadKey::Modulus, "{bits}");
    }
    assert_eq!(PublicKey::new(&[], E).unwrap_err(), BadKey::Modulus);
    let good = modulus(2048, true);
    let long = modulus(2048, true);
    for exponent in [
        &[][..],
        &[0],
        &[1],
        &[2],
        &[1, 0, 0],
        &[0, 0, 4],
        &[2, 0, 0, 0, 1],
        &[0xff; 8],
        &long,
    ] {
        let refused = PublicKey::new(&good, exponent);
        assert_eq!(refused.unwrap_err(), BadKey::Exponent, "{exponent:?}");
    }
    for exponent in [&[3][..], &[17], E, &[1, 0, 0, 0, 1]] {
        assert!(PublicKey::new(&good, exponent).is_ok(), "{exponent:?}");
    }
}

/// A public key that has been in use since its making.
const PEM: &str = include_str!("../../tests/vectors/rsa2048.pem");

#[test]
fn only_a_pem_of_a_subject_public_key_info_is_read() {
    assert!(PublicKey::parse(PEM).is_ok());
    let body: String = PEM.lines().filter(|line| !line.starts_with('-')).collect();
    let der = BASE64_STANDARD.decode(&body).unwrap();
    // Behind the algorithm and the head of the bit string: the PKCS#1 form.
    let pkcs1 = &der[24..];
    let pem = |label: &str, der: &[u8]| {
        let body = BASE64_STANDARD.encode(der);
        let lines: Vec<&str> = body
            .as_bytes()
            .chunks(64)
            .map(|line| std::str::from_utf8(line).unwrap())
            .collect();
        let lines = lines.join("\n");
        format!("-----BEGIN {label}-----\n{lines}\n-----END {label}-----\n")
    };
    assert_eq!(pem("PUBLIC KEY", &der), PEM, "the test's own writing");
    for (what, text, error) in [
        ("CRLF", PEM.replace('\n', "\r\n"), BadKey::Pem),
        (
            "the label of PKCS#1",
            pem("RSA PUBLIC KEY", pkcs1),
            BadKey::Pem,
        ),
        (
            "PKCS#1 under the right label",
            pem("PUBLIC KEY", pkcs1),
            BadKey::Spki,
        ),
        (
            "a certificate's label",
            pem("CERTIFICATE", &der),
            BadKey::Pem,
        ),
        ("bare Base64", body, BadKey::Pem),
        ("nothing", String::new(), BadKey::Pem),
        (
            "a long text",
            format!("{PEM}{}", "\n".repeat(2048)),
            BadKey::Pem,
        ),
        ("a broken line", PEM.replacen('M', "?", 1), BadKey::Pem),
        (
            "bytes behind",
            pem("PUBLIC KEY", &[&der[..], &[0]].concat()),
            BadKey::Spki,
        ),
        (
            "bytes missing",
            pem("PUBLIC KEY", &der[..der.len() - 1]),
            BadKey::Spki,
        ),
        (
            "another algorithm",
            pem("PUBLIC KEY", &changed(&der, 14, 2)),
            BadKey::Spki,
        ),
    ] {
        assert_eq!(PublicKey::parse(&text).unwrap_err(), error, "{what}");
    }
    // Any one byte changed: an error or another key, never a panic.
    for at in 0..der.len() {
        let _ = PublicKey::parse(&pem("PUBLIC KEY", &changed(&der, at, 0xff)));
    }
}

fn changed(der: &[u8], at: usize, mask: u8) -> Vec<u8> {
    let mut der = der.to_vec();
    der[at] ^= mask;
    der
}
