//! Filekeys and the blobs they travel in (keylockr.md 8.1).

use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::{
    line::{BlobDamage, BlobLayout},
    wire::{
        crypto::{self, NONCE},
        value::Map,
        writer,
    },
};

/// The key of one record, and the fixed nonce of the seed family.
#[derive(Zeroize, ZeroizeOnDrop)]
pub(crate) struct RecordKey {
    pub(crate) filekey: [u8; 32],
    pub(crate) data_nonce: [u8; NONCE],
}

/// A box key pair of a phone.
#[derive(Zeroize, ZeroizeOnDrop)]
pub(crate) struct BoxPair {
    pub(crate) public: [u8; 32],
    pub(crate) secret: [u8; 32],
}

impl BoxPair {
    pub(crate) fn from_secret(secret: [u8; 32]) -> Self {
        Self {
            public: crypto::box_public_of(&secret),
            secret,
        }
    }
}

/// The blob that hands a filekey to a client; `None` when the client's key is weak.
pub(crate) fn blob(
    key: &RecordKey,
    sender: &BoxPair,
    client: &[u8; 32],
    nonce: [u8; NONCE],
    layout: BlobLayout,
    damage: BlobDamage,
) -> Option<Vec<u8>> {
    let shared = crypto::shared_key(client, &sender.secret).ok()?;
    let mut sealed = crypto::secretbox(&key.filekey, &nonce, &shared);
    if damage.bad_key
        && let Some(byte) = sealed.last_mut()
    {
        *byte ^= 1;
    }
    if damage.short_key {
        sealed.pop();
    }
    let nonce = nonce.as_slice();
    let data_nonce = key.data_nonce.as_slice();
    let members = match layout {
        BlobLayout::Short => Map::new()
            .with("k", sealed)
            .with("nd", data_nonce)
            .with("nk", nonce),
        BlobLayout::Long | BlobLayout::LongWithDataNonce => {
            let with_data = layout == BlobLayout::LongWithDataNonce;
            Map::new()
                .with("apEncPk", sender.public.as_slice())
                .with("encFileKey", sealed)
                .with("nonceForKey", nonce)
                .with_some("nonceForData", with_data.then_some(data_nonce))
        }
    };
    Some(writer::encode_map(&members))
}
