//! The files that the page loads.

use bytes::Bytes;
use sha2::{Digest as _, Sha256};

/// Drops what only readers of the source need: indentation, empty lines, lines of comment. Neither
/// file has a text that runs over several lines.
pub(super) fn compact(source: &str) -> String {
    let lines = source.lines().map(str::trim);
    let lines = lines.filter(|line| !line.is_empty() && !line.starts_with("//"));
    lines.fold(String::with_capacity(source.len()), |out, line| {
        out + line + "\n"
    })
}

/// A file that the page needs.
#[derive(Clone, Debug)]
pub(crate) struct Asset {
    pub(crate) content_type: &'static str,
    pub(crate) body: Bytes,
    /// A digest of the content: the `v` of its address, and its `ETag`.
    pub(crate) version: String,
}

impl Asset {
    pub(super) fn new(content_type: &'static str, body: Bytes) -> Asset {
        let digest = Sha256::digest(&body);
        let version = digest
            .iter()
            .take(8)
            .map(|byte| format!("{byte:02x}"))
            .collect();
        Asset {
            content_type,
            body,
            version,
        }
    }
}
