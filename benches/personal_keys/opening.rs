//! Opening a personal key, beside the call of the library alone.

use aws_lc_rs::{
    encoding::{AsDer, Pkcs8V1Der},
    rsa::{
        KeySize as RawSize, OaepPrivateDecryptingKey, Pkcs1PrivateDecryptingKey,
        PrivateDecryptingKey,
    },
};
use keylockr_benches::{Effort, Plan, Subject, Table, interleave};
use tokio::runtime::{Builder, Runtime};
use unloq_client::{Client, DeliveredKey, KeyPair, KeySize, Padding};

use crate::{
    device::{client, deliver, encrypt, oaep},
    openssl, spread,
};

const PADDINGS: [Padding; 3] = [Padding::Pkcs1V15, Padding::OaepSha1, Padding::OaepSha256];

/// All paddings of one size.
pub(crate) fn table((size, bits, rounds): (KeySize, u32, u32), effort: Effort) -> Table {
    let runtime = Builder::new_current_thread().enable_time().build();
    let runtime = runtime.expect("a runtime");
    let raw = match size {
        KeySize::Rsa2048 => RawSize::Rsa2048,
        KeySize::Rsa3072 => RawSize::Rsa3072,
        KeySize::Rsa4096 => RawSize::Rsa4096,
        other => panic!("{other:?}"),
    };
    let raw = PrivateDecryptingKey::generate(raw).expect("a pair");
    let title = format!("Opening a personal key, {bits} bits");
    let mut table = Table::new(title, &["microseconds", "p10", "median", "p90"]);
    let mut names = Vec::new();
    let mut subjects: Vec<Box<dyn Subject + '_>> = Vec::new();
    for padding in PADDINGS {
        names.push(format!("{padding:?}"));
        subjects.push(Box::new(Ours::new(&runtime, size, padding)));
        names.push(format!("{padding:?}, aws-lc-rs, a key's first use"));
        subjects.push(Box::new(Raw::new(&raw, padding, false)));
        names.push(format!("{padding:?}, aws-lc-rs, a key that is kept"));
        subjects.push(Box::new(Raw::new(&raw, padding, true)));
    }
    let plan = Plan {
        rounds: effort.pick(rounds, 2),
        warm_up: 1,
        iterations: 1,
    };
    for (name, figures) in names.into_iter().zip(interleave(&mut subjects, plan)) {
        let figures = figures.scaled(1e-3);
        table.row([name].into_iter().chain(spread(&figures)));
    }
    if let Some((version, time)) = openssl::version().zip(openssl::private_operation(bits)) {
        let name = format!("a private operation, {version}, by its own measure");
        table.row([name, String::new(), format!("{time:.0}")]);
    }
    table
}

/// Each opening uses a pair up, so there is a new one for every round.
struct Ours<'r> {
    runtime: &'r Runtime,
    client: Client,
    size: KeySize,
    padding: Padding,
    next: Option<(DeliveredKey, KeyPair)>,
}

impl<'r> Ours<'r> {
    fn new(runtime: &'r Runtime, size: KeySize, padding: Padding) -> Self {
        Self {
            runtime,
            client: client(padding),
            size,
            padding,
            next: None,
        }
    }
}

impl Subject for Ours<'_> {
    fn settle(&mut self) {
        let pair = KeyPair::generate(self.size, self.padding).expect("a pair");
        self.next = Some((deliver(self.runtime, &self.client, &pair), pair));
    }

    fn run(&mut self, _: u32) {
        let (delivered, pair) = self.next.take().expect("settled");
        delivered.open(pair).expect("a key");
    }
}

enum Key {
    Pkcs1(Pkcs1PrivateDecryptingKey),
    Oaep(OaepPrivateDecryptingKey),
}

struct Raw {
    /// To read it anew, so that nothing is left of its last use.
    der: Vec<u8>,
    padding: Padding,
    ciphertext: Vec<u8>,
    kept: bool,
    key: Key,
}

impl Raw {
    fn new(private: &PrivateDecryptingKey, padding: Padding, kept: bool) -> Self {
        let der: Pkcs8V1Der<'_> = private.as_der().expect("a key");
        Self {
            der: der.as_ref().to_vec(),
            padding,
            ciphertext: encrypt(private.public_key(), padding),
            kept,
            key: key(private.clone(), padding),
        }
    }
}

fn key(private: PrivateDecryptingKey, padding: Padding) -> Key {
    match oaep(padding) {
        None => Key::Pkcs1(Pkcs1PrivateDecryptingKey::new(private).expect("a key")),
        Some(_) => Key::Oaep(OaepPrivateDecryptingKey::new(private).expect("a key")),
    }
}

impl Subject for Raw {
    fn settle(&mut self) {
        if !self.kept {
            let private = PrivateDecryptingKey::from_pkcs8(&self.der).expect("a key");
            self.key = key(private, self.padding);
        }
    }

    fn run(&mut self, _: u32) {
        let mut out = [0; 512];
        let opened = match &self.key {
            Key::Pkcs1(key) => key.decrypt(&self.ciphertext, &mut out),
            Key::Oaep(key) => {
                let algorithm = oaep(self.padding).expect("an algorithm");
                key.decrypt(algorithm, &self.ciphertext, &mut out, None)
            }
        };
        assert_eq!(opened.expect("a key"), crate::device::KEY);
    }
}
