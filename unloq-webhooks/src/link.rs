//! The proof of a linked device at sign-in (section 3.5).

use base64::{Engine as _, engine::general_purpose::STANDARD};
use subtle::ConstantTimeEq;

use crate::mac::Keyed;

/// What the link data of a token result is worth. All but [`Ok`](Self::Ok) refuse the sign-in where
/// linking is on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[must_use]
pub enum LinkVerdict {
    /// The device holds the secret. Keep the `link_key` for 10 minutes and refuse it a second time.
    Ok,
    /// No secret is stored for this user.
    NoLink,
    /// The token result carries no link data.
    NoLinkData,
    /// The device does not hold the secret.
    InvalidLink,
}

/// Checks `link_key` and `link_signature` of a token result against the secret that the
/// [`Link`](crate::Link) hook brought. In constant time.
///
/// An empty text counts as an absent one.
pub fn verify_link(
    secret: Option<&str>,
    link_key: Option<&str>,
    link_signature: Option<&str>,
) -> LinkVerdict {
    let given = |text: Option<&'_ str>| text.is_some_and(|text| !text.is_empty());
    if !given(secret) {
        return LinkVerdict::NoLink;
    }
    let (Some(secret), Some(key), Some(signature)) = (secret, link_key, link_signature) else {
        return LinkVerdict::NoLinkData;
    };
    if key.is_empty() || signature.is_empty() {
        return LinkVerdict::NoLinkData;
    }
    let mut mac = Keyed::new(secret.as_bytes());
    mac.update(key.as_bytes());
    let expected = STANDARD.encode(mac.finish());
    if expected.as_bytes().ct_eq(signature.as_bytes()).into() {
        LinkVerdict::Ok
    } else {
        LinkVerdict::InvalidLink
    }
}
