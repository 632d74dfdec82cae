//! Writing frames (K 3.3), the same for both ends.

use alloc::string::String;
use alloc::vec::Vec;

use zeroize::Zeroize as _;

use super::Direction;
use super::body::Source;
use crate::entropy::{Entropy, draw};
use crate::error::{Error, ErrorKind};
use crate::keys::{SharedKey, SignSecret};
use crate::msgpack::{Length, Sink, Writer};
use crate::primitives::{self, NONCE_LENGTH, TAG_LENGTH};
use crate::time::UnixTime;

/// All that a frame is beside its box, its texts and its raw items: headers, names, nonce, tag and
/// seal.
const FRAME_OVERHEAD: usize = 256;

/// How frames of a connection are written.
pub(super) struct Form {
    pub(super) app_ver: Option<String>,
    pub(super) limit: usize,
    pub(super) embeds_nonce: bool,
}

/// What a frame is to say.
pub(super) struct Content<'a> {
    pub(super) direction: Direction,
    pub(super) id: Option<&'a str>,
    pub(super) name: &'a str,
    pub(super) ts: UnixTime,
    pub(super) body: Source<'a>,
    pub(super) raw: &'a [&'a [u8]],
}

impl Form {
    /// Appends a frame, or nothing. The inner message is written where the box will be, encrypted
    /// there, hashed there as part of `kps`, and signed: no byte is copied but into its place, and
    /// nothing is allocated once the buffer is large enough.
    pub(super) fn seal_into(
        &self,
        frame: &mut Vec<u8>,
        content: &Content<'_>,
        shared: &SharedKey,
        sign: &SignSecret,
        entropy: &mut dyn Entropy,
    ) -> Result<(), Error> {
        if !content.body.is_acceptable() {
            return Err(ErrorKind::Shape.into());
        }
        let nonce = draw::<NONCE_LENGTH>(entropy)?;
        let mut inner = Length(0);
        content.write_inner(&mut inner);
        // All at once: a buffer that grew later would leave plaintext behind.
        frame.reserve(FRAME_OVERHEAD + inner.0 + self.texts(content) + raw_size(content.raw));
        let before = frame.len();
        let sealed = self.write(frame, content, inner.0, &nonce, shared, sign);
        if sealed.is_err() {
            frame[before..].zeroize();
            frame.truncate(before);
        }
        sealed
    }

    fn write(
        &self,
        frame: &mut Vec<u8>,
        content: &Content<'_>,
        inner: usize,
        nonce: &[u8; NONCE_LENGTH],
        shared: &SharedKey,
        sign: &SignSecret,
    ) -> Result<(), Error> {
        let before = frame.len();
        let mut out = Writer(frame);
        out.map(2);
        out.text("kps");
        let kps = out.0.len();
        out.map(self.members(content));
        if let Some(app_ver) = &self.app_ver {
            out.text("app_ver");
            out.text(app_ver);
        }
        out.text("box");
        self.write_box(out.0, content, inner, nonce, shared)?;
        let mut out = Writer(frame);
        if let Some(id) = content.id {
            out.text("id");
            out.text(id);
        }
        if !self.embeds_nonce {
            out.text("n");
            out.bin(nonce);
        }
        if !content.raw.is_empty() {
            out.text("raw");
            out.array(content.raw.len());
            for item in content.raw {
                out.bin(item);
            }
        }
        let hash = primitives::sha256(&frame[kps..]);
        let mut out = Writer(frame);
        out.text("seal");
        let mut seal = [0; super::SEAL_LENGTH];
        let (signature, sealed) = seal.split_at_mut(primitives::SIGNATURE_LENGTH);
        signature.copy_from_slice(&sign.sign(&hash));
        sealed.copy_from_slice(&hash);
        out.bin(&seal);
        match frame.len() - before > self.limit {
            true => Err(ErrorKind::Size.into()),
            false => Ok(()),
        }
    }

    /// The nonce if it travels inside, the tag, and the ciphertext of `{body, header}`.
    fn write_box(
        &self,
        frame: &mut Vec<u8>,
        content: &Content<'_>,
        inner: usize,
        nonce: &[u8; NONCE_LENGTH],
        shared: &SharedKey,
    ) -> Result<(), Error> {
        let prefix: &[u8] = if self.embeds_nonce { nonce } else { &[] };
        Writer(frame).bin_header(prefix.len() + TAG_LENGTH + inner);
        frame.put(prefix);
        frame.put(&[0; TAG_LENGTH]);
        let text = frame.len();
        content.write_inner(frame);
        let (head, text) = frame.split_at_mut(text);
        let tag = primitives::secretbox_seal(shared.bytes(), nonce, text)
            .ok_or(Error::from(ErrorKind::Size))?;
        if let Some(place) = head.last_chunk_mut() {
            *place = tag;
        }
        Ok(())
    }

    fn members(&self, content: &Content<'_>) -> usize {
        [
            self.app_ver.is_some(),
            true,
            content.id.is_some(),
            !self.embeds_nonce,
            !content.raw.is_empty(),
        ]
        .into_iter()
        .filter(|present| *present)
        .count()
    }

    fn texts(&self, content: &Content<'_>) -> usize {
        self.app_ver.as_ref().map_or(0, String::len) + content.id.map_or(0, str::len)
    }
}

impl Content<'_> {
    fn write_inner(&self, sink: &mut impl Sink) {
        let mut out = Writer(sink);
        out.map(2);
        out.text("body");
        self.body.write(&mut out);
        out.text("header");
        out.map(2);
        // "from" and "to" both sort before "ts".
        out.text(self.direction.member());
        out.text(self.name);
        out.text("ts");
        out.uint(self.ts.as_secs());
    }
}

fn raw_size(raw: &[&[u8]]) -> usize {
    raw.iter().map(|item| item.len() + 5).sum()
}
