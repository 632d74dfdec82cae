//! Signing: the pair that says who wrote something.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use core::hash::{Hash, Hasher as StdHasher};

use zeroize::Zeroizing;

use super::text::{decode_public, decode_secret, encode};
use crate::entropy::Entropy;
use crate::error::{Error, ErrorKind};
use crate::primitives::{SIGNATURE_LENGTH, ServiceVerifier, Signer, Verifier};

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
        SignPublic(self.0.verifier().clone())
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
        encode(self.as_bytes())
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

/// The key that a service seals with, as a connection holds it.
pub(crate) struct ServiceSign(ServiceVerifier);

impl ServiceSign {
    pub(crate) fn new(key: &SignPublic) -> Self {
        Self(ServiceVerifier::new(&key.0))
    }

    pub(crate) fn prepare(&self) {
        self.0.prepare();
    }
}

/// What a seal is checked with.
pub(crate) trait SealKey {
    /// Strictly, as [`SignPublic::open_signed`].
    fn holds(&self, message: &[u8], signature: &[u8; SIGNATURE_LENGTH]) -> bool;
}

impl SealKey for SignPublic {
    fn holds(&self, message: &[u8], signature: &[u8; SIGNATURE_LENGTH]) -> bool {
        self.0.verify(message, signature)
    }
}

impl SealKey for ServiceSign {
    fn holds(&self, message: &[u8], signature: &[u8; SIGNATURE_LENGTH]) -> bool {
        self.0.verify(message, signature)
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
