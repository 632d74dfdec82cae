//! Box, secretbox, signed messages and hashes. The primitives are RustCrypto's box and dalek's
//! curves, where the protocol crate has dryoc's; the refusals of keylockr.md 1.4 and 1.5 are checked
//! here again, so that they do not hang on a library.

use crypto_secretbox::{Kdf, KeyInit, XSalsa20Poly1305, aead::Aead};
use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};
use sha2::{Digest, Sha256};
use x25519_dalek::{PublicKey, StaticSecret};

use super::error::WireError;

pub(crate) const NONCE: usize = 24;
pub(crate) const TAG: usize = 16;
pub(crate) const SIGNATURE: usize = 64;

/// X25519 points that give every secret key one and the same result.
const WEAK_BOX: [[u8; 32]; 7] = [
    [0; 32],
    first(1, 0),
    [
        0xe0, 0xeb, 0x7a, 0x7c, 0x3b, 0x41, 0xb8, 0xae, 0x16, 0x56, 0xe3, 0xfa, 0xf1, 0x9f, 0xc4,
        0x6a, 0xda, 0x09, 0x8d, 0xeb, 0x9c, 0x32, 0xb1, 0xfd, 0x86, 0x62, 0x05, 0x16, 0x5f, 0x49,
        0xb8, 0x00,
    ],
    [
        0x5f, 0x9c, 0x95, 0xbc, 0xa3, 0x50, 0x8c, 0x24, 0xb1, 0xd0, 0xb1, 0x55, 0x9c, 0x83, 0xef,
        0x5b, 0x04, 0x44, 0x5c, 0xc4, 0x58, 0x1c, 0x8e, 0x86, 0xd8, 0x22, 0x4e, 0xdd, 0xd0, 0x9f,
        0x11, 0x57,
    ],
    near_p(0xec),
    near_p(0xed),
    near_p(0xee),
];

/// Ed25519 points of small order, with the sign bit cleared.
const WEAK_SIGN: [[u8; 32]; 7] = [
    [0; 32],
    first(1, 0),
    near_p(0xec),
    near_p(0xed),
    near_p(0xee),
    [
        0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef, 0x98,
        0xf0, 0xd5, 0xdf, 0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53,
        0xfc, 0x05,
    ],
    [
        0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10, 0x67,
        0x0f, 0x2a, 0x20, 0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac,
        0x03, 0x7a,
    ],
];

/// The group order, little-endian.
const ORDER: [u8; 32] = [
    0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
];

const fn first(byte: u8, rest: u8) -> [u8; 32] {
    let mut bytes = [rest; 32];
    bytes[0] = byte;
    bytes
}

const fn near_p(low: u8) -> [u8; 32] {
    let mut bytes = first(low, 0xff);
    bytes[31] = 0x7f;
    bytes
}

/// SHA-256.
pub(crate) fn sha256(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

/// Equal, in a time that does not tell where they differ.
pub(crate) fn same(a: &[u8], b: &[u8]) -> bool {
    a.len() == b.len()
        && std::hint::black_box(a.iter().zip(b).fold(0, |diff, (a, b)| diff | (a ^ b))) == 0
}

/// Refuses box keys of low order.
pub(crate) fn box_public(bytes: &[u8]) -> Result<[u8; 32], WireError> {
    let key: [u8; 32] = bytes.try_into().map_err(|_| WireError::Key)?;
    if WEAK_BOX.contains(&without_sign(key)) {
        Err(WireError::Key)
    } else {
        Ok(key)
    }
}

/// Refuses signing keys of small order.
pub(crate) fn sign_public(bytes: &[u8]) -> Result<[u8; 32], WireError> {
    let key: [u8; 32] = bytes.try_into().map_err(|_| WireError::Key)?;
    if WEAK_SIGN.contains(&without_sign(key)) {
        Err(WireError::Key)
    } else {
        Ok(key)
    }
}

fn without_sign(mut key: [u8; 32]) -> [u8; 32] {
    if let Some(last) = key.last_mut() {
        *last &= 0x7f;
    }
    key
}

/// Public half of a box secret.
pub(crate) fn box_public_of(secret: &[u8; 32]) -> [u8; 32] {
    PublicKey::from(&StaticSecret::from(*secret)).to_bytes()
}

/// The box key of a pair; an all-zero X25519 result is refused.
pub(crate) fn shared_key(public: &[u8; 32], secret: &[u8; 32]) -> Result<[u8; 32], WireError> {
    let secret = StaticSecret::from(*secret);
    let point = secret.diffie_hellman(&PublicKey::from(*public)).to_bytes();
    if same(&point, &[0; 32]) {
        return Err(WireError::Key);
    }
    // HSalsa20 over a nonce of zeros, as crypto_box has it.
    let key = XSalsa20Poly1305::kdf((&point).into(), &Default::default());
    Ok(key.into())
}

/// secretbox, and box under a [`shared_key`]: tag, then ciphertext.
pub(crate) fn secretbox(message: &[u8], nonce: &[u8; NONCE], key: &[u8; 32]) -> Vec<u8> {
    // No message here nears the limit of 2^38 bytes.
    XSalsa20Poly1305::new(key.into())
        .encrypt(nonce.into(), message)
        .unwrap_or_default()
}

/// Opens a secretbox, or a box under a [`shared_key`].
pub(crate) fn secretbox_open(
    sealed: &[u8],
    nonce: &[u8; NONCE],
    key: &[u8; 32],
) -> Option<Vec<u8>> {
    XSalsa20Poly1305::new(key.into())
        .decrypt(nonce.into(), sealed)
        .ok()
}

/// An Ed25519 key pair.
#[derive(Clone)]
pub(crate) struct SignPair {
    pub(crate) public: [u8; 32],
    secret: SigningKey,
}

impl SignPair {
    pub(crate) fn from_seed(seed: &[u8; 32]) -> Self {
        let secret = SigningKey::from_bytes(seed);
        Self {
            public: secret.verifying_key().to_bytes(),
            secret,
        }
    }

    /// Signature, then the message.
    pub(crate) fn sign(&self, message: &[u8]) -> Vec<u8> {
        let mut signed = self.secret.sign(message).to_bytes().to_vec();
        signed.extend_from_slice(message);
        signed
    }
}

impl std::fmt::Debug for SignPair {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SignPair").finish_non_exhaustive()
    }
}

/// The message of a signed message, verified strictly.
pub(crate) fn open_signed<'a>(signed: &'a [u8], public: &[u8; 32]) -> Result<&'a [u8], WireError> {
    let (signature, message) = signed.split_at_checked(SIGNATURE).ok_or(WireError::Seal)?;
    let signature: [u8; SIGNATURE] = signature.try_into().map_err(|_| WireError::Seal)?;
    let (_, scalar) = signature.split_at(32);
    if !below_order(scalar) || sign_public(public).is_err() {
        return Err(WireError::Seal);
    }
    VerifyingKey::from_bytes(public)
        .and_then(|key| key.verify_strict(message, &Signature::from_bytes(&signature)))
        .map_err(|_| WireError::Seal)?;
    Ok(message)
}

fn below_order(scalar: &[u8]) -> bool {
    scalar.iter().rev().cmp(ORDER.iter().rev()).is_lt()
}
