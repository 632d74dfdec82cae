//! Keys, each kind a type of its own, so that none can stand in for another (K 1.6).
//!
//! Secrets live boxed, are erased on drop, and have neither `Debug` nor `Clone`. Public keys that
//! nobody may use are refused when they are loaded, not when they are used.

use alloc::string::String;
use core::fmt;

use crate::entropy::Entropy;
use crate::error::{Error, ErrorKind};
use crate::primitives;

mod exchange;
mod sign;
mod text;

pub use exchange::{BoxPublic, BoxSecret, SharedKey};
pub(crate) use sign::{SealKey, ServiceSign};
pub use sign::{SignPublic, SignSecret};
pub(crate) use text::hex;

/// Largest answer of a key endpoint, in bytes (K 4).
const KEY_ANSWER: usize = 1024;

/// How long the two pairs of a client live (K 1.6).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum KeyLifetime {
    /// Both pairs are made for one login. Frames of one login never open in another.
    Fresh,
    /// The signing pair is the service's, the box pair is made for one login.
    FixedSign,
    /// Both pairs are the service's. Needed for filekeys inside the result; costs forward secrecy,
    /// and frames of one login open in all others, so one replay memory must serve them all.
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

    /// Tables the multiples of the signing key now, in less than a millisecond, which otherwise
    /// happens at the 40th frame that is opened under it. From then on a seal is checked in half the
    /// time. The tables are this process's, for eight keys at most, of 80 KiB each; without the
    /// feature `std` there are none.
    pub fn prepare(&self) {
        ServiceSign::new(&self.sign).prepare();
    }

    /// The message inside a *signed message* of the service, as [`SignPublic::open_signed`] and with
    /// the tables of [`ServerKeys::prepare`].
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Seal`]
    pub fn open_signed<'m>(&self, signed: &'m [u8]) -> Result<&'m [u8], Error> {
        signed
            .split_first_chunk()
            .filter(|(signature, message)| ServiceSign::new(&self.sign).holds(message, signature))
            .map(|(_, message)| message)
            .ok_or_else(|| ErrorKind::Seal.into())
    }

    /// Sixteen hex digits that tell two pairs apart in a log.
    pub fn fingerprint(&self) -> String {
        let mut hasher = primitives::Hasher::default();
        hasher.update(self.enc.as_bytes());
        hasher.update(self.sign.as_bytes());
        hex(&hasher.finish()[..8])
    }
}
