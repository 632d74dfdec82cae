//! Records under a derived key.

use core::fmt;

use aws_lc_rs::aead::{AES_256_GCM_SIV, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::rand;
use tokio::time::Instant;
use zeroize::Zeroizing;

use super::{KeyError, RecordError};
use crate::clock;

/// First byte of a sealed record: this layout, this cipher.
const VERSION: u8 = 1;
const TAG_LEN: usize = 16;

/// The key of a user's records for one purpose. Erased on drop, never printed or exported.
///
/// A sealed record is the byte 1, a random nonce of 12 bytes, the ciphertext and a tag of 16:
/// 29 bytes more than the text. The cipher is AES-256-GCM-SIV (RFC 8452), because the same key
/// comes back with every approval and nonces are random: should two ever agree, that tells
/// whether the two records are equal and nothing more. With AES-GCM or ChaCha20-Poly1305 it would
/// give both away.
pub struct RecordKey {
    key: LessSafeKey,
    until: Instant,
}

impl RecordKey {
    pub(super) fn new(key: &[u8; 32], until: Instant) -> Result<Self, KeyError> {
        let key = UnboundKey::new(&AES_256_GCM_SIV, key).map_err(|_| KeyError::Library)?;
        Ok(Self {
            key: LessSafeKey::new(key),
            until,
        })
    }

    /// Seals a record. The id is authenticated and not stored: a record opens under its own id
    /// alone, so that one cannot be put in another's place.
    pub fn seal(&self, record_id: &[u8], text: &[u8]) -> Result<Vec<u8>, RecordError> {
        self.in_time()?;
        let mut nonce = [0; NONCE_LEN];
        rand::fill(&mut nonce).map_err(|_| RecordError::Library)?;
        // In a buffer of its own, with its final size: the text never lies in memory that moves.
        let mut body = Zeroizing::new(Vec::with_capacity(text.len() + TAG_LEN));
        body.extend_from_slice(text);
        let nonce_copy = Nonce::assume_unique_for_key(nonce);
        self.key
            .seal_in_place_append_tag(nonce_copy, Aad::from(record_id), &mut *body)
            .map_err(|_| RecordError::Library)?;
        let mut sealed = Vec::with_capacity(1 + NONCE_LEN + body.len());
        sealed.push(VERSION);
        sealed.extend_from_slice(&nonce);
        sealed.extend_from_slice(&body);
        Ok(sealed)
    }

    /// Opens a record that was sealed under this id.
    pub fn open(&self, record_id: &[u8], sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, RecordError> {
        self.in_time()?;
        let (version, rest) = sealed.split_first().ok_or(RecordError::Form)?;
        let (nonce, body) = rest.split_at_checked(NONCE_LEN).ok_or(RecordError::Form)?;
        if *version != VERSION || body.len() < TAG_LEN {
            return Err(RecordError::Form);
        }
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| RecordError::Form)?;
        let mut body = Zeroizing::new(body.to_vec());
        let length = self
            .key
            .open_in_place(nonce, Aad::from(record_id), &mut body)
            .map_err(|_| RecordError::Open)?
            .len();
        body.truncate(length);
        Ok(body)
    }

    fn in_time(&self) -> Result<(), RecordError> {
        if clock::monotonic() > self.until {
            return Err(RecordError::Expired);
        }
        Ok(())
    }
}

impl fmt::Debug for RecordKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RecordKey(..)")
    }
}
