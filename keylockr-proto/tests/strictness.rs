//! Every verdict on a signature is the one of `verify_strict` of ed25519-dalek, and, by the vectors
//! of `wycheproof.rs`, libsodium's: on good signatures, on changed ones, and on those that only
//! somebody with a pencil makes. Both ways to verify are asked: a stranger's and the tabled one of a
//! service's key.
//!
//! `KEYLOCKR_ROUNDS` says how many (20,000 here; a million were run once).
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout
)]

mod given;

use curve25519_dalek::Scalar;
use curve25519_dalek::constants::{ED25519_BASEPOINT_POINT, EIGHT_TORSION};
use curve25519_dalek::edwards::{CompressedEdwardsY, EdwardsPoint};
use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};
use given::Sequence;
use keylockr_proto::{BoxSecret, Entropy, ServerKeys, SignPublic};
use sha2::{Digest as _, Sha512};

fn rounds() -> u32 {
    std::env::var("KEYLOCKR_ROUNDS").map_or(20_000, |rounds| rounds.parse().expect("a number"))
}

fn draw<const N: usize>(entropy: &mut Sequence) -> [u8; N] {
    let mut bytes = [0; N];
    entropy.fill(&mut bytes).unwrap();
    bytes
}

/// Somebody's key, and what he knows about it.
struct Signatory {
    public: [u8; 32],
    /// The key without its part of small order, as a multiple of the base point.
    secret: Scalar,
    /// What the protocol and dalek make of it; `None` if they refuse it.
    ours: Option<(SignPublic, ServerKeys)>,
    theirs: Option<VerifyingKey>,
}

impl Signatory {
    fn new(public: [u8; 32], secret: Scalar) -> Self {
        let ours = SignPublic::from_bytes(&public).ok().map(|sign| {
            let enc = BoxSecret::from_bytes(&[2; 32]).public();
            (sign.clone(), ServerKeys { enc, sign })
        });
        if let Some((_, keys)) = &ours {
            keys.prepare();
        }
        let theirs = VerifyingKey::from_bytes(&public)
            .ok()
            // Two spellings of one key are two identities, so the protocol takes the canonical one.
            .filter(|key| key.to_edwards().compress().to_bytes() == public);
        Self {
            public,
            secret,
            ours,
            theirs,
        }
    }

    fn challenge(&self, r: &[u8; 32], message: &[u8]) -> Scalar {
        let hash = Sha512::new()
            .chain_update(r)
            .chain_update(self.public)
            .chain_update(message);
        Scalar::from_bytes_mod_order_wide(&hash.finalize().into())
    }

    /// A signature whose R is any point: r times the base, and something of small order.
    fn craft(&self, r: &Scalar, torsion: &EdwardsPoint, message: &[u8]) -> [u8; 64] {
        let r_bytes = (ED25519_BASEPOINT_POINT * r + torsion)
            .compress()
            .to_bytes();
        let s = r + self.challenge(&r_bytes, message) * self.secret;
        join(&r_bytes, s.as_bytes())
    }

    fn assert_same_verdict(&self, message: &[u8; 32], signature: &[u8; 64]) -> bool {
        let expected = self.theirs.is_some_and(|key| {
            key.verify_strict(message, &Signature::from_bytes(signature))
                .is_ok()
        });
        let signed = [&signature[..], message].concat();
        let (stranger, service) = match &self.ours {
            None => (false, false),
            Some((key, keys)) => (
                key.open_signed(&signed).is_ok(),
                keys.open_signed(&signed).is_ok(),
            ),
        };
        let what = || format!("{:02x?} {signature:02x?} {message:02x?}", self.public);
        assert_eq!(stranger, expected, "{}", what());
        assert_eq!(service, expected, "tabled: {}", what());
        expected
    }
}

fn join(r: &[u8; 32], s: &[u8; 32]) -> [u8; 64] {
    let mut signature = [0; 64];
    signature[..32].copy_from_slice(r);
    signature[32..].copy_from_slice(s);
    signature
}

/// S plus the group order, where that fits 32 bytes.
fn plus_order(signature: &[u8; 64]) -> [u8; 64] {
    let order = {
        let mut order = (-Scalar::ONE).to_bytes();
        order[0] += 1;
        order
    };
    let mut sum = *signature;
    let mut carry = 0;
    for (byte, order) in sum[32..].iter_mut().zip(order) {
        let wide = u16::from(*byte) + u16::from(order) + carry;
        *byte = wide.to_le_bytes()[0];
        carry = wide >> 8;
    }
    sum
}

/// How many of the keys are as everybody makes them.
const HONEST: usize = 7;

/// Keys of all kinds: honest, with a part of small order, of small order, and other spellings.
fn signatories(entropy: &mut Sequence) -> Vec<Signatory> {
    let mut all = Vec::new();
    for torsion in [EIGHT_TORSION[0]; HONEST].iter().chain(&EIGHT_TORSION[1..]) {
        let secret = Scalar::from_bytes_mod_order(draw(entropy));
        let point = ED25519_BASEPOINT_POINT * secret + torsion;
        all.push(Signatory::new(point.compress().to_bytes(), secret));
    }
    for torsion in EIGHT_TORSION {
        let small = torsion.compress().to_bytes();
        all.push(Signatory::new(small, Scalar::ZERO));
    }
    // y between p and 2^255: a second spelling of y - p.
    for low in 0xed..=0xff {
        let mut bytes = [0xff; 32];
        bytes[0] = low;
        for sign in [0x7f, 0xff] {
            bytes[31] = sign;
            all.push(Signatory::new(bytes, Scalar::ZERO));
        }
    }
    all
}

#[test]
fn verdicts_are_those_of_verify_strict() {
    let mut entropy = Sequence(41);
    let signatories = signatories(&mut entropy);
    let (mut accepted, mut refused) = (0, 0);
    let mut count = |verdict: bool| match verdict {
        true => accepted += 1,
        false => refused += 1,
    };
    for round in 0..rounds() {
        let [kind, who, at, bit, ..] = draw::<8>(&mut entropy);
        let message: [u8; 32] = draw(&mut entropy);
        // Half of the time somebody honest, so that something is accepted.
        let among = if at < 128 { HONEST } else { signatories.len() };
        let who = &signatories[usize::from(who) % among];
        let r = Scalar::from_bytes_mod_order(draw(&mut entropy));
        let torsion = &EIGHT_TORSION[usize::from(bit % 8)];
        let good = who.craft(&r, &EIGHT_TORSION[0], &message);
        count(match kind % 12 {
            // What the equation without a cofactor says is decided by A's part of small order alone.
            0..=2 => who.assert_same_verdict(&message, &good),
            3 => {
                let mut changed = good;
                changed[usize::from(at % 64)] ^= 1 << (bit % 8);
                who.assert_same_verdict(&message, &changed)
            }
            4 => {
                let mut changed = message;
                changed[usize::from(at % 32)] ^= 1 << (bit % 8);
                who.assert_same_verdict(&changed, &good)
            }
            5 => who.assert_same_verdict(&message, &plus_order(&good)),
            6 => who.assert_same_verdict(&message, &who.craft(&r, torsion, &message)),
            7 => who.assert_same_verdict(&message, &who.craft(&Scalar::ZERO, torsion, &message)),
            // R in a second spelling, S as if it were the first one.
            8 => {
                let mut r_bytes = [0xff; 32];
                r_bytes[0] = 0xed + at % 19;
                r_bytes[31] = if bit & 1 == 0 { 0x7f } else { 0xff };
                let s = who.challenge(&r_bytes, &message) * who.secret;
                who.assert_same_verdict(&message, &join(&r_bytes, s.as_bytes()))
            }
            9 => who.assert_same_verdict(&message, &join(&draw(&mut entropy), r.as_bytes())),
            10 => who.assert_same_verdict(&message, &draw(&mut entropy)),
            // An honest key of its own, as everybody makes them.
            _ if round % 16 == 0 => {
                let seed: [u8; 32] = draw(&mut entropy);
                let key = SigningKey::from_bytes(&seed);
                let ours = SignPublic::from_bytes(key.verifying_key().as_bytes()).unwrap();
                let signed = [&key.sign(&message).to_bytes()[..], &message].concat();
                ours.open_signed(&signed).is_ok()
            }
            _ => who.assert_same_verdict(&message, &join(&who.public, r.as_bytes())),
        });
    }
    println!("{accepted} accepted, {refused} refused");
    assert!(accepted > rounds() / 32 && refused > rounds() / 4);
}

/// The points that no list of small order has, and that have a second spelling all the same: R is
/// compared as bytes, so it makes no difference which of them somebody finds.
#[test]
fn only_points_near_zero_have_two_spellings() {
    let mut points = 0;
    for low in 0_u8..19 {
        let mut first = [0; 32];
        first[0] = low;
        let mut second = [0xff; 32];
        second[0] = 0xed + low;
        second[31] = 0x7f;
        let first = CompressedEdwardsY(first).decompress();
        let second = CompressedEdwardsY(second).decompress();
        assert_eq!(first, second);
        points += u32::from(first.is_some());
    }
    assert!(points > 2);
}
