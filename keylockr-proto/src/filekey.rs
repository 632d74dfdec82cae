//! The filekey: made by the phone, boxed for us, known to nobody in between (K 8.1).

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use zeroize::Zeroizing;

use crate::error::{Error, ErrorKind};
use crate::fields::{Fields, required};
use crate::id::{Ver, plain_text};
use crate::keys::{BoxPublic, BoxSecret, SharedKey};
use crate::msgpack::{Document, View};
use crate::primitives::{self, NONCE_LENGTH, TAG_LENGTH};
use crate::record::DataNonce;

/// The symmetric key of one user's record. It never leaves memory, is erased on drop, and can be
/// neither printed, cloned nor serialised.
#[expect(missing_debug_implementations, reason = "a secret prints nothing")]
pub struct Filekey(Box<Zeroizing<[u8; 32]>>);

impl Filekey {
    /// Bytes of a key.
    pub const LENGTH: usize = 32;

    /// For tests and for a phone; a client gets its key from [`FilekeyBlob::open`].
    pub fn from_bytes(bytes: &[u8; Self::LENGTH]) -> Self {
        let mut key = Box::new(Zeroizing::new([0; Self::LENGTH]));
        key.copy_from_slice(bytes);
        Self(key)
    }

    /// The key itself. Whoever copies it answers for the copy.
    pub fn as_bytes(&self) -> &[u8; Self::LENGTH] {
        &self.0
    }
}

/// `data_filekey`: a filekey boxed for our key. As sensitive as the filekey wherever our box secret
/// is stored too, so it is erased on drop and prints nothing.
#[derive(Clone, PartialEq, Eq)]
pub struct FilekeyBlob(Zeroizing<Vec<u8>>);

impl FilekeyBlob {
    /// Largest blob, in bytes.
    pub const MAX: usize = 1024;

    /// Takes a blob as it came. What is in it shows when it is opened.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::FilekeyShape`] above [`FilekeyBlob::MAX`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Error> {
        if bytes.len() > Self::MAX {
            return Err(ErrorKind::FilekeyShape.into());
        }
        Ok(Self(Zeroizing::new(bytes.to_vec())))
    }

    /// The blob, for a store that seals what it keeps.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Opens the blob.
    ///
    /// `expected` is the sender's key where one is known: the phone's key from the poll, or a
    /// pinned one. The long layout names its sender, which must then be the expected one; the short
    /// layout does not, and cannot be opened without. To observe a changed sender instead of
    /// refusing it, pass `None` for a pin and compare [`OpenedFilekey::sender`] with it.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::FilekeyShape`], [`ErrorKind::Key`], [`ErrorKind::FilekeySender`],
    /// [`ErrorKind::Filekey`], in this order.
    pub fn open(
        &self,
        own: &BoxSecret,
        expected: Option<&BoxPublic>,
    ) -> Result<OpenedFilekey, Error> {
        let parts = Parts::read(&self.0).ok_or(Error::from(ErrorKind::FilekeyShape))?;
        let inline = parts.sender.map(BoxPublic::from_bytes).transpose()?;
        let sender = match (inline, expected) {
            (Some(inline), Some(expected)) if inline != *expected => {
                return Err(ErrorKind::FilekeySender.into());
            }
            (Some(inline), _) => inline,
            (None, Some(expected)) => expected.clone(),
            (None, None) => return Err(ErrorKind::FilekeySender.into()),
        };
        let (tag, text) = parts
            .key
            .split_first_chunk::<TAG_LENGTH>()
            .ok_or(Error::from(ErrorKind::FilekeyShape))?;
        let mut key = Box::new(Zeroizing::new([0; Filekey::LENGTH]));
        key.copy_from_slice(text);
        let shared = SharedKey::agree(own, &sender)?;
        if !primitives::secretbox_open(shared.bytes(), parts.nonce, tag, key.as_mut_slice()) {
            return Err(ErrorKind::Filekey.into());
        }
        Ok(OpenedFilekey {
            filekey: Filekey(key),
            data_nonce: parts.data_nonce.copied().map(DataNonce::from_bytes),
            sender,
        })
    }
}

impl fmt::Debug for FilekeyBlob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FilekeyBlob(..)")
    }
}

/// What a blob held.
pub struct OpenedFilekey {
    /// The key of the record.
    pub filekey: Filekey,
    /// The nonce of the `nd` layout; the prefix layout has no use for it.
    pub data_nonce: Option<DataNonce>,
    /// Who boxed it. Public: remember it for the user, and notice when it changes.
    pub sender: BoxPublic,
}

impl fmt::Debug for OpenedFilekey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OpenedFilekey")
            .field("sender", &self.sender)
            .finish_non_exhaustive()
    }
}

/// The members of a blob, whichever layout it has.
struct Parts<'a> {
    key: &'a [u8; Filekey::LENGTH + TAG_LENGTH],
    nonce: &'a [u8; NONCE_LENGTH],
    data_nonce: Option<&'a [u8; NONCE_LENGTH]>,
    sender: Option<&'a [u8; BoxPublic::LENGTH]>,
}

impl<'a> Parts<'a> {
    fn read(blob: &'a [u8]) -> Option<Self> {
        let View::Map(members) = Document::parse(blob).ok()?.root() else {
            return None;
        };
        let fields = Fields::of(members);
        let long = fields.get("encFileKey").is_some();
        let (key, nonce, data_nonce) = if long {
            ("encFileKey", "nonceForKey", "nonceForData")
        } else {
            ("k", "nk", "nd")
        };
        let parts = Self {
            key: sized(fields, key).ok()??,
            nonce: sized(fields, nonce).ok()??,
            data_nonce: sized(fields, data_nonce).ok()?,
            sender: sized(fields, "apEncPk").ok()?,
        };
        // The long layout names its sender; the short one brings the nonce of the record.
        let complete = if long {
            parts.sender.is_some()
        } else {
            parts.data_nonce.is_some()
        };
        complete.then_some(parts)
    }
}

/// A binary member of exactly `N` bytes, or its absence.
fn sized<'a, const N: usize>(fields: Fields<'a>, name: &str) -> Result<Option<&'a [u8; N]>, Error> {
    fields
        .bin(name)?
        .map(|bytes| bytes.try_into().map_err(|_| ErrorKind::Shape.into()))
        .transpose()
}

/// How a request for the filekey stands: the answer to the request, and the push that may follow (K
/// 6).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FilekeyStatus {
    /// The phone sent it.
    Done(FilekeyGrant),
    /// The phone is locked, or is asking: wait for the push.
    SafeAuthRequired,
    /// Declined; final.
    Denied,
    /// A word this version does not know. A failure.
    Unknown(String),
}

/// What comes with a filekey.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FilekeyGrant {
    /// The boxed filekey.
    pub data_filekey: FilekeyBlob,
    /// The record, `None` while there is no data or when it has to be asked for.
    pub data_enc: Option<Vec<u8>>,
    /// The record's version; appdata only.
    pub ver: Option<Ver>,
}

impl FilekeyStatus {
    pub(crate) fn read(fields: Fields<'_>) -> Result<Self, Error> {
        // The status is judged before any other field is looked at.
        Ok(match required(fields.text("status")?)? {
            "done" => Self::Done(FilekeyGrant {
                data_filekey: FilekeyBlob::from_bytes(required(fields.bin("data_filekey")?)?)?,
                data_enc: fields.record("data_enc")?.map(<[u8]>::to_vec),
                ver: fields.ver()?,
            }),
            "safe_auth_required" => Self::SafeAuthRequired,
            "denied" => Self::Denied,
            other => Self::Unknown(plain_text(other, 64)),
        })
    }
}
