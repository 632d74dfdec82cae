//! What a login costs before its first frame: keys, the request, the answer, the address, the key
//! that both agree on. Beside the same by crypto_box, ed25519-dalek and rmp-serde.
//!
//! Cells are p10 / median in microseconds, with how many times as fast as the first row that is.
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    reason = "a bench fails by panicking"
)]

use std::error::Error;
use std::hint::black_box;
use std::io::{self, Write as _};
use std::sync::Arc;

use ed25519_dalek::{Signer as _, SigningKey};
use keylockr_benches::{
    Effort, Figures, Plan, Subject, Table,
    frames::{Ends, NOW, Os, WINDOW},
    interleave,
};
use keylockr_proto::{
    Channel, ClientKeys, DisplayName, Family, HandshakeRequest, KeyLifetime, Service, SvcId, WsSig,
    handshake_reply,
};
use serde::{Deserialize, Serialize};

#[derive(Serialize)]
struct Request<'r> {
    #[serde(with = "serde_bytes")]
    enc_pk: &'r [u8],
    name: &'r str,
    #[serde(with = "serde_bytes")]
    sign_pk: &'r [u8],
    svc_id: &'r str,
}

#[derive(Deserialize)]
struct Answer {
    tmp_id: String,
}

const ANSWER: &[u8] = b"\x81\xa6tmp_id\xa6abc123";

type Row<'h> = (&'static str, Box<dyn FnMut() + 'h>);

fn secret() -> [u8; 32] {
    let mut secret = [0; 32];
    getrandom::fill(&mut secret).unwrap();
    secret
}

fn generate() -> Vec<Row<'static>> {
    vec![
        (
            "crypto_box + ed25519-dalek",
            Box::new(|| {
                let enc = crypto_box::SecretKey::from_bytes(secret());
                let sign = SigningKey::from_bytes(&secret());
                black_box((enc.public_key(), sign.verifying_key()));
            }),
        ),
        (
            "keylockr",
            Box::new(|| {
                black_box(ClientKeys::generate(&mut Os, KeyLifetime::Fresh).unwrap());
            }),
        ),
    ]
}

fn messages(service: &Service, keys: &Arc<ClientKeys>) -> Vec<Row<'static>> {
    let (enc, sign) = (
        *keys.box_public().as_bytes(),
        *keys.sign_public().as_bytes(),
    );
    let name = DisplayName::parse("Acme Web").unwrap();
    let (service, keys) = (service.clone(), Arc::clone(keys));
    let ours = move || {
        let request = HandshakeRequest {
            service: &service,
            name: &name,
            sign: keys.sign_public(),
            enc: keys.box_public(),
        };
        request.encode()
    };
    let plain = move || {
        let request = Request {
            enc_pk: &enc,
            name: "Acme Web",
            sign_pk: &sign,
            svc_id: "88",
        };
        rmp_serde::to_vec_named(&request).unwrap()
    };
    assert_eq!(ours(), plain());
    vec![
        (
            "rmp-serde",
            Box::new(move || {
                black_box(plain());
                let answer: Answer = rmp_serde::from_slice(black_box(ANSWER)).unwrap();
                black_box(answer.tmp_id);
            }),
        ),
        (
            "keylockr",
            Box::new(move || {
                black_box(ours());
                black_box(handshake_reply(Family::Seed, black_box(ANSWER)).unwrap());
            }),
        ),
    ]
}

fn address(ends: &Ends) -> Vec<Row<'_>> {
    let plain = SigningKey::from_bytes(ends.client_keys.sign_secret().as_bytes());
    let identity = ends.client.identity();
    let by_hand = move || {
        let message = format!("{identity}.{NOW}");
        let mut signed = plain.sign(message.as_bytes()).to_bytes().to_vec();
        signed.extend_from_slice(message.as_bytes());
        base64(&signed)
    };
    let ours = || WsSig::new(identity, NOW, &ends.client_keys);
    assert_eq!(ours().as_str(), by_hand());
    let sig = ours();
    let key = ends.client_keys.sign_public();
    vec![
        (
            "ed25519-dalek, signing",
            Box::new(move || {
                black_box(by_hand());
            }),
        ),
        (
            "keylockr, signing",
            Box::new(move || {
                black_box(ours());
            }),
        ),
        (
            "keylockr, verifying",
            Box::new(move || {
                let opened = WsSig::open(sig.as_str(), NOW, WINDOW, |_| Some(key.clone()));
                black_box(opened.unwrap());
            }),
        ),
    ]
}

/// URL-safe, without padding.
fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut text = String::with_capacity(bytes.len() * 4 / 3 + 3);
    for chunk in bytes.chunks(3) {
        let word = chunk
            .iter()
            .chain(&[0, 0])
            .take(3)
            .fold(0_usize, |word, byte| word << 8 | usize::from(*byte));
        for digit in 0..=chunk.len() {
            text.push(char::from(ALPHABET[word >> (18 - 6 * digit) & 63]));
        }
    }
    text
}

fn connect(ends: &Ends) -> Vec<Row<'_>> {
    let own = crypto_box::SecretKey::from_bytes(*ends.client_keys.box_secret().as_bytes());
    let service = crypto_box::PublicKey::from_bytes(*ends.server_keys.enc.as_bytes());
    vec![
        (
            "crypto_box, SalsaBox::new",
            Box::new(move || {
                black_box(crypto_box::SalsaBox::new(&service, &own));
            }),
        ),
        (
            "keylockr, Channel::new",
            Box::new(|| {
                let identity = ends.client.identity().clone();
                let channel = Channel::new(&ends.client_keys, &ends.server_keys, identity);
                black_box(channel.unwrap());
            }),
        ),
    ]
}

fn main() -> Result<(), Box<dyn Error>> {
    let effort = Effort::from_args();
    let ends = Ends::new()?;
    let service = Service::Seed {
        svc_id: SvcId::parse("88")?,
        app_tag: None,
    };
    let plan = Plan {
        rounds: effort.pick(301, 1),
        warm_up: effort.pick(3, 1),
        iterations: effort.pick(16, 1),
    };
    let mut table = Table::new("before the first frame", &["", "us"]);
    for (title, rows) in [
        ("two pairs of keys", generate()),
        ("request and answer", messages(&service, &ends.client_keys)),
        ("the address", address(&ends)),
        ("the shared key", connect(&ends)),
    ] {
        let (names, subjects): (Vec<_>, Vec<_>) = rows.into_iter().unzip();
        let mut subjects: Vec<Box<dyn Subject>> = subjects
            .into_iter()
            .map(|run| Box::new(run) as Box<dyn Subject>)
            .collect();
        let figures = interleave(&mut subjects, plan);
        let first = figures.first().map_or(f64::NAN, Figures::p10);
        for (name, figures) in names.iter().zip(&figures) {
            let (p10, median) = (figures.p10() / 1e3, figures.median() / 1e3);
            let ratio = first / figures.p10();
            table.row([
                format!("{title}: {name}"),
                format!("{p10:.2} / {median:.2} ({ratio:.2})"),
            ]);
        }
    }
    write!(io::stdout(), "{table}")?;
    Ok(())
}
