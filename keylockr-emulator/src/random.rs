//! Where random bytes come from: the operating system, or a seed that makes a run repeatable.

use std::{collections::HashMap, io};

use crate::wire::crypto::sha256;

/// Random bytes in labelled streams: with a seed, each stream repeats itself on the next run,
/// whatever the others do in between.
pub(crate) struct Random {
    key: [u8; 32],
    seeded: bool,
    drawn: HashMap<String, u64>,
}

impl Random {
    /// `start` counts the starts from one state file, so that a seeded emulator that was
    /// started again does not use its nonces twice.
    pub(crate) fn new(seed: Option<u64>, start: u64) -> io::Result<Self> {
        let mut key = [0; 32];
        match seed {
            Some(seed) => {
                let text = format!("keylockr-emulator seed {seed} start {start}");
                key = sha256(text.as_bytes());
            }
            None => getrandom::fill(&mut key).map_err(io::Error::other)?,
        }
        Ok(Self {
            key,
            seeded: seed.is_some(),
            drawn: HashMap::new(),
        })
    }

    /// A source of its own for another part of the program.
    pub(crate) fn fork(&self, label: &str) -> Self {
        let mut input = self.key.to_vec();
        input.extend_from_slice(label.as_bytes());
        Self {
            key: sha256(&input),
            seeded: self.seeded,
            drawn: HashMap::new(),
        }
    }

    /// Fresh bytes from a stream.
    pub(crate) fn bytes<const N: usize>(&mut self, label: &str) -> [u8; N] {
        let mut out = [0; N];
        // Without a seed the key came from the operating system: should that fail later, the
        // stream under it is as good.
        if self.seeded || getrandom::fill(&mut out).is_err() {
            self.draw(label, &mut out);
        }
        out
    }

    /// A random UUID.
    pub(crate) fn uuid(&mut self, label: &str) -> String {
        let mut bytes: [u8; 16] = self.bytes(label);
        bytes[6] = (bytes[6] & 0x0f) | 0x40;
        bytes[8] = (bytes[8] & 0x3f) | 0x80;
        let hex = crate::wire::text::to_hex(&bytes);
        let mut id = String::with_capacity(36);
        for (at, digit) in hex.chars().enumerate() {
            if matches!(at, 8 | 12 | 16 | 20) {
                id.push('-');
            }
            id.push(digit);
        }
        id
    }

    /// Starts every stream again but `nonce`.
    pub(crate) fn rewind(&mut self) {
        self.drawn.retain(|label, _| label == "nonce");
    }

    fn draw(&mut self, label: &str, out: &mut [u8]) {
        let counter = self.drawn.entry(label.to_owned()).or_default();
        for chunk in out.chunks_mut(32) {
            let mut input = self.key.to_vec();
            input.extend_from_slice(&counter.to_be_bytes());
            input.extend_from_slice(label.as_bytes());
            let block = sha256(&input);
            for (byte, fresh) in chunk.iter_mut().zip(block) {
                *byte = fresh;
            }
            *counter += 1;
        }
    }
}

impl std::fmt::Debug for Random {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Random")
            .field("seeded", &self.seeded)
            .finish_non_exhaustive()
    }
}
