//! Writing frames (K 3.3), the same for both ends.

use alloc::string::String;
use alloc::vec::Vec;

use zeroize::Zeroizing;

use super::Direction;
use crate::entropy::{Entropy, draw};
use crate::error::{Error, ErrorKind};
use crate::keys::{SharedKey, SignSecret};
use crate::msgpack::{MAX_DEPTH, MAX_VALUES, Value, Writer};
use crate::primitives::{self, NONCE_LENGTH, TAG_LENGTH};
use crate::time::UnixTime;

/// How frames of a connection are written.
pub(super) struct Form {
    pub(super) app_ver: Option<String>,
    pub(super) limit: usize,
    pub(super) embeds_nonce: bool,
}

/// What a frame is to say.
pub(super) struct Content<'a> {
    pub(super) direction: Direction,
    pub(super) id: Option<String>,
    pub(super) name: &'a str,
    pub(super) ts: UnixTime,
    pub(super) body: &'a Value,
    pub(super) raw: &'a [&'a [u8]],
}

impl Form {
    pub(super) fn seal(
        &self,
        content: &Content<'_>,
        shared: &SharedKey,
        sign: &SignSecret,
        entropy: &mut dyn Entropy,
    ) -> Result<Vec<u8>, Error> {
        if !is_acceptable_body(content.body) {
            return Err(ErrorKind::Shape.into());
        }
        let nonce = draw::<NONCE_LENGTH>(entropy)?;
        let boxed = self.boxed(content, &nonce, shared)?;
        // kps lies between these two in the frame, so that it is written once and hashed where it
        // lies.
        let mut frame = Vec::with_capacity(boxed.len() + raw_size(content.raw) + 512);
        let mut out = Writer(&mut frame);
        out.map(2);
        out.text("kps");
        let start = frame.len();
        self.kps(content, &nonce, &boxed, &mut frame);
        let hash = primitives::sha256(&frame[start..]);
        let mut seal = sign.sign(&hash).to_vec();
        seal.extend_from_slice(&hash);
        let mut out = Writer(&mut frame);
        out.text("seal");
        out.bin(&seal);
        if frame.len() > self.limit {
            return Err(ErrorKind::Size.into());
        }
        Ok(frame)
    }

    /// The nonce if it travels inside, the tag, and the ciphertext of `{body, header}`.
    fn boxed(
        &self,
        content: &Content<'_>,
        nonce: &[u8; NONCE_LENGTH],
        shared: &SharedKey,
    ) -> Result<Vec<u8>, Error> {
        let mut inner = Zeroizing::new(Vec::new());
        let mut out = Writer(&mut *inner);
        out.map(2);
        out.text("body");
        out.value(content.body);
        out.text("header");
        out.map(2);
        // "from" and "to" both sort before "ts".
        out.text(content.direction.member());
        out.text(content.name);
        out.text("ts");
        out.uint(content.ts.as_secs());
        let tag = primitives::secretbox_seal(shared.bytes(), nonce, &mut inner)
            .ok_or(Error::from(ErrorKind::Size))?;
        let mut boxed = Vec::with_capacity(NONCE_LENGTH + TAG_LENGTH + inner.len());
        if self.embeds_nonce {
            boxed.extend_from_slice(nonce);
        }
        boxed.extend_from_slice(&tag);
        boxed.extend_from_slice(&inner);
        Ok(boxed)
    }

    fn kps(
        &self,
        content: &Content<'_>,
        nonce: &[u8; NONCE_LENGTH],
        boxed: &[u8],
        frame: &mut Vec<u8>,
    ) {
        let members = [
            self.app_ver.is_some(),
            true,
            content.id.is_some(),
            !self.embeds_nonce,
            !content.raw.is_empty(),
        ];
        let mut out = Writer(frame);
        out.map(members.into_iter().filter(|present| *present).count());
        if let Some(app_ver) = &self.app_ver {
            out.text("app_ver");
            out.text(app_ver);
        }
        out.text("box");
        out.bin(boxed);
        if let Some(id) = &content.id {
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
    }
}

fn raw_size(raw: &[&[u8]]) -> usize {
    raw.iter().map(|item| item.len() + 5).sum()
}

/// Whether a reader that holds to K 2.2 takes this body. It lies one map deep in the box, beside a
/// header of six values.
fn is_acceptable_body(body: &Value) -> bool {
    fn fits(value: &Value, depth: usize, left: &mut usize) -> bool {
        let names = match value {
            Value::Map(members) => members.len(),
            _ => 0,
        };
        let Some(rest) = left.checked_sub(1 + names) else {
            return false;
        };
        *left = rest;
        depth <= MAX_DEPTH
            && match value {
                Value::Array(items) => items.iter().all(|item| fits(item, depth + 1, left)),
                Value::Map(members) => members.values().all(|item| fits(item, depth + 1, left)),
                _ => true,
            }
    }
    let mut left = MAX_VALUES - 8;
    matches!(body, Value::Map(_)) && fits(body, 1, &mut left)
}
