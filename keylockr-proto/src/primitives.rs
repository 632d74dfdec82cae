//! The only file that names a cryptography crate.
//!
//! Everything above it speaks in arrays, slices and the few types below, so an implementation is
//! exchanged here and nowhere else. K 1.1 to 1.5.

use alloc::boxed::Box;
use core::marker::PhantomData;

use crypto_secretbox::{AeadInPlace, Kdf, KeyInit, SecretBox, XSalsa20Poly1305};
use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};
use hmac::{Hmac, Mac};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use x25519_dalek::{PublicKey, StaticSecret};
use zeroize::Zeroizing;

/// Bytes of a box or secretbox beyond its plaintext.
pub(crate) const TAG_LENGTH: usize = 16;
/// Bytes of a nonce.
pub(crate) const NONCE_LENGTH: usize = 24;
/// Bytes of a detached signature.
pub(crate) const SIGNATURE_LENGTH: usize = 64;

/// An Ed25519 signing key, expanded once. Boxed, so that moving it leaves no copy behind; erased on
/// drop.
pub(crate) struct Signer(Box<SigningKey>);

impl Signer {
    pub(crate) fn from_seed(seed: &[u8; 32]) -> Self {
        Self(Box::new(SigningKey::from_bytes(seed)))
    }

    pub(crate) fn seed(&self) -> &[u8; 32] {
        self.0.as_bytes()
    }

    pub(crate) fn verifier(&self) -> Verifier {
        Verifier(self.0.verifying_key())
    }

    pub(crate) fn sign(&self, message: &[u8]) -> [u8; SIGNATURE_LENGTH] {
        self.0.sign(message).to_bytes()
    }
}

/// An Ed25519 public key, decompressed once and known not to be of small order.
#[derive(Clone)]
pub(crate) struct Verifier(VerifyingKey);

impl Verifier {
    /// `None` for bytes that are no point, for a second spelling of one and for the points of small
    /// order, under which one signature fits every message.
    pub(crate) fn from_bytes(bytes: &[u8; 32]) -> Option<Self> {
        let key = VerifyingKey::from_bytes(bytes).ok()?;
        let canonical = key.to_edwards().compress().as_bytes() == bytes;
        (canonical && !key.is_weak()).then_some(Self(key))
    }

    pub(crate) fn as_bytes(&self) -> &[u8; 32] {
        self.0.as_bytes()
    }

    /// The strict check of K 1.4: S below the group order, R not of small order, no cofactor.
    pub(crate) fn verify(&self, message: &[u8], signature: &[u8; SIGNATURE_LENGTH]) -> bool {
        self.0
            .verify_strict(message, &Signature::from_bytes(signature))
            .is_ok()
    }
}

/// The X25519 public half of a secret.
pub(crate) fn x25519_public(secret: &[u8; 32]) -> [u8; 32] {
    PublicKey::from(&StaticSecret::from(*secret)).to_bytes()
}

/// The key of `crypto_box` between two parties, or `None` when X25519 gives all zeros (K 1.2, 1.5).
pub(crate) fn box_key(secret: &[u8; 32], public: &[u8; 32]) -> Option<Zeroizing<[u8; 32]>> {
    let shared = StaticSecret::from(*secret).diffie_hellman(&PublicKey::from(*public));
    if !shared.was_contributory() {
        return None;
    }
    Some(hsalsa20(PhantomData::<XSalsa20Poly1305>, shared.as_bytes()))
}

/// HSalsa20 with a nonce of zeros. The marker says which stream cipher without naming its crate.
fn hsalsa20<C: Kdf>(_: PhantomData<SecretBox<C>>, input: &[u8; 32]) -> Zeroizing<[u8; 32]> {
    let mut derived = C::kdf(input.into(), &[0; 16].into());
    let key = Zeroizing::new(derived.into());
    zeroize::Zeroize::zeroize(derived.as_mut_slice());
    key
}

/// Encrypts in place and returns the tag; the wire form is tag, then ciphertext.
pub(crate) fn secretbox_seal(
    key: &[u8; 32],
    nonce: &[u8; NONCE_LENGTH],
    text: &mut [u8],
) -> Option<[u8; TAG_LENGTH]> {
    XSalsa20Poly1305::new(key.into())
        .encrypt_in_place_detached(nonce.into(), &[], text)
        .ok()
        .map(Into::into)
}

/// Checks the tag in constant time, then decrypts in place; on `false` the text is still the
/// ciphertext.
#[must_use]
pub(crate) fn secretbox_open(
    key: &[u8; 32],
    nonce: &[u8; NONCE_LENGTH],
    tag: &[u8; TAG_LENGTH],
    text: &mut [u8],
) -> bool {
    XSalsa20Poly1305::new(key.into())
        .decrypt_in_place_detached(nonce.into(), &[], text, tag.into())
        .is_ok()
}

/// SHA-256 fed piece by piece.
#[derive(Default)]
pub(crate) struct Hasher(Sha256);

impl Hasher {
    pub(crate) fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    pub(crate) fn finish(self) -> [u8; 32] {
        self.0.finalize().into()
    }
}

/// SHA-256 of one piece.
pub(crate) fn sha256(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

/// HMAC-SHA-256 under a key of 32 bytes.
pub(crate) fn hmac_sha256(key: &[u8; 32], message: &[u8]) -> Zeroizing<[u8; 32]> {
    // A key of any length up to the block size is used as it is, padded with zeros: so build the
    // block and no fallible call.
    let mut block = Zeroizing::new([0; 64]);
    block[..32].copy_from_slice(key);
    let mut mac = <Hmac<Sha256> as KeyInit>::new((&*block).into());
    mac.update(message);
    Zeroizing::new(mac.finalize().into_bytes().into())
}

/// Comparison whose time does not depend on where two values differ.
pub(crate) fn equal(left: &[u8], right: &[u8]) -> bool {
    left.ct_eq(right).into()
}
