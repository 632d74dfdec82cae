//! Keys that a signer may have made of our secrets.

use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use zeroize::Zeroizing;

use super::finding::{Finding, SecretChange};
use crate::{
    mac::Keyed,
    secret::{Secret, SecretSet},
    time::UnixTime,
};

/// One key.
pub(super) struct Key {
    secret: usize,
    change: Option<SecretChange>,
    pub(super) keyed: Keyed,
}

impl Key {
    pub(super) fn differs(&self) -> usize {
        usize::from(self.change.is_some())
    }

    /// What there is to say of the key, in a search that found `nothing` else.
    pub(super) fn finding(&self, nothing: bool) -> Option<Finding> {
        let secret = self.secret;
        match self.change {
            Some(change) => Some(Finding::Secret { secret, change }),
            None => nothing.then_some(Finding::Verifies { secret }),
        }
    }
}

/// The secrets as they are, then all that can have happened to them.
pub(super) fn keys(secrets: &SecretSet, now: UnixTime) -> Vec<Key> {
    secrets
        .iter()
        .enumerate()
        .flat_map(|(secret, own)| {
            let change = (!own.is_live(now)).then_some(SecretChange::Expired);
            let exact = Key {
                secret,
                change,
                keyed: own.keyed().clone(),
            };
            let changed = changes(own).into_iter().map(move |(change, key)| Key {
                secret,
                change: Some(change),
                keyed: Keyed::new(&key),
            });
            [exact].into_iter().chain(changed)
        })
        .collect()
}

fn changes(secret: &Secret) -> Vec<(SecretChange, Zeroizing<Vec<u8>>)> {
    use SecretChange as Change;
    let own = secret.text();
    let trimmed = own.trim_ascii();
    let unquoted = match trimmed {
        [b'"', inner @ .., b'"'] | [b'\'', inner @ .., b'\''] => inner,
        _ => trimmed,
    };
    [
        (Change::Trimmed, Some(trimmed.to_vec())),
        (Change::LineFeed, Some([own, b"\n"].concat())),
        (Change::Unquoted, Some(unquoted.to_vec())),
        (Change::HexDecoded, from_hex(trimmed)),
        (Change::Base64Decoded, from_base64(trimmed)),
        (Change::LowerCase, Some(own.to_ascii_lowercase())),
        (Change::UpperCase, Some(own.to_ascii_uppercase())),
    ]
    .into_iter()
    .filter_map(|(change, key)| Some((change, Zeroizing::new(key?))))
    .filter(|(_, key)| !key.is_empty() && key.as_slice() != own)
    .collect()
}

fn from_base64(text: &[u8]) -> Option<Vec<u8>> {
    let decoded = STANDARD.decode(text);
    decoded.or_else(|_| URL_SAFE_NO_PAD.decode(text)).ok()
}

pub(super) fn from_hex(text: &[u8]) -> Option<Vec<u8>> {
    let (pairs, rest) = text.as_chunks::<2>();
    let digit = |byte: u8| char::from(byte).to_digit(16);
    let byte = |pair: &[u8; 2]| {
        let [high, low] = pair.map(digit);
        u8::try_from(high? << 4 | low?).ok()
    };
    match rest {
        [] => pairs.iter().map(byte).collect(),
        _ => None,
    }
}
