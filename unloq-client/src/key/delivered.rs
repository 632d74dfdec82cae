//! A personal key as it arrives: text that is a ciphertext, or should have been one.

use core::fmt;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::value::RawValue;
use tokio::time::Instant;
use zeroize::Zeroizing;

use super::{KeyError, KeyPair, PersonalKey};
use crate::clock;
use crate::secret::text_of;
use crate::who::UnloqId;

/// Longest text that is taken for a key: 64 chunks at 4096 bits, and room.
const MAX_TEXT: usize = 48 * 1024;
/// Most pieces of the chunked form.
const MAX_CHUNKS: usize = 64;

/// A personal key as UNLOQ delivered it, with the user it belongs to. Erased on drop, never
/// printed.
pub struct DeliveredKey {
    text: Zeroizing<String>,
    user: UnloqId,
    received: Instant,
}

impl DeliveredKey {
    pub(crate) fn from_json(raw: &RawValue, user: UnloqId) -> Option<Self> {
        let text = text_of(raw).filter(|text| (1..=MAX_TEXT).contains(&text.len()))?;
        Some(Self {
            text,
            user,
            received: clock::monotonic(),
        })
    }

    /// The user in the result that it came with.
    pub fn user(&self) -> UnloqId {
        self.user
    }

    /// Decrypts it with the pair whose public half was sent, which is the end of the pair, right
    /// or wrong. Takes a millisecond at 2048 bits and some more above.
    ///
    /// Fails with [`KeyError::NotEncrypted`] for anything but padded Base64 (ASCII white space
    /// aside) of exactly the modulus's length, and with [`KeyError::DecryptFailed`] for all else.
    pub fn open(self, pair: KeyPair) -> Result<PersonalKey, KeyError> {
        let chunked = pair.is_chunked() && self.text.contains('#');
        let blocks = if chunked {
            self.text
                .split('#')
                .map(|piece| block(piece, &pair))
                .collect()
        } else {
            block(&self.text, &pair).map(|block| vec![block])
        };
        let blocks: Vec<_> = blocks.ok_or(KeyError::NotEncrypted)?;
        if blocks.len() > MAX_CHUNKS {
            return Err(KeyError::NotEncrypted);
        }
        let opened = pair.decrypt(&blocks).ok_or(KeyError::DecryptFailed)?;
        let length = opened.iter().map(|piece| piece.len()).sum();
        let mut bytes = Zeroizing::new(Vec::with_capacity(length));
        for piece in &opened {
            bytes.extend_from_slice(piece);
        }
        if chunked {
            bytes = unquote(&bytes).ok_or(KeyError::DecryptFailed)?;
        }
        PersonalKey::new(bytes, self.user, self.received).ok_or(KeyError::DecryptFailed)
    }

    /// The ciphertext, for a pair that lives elsewhere, such as in the browser.
    pub fn expose_text(&self) -> &str {
        &self.text
    }

    /// Takes the text itself for the key: it came in clear, so UNLOQ has seen it, and whoever can
    /// make UNLOQ speak has too (U 5.5). For logins by widget, which cannot do better.
    pub fn insecure_in_clear(self) -> Result<PersonalKey, KeyError> {
        let bytes = Zeroizing::new(self.text.as_bytes().to_vec());
        PersonalKey::new(bytes, self.user, self.received).ok_or(KeyError::DecryptFailed)
    }
}

impl fmt::Debug for DeliveredKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DeliveredKey")
            .field("user", &self.user)
            .finish_non_exhaustive()
    }
}

/// One ciphertext of exactly the modulus's length.
fn block(text: &str, pair: &KeyPair) -> Option<Vec<u8>> {
    // What is no ciphertext may be the key itself.
    let mut compact = Zeroizing::new(Vec::with_capacity(text.len()));
    compact.extend(text.bytes().filter(|byte| !byte.is_ascii_whitespace()));
    let mut decoded = Zeroizing::new(vec![0; compact.len() / 4 * 3 + 3]);
    let length = BASE64_STANDARD.decode_slice(&*compact, &mut decoded).ok()?;
    let block = decoded.get(..length)?;
    (length == pair.modulus_len()).then(|| block.to_vec())
}

/// The text of a JSON string.
fn unquote(json: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let raw: &RawValue = serde_json::from_slice(json).ok()?;
    let text = text_of(raw)?;
    Some(Zeroizing::new(text.as_bytes().to_vec()))
}
