//! The key of a browser that holds it itself, and the challenge it has to sign (K 7.8).

use base64::{Engine, prelude::BASE64_STANDARD};
use keylockr_proto::SignPublic;

use crate::{
    attempt::AttemptRecord,
    binding::NoEntropy,
    sealed::{Purpose, SealKeys, Sealed},
};

/// What an attempt of such a browser keeps: sealed, so that whoever can write to the store can
/// exchange neither.
pub(crate) struct HeldKey {
    pub(crate) sign: SignPublic,
    pub(crate) challenge: [u8; 32],
}

impl HeldKey {
    /// The challenge as the browser gets it.
    pub(crate) fn challenge_text(&self) -> String {
        BASE64_STANDARD.encode(self.challenge)
    }

    /// Seals it into the attempt that it was made for.
    pub(crate) fn put_into(
        &self,
        record: &mut AttemptRecord,
        keys: &SealKeys,
    ) -> Result<(), NoEntropy> {
        let plain = [self.sign.as_bytes().as_slice(), &self.challenge].concat();
        record.held_key = Some(keys.seal(Purpose::HeldKey, record.owner(), &plain)?);
        Ok(())
    }

    /// What was put in, if the seal holds.
    pub(crate) fn open(record: &AttemptRecord, sealed: &Sealed, keys: &SealKeys) -> Option<Self> {
        let plain = keys.open(Purpose::HeldKey, record.owner(), sealed)?;
        let (sign, challenge) = plain.split_first_chunk()?;
        Some(Self {
            sign: SignPublic::from_bytes(sign).ok()?,
            challenge: challenge.try_into().ok()?,
        })
    }
}
