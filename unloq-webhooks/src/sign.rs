//! Making signatures, for tests, and showing the text that should have been signed.

use base64::{Engine as _, engine::general_purpose::STANDARD};

use crate::{
    canonical::Text,
    error::{VerifyError, VerifyErrorKind},
    media::Format,
    params::Params,
    path::reduce,
    secret::Secret,
};

/// The `X-Unloq-Signature` of a delivery, for tests and for `curl`: `path` is the URL or path as
/// registered, `body` of the `content_type` given. For the link hook, `body` is the signed query.
///
/// # Errors
///
/// As verifying the body would fail.
pub fn sign(
    secret: &Secret,
    path: &str,
    content_type: &str,
    body: &[u8],
) -> Result<String, VerifyError> {
    let text = Text::new(&reduce(path), Some(&read(content_type, body)?));
    Ok(STANDARD.encode(secret.keyed().tag(text.as_bytes())))
}

/// The text that a signature is over, for debugging.
///
/// It holds everything that was sent, and one signature over it can be moved to other requests
/// (section 2.1): not for logs in production, never for an answer.
///
/// # Errors
///
/// As verifying the body would fail.
pub fn string_to_sign(path: &str, content_type: &str, body: &[u8]) -> Result<String, VerifyError> {
    let text = Text::new(&reduce(path), Some(&read(content_type, body)?));
    String::from_utf8(text.as_bytes().to_vec()).map_err(|_| VerifyErrorKind::MalformedBody.into())
}

fn read<'b>(content_type: &str, body: &'b [u8]) -> Result<Params<'b>, VerifyErrorKind> {
    if body.is_empty() {
        return Ok(Params::none());
    }
    let format = Format::of_type(content_type.as_bytes());
    Params::read(format.ok_or(VerifyErrorKind::UnsupportedMediaType)?, body)
}
