//! RSA's public half: a key out of a PEM, and RFC 8017's RSAEP on big integers.

use std::fmt;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use crypto_bigint::{
    BoxedUint, Odd,
    modular::{BoxedMontyForm, BoxedMontyParams},
};
use der::{Decode as _, asn1::ObjectIdentifier, pem};
use pkcs1::RsaPublicKeyRef;
use spki::SubjectPublicKeyInfoRef;
use zeroize::{Zeroize as _, Zeroizing};

use super::{
    Padding,
    padding::{Draw, TooLong},
};

/// rsaEncryption.
const RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
/// Longest PEM that is looked at; one of 4096 bits has 800 characters.
const MAX_PEM: usize = 2048;
/// Bits of a modulus (unloq.md 5.2), and the most of an exponent: a longer one is a way to keep
/// the device busy, not a key.
const MODULUS_BITS: std::ops::RangeInclusive<u32> = 2048..=4096;
const EXPONENT_BITS: u32 = 33;

/// Why a public key is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BadKey {
    #[error("public_key is not a PEM of BEGIN PUBLIC KEY with LF line ends")]
    Pem,
    #[error("public_key is not a SubjectPublicKeyInfo of RSA")]
    Spki,
    #[error("public_key has a modulus that is even, or not of 2048 to 4096 bits")]
    Modulus,
    #[error("public_key has an exponent that is even, 1, or too long")]
    Exponent,
}

/// A public key to encrypt under.
#[derive(Clone)]
pub(crate) struct PublicKey {
    modulus: Odd<BoxedUint>,
    exponent: BoxedUint,
    /// Bytes of the modulus, and of every ciphertext.
    k: usize,
}

impl PublicKey {
    /// Reads a PEM, strictly: what a client must not send is refused (unloq.md 5.2).
    pub(crate) fn parse(text: &str) -> Result<Self, BadKey> {
        if text.len() > MAX_PEM || text.contains('\r') {
            return Err(BadKey::Pem);
        }
        let (label, der) = pem::decode_vec(text.as_bytes()).map_err(|_| BadKey::Pem)?;
        if label != "PUBLIC KEY" {
            return Err(BadKey::Pem);
        }
        let info = SubjectPublicKeyInfoRef::from_der(&der).map_err(|_| BadKey::Spki)?;
        let parameters = info.algorithm.parameters;
        if info.algorithm.oid != RSA || !parameters.is_some_and(der::AnyRef::is_null) {
            return Err(BadKey::Spki);
        }
        let bits = info.subject_public_key.as_bytes().ok_or(BadKey::Spki)?;
        let key = RsaPublicKeyRef::from_der(bits).map_err(|_| BadKey::Spki)?;
        Self::new(key.modulus.as_bytes(), key.public_exponent.as_bytes())
    }

    /// From big-endian magnitudes.
    pub(crate) fn new(modulus: &[u8], exponent: &[u8]) -> Result<Self, BadKey> {
        let modulus = integer(modulus).ok_or(BadKey::Modulus)?;
        if !MODULUS_BITS.contains(&modulus.bits_vartime()) {
            return Err(BadKey::Modulus);
        }
        let exponent = integer(exponent).ok_or(BadKey::Exponent)?;
        let odd = exponent
            .to_le_bytes()
            .first()
            .is_some_and(|low| low & 1 == 1);
        if !odd || !(2..=EXPONENT_BITS).contains(&exponent.bits_vartime()) {
            return Err(BadKey::Exponent);
        }
        let k = usize::try_from(modulus.bits_vartime().div_ceil(8)).map_err(|_| BadKey::Modulus)?;
        let modulus = Option::from(Odd::new(modulus)).ok_or(BadKey::Modulus)?;
        Ok(Self {
            modulus,
            exponent,
            k,
        })
    }

    /// Most bytes that it carries under a padding.
    pub(crate) fn capacity(&self, padding: Padding) -> usize {
        padding.capacity(self.k).unwrap_or(0)
    }

    /// Encrypts, and gives the ciphertext as Base64.
    pub(crate) fn encrypt(
        &self,
        message: &[u8],
        padding: Padding,
        draw: &mut Draw<'_>,
    ) -> Result<String, TooLong> {
        let em = padding.encode(message, self.k, draw)?;
        Ok(BASE64_STANDARD.encode(self.raise(&em).ok_or(TooLong)?))
    }

    /// RSAEP with its conversions: m^e mod n. `em` is shorter than n, by its leading zero.
    fn raise(&self, em: &[u8]) -> Option<Vec<u8>> {
        let precision = self.modulus.as_ref().bits_precision();
        let mut m = BoxedUint::from_be_slice(&wide(em, precision), precision).ok()?;
        let params = BoxedMontyParams::new(self.modulus.clone());
        let mut base = BoxedMontyForm::new(m.clone(), &params);
        m.zeroize();
        let power = base.pow(&self.exponent);
        base.zeroize();
        let bytes = power.retrieve().to_be_bytes();
        let start = bytes.len().checked_sub(self.k)?;
        Some(bytes.get(start..)?.to_vec())
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PublicKey")
            .field("bytes", &self.k)
            .finish_non_exhaustive()
    }
}

/// A big-endian magnitude of a sane length.
fn integer(bytes: &[u8]) -> Option<BoxedUint> {
    if bytes.len() > 1024 {
        return None;
    }
    let precision = u32::try_from(bytes.len().next_multiple_of(8).max(8) * 8).ok()?;
    BoxedUint::from_be_slice(&wide(bytes, precision), precision).ok()
}

/// The same number in so many bits.
fn wide(bytes: &[u8], precision: u32) -> Zeroizing<Vec<u8>> {
    let length = usize::try_from(precision / 8).unwrap_or(0);
    let mut out = Zeroizing::new(vec![0; length.saturating_sub(bytes.len())]);
    out.reserve_exact(bytes.len());
    out.extend_from_slice(bytes);
    out
}
