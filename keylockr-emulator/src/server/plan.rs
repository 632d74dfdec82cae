//! A frame that is decided but not sealed yet: sealing happens outside the lock, when the
//! socket fetches it. Faults of the wire are part of the decision.

use std::sync::Arc;

use super::{keys::Pair, tricks};
use crate::wire::{
    crypto::{NONCE, SignPair, sha256},
    envelope::{self, Sealing, Writer},
    value::{Map, Value},
    writer,
};

/// What is wrong with a frame on purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trick {
    BadSeal,
    SealWrongKey,
    SealNoncanonical,
    BadBox,
    WrongRecipient,
    NoncanonicalWire,
    GoInt64,
    EmbedNonce,
    ExtraMembers,
    ReplaySame,
    ReplayReencoded,
    Truncated,
    Trailing,
    Deep,
    DupKey,
    LengthBomb,
    Oversized(usize),
    RawBadIndex,
    RawCollision,
}

/// One frame for one client.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) pair: Arc<Pair>,
    pub(crate) name: String,
    pub(crate) ts: u64,
    pub(crate) body: Map,
    pub(crate) raw: Vec<Vec<u8>>,
    pub(crate) nonce: [u8; NONCE],
    pub(crate) tricks: Vec<Trick>,
}

impl Plan {
    fn has(&self, trick: Trick) -> bool {
        self.tricks.contains(&trick)
    }

    /// Bytes of the frame without tricks.
    pub(crate) fn length(&self) -> usize {
        // Around the inner content: two map headers, five names, header and seal bytes, tag and
        // nonce. The items of `raw` come with five bytes each at most.
        let raw: usize = self.raw.iter().map(|item| item.len() + 5).sum();
        self.sealing().inner().len() + raw + 190
    }

    fn sealing(&self) -> Sealing<'_> {
        let (mut body, mut raw) = (self.body.clone(), self.raw.clone());
        if self.has(Trick::RawBadIndex) {
            raw.push(vec![1]);
            body.insert("extra__", 99_u64);
        }
        if self.has(Trick::RawCollision) {
            raw.push(vec![1]);
            body.insert("extra", vec![2_u8]);
            body.insert("extra__", 0_u64);
        }
        Sealing {
            writer: Writer::Server,
            id: None,
            app_ver: None,
            name: &self.name,
            ts: self.ts,
            body,
            raw,
            nonce: self.nonce,
            embed_nonce: self.has(Trick::EmbedNonce),
        }
    }

    /// The messages to send: one, but for the faults that send more.
    pub(crate) fn render(&self) -> Vec<Vec<u8>> {
        let sealing = self.sealing();
        if self.tricks.is_empty() {
            return vec![sealing.seal(&self.pair.shared, &self.pair.server.sign)];
        }
        let inner = if self.has(Trick::GoInt64) {
            tricks::go_inner(&sealing)
        } else if self.has(Trick::ExtraMembers) {
            tricks::wordy_inner(&sealing)
        } else {
            sealing.inner()
        };
        let shared = if self.has(Trick::WrongRecipient) {
            sha256(&self.pair.shared)
        } else {
            self.pair.shared
        };
        let mut kps = sealing.kps(&inner, &shared);
        if self.has(Trick::BadBox) {
            tricks::flip(&mut kps, "box");
        }
        if self.has(Trick::ExtraMembers) {
            kps = kps
                .with("app_ver", "emulator")
                .with("flags", vec![Value::from(true), "odd".into()])
                .with("id", "srv.1")
                .with("trace", vec![0xe5_u8; 4]);
        }
        self.with_seal(&kps)
    }

    fn with_seal(&self, kps: &Map) -> Vec<Vec<u8>> {
        let wrong = SignPair::from_seed(&sha256(b"not the server"));
        let sign = if self.has(Trick::SealWrongKey) {
            &wrong
        } else {
            &self.pair.server.sign
        };
        let odd = tricks::odd_bytes(kps);
        let covered = if self.has(Trick::SealNoncanonical) {
            odd.clone()
        } else {
            writer::encode_map(kps)
        };
        let mut seal = envelope::seal_of(&covered, sign);
        if self.has(Trick::BadSeal)
            && let Some(byte) = seal.get_mut(40)
        {
            *byte ^= 1;
        }
        let wire = if self.has(Trick::NoncanonicalWire) || self.has(Trick::SealNoncanonical) {
            tricks::odd_frame(&odd, &seal)
        } else {
            envelope::frame(kps, seal.clone())
        };
        let again = tricks::odd_frame(&odd, &seal);
        self.tricks.iter().fold(vec![wire], |messages, trick| {
            tricks::on_the_wire(*trick, messages, kps, &seal, &again)
        })
    }
}
