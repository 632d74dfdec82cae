//! The text that is signed: path, then names and values in order, with nothing between them
//! (section 1.5). It is streamed into the keyed states: a delivery that nobody signed costs no copy.

use sha2_011::{Digest as _, Sha256};

use crate::{hook::Hook, mac::Keyed, params::Params, replay::Digest};

/// Something that takes the text in pieces.
pub(crate) trait Sink {
    fn take(&mut self, piece: &[u8]);
}

/// Writes the text of a path and of the parameters, where they are not a part of that path.
pub(crate) fn write(path: &str, params: Option<&Params<'_>>, sink: &mut (impl Sink + ?Sized)) {
    let mut gathered = Gathered {
        sink,
        buffer: [0; GATHER],
        len: 0,
    };
    gathered.add(path.as_bytes());
    for (name, _, value) in params.iter().flat_map(|params| params.iter()) {
        gathered.add(name.as_bytes());
        gathered.add(value.as_bytes());
    }
    gathered.flush();
}

/// The text as a whole.
pub(crate) fn text(path: &str, params: Option<&Params<'_>>) -> Vec<u8> {
    // Measured first, so that no shorter copy is left behind in memory.
    let pieces = params.iter().flat_map(|params| params.iter());
    let length: usize = pieces
        .map(|(name, _, value)| name.len() + value.len())
        .sum();
    let mut text = Vec::with_capacity(path.len() + length);
    write(path, params, &mut text);
    text
}

/// What an event is remembered by (section 2.3, rule 1).
pub(crate) fn digest(hook: Hook, text: &[u8]) -> Digest {
    let mut hash = Sha256::new();
    hash.update(hook.as_str());
    hash.update([0]);
    hash.update(text);
    Digest::from_bytes(hash.finalize().into())
}

impl Sink for Keyed {
    fn take(&mut self, piece: &[u8]) {
        self.update(piece);
    }
}

impl Sink for [Keyed] {
    fn take(&mut self, piece: &[u8]) {
        for keyed in self {
            keyed.update(piece);
        }
    }
}

impl Sink for Vec<u8> {
    fn take(&mut self, piece: &[u8]) {
        self.extend_from_slice(piece);
    }
}

const GATHER: usize = 256;

/// Gathers small pieces: a hash function is quicker with few large ones.
struct Gathered<'s, S: ?Sized> {
    sink: &'s mut S,
    buffer: [u8; GATHER],
    len: usize,
}

impl<S: Sink + ?Sized> Gathered<'_, S> {
    #[inline]
    fn add(&mut self, piece: &[u8]) {
        if self.copy(piece) {
            return;
        }
        self.flush();
        if !self.copy(piece) {
            self.sink.take(piece);
        }
    }

    /// Keeps a piece if there is room.
    #[inline]
    fn copy(&mut self, piece: &[u8]) -> bool {
        let end = self.len + piece.len();
        let Some(room) = self.buffer.get_mut(self.len..end) else {
            return false;
        };
        room.copy_from_slice(piece);
        self.len = end;
        true
    }

    fn flush(&mut self) {
        self.sink
            .take(self.buffer.get(..self.len).unwrap_or_default());
        self.len = 0;
    }
}
