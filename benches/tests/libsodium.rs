//! Random keys, nonces and messages, each way, against libsodium in C: boxes, signed messages, and
//! whole frames. `KEYLOCKR_ROUNDS` says how many (1,000 here; a hundred thousand were run once).
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::cast_possible_truncation,
    clippy::print_stdout
)]

use std::sync::Arc;

use alkali::{
    asymmetric::{cipher, sign},
    hash::sha2::sha256,
    mem::FullAccess,
};
use keylockr_benches::frames::{Fixed, NOW, WINDOW};
use keylockr_proto::{
    AppId, BoxSecret, Channel, ClientKeys, ClientPublic, Document, Family, Identity, KeyLifetime,
    Revision, ServerChannel, ServerKeys, SharedKey, SignSecret, Value, View,
};

fn rounds() -> u32 {
    std::env::var("KEYLOCKR_ROUNDS").map_or(1_000, |rounds| rounds.parse().expect("a number"))
}

/// SplitMix64: the same messages in every run.
struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn bytes<const N: usize>(&mut self) -> [u8; N] {
        let mut bytes = [0; N];
        for chunk in bytes.chunks_mut(8) {
            chunk.copy_from_slice(&self.roll().to_le_bytes()[..chunk.len()]);
        }
        bytes
    }

    /// Mostly short, at times long.
    fn text(&mut self) -> Vec<u8> {
        let longest = [16, 64, 300, 300, 1200, 5000];
        let length = self.roll() % longest[(self.roll() % 6) as usize];
        (0..length).map(|_| self.roll().to_le_bytes()[0]).collect()
    }
}

/// Somebody, as both libraries know him.
struct Party {
    ours: (BoxSecret, Arc<SignSecret>),
    theirs: (cipher::Keypair, sign::Keypair),
}

impl Party {
    fn new(dice: &mut Dice) -> Self {
        let (secret, seed) = (dice.bytes(), dice.bytes());
        let key = cipher::PrivateKey::<FullAccess>::try_from(&secret).unwrap();
        let seed_of = sign::Seed::<FullAccess>::try_from(&seed).unwrap();
        let party = Self {
            ours: (
                BoxSecret::from_bytes(&secret),
                Arc::new(SignSecret::from_bytes(&seed)),
            ),
            theirs: (
                cipher::Keypair::from_private_key(&key).unwrap(),
                sign::Keypair::from_seed(&seed_of).unwrap(),
            ),
        };
        assert_eq!(party.ours.0.public().as_bytes(), &party.theirs.0.public_key);
        assert_eq!(party.ours.1.public().as_bytes(), &party.theirs.1.public_key);
        party
    }
}

#[test]
fn frames_both_ways() {
    let mut dice = Dice(1);
    let identity = Identity::App(AppId::parse(Family::Seed, Revision::One, "4711").unwrap());
    let mut round = 0;
    while round < rounds() {
        let (client, server) = (Party::new(&mut dice), Party::new(&mut dice));
        let keys = Arc::new(ClientKeys::from_parts(
            SignSecret::from_bytes(client.ours.1.as_bytes()),
            BoxSecret::from_bytes(client.ours.0.as_bytes()),
            KeyLifetime::Fresh,
        ));
        let server_keys = ServerKeys {
            enc: server.ours.0.public(),
            sign: server.ours.1.public(),
        };
        let public = ClientPublic {
            sign: keys.sign_public().clone(),
            enc: keys.box_public().clone(),
        };
        let channel = Channel::new(&keys, &server_keys, identity.clone()).unwrap();
        let their_end = ServerChannel::new(&server.ours.1, &server.ours.0, &public, None).unwrap();
        let session = client
            .theirs
            .0
            .session_key(&server.theirs.0.public_key)
            .unwrap();
        let shared = SharedKey::agree(&client.ours.0, &server.ours.0.public()).unwrap();
        // Key agreement is the dearest part: a hundred messages for each.
        for _ in 0..100 {
            round += 1;
            let (text, nonce) = (dice.text(), dice.bytes());
            // A box and a signed message.
            let boxed = shared.seal(&text, &mut Fixed(nonce)).unwrap();
            let mut other = vec![0; text.len() + 16];
            session.encrypt(&text, Some(&nonce), &mut other).unwrap();
            assert_eq!(boxed[24..], other);
            assert_eq!(*shared.open(&boxed).unwrap(), text);
            let mut opened = vec![0; text.len()];
            session.decrypt(&other, &nonce, &mut opened).unwrap();
            assert_eq!(opened, text);
            let signed = client.ours.1.sign_message(&text);
            let signature = sign::sign_detached(&text, &client.theirs.1).unwrap();
            assert_eq!(signed[..64], signature.0);

            // Our frame, taken apart with their functions.
            let body = [("data_enc", View::Bin(&text))];
            let frame = channel
                .seal("app_set_data", NOW, &body, &[], &mut Fixed(nonce))
                .unwrap();
            let Value::Map(frame) = Document::parse(&frame).unwrap().to_value() else {
                panic!("a map")
            };
            let (Value::Bin(seal), kps) = (&frame["seal"], &frame["kps"]) else {
                panic!("a seal")
            };
            let hash = sha256::hash(&kps.encode()).unwrap().0;
            assert_eq!(seal[64..], hash);
            let signature = sign::Signature(seal[..64].try_into().unwrap());
            sign::verify_detached(&hash, &signature, &client.theirs.1.public_key).unwrap();
            let Some(Value::Bin(boxed)) = kps.member("box") else {
                panic!("a box")
            };
            let mut inner = vec![0; boxed.len() - 16];
            session.decrypt(boxed, &nonce, &mut inner).unwrap();
            let inner = Document::parse(&inner).unwrap().to_value();
            let data = inner
                .member("body")
                .and_then(|body| body.member("data_enc"));
            assert_eq!(data, Some(&Value::Bin(text.clone())));

            // A frame made with theirs, opened by us; then one bit of it changed.
            let header = [
                ("from", "app_get_data".into()),
                ("ts", NOW.as_secs().into()),
            ];
            let inner = Value::from_members([
                (
                    "body",
                    Value::from_members([("data_enc", Value::Bin(text.clone()))]),
                ),
                ("header", Value::from_members(header)),
            ]);
            let inner = inner.encode();
            let mut boxed = vec![0; inner.len() + 16];
            session.encrypt(&inner, Some(&nonce), &mut boxed).unwrap();
            let kps =
                Value::from_members([("box", boxed.into()), ("n", Value::Bin(nonce.to_vec()))]);
            let hash = sha256::hash(&kps.encode()).unwrap().0;
            let signature = sign::sign_detached(&hash, &server.theirs.1).unwrap();
            let seal = [&signature.0[..], &hash].concat();
            let mut frame = Value::from_members([("kps", kps), ("seal", seal.into())]).encode();
            let message = channel.open(&frame, NOW, WINDOW).unwrap();
            assert_eq!(message.body().get("data_enc"), Some(View::Bin(&text)));
            assert!(their_end.open(&frame, NOW, WINDOW).is_err());
            let bit = dice.roll() as usize % (frame.len() * 8);
            frame[bit / 8] ^= 1 << (bit % 8);
            assert!(channel.open(&frame, NOW, WINDOW).is_err(), "bit {bit}");
        }
    }
    println!("{round} messages each way");
}
