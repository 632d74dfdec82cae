//! What a pair's life prints and logs, with a pair whose private half is known: none of it.

use std::fmt::Write as _;
use std::io;
use std::sync::Mutex;

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use base64::Engine;
use base64::prelude::{BASE64_STANDARD, BASE64_STANDARD_NO_PAD};
use tracing_subscriber::fmt::MakeWriter;

use super::{KeyError, KeyPool, KeySize};
use crate::key::tests::{delivered, encrypt, pair};

/// All that any thread of these tests logs: the pool's threads are not ours.
static LOGGED: Mutex<Vec<u8>> = Mutex::new(Vec::new());

struct Capture;

impl io::Write for Capture {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        LOGGED.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Capture {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        Self
    }
}

/// The private fields of a PKCS#8: everything behind the public exponent.
fn private_half(der: &[u8]) -> &[u8] {
    const EXPONENT: &[u8] = &[2, 3, 1, 0, 1];
    let at = der
        .windows(EXPONENT.len())
        .position(|window| window == EXPONENT);
    &der[at.unwrap() + EXPONENT.len()..]
}

/// Eight bytes of it anywhere, in every spelling, at every alignment of Base64.
fn assert_absent(text: &str, secret: &[u8]) {
    let lower = text.to_ascii_lowercase();
    for piece in secret.windows(9) {
        let list = format!("{:?}", &piece[..8]);
        let spellings = [
            list.trim_matches(['[', ']']).to_owned(),
            BASE64_STANDARD_NO_PAD.encode(piece),
        ];
        for spelling in &spellings {
            assert!(!text.contains(spelling), "{spelling} is in there");
        }
        let spelling = hex::encode(&piece[..8]);
        assert!(!lower.contains(&spelling), "{spelling} is in there");
    }
}

#[tokio::test]
async fn a_pair_prints_and_logs_nothing_of_its_private_half() {
    tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_ansi(false)
        .with_writer(Capture)
        .init();
    let mut printed = String::new();
    let mut secret = Vec::new();
    for padding in crate::key::tests::PADDINGS {
        let make = Box::new(move || Ok(pair(padding)));
        let pool = KeyPool::made_by(make, KeySize::Rsa2048, padding, 2, 1).unwrap();
        let good = pool.take().await.unwrap();
        let der: Pkcs8V1Der<'_> = good.private.as_der().unwrap();
        secret = private_half(der.as_ref()).to_vec();
        write!(
            printed,
            "{good:?} {good:#?} {pool:?} {:?}",
            good.public_key()
        )
        .unwrap();
        let key = b"a personal key of somebody";
        let text = BASE64_STANDARD.encode(encrypt(good.public_key(), padding, key));
        let garbage = BASE64_STANDARD.encode([7; 256]);
        let opened = delivered(&text).open(good);
        write!(printed, "{opened:?}").unwrap();
        for (text, expected) in [
            (text.as_str(), None),
            ("in clear", Some(KeyError::NotEncrypted)),
            (garbage.as_str(), Some(KeyError::DecryptFailed)),
        ] {
            let pair = pool.take().await.unwrap();
            let outcome = delivered(text).open(pair);
            assert_eq!(outcome.as_ref().err(), expected.as_ref(), "{padding:?}");
            write!(printed, "{outcome:?}").unwrap();
            if let Err(error) = outcome {
                write!(printed, "{error} {error:#?}").unwrap();
            }
        }
    }
    assert!(secret.len() > 850, "{}", secret.len());
    let logged = LOGGED.lock().unwrap().clone();
    let logged = String::from_utf8(logged).unwrap();
    for text in [&printed, &logged] {
        assert_absent(text, &secret);
        assert!(!text.contains("PRIVATE KEY"));
    }
    assert!(printed.contains("BEGIN PUBLIC KEY") && logged.contains("took an RSA pair"));
    // The search finds what is there.
    let found = |text: String| std::panic::catch_unwind(|| assert_absent(&text, &secret)).is_err();
    assert!(found(hex::encode(&secret[100..120])));
    assert!(found(format!("{:?}", &secret[100..120])));
    for offset in 0..3 {
        let wrapped = [&vec![0; offset], &secret[100..124]].concat();
        assert!(found(BASE64_STANDARD_NO_PAD.encode(wrapped)));
    }
}
