//! Sealing and opening a user's record (K 8.2, 8.3).
//!
//! The `nd` layout has **one nonce for every write**. Two versions under it give the XOR of their
//! contents to whoever holds both, and the service holds all; the authentication key falls with
//! them. So this crate writes that layout only with a layer of its own inside, unless it is told
//! otherwise in so many words.

use alloc::vec::Vec;
use core::fmt;

use zeroize::Zeroizing;

use crate::action::MAX_RECORD;
use crate::entropy::{Entropy, draw};
use crate::error::{Error, ErrorKind};
use crate::filekey::Filekey;
use crate::id::Family;
use crate::keys::hex;
use crate::primitives::{self, NONCE_LENGTH, TAG_LENGTH};

/// Says that the content carries the inner layer.
const INNER_MAGIC: &[u8; 4] = b"KLi1";
/// Separates the inner layer's key from the filekey.
const INNER_LABEL: &[u8] = b"keylockr-inner-v1";

/// The fixed nonce of a record in the `nd` layout. Public, but useless to anybody but its owner.
#[derive(Clone, PartialEq, Eq)]
pub struct DataNonce([u8; NONCE_LENGTH]);

impl DataNonce {
    /// Bytes of a nonce.
    pub const LENGTH: usize = NONCE_LENGTH;

    /// From a blob.
    pub const fn from_bytes(bytes: [u8; Self::LENGTH]) -> Self {
        Self(bytes)
    }

    /// The nonce.
    pub const fn as_bytes(&self) -> &[u8; Self::LENGTH] {
        &self.0
    }
}

impl fmt::Debug for DataNonce {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DataNonce(..)")
    }
}

/// A short hash of an encrypted record, to tell two states of it apart. It needs no key and is no
/// secret: the service holds the record itself.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct RecordDigest([u8; Self::LENGTH]);

impl RecordDigest {
    /// Bytes of a digest.
    pub const LENGTH: usize = 32;

    /// SHA-256 of a record as the service keeps it.
    pub fn of(record: &[u8]) -> Self {
        Self(primitives::sha256(record))
    }
}

impl fmt::Display for RecordDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex(&self.0))
    }
}

impl fmt::Debug for RecordDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RecordDigest({self})")
    }
}

/// How records of a family are laid out. Configuration, following the dialect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RecordLayout {
    /// Appdata: a fresh nonce in front of every write.
    Prefix,
    /// Seed, `nd`: the nonce comes with the filekey and never changes.
    FixedNonce(DataNonce),
}

/// What may be written in the `nd` layout.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FixedNonceWrites {
    /// Content sealed once more, with a fresh nonce inside. The service sees an ordinary record;
    /// another program that reads it must know the layer.
    #[default]
    Inner,
    /// Content as it is. **Two different writes leak both to the service, and let it forge a
    /// third.** Only for records that another program must read and that are written once.
    InsecureRaw,
}

/// Reads and writes one record. Keep one for as long as the record is used: it remembers whether
/// the record has the inner layer, and then neither reads nor writes without it.
#[derive(Clone, Debug)]
pub struct RecordCodec {
    layout: RecordLayout,
    writes: FixedNonceWrites,
    inner_used: bool,
    falls_back: bool,
    /// With which a record of the `nd` layout is read where the prefix layout is configured.
    other_nonce: Option<DataNonce>,
}

impl RecordCodec {
    /// The room that a layout takes of [`MAX_RECORD`], in bytes.
    pub const fn overhead(family: Family, writes: FixedNonceWrites) -> usize {
        match (family, writes) {
            (Family::AppData, _) => NONCE_LENGTH + TAG_LENGTH,
            (Family::Seed, FixedNonceWrites::InsecureRaw) => TAG_LENGTH,
            (Family::Seed, FixedNonceWrites::Inner) => {
                TAG_LENGTH + INNER_MAGIC.len() + NONCE_LENGTH + TAG_LENGTH
            }
        }
    }

    /// For a record of this layout, written with the inner layer where the layout needs it.
    pub fn new(layout: RecordLayout) -> Self {
        Self {
            layout,
            writes: FixedNonceWrites::default(),
            inner_used: false,
            falls_back: false,
            other_nonce: None,
        }
    }

    /// Writes the `nd` layout as documented, see [`FixedNonceWrites::InsecureRaw`].
    #[must_use]
    pub fn with_insecure_raw_writes(mut self) -> Self {
        self.writes = FixedNonceWrites::InsecureRaw;
        self
    }

    /// Says from a store that this record has had the inner layer.
    #[must_use]
    pub fn with_inner_used(mut self, inner_used: bool) -> Self {
        self.inner_used = inner_used;
        self
    }

    /// Reads a record of the prefix layout too, when the one with the fixed nonce fails. It is the
    /// tag that decides. Writing keeps to the configured layout.
    #[must_use]
    pub fn with_read_fallback(mut self, falls_back: bool) -> Self {
        self.falls_back = falls_back;
        self
    }

    /// Reads a record of the `nd` layout too, when the one of the prefix layout fails and the blob
    /// gave this nonce. Writing keeps to the configured layout, in which this nonce is never used.
    #[must_use]
    pub fn with_fixed_nonce_fallback(mut self, nonce: Option<DataNonce>) -> Self {
        self.other_nonce = nonce;
        self
    }

    /// Whether the record has the inner layer, as far as was seen.
    pub fn inner_used(&self) -> bool {
        self.inner_used
    }

    /// Opens a record. No bytes are no data yet, which is `None`; an empty content is not.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Record`]; nothing else changes then.
    pub fn open(
        &mut self,
        filekey: &Filekey,
        record: &[u8],
    ) -> Result<Option<Zeroizing<Vec<u8>>>, Error> {
        if record.is_empty() {
            return Ok(None);
        }
        let key = filekey.as_bytes();
        match &self.layout {
            RecordLayout::Prefix => match (open_prefixed(key, record), &self.other_nonce) {
                (Err(error), Some(nonce)) => {
                    let content = open_tagged(key, nonce.as_bytes(), record).map_err(|_| error)?;
                    self.peel(key, content).map(Some)
                }
                (opened, _) => opened.map(Some),
            },
            RecordLayout::FixedNonce(nonce) => match open_tagged(key, nonce.as_bytes(), record) {
                Ok(content) => self.peel(key, content).map(Some),
                Err(_) if self.falls_back && !self.inner_used => {
                    open_prefixed(key, record).map(Some)
                }
                Err(error) => Err(error),
            },
        }
    }

    /// Seals a record. Skip the write when the content did not change. An error leaves no mark.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Size`] when it comes out larger than the service takes; [`ErrorKind::Record`]
    /// for a raw write to a record that has had the inner layer; [`ErrorKind::Entropy`].
    pub fn seal(
        &mut self,
        filekey: &Filekey,
        content: &[u8],
        entropy: &mut dyn Entropy,
    ) -> Result<Vec<u8>, Error> {
        let key = filekey.as_bytes();
        let mut layered = false;
        let record = match (&self.layout, self.writes) {
            (RecordLayout::Prefix, _) => prefixed(key, content, &[], entropy)?,
            (RecordLayout::FixedNonce(nonce), FixedNonceWrites::Inner) => {
                let inner_key = inner_key(key);
                let inner = prefixed(&inner_key, content, INNER_MAGIC, entropy)?;
                layered = true;
                sealed(key, nonce.as_bytes(), &inner, &[])?
            }
            (RecordLayout::FixedNonce(nonce), FixedNonceWrites::InsecureRaw) => {
                if self.inner_used {
                    return Err(ErrorKind::Record.into());
                }
                sealed(key, nonce.as_bytes(), content, &[])?
            }
        };
        if record.len() > MAX_RECORD {
            return Err(ErrorKind::Size.into());
        }
        // Not before: a record that nobody gets is none that was written.
        self.inner_used |= layered;
        Ok(record)
    }

    /// Takes off the inner layer, or finds that there is none.
    fn peel(
        &mut self,
        key: &[u8; 32],
        content: Zeroizing<Vec<u8>>,
    ) -> Result<Zeroizing<Vec<u8>>, Error> {
        match content.strip_prefix(INNER_MAGIC) {
            Some(inner) => {
                let content = open_prefixed(&inner_key(key), inner)?;
                self.inner_used = true;
                Ok(content)
            }
            None if self.inner_used => Err(ErrorKind::Record.into()),
            None => Ok(content),
        }
    }
}

/// The key of the inner layer.
fn inner_key(filekey: &[u8; 32]) -> Zeroizing<[u8; 32]> {
    primitives::hmac_sha256(filekey, INNER_LABEL)
}

/// `lead ‖ n ‖ secretbox(content, n)` with a fresh n.
fn prefixed(
    key: &[u8; 32],
    content: &[u8],
    lead: &[u8],
    entropy: &mut dyn Entropy,
) -> Result<Vec<u8>, Error> {
    let nonce = draw::<NONCE_LENGTH>(entropy)?;
    let mut head = Vec::with_capacity(lead.len() + NONCE_LENGTH);
    head.extend_from_slice(lead);
    head.extend_from_slice(&nonce);
    sealed(key, &nonce, content, &head)
}

/// `head ‖ secretbox(content, nonce)`
fn sealed(
    key: &[u8; 32],
    nonce: &[u8; NONCE_LENGTH],
    content: &[u8],
    head: &[u8],
) -> Result<Vec<u8>, Error> {
    let start = head.len() + TAG_LENGTH;
    let mut record = Vec::with_capacity(start + content.len());
    record.extend_from_slice(head);
    record.extend_from_slice(&[0; TAG_LENGTH]);
    record.extend_from_slice(content);
    let (front, text) = record.split_at_mut(start);
    let tag = primitives::secretbox_seal(key, nonce, text).ok_or(Error::from(ErrorKind::Size))?;
    front[head.len()..].copy_from_slice(&tag);
    Ok(record)
}

fn open_prefixed(key: &[u8; 32], record: &[u8]) -> Result<Zeroizing<Vec<u8>>, Error> {
    let (nonce, tagged) = record
        .split_first_chunk()
        .ok_or(Error::from(ErrorKind::Record))?;
    open_tagged(key, nonce, tagged)
}

fn open_tagged(
    key: &[u8; 32],
    nonce: &[u8; NONCE_LENGTH],
    tagged: &[u8],
) -> Result<Zeroizing<Vec<u8>>, Error> {
    let (tag, text) = tagged
        .split_first_chunk()
        .ok_or(Error::from(ErrorKind::Record))?;
    let mut content = Zeroizing::new(text.to_vec());
    if !primitives::secretbox_open(key, nonce, tag, &mut content) {
        return Err(ErrorKind::Record.into());
    }
    Ok(content)
}
