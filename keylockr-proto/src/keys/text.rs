//! Keys as text: strict base64 in, base64 or hex out.

use alloc::string::String;
use core::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use crate::error::{Error, ErrorKind};

/// Standard base64 with padding.
pub(super) fn encode(key: &[u8; 32]) -> String {
    STANDARD.encode(key)
}

/// Lower-case hex.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

pub(super) fn decode_public(text: &str) -> Result<[u8; 32], Error> {
    // The decoder's own check of a slice's size counts in whole groups, so give it one group more.
    let mut bytes = [0; 36];
    match STANDARD.decode_slice(text, &mut bytes) {
        Ok(32) => bytes.first_chunk().copied(),
        _ => None,
    }
    .ok_or_else(|| ErrorKind::Key.into())
}

pub(super) fn decode_secret(text: &str) -> Result<Zeroizing<[u8; 32]>, Error> {
    let mut bytes = Zeroizing::new([0; 36]);
    match STANDARD.decode_slice(text, bytes.as_mut_slice()) {
        Ok(32) => bytes.first_chunk().copied().map(Zeroizing::new),
        _ => None,
    }
    .ok_or_else(|| ErrorKind::Key.into())
}
