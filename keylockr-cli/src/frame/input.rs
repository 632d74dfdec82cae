//! A frame as it was captured: bytes, or a text of them.

use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use serde_json::Value;

use super::tagged;
use crate::{outcome::Trouble, source::Source};

/// The bytes of a frame: as they are, in hexadecimal, in base64 of either alphabet, or as JSON,
/// `{"$bin":"hex"}` alone or as the member `frame`.
pub(super) fn frame(source: &Source) -> Result<Vec<u8>, Trouble> {
    let bytes = source.read()?;
    // A frame begins with the head of a map, which is never ASCII.
    let Ok(text) = std::str::from_utf8(&bytes) else {
        return Ok(bytes.to_vec());
    };
    let text: String = text.split_ascii_whitespace().collect();
    let is_json = text.starts_with(['{', '"']);
    let decoded = if is_json {
        from_json(&bytes)
    } else {
        hex::decode(&text)
            .ok()
            .or_else(|| STANDARD.decode(&text).ok())
            .or_else(|| URL_SAFE_NO_PAD.decode(&text).ok())
    };
    decoded.filter(|frame| !frame.is_empty()).ok_or_else(|| {
        Trouble::usage(format!("{} holds no frame", source.name())).with_fix(
            "give its bytes as they are, in hexadecimal or base64, or as {\"frame\":{\"$bin\":\"hex\"}}",
        )
    })
}

fn from_json(bytes: &[u8]) -> Option<Vec<u8>> {
    let document: Value = serde_json::from_slice(bytes).ok()?;
    let frame = document.get("frame").unwrap_or(&document);
    tagged::bytes(frame.get("$bin").unwrap_or(frame)).ok()
}
