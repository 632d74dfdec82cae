//! Linked devices: what the link hook signs (section 3.4), and the proof of a device at sign-in
//! (section 3.5).

use std::borrow::Cow;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use subtle::ConstantTimeEq;

use crate::{
    error::VerifyErrorKind, mac::Keyed, media::Format, params::Params, path::split_query,
    settings::LinkText,
};

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

/// The query parameters of a request to the link hook, for one of its paths: all but those that the
/// path itself has.
pub(crate) fn query_params<'a>(text: &str, target: &'a str) -> Result<Params<'a>, VerifyErrorKind> {
    let own = read_query(split_query(text).1.unwrap_or_default())?;
    let mut params = read_query(split_query(target).1.unwrap_or_default())?;
    for (name, _, value) in own.iter() {
        // One that is in both has to say the same.
        if params.get(name).is_some_and(|(_, other)| other != value) {
            return Err(VerifyErrorKind::MalformedBody);
        }
    }
    params.remove(|name| own.get(name).is_some());
    Ok(params)
}

/// What stands for the path in the signature of the link hook. With
/// [`FullTarget`](LinkText::FullTarget) that includes the parameters, as they came.
pub(crate) fn path_text<'a>(setting: LinkText, text: &'a str, target: &str) -> Cow<'a, str> {
    match setting {
        LinkText::HookPathPlusParams => Cow::Borrowed(text),
        LinkText::FullTarget => {
            let query = split_query(target).1.unwrap_or_default();
            Cow::Owned(format!("{}?{query}", split_query(text).0))
        }
    }
}

/// Whether the query of a configured path can be read.
pub(crate) fn is_readable(text: &str) -> bool {
    read_query(split_query(text).1.unwrap_or_default()).is_ok()
}

fn read_query(query: &str) -> Result<Params<'_>, VerifyErrorKind> {
    if query.is_empty() {
        return Ok(Params::none());
    }
    Params::read(Format::Form, query.as_bytes())
}
