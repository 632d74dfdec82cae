//! The same boxes, records and signatures from other implementations (dryoc, crypto_box), both ways.

use crypto_box::aead::Aead as _;
use dryoc::classic::crypto_box::{
    crypto_box_beforenm, crypto_box_easy_afternm, crypto_box_open_easy_afternm,
};
use dryoc::classic::crypto_secretbox::{crypto_secretbox_easy, crypto_secretbox_open_easy};
use dryoc::classic::crypto_sign::{crypto_sign, crypto_sign_open, crypto_sign_seed_keypair};
use keylockr_proto::{
    BoxPublic, BoxSecret, Entropy, Filekey, RecordCodec, RecordLayout, SharedKey, SignSecret,
};

use crate::given::Sequence;

const ROUNDS: usize = 200;

fn draw<const N: usize>(entropy: &mut Sequence) -> [u8; N] {
    let mut bytes = [0; N];
    entropy.fill(&mut bytes).unwrap();
    bytes
}

fn text(entropy: &mut Sequence, length: usize) -> Vec<u8> {
    let mut text = vec![0; length];
    entropy.fill(&mut text).unwrap();
    text
}

#[test]
fn boxes_agree() {
    let mut entropy = Sequence(11);
    for round in 0..ROUNDS {
        let ours = BoxSecret::from_bytes(&draw(&mut entropy));
        let theirs: [u8; 32] = draw(&mut entropy);
        let peer = BoxSecret::from_bytes(&theirs).public();
        let key = crypto_box_beforenm(ours.public().as_bytes(), &theirs).unwrap();
        let shared = SharedKey::agree(&ours, &peer).unwrap();
        let text = text(&mut entropy, round * 7);

        let sealed = shared.seal(&text, &mut entropy).unwrap();
        let (nonce, boxed) = sealed.split_first_chunk().unwrap();
        let mut opened = vec![0; text.len()];
        crypto_box_open_easy_afternm(&mut opened, boxed, nonce, &key).unwrap();
        assert_eq!(opened, text, "round {round}");

        let mut foreign = vec![0; text.len() + 16];
        crypto_box_easy_afternm(&mut foreign, &text, nonce, &key).unwrap();
        assert_eq!(foreign, boxed, "round {round}");
        assert_eq!(*shared.open(&sealed).unwrap(), text);
    }
}

#[test]
fn boxes_agree_with_the_reference() {
    let mut entropy = Sequence(14);
    for round in 0..ROUNDS {
        let ours = BoxSecret::from_bytes(&draw(&mut entropy));
        let theirs = crypto_box::SecretKey::from_bytes(draw(&mut entropy));
        let peer = BoxPublic::from_bytes(theirs.public_key().as_bytes()).unwrap();
        let shared = SharedKey::agree(&ours, &peer).unwrap();
        let ours = crypto_box::PublicKey::from_bytes(*ours.public().as_bytes());
        let reference = crypto_box::SalsaBox::new(&ours, &theirs);
        let text = text(&mut entropy, round * 7);

        let sealed = shared.seal(&text, &mut entropy).unwrap();
        let (nonce, boxed) = sealed.split_first_chunk::<24>().unwrap();
        let opened = reference.decrypt(nonce.into(), boxed).unwrap();
        assert_eq!(opened, text, "round {round}");
        let foreign = reference.encrypt(nonce.into(), &text[..]).unwrap();
        assert_eq!(foreign, boxed, "round {round}");
    }
}

#[test]
fn records_agree() {
    let mut entropy = Sequence(12);
    let mut codec = RecordCodec::new(RecordLayout::Prefix);
    for round in 0..ROUNDS {
        let key: [u8; 32] = draw(&mut entropy);
        let filekey = Filekey::from_bytes(&key);
        let text = text(&mut entropy, round * 5);
        let record = codec.seal(&filekey, &text, &mut entropy).unwrap();
        let (nonce, boxed) = record.split_first_chunk().unwrap();
        let mut opened = vec![0; text.len()];
        crypto_secretbox_open_easy(&mut opened, boxed, nonce, &key).unwrap();
        assert_eq!(opened, text, "round {round}");
        let mut foreign = vec![0; text.len() + 16];
        crypto_secretbox_easy(&mut foreign, &text, nonce, &key).unwrap();
        assert_eq!(foreign, boxed, "round {round}");
    }
}

#[test]
fn signatures_agree() {
    let mut entropy = Sequence(13);
    for round in 0..ROUNDS {
        let seed: [u8; 32] = draw(&mut entropy);
        let ours = SignSecret::from_bytes(&seed);
        let (public, secret) = crypto_sign_seed_keypair(&seed);
        assert_eq!(ours.public().as_bytes()[..], public[..], "round {round}");
        let text = text(&mut entropy, round);
        let signed = ours.sign_message(&text);
        let mut foreign = vec![0; text.len() + 64];
        crypto_sign(&mut foreign, &text, &secret).unwrap();
        assert_eq!(signed, foreign, "round {round}");
        let mut opened = vec![0; text.len()];
        crypto_sign_open(&mut opened, &signed, &public).unwrap();
        assert_eq!(opened, text);
        assert_eq!(ours.public().open_signed(&foreign).unwrap(), text);
    }
}
