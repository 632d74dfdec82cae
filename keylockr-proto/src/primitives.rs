//! The only place that names a cryptography crate.
//!
//! Everything above it speaks in arrays, slices and the few types below, so an implementation is
//! exchanged here and nowhere else. K 1.1 to 1.5.
//!
//! | what | with `fast`, on a processor that has what it takes | with `std` | without |
//! |---|---|---|---|
//! | box and secretbox | dryoc | dryoc | crypto_secretbox |
//! | X25519 | graviola | dryoc | curve25519-dalek |
//! | Ed25519, signing | graviola | dryoc | ed25519-dalek |
//! | Ed25519, verifying | curve25519-dalek | curve25519-dalek | curve25519-dalek |
//! | the same under the service's key | tables | tables | curve25519-dalek |
//! | SHA-256, HMAC | sha2, hmac | sha2, hmac | sha2, hmac |
//!
//! The choice is by measurement: `benches/envelope`. Whichever is on, the vectors of `tests/` hold.

use hmac_013::{Hmac, KeyInit, Mac};
use sha2_011::{Digest, Sha256};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

#[cfg(feature = "std")]
mod comb;
mod exchange;
#[cfg(all(feature = "fast", any(target_arch = "x86_64", target_arch = "aarch64")))]
mod processor;
mod secretbox;
mod service;
mod sign;
mod verify;

pub(crate) use exchange::{box_key, x25519_public};
pub(crate) use secretbox::{secretbox_open, secretbox_seal};
pub(crate) use service::ServiceVerifier;
pub(crate) use sign::Signer;
pub(crate) use verify::Verifier;

/// Bytes of a box or secretbox beyond its plaintext.
pub(crate) const TAG_LENGTH: usize = 16;
/// Bytes of a nonce.
pub(crate) const NONCE_LENGTH: usize = 24;
/// Bytes of a detached signature.
pub(crate) const SIGNATURE_LENGTH: usize = 64;

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
