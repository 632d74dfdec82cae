//! Boxes: the pair that says who can read something, and the key that two pairs agree on.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use zeroize::Zeroizing;

use super::text::{decode_public, decode_secret, encode};
use crate::entropy::{Entropy, draw};
use crate::error::{Error, ErrorKind};
use crate::primitives::{self, NONCE_LENGTH, TAG_LENGTH};

/// The secret half of an X25519 pair: it opens boxes.
#[expect(missing_debug_implementations, reason = "a secret prints nothing")]
pub struct BoxSecret(Box<Zeroizing<[u8; 32]>>);

impl BoxSecret {
    /// Bytes of a secret.
    pub const LENGTH: usize = 32;

    /// A new pair.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Entropy`]
    pub fn generate(entropy: &mut dyn Entropy) -> Result<Self, Error> {
        let mut secret = Self(Box::new(Zeroizing::new([0; 32])));
        entropy.fill(secret.0.as_mut_slice())?;
        Ok(secret)
    }

    /// From a stored secret.
    pub fn from_bytes(secret: &[u8; Self::LENGTH]) -> Self {
        let mut copy = Box::new(Zeroizing::new([0; 32]));
        copy.copy_from_slice(secret);
        Self(copy)
    }

    /// From a stored secret in base64 (standard alphabet, padded).
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Key`]
    pub fn from_base64(text: &str) -> Result<Self, Error> {
        Ok(Self::from_bytes(&*decode_secret(text)?))
    }

    /// The secret, for a store that seals what it keeps.
    pub fn as_bytes(&self) -> &[u8; Self::LENGTH] {
        &self.0
    }

    /// The public half.
    pub fn public(&self) -> BoxPublic {
        BoxPublic(primitives::x25519_public(&self.0))
    }
}

/// The public half of an X25519 pair: none of the encodings whose shared secret everybody knows.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct BoxPublic([u8; 32]);

impl BoxPublic {
    /// Bytes of a key.
    pub const LENGTH: usize = 32;

    /// Loads a key.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Key`] for the seven encodings of low order (K 1.5), with or without the bit
    /// that X25519 ignores.
    pub fn from_bytes(bytes: &[u8; Self::LENGTH]) -> Result<Self, Error> {
        let mut reduced = *bytes;
        reduced[31] &= 0x7f;
        if LOW_ORDER.contains(&reduced) {
            return Err(ErrorKind::Key.into());
        }
        Ok(Self(*bytes))
    }

    /// Loads a key from strict base64 (standard alphabet, padded).
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Key`], as [`BoxPublic::from_bytes`].
    pub fn from_base64(text: &str) -> Result<Self, Error> {
        Self::from_bytes(&decode_public(text)?)
    }

    /// The key as it travels in text.
    pub fn to_base64(&self) -> String {
        encode(&self.0)
    }

    /// The key as it travels in msgpack.
    pub fn as_bytes(&self) -> &[u8; Self::LENGTH] {
        &self.0
    }
}

impl fmt::Debug for BoxPublic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BoxPublic({})", self.to_base64())
    }
}

/// The u-coordinates of low order below 2^255, in every encoding: 0, 1, two of order 8, p - 1, p
/// and p + 1.
const LOW_ORDER: [[u8; 32]; 7] = {
    let mut one = [0; 32];
    one[0] = 1;
    [
        [0; 32],
        one,
        [
            0xe0, 0xeb, 0x7a, 0x7c, 0x3b, 0x41, 0xb8, 0xae, 0x16, 0x56, 0xe3, 0xfa, 0xf1, 0x9f,
            0xc4, 0x6a, 0xda, 0x09, 0x8d, 0xeb, 0x9c, 0x32, 0xb1, 0xfd, 0x86, 0x62, 0x05, 0x16,
            0x5f, 0x49, 0xb8, 0x00,
        ],
        [
            0x5f, 0x9c, 0x95, 0xbc, 0xa3, 0x50, 0x8c, 0x24, 0xb1, 0xd0, 0xb1, 0x55, 0x9c, 0x83,
            0xef, 0x5b, 0x04, 0x44, 0x5c, 0xc4, 0x58, 0x1c, 0x8e, 0x86, 0xd8, 0x22, 0x4e, 0xdd,
            0xd0, 0x9f, 0x11, 0x57,
        ],
        near_p(0xec),
        near_p(0xed),
        near_p(0xee),
    ]
};

/// A little-endian number next to p = 2^255 - 19.
const fn near_p(first: u8) -> [u8; 32] {
    let mut bytes = [0xff; 32];
    bytes[0] = first;
    bytes[31] = 0x7f;
    bytes
}

/// The key of the box between two parties. The same for both of them, so an opened box does not say
/// who wrote it.
#[expect(missing_debug_implementations, reason = "a secret prints nothing")]
pub struct SharedKey(Box<Zeroizing<[u8; 32]>>);

impl SharedKey {
    /// Bytes of a key.
    pub const LENGTH: usize = 32;

    /// Computes the key once, for as many boxes as there will be.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Key`] when X25519 gives zeros.
    pub fn agree(own: &BoxSecret, peer: &BoxPublic) -> Result<Self, Error> {
        primitives::box_key(own.as_bytes(), peer.as_bytes())
            .map(|key| Self(Box::new(key)))
            .ok_or_else(|| ErrorKind::Key.into())
    }

    /// Boxes a text under a fresh nonce: the nonce, then the tag, then the ciphertext.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Entropy`], and [`ErrorKind::Size`] beyond what the cipher can number.
    pub fn seal(&self, text: &[u8], entropy: &mut dyn Entropy) -> Result<Vec<u8>, Error> {
        let nonce = draw::<NONCE_LENGTH>(entropy)?;
        let start = NONCE_LENGTH + TAG_LENGTH;
        let mut boxed = Vec::with_capacity(start + text.len());
        boxed.extend_from_slice(&nonce);
        boxed.extend_from_slice(&[0; TAG_LENGTH]);
        boxed.extend_from_slice(text);
        let (head, text) = boxed.split_at_mut(start);
        let tag = primitives::secretbox_seal(&self.0, &nonce, text)
            .ok_or(Error::from(ErrorKind::Size))?;
        head[NONCE_LENGTH..].copy_from_slice(&tag);
        Ok(boxed)
    }

    /// Opens what [`SharedKey::seal`] made, on either side.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Box`]
    pub fn open(&self, boxed: &[u8]) -> Result<Zeroizing<Vec<u8>>, Error> {
        let refused = || Error::from(ErrorKind::Box);
        let (nonce, tagged) = boxed.split_first_chunk().ok_or_else(refused)?;
        let (tag, text) = tagged.split_first_chunk().ok_or_else(refused)?;
        let mut text = Zeroizing::new(text.to_vec());
        if !primitives::secretbox_open(&self.0, nonce, tag, &mut text) {
            return Err(refused());
        }
        Ok(text)
    }

    pub(crate) fn bytes(&self) -> &[u8; Self::LENGTH] {
        &self.0
    }
}
