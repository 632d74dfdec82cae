//! The text that is signed: path, then names and values in order, with nothing between them
//! (section 1.5).

use sha2_011::{Digest as _, Sha256};

use crate::{hook::Hook, params::Params, replay::Digest};

/// A signed text, whole: what every secret is tried on, and what an event is remembered by. It is
/// erased on drop. The body itself is not, for it may be shared with the framework, nor is what of it
/// had to be decoded.
#[derive(Clone)]
pub(crate) struct Text(Vec<u8>);

impl Text {
    /// The text of a path and of the parameters, where they are not a part of that path.
    pub(crate) fn new(path: &str, params: Option<&Params<'_>>) -> Self {
        // Measured first, so that no shorter copy is left behind in memory.
        let length = params.map_or(0, Params::text_len);
        let mut text = Vec::with_capacity(path.len() + length);
        text.extend_from_slice(path.as_bytes());
        if let Some(params) = params {
            params.append_to(&mut text);
        }
        Self(text)
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// What an event is remembered by (section 2.3, rule 1).
    pub(crate) fn digest(&self, hook: Hook) -> Digest {
        let mut hash = Sha256::new();
        hash.update(hook.as_str());
        hash.update([0]);
        hash.update(self.as_bytes());
        Digest::from_bytes(hash.finalize().into())
    }

    /// Writes zeros over it. Byte by byte, as for a key, this would take half as long as the HMAC.
    fn erase(&mut self) {
        self.0.fill(0);
        zeroize::optimization_barrier(self.0.as_slice());
    }
}

impl Drop for Text {
    fn drop(&mut self) {
        self.erase();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_left_of_an_erased_text() {
        let mut text = Text::new("/hooks/unloq/logout", None);
        assert_eq!(text.as_bytes(), b"/hooks/unloq/logout");
        assert_eq!(text.0.capacity(), text.0.len());
        text.erase();
        assert_eq!(text.as_bytes(), [0; 19]);
    }
}
