//! RSA pairs, each good for one decryption (U 5.3).

use core::fmt;

use aws_lc_rs::encoding::{AsDer, PublicKeyX509Der};
use aws_lc_rs::rsa::{
    self, OAEP_SHA1_MGF1SHA1, OAEP_SHA256_MGF1SHA256, OaepAlgorithm, OaepPrivateDecryptingKey,
    Pkcs1PrivateDecryptingKey, PrivateDecryptingKey, PublicEncryptingKey,
};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use zeroize::Zeroizing;

use super::KeyError;

/// The RSA padding of the device. UNLOQ documents none, so it is always named and never guessed:
/// there is no second try with another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Padding {
    /// RSAES-PKCS1-v1_5, the only one that anything points to (U 5.3). At most 11 bytes less than
    /// the modulus.
    Pkcs1V15,
    /// RSAES-OAEP with SHA-1 for hash and MGF1 and an empty label.
    OaepSha1,
    /// RSAES-OAEP with SHA-256 for hash and MGF1 and an empty label.
    OaepSha256,
}

/// The size of the modulus.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum KeySize {
    /// 2048 bits, 256 bytes; enough for a pair that lives for a minute.
    #[default]
    Rsa2048,
    /// 3072 bits, 384 bytes.
    Rsa3072,
    /// 4096 bits, 512 bytes.
    Rsa4096,
}

/// A fresh RSA pair for one request.
///
/// [`DeliveredKey::open`](super::DeliveredKey::open) takes it by value: after the first attempt,
/// right or wrong, the private key is gone and its memory erased. A pair is neither cloned nor
/// exported nor loaded; reuse, which U 5.3 would permit with OAEP, is not offered.
pub struct KeyPair {
    pub(super) private: PrivateDecryptingKey,
    public: PublicKeyPem,
    padding: Padding,
    allow_chunked: bool,
}

impl KeyPair {
    /// Makes a pair. **Takes from tens of milliseconds to seconds of one core**; never call it on
    /// an async thread. A [`KeyPool`](super::KeyPool) has pairs ready.
    pub fn generate(size: KeySize, padding: Padding) -> Result<Self, KeyError> {
        let size = match size {
            KeySize::Rsa2048 => rsa::KeySize::Rsa2048,
            KeySize::Rsa3072 => rsa::KeySize::Rsa3072,
            KeySize::Rsa4096 => rsa::KeySize::Rsa4096,
        };
        let private = PrivateDecryptingKey::generate(size).map_err(|_| KeyError::Library)?;
        Self::new(private, padding)
    }

    fn new(private: PrivateDecryptingKey, padding: Padding) -> Result<Self, KeyError> {
        let public = PublicKeyPem::of(&private.public_key())?;
        Ok(Self {
            private,
            public,
            padding,
            allow_chunked: false,
        })
    }

    /// Also opens the chunked form: pieces of a JSON text, each encrypted by itself, joined with
    /// `#`. Only unused code of UNLOQ's SDK makes it, so it is off by default (U 5.3).
    #[must_use]
    pub fn allow_chunked(mut self, allow: bool) -> Self {
        self.allow_chunked = allow;
        self
    }

    /// The half that goes to the device.
    pub fn public_key(&self) -> &PublicKeyPem {
        &self.public
    }

    /// The padding that the pair was made for.
    pub fn padding(&self) -> Padding {
        self.padding
    }

    pub(super) fn is_chunked(&self) -> bool {
        self.allow_chunked
    }

    /// Bytes of a ciphertext.
    pub(super) fn modulus_len(&self) -> usize {
        self.private.key_size_bytes()
    }

    /// Decrypts each block, all of them whatever happens to the first, and destroys the pair.
    pub(super) fn decrypt(self, blocks: &[Vec<u8>]) -> Option<Vec<Zeroizing<Vec<u8>>>> {
        let cipher = Cipher::new(self.private, self.padding)?;
        let opened: Vec<_> = blocks.iter().map(|block| cipher.open(block, &[])).collect();
        opened.into_iter().collect()
    }

    /// A pair with a known private half, for known answers.
    #[cfg(test)]
    pub(super) fn from_pkcs8(der: &[u8], padding: Padding) -> Self {
        Self::new(PrivateDecryptingKey::from_pkcs8(der).unwrap(), padding).unwrap()
    }
}

impl fmt::Debug for KeyPair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyPair")
            .field("padding", &self.padding)
            .field("allow_chunked", &self.allow_chunked)
            .finish_non_exhaustive()
    }
}

/// One padding over one private key.
pub(super) enum Cipher {
    Pkcs1(Pkcs1PrivateDecryptingKey),
    Oaep(OaepPrivateDecryptingKey, &'static OaepAlgorithm),
}

impl Cipher {
    pub(super) fn new(private: PrivateDecryptingKey, padding: Padding) -> Option<Self> {
        let oaep = |private, algorithm| {
            let key = OaepPrivateDecryptingKey::new(private).ok()?;
            Some(Self::Oaep(key, algorithm))
        };
        match padding {
            Padding::Pkcs1V15 => Pkcs1PrivateDecryptingKey::new(private)
                .ok()
                .map(Self::Pkcs1),
            Padding::OaepSha1 => oaep(private, &OAEP_SHA1_MGF1SHA1),
            Padding::OaepSha256 => oaep(private, &OAEP_SHA256_MGF1SHA256),
        }
    }

    /// The label is empty outside of the known answers.
    pub(super) fn open(&self, block: &[u8], label: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        let room = match self {
            Self::Pkcs1(key) => key.min_output_size(),
            Self::Oaep(key, _) => key.min_output_size(),
        };
        let mut plain = Zeroizing::new(vec![0; room]);
        let opened = match self {
            Self::Pkcs1(key) => key.decrypt(block, &mut plain),
            Self::Oaep(key, algorithm) => key.decrypt(algorithm, block, &mut plain, Some(label)),
        };
        let length = opened.ok()?.len();
        plain.truncate(length);
        Some(plain)
    }
}

/// An RSA public key of 2048 to 4096 bits as UNLOQ takes it: PEM of a SubjectPublicKeyInfo with
/// LF line ends. Of a [`KeyPair`], or of a pair that lives in the browser.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicKeyPem(Box<str>);

const BEGIN: &str = "-----BEGIN PUBLIC KEY-----";
const END: &str = "-----END PUBLIC KEY-----";

impl PublicKeyPem {
    /// Reads a PEM and writes it anew, so that what is sent has one form.
    pub fn parse(pem: &str) -> Result<Self, KeyError> {
        const ENOUGH: usize = 2048;
        let body = pem
            .trim_ascii()
            .strip_prefix(BEGIN)
            .and_then(|rest| rest.strip_suffix(END))
            .filter(|body| body.len() <= ENOUGH)
            .ok_or(KeyError::PublicKey)?;
        let body: String = body.split_ascii_whitespace().collect();
        let der = BASE64_STANDARD
            .decode(body)
            .map_err(|_| KeyError::PublicKey)?;
        let key = PublicEncryptingKey::from_der(&der).map_err(|_| KeyError::PublicKey)?;
        if key.key_size_bits() > 4096 {
            return Err(KeyError::PublicKey);
        }
        Self::of(&key)
    }

    fn of(key: &PublicEncryptingKey) -> Result<Self, KeyError> {
        let der: PublicKeyX509Der<'_> = key.as_der().map_err(|_| KeyError::Library)?;
        let mut pem = format!("{BEGIN}\n");
        for (at, char) in BASE64_STANDARD.encode(der.as_ref()).chars().enumerate() {
            if at > 0 && at % 64 == 0 {
                pem.push('\n');
            }
            pem.push(char);
        }
        pem.push('\n');
        pem.push_str(END);
        pem.push('\n');
        Ok(Self(pem.into()))
    }

    /// The PEM.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}
