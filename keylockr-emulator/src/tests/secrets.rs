//! The client's side of filekeys and records (keylockr.md 8), for the tests.

use hmac::{Hmac, Mac};
use sha2::Sha256;

use crate::wire::{crypto, error::WireError, reader, value::Value};

const MAGIC: &[u8] = b"KLi1";

/// What a blob held.
#[derive(Debug, PartialEq)]
pub(crate) struct OpenedBlob {
    pub(crate) filekey: [u8; 32],
    pub(crate) data_nonce: Option<[u8; 24]>,
    pub(crate) sender: [u8; 32],
}

/// Opens a blob; `known` is the sender that it has to be of, and in the short layout is not named.
pub(crate) fn open_blob(
    blob: &[u8],
    enc_secret: &[u8; 32],
    known: Option<[u8; 32]>,
) -> Result<OpenedBlob, &'static str> {
    let shape = "E_FILEKEY_SHAPE";
    let Ok(Value::Map(members)) = reader::decode(blob) else {
        return Err(shape);
    };
    let bin = |name: &str| members.bin(name).ok_or(shape);
    let short = members.contains("k");
    let (sealed, nonce, data_nonce) = if short {
        (bin("k")?, bin("nk")?, Some(bin("nd")?))
    } else {
        (
            bin("encFileKey")?,
            bin("nonceForKey")?,
            members.bin("nonceForData"),
        )
    };
    if sealed.len() != 48 {
        return Err(shape);
    }
    let nonce: [u8; 24] = nonce.try_into().map_err(|_| shape)?;
    let data_nonce = data_nonce
        .map(TryInto::try_into)
        .transpose()
        .map_err(|_| shape)?;
    let named: Option<[u8; 32]> = match members.get("apEncPk") {
        Some(_) => Some(bin("apEncPk")?.try_into().map_err(|_| shape)?),
        None if short => None,
        None => return Err(shape),
    };
    let sender = match (named, known) {
        (Some(named), Some(known)) if named != known => return Err("E_FILEKEY_SENDER"),
        (named, known) => named.or(known).ok_or("E_FILEKEY_SENDER")?,
    };
    let shared = crypto::box_public(&sender)
        .and_then(|sender| crypto::shared_key(&sender, enc_secret))
        .map_err(WireError::as_str)?;
    let filekey = crypto::secretbox_open(sealed, &nonce, &shared).ok_or("E_FILEKEY")?;
    let filekey = filekey.try_into().map_err(|_| "E_FILEKEY")?;
    Ok(OpenedBlob {
        filekey,
        data_nonce,
        sender,
    })
}

/// Seals a record: `prefix` puts the nonce in front.
pub(crate) fn seal_record(
    prefix: bool,
    plain: &[u8],
    filekey: &[u8; 32],
    nonce: &[u8; 24],
) -> Vec<u8> {
    let mut record = if prefix { nonce.to_vec() } else { Vec::new() };
    record.extend(crypto::secretbox(plain, nonce, filekey));
    record
}

/// Opens a record; an empty one is no data yet.
pub(crate) fn open_record(
    prefix: bool,
    record: &[u8],
    filekey: &[u8; 32],
    data_nonce: Option<&[u8; 24]>,
) -> Result<Option<Vec<u8>>, &'static str> {
    if record.is_empty() {
        return Ok(None);
    }
    let opened = if prefix {
        record.split_at_checked(24).and_then(|(nonce, sealed)| {
            crypto::secretbox_open(sealed, nonce.try_into().ok()?, filekey)
        })
    } else {
        data_nonce.and_then(|nonce| crypto::secretbox_open(record, nonce, filekey))
    };
    opened.map(Some).ok_or("E_RECORD")
}

/// The key of the inner layer.
pub(crate) fn inner_key(filekey: &[u8; 32]) -> [u8; 32] {
    let mut mac = <Hmac<Sha256> as Mac>::new_from_slice(filekey).unwrap();
    mac.update(b"keylockr-inner-v1");
    mac.finalize().into_bytes().into()
}

/// The content with its inner layer (8.3).
pub(crate) fn with_inner(plain: &[u8], filekey: &[u8; 32], nonce: &[u8; 24]) -> Vec<u8> {
    let mut content = MAGIC.to_vec();
    content.extend_from_slice(nonce);
    content.extend(crypto::secretbox(plain, nonce, &inner_key(filekey)));
    content
}

/// The content without its inner layer.
pub(crate) fn without_inner(content: &[u8], filekey: &[u8; 32]) -> Result<Vec<u8>, &'static str> {
    let rest = content.strip_prefix(MAGIC).ok_or("E_RECORD")?;
    let (nonce, sealed) = rest.split_at_checked(24).ok_or("E_RECORD")?;
    let nonce = nonce.try_into().map_err(|_| "E_RECORD")?;
    crypto::secretbox_open(sealed, nonce, &inner_key(filekey)).ok_or("E_RECORD")
}
