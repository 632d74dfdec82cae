//! Keys, each kind a type of its own, so that none can stand in for another (K 1.6).
//!
//! Secrets live boxed, are erased on drop, and have neither `Debug` nor `Clone`. Public keys that
//! nobody may use are refused when they are loaded, not when they are used.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use core::hash::{Hash, Hasher as StdHasher};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use crate::entropy::{Entropy, draw};
use crate::error::{Error, ErrorKind};
use crate::primitives::{self, NONCE_LENGTH, SIGNATURE_LENGTH, Signer, TAG_LENGTH, Verifier};

/// Largest answer of a key endpoint, in bytes (K 4).
const KEY_ANSWER: usize = 1024;

/// The secret half of an Ed25519 pair: it seals frames and signs addresses.
#[expect(missing_debug_implementations, reason = "a secret prints nothing")]
pub struct SignSecret(Signer);

impl SignSecret {
    /// Bytes of a seed.
    pub const LENGTH: usize = 32;

    /// A new pair.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Entropy`]
    pub fn generate(entropy: &mut dyn Entropy) -> Result<Self, Error> {
        let mut seed = Zeroizing::new([0; Self::LENGTH]);
        entropy.fill(seed.as_mut_slice())?;
        Ok(Self::from_bytes(&seed))
    }

    /// From a stored seed.
    pub fn from_bytes(seed: &[u8; Self::LENGTH]) -> Self {
        Self(Signer::from_seed(seed))
    }

    /// From a stored seed in base64 (standard alphabet, padded).
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Key`]
    pub fn from_base64(text: &str) -> Result<Self, Error> {
        Ok(Self::from_bytes(&*decode_secret(text)?))
    }

    /// The seed, for a store that seals what it keeps.
    pub fn as_bytes(&self) -> &[u8; Self::LENGTH] {
        self.0.seed()
    }

    /// The public half.
    pub fn public(&self) -> SignPublic {
        SignPublic(self.0.verifier())
    }

    /// A *signed message*: the signature, then the message (K 1.3). Frames, addresses and proofs
    /// are signed by the types that build them; a message of your own must be like none of those.
    pub fn sign_message(&self, message: &[u8]) -> Vec<u8> {
        let mut signed = self.sign(message).to_vec();
        signed.extend_from_slice(message);
        signed
    }

    pub(crate) fn sign(&self, message: &[u8]) -> [u8; SIGNATURE_LENGTH] {
        self.0.sign(message)
    }
}

/// The public half of an Ed25519 pair: a point that is not of small order.
#[derive(Clone)]
pub struct SignPublic(Verifier);

impl SignPublic {
    /// Bytes of a key.
    pub const LENGTH: usize = 32;

    /// Loads a key.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Key`] for bytes that are no point and for points of small order (K 1.4).
    pub fn from_bytes(bytes: &[u8; Self::LENGTH]) -> Result<Self, Error> {
        Verifier::from_bytes(bytes)
            .map(Self)
            .ok_or_else(|| ErrorKind::Key.into())
    }

    /// Loads a key from strict base64 (standard alphabet, padded).
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Key`], as [`SignPublic::from_bytes`].
    pub fn from_base64(text: &str) -> Result<Self, Error> {
        Self::from_bytes(&decode_public(text)?)
    }

    /// The key as it travels in JSON.
    pub fn to_base64(&self) -> String {
        STANDARD.encode(self.as_bytes())
    }

    /// The key as it travels in msgpack.
    pub fn as_bytes(&self) -> &[u8; Self::LENGTH] {
        self.0.as_bytes()
    }

    /// The message inside a *signed message* (signature, then message), if this key made it.
    /// Verification is strict.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Seal`]
    pub fn open_signed<'m>(&self, signed: &'m [u8]) -> Result<&'m [u8], Error> {
        let (signature, message) = signed
            .split_first_chunk()
            .ok_or(Error::from(ErrorKind::Seal))?;
        self.verify(message, signature)?;
        Ok(message)
    }

    pub(crate) fn verify(
        &self,
        message: &[u8],
        signature: &[u8; SIGNATURE_LENGTH],
    ) -> Result<(), Error> {
        if !self.0.verify(message, signature) {
            return Err(ErrorKind::Seal.into());
        }
        Ok(())
    }
}

impl PartialEq for SignPublic {
    fn eq(&self, other: &Self) -> bool {
        self.as_bytes() == other.as_bytes()
    }
}

impl Eq for SignPublic {}

impl Hash for SignPublic {
    fn hash<H: StdHasher>(&self, state: &mut H) {
        self.as_bytes().hash(state);
    }
}

impl fmt::Debug for SignPublic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SignPublic({})", self.to_base64())
    }
}

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
        STANDARD.encode(self.0)
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

/// How long the two pairs of a client live (K 1.6).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum KeyLifetime {
    /// Both pairs are made for one login. Frames of one session never open in another.
    Fresh,
    /// The signing pair is the service's, the box pair is made for one login.
    FixedSign,
    /// Both pairs are the service's. Needed for filekeys inside the result; costs forward secrecy,
    /// and frames of one session open in all others, so one replay memory must serve them all.
    Fixed,
}

/// The two pairs of one client, independent of each other. Share it behind an `Arc`; it cannot be
/// cloned.
pub struct ClientKeys {
    sign: SignSecret,
    sign_public: SignPublic,
    enc: BoxSecret,
    enc_public: BoxPublic,
    lifetime: KeyLifetime,
}

impl ClientKeys {
    /// Two new pairs.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Entropy`]
    pub fn generate(entropy: &mut dyn Entropy, lifetime: KeyLifetime) -> Result<Self, Error> {
        let sign = SignSecret::generate(entropy)?;
        let enc = BoxSecret::generate(entropy)?;
        Ok(Self::from_parts(sign, enc, lifetime))
    }

    /// Pairs from a store.
    pub fn from_parts(sign: SignSecret, enc: BoxSecret, lifetime: KeyLifetime) -> Self {
        Self {
            sign_public: sign.public(),
            enc_public: enc.public(),
            sign,
            enc,
            lifetime,
        }
    }

    /// The public half of the signing pair.
    pub fn sign_public(&self) -> &SignPublic {
        &self.sign_public
    }

    /// The public half of the box pair.
    pub fn box_public(&self) -> &BoxPublic {
        &self.enc_public
    }

    /// The secret half of the signing pair.
    pub fn sign_secret(&self) -> &SignSecret {
        &self.sign
    }

    /// The secret half of the box pair.
    pub fn box_secret(&self) -> &BoxSecret {
        &self.enc
    }

    /// How long the pairs live.
    pub fn lifetime(&self) -> KeyLifetime {
        self.lifetime
    }
}

impl fmt::Debug for ClientKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientKeys")
            .field("sign", &self.sign_public)
            .field("enc", &self.enc_public)
            .field("lifetime", &self.lifetime)
            .finish_non_exhaustive()
    }
}

/// The two public keys of the service. They are fetched together and replaced together (K 4).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ServerKeys {
    /// Boxes to the service use this one.
    pub enc: BoxPublic,
    /// The service's frames are sealed with this one.
    pub sign: SignPublic,
}

impl ServerKeys {
    /// From the bodies of `key_enc` and `key_sign`. Only spaces around them are forgiven.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Size`] above 1024 bytes; [`ErrorKind::Key`] for bad base64, another length or a
    /// weak key.
    pub fn from_base64(enc: &str, sign: &str) -> Result<Self, Error> {
        if enc.len().max(sign.len()) > KEY_ANSWER {
            return Err(ErrorKind::Size.into());
        }
        Ok(Self {
            enc: BoxPublic::from_base64(enc.trim_ascii())?,
            sign: SignPublic::from_base64(sign.trim_ascii())?,
        })
    }

    /// Sixteen hex digits that tell two pairs apart in a log.
    pub fn fingerprint(&self) -> String {
        let mut hasher = primitives::Hasher::default();
        hasher.update(self.enc.as_bytes());
        hasher.update(self.sign.as_bytes());
        hex(&hasher.finish()[..8])
    }
}

/// Lower-case hex.
pub(crate) fn hex(bytes: &[u8]) -> String {
    use fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn decode_public(text: &str) -> Result<[u8; 32], Error> {
    // The decoder's own check of a slice's size counts in whole groups, so give it one group more.
    let mut bytes = [0; 36];
    match STANDARD.decode_slice(text, &mut bytes) {
        Ok(32) => bytes.first_chunk().copied(),
        _ => None,
    }
    .ok_or_else(|| ErrorKind::Key.into())
}

fn decode_secret(text: &str) -> Result<Zeroizing<[u8; 32]>, Error> {
    let mut bytes = Zeroizing::new([0; 36]);
    match STANDARD.decode_slice(text, bytes.as_mut_slice()) {
        Ok(32) => bytes.first_chunk().copied().map(Zeroizing::new),
        _ => None,
    }
    .ok_or_else(|| ErrorKind::Key.into())
}
