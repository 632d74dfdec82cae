//! The frames by hand, for peers that bring cryptography alone: as fast as can be, and checking no
//! more than has to be there. Beside it everybody else pays for what he checks.

use keylockr_benches::frames::{ACTION, APP_VER, NOW};

use crate::peer::{Outcome, refused};

pub(crate) const NONCE: usize = 24;
pub(crate) const TAG: usize = 16;
const ID: &str = "app.7f3a91c2";

pub(crate) fn inner(out: &mut Vec<u8>, payload: &[u8]) {
    out.extend_from_slice(b"\x82\xa4body\x81\xa8data_enc");
    bin(out, payload.len());
    out.extend_from_slice(payload);
    out.extend_from_slice(b"\xa6header\x82\xa2to");
    text(out, ACTION);
    out.extend_from_slice(b"\xa2ts\xce");
    let now = u32::try_from(NOW.as_secs()).unwrap_or(u32::MAX);
    out.extend_from_slice(&now.to_be_bytes());
}

/// The frame up to the box, whose length is known; where `kps` begins.
pub(crate) fn before_box(out: &mut Vec<u8>, length: usize) -> usize {
    out.extend_from_slice(b"\x82\xa3kps");
    let kps = out.len();
    out.extend_from_slice(b"\x84\xa7app_ver");
    text(out, APP_VER);
    out.extend_from_slice(b"\xa3box");
    bin(out, length);
    kps
}

/// From the box to the end of `kps`.
pub(crate) fn after_box(out: &mut Vec<u8>, nonce: &[u8; NONCE]) {
    out.extend_from_slice(b"\xa2id");
    text(out, ID);
    out.extend_from_slice(b"\xa1n\xc4\x18");
    out.extend_from_slice(nonce);
}

pub(crate) fn seal(out: &mut Vec<u8>, signature: &[u8; 64], hash: &[u8; 32]) {
    out.extend_from_slice(b"\xa4seal\xc4\x60");
    out.extend_from_slice(signature);
    out.extend_from_slice(hash);
}

fn text(out: &mut Vec<u8>, text: &str) {
    out.push(0xa0 | u8::try_from(text.len()).unwrap_or(0));
    out.extend_from_slice(text.as_bytes());
}

fn bin(out: &mut Vec<u8>, length: usize) {
    if let Ok(length) = u8::try_from(length) {
        out.extend_from_slice(&[0xc4, length]);
    } else if let Ok(length) = u16::try_from(length) {
        out.push(0xc5);
        out.extend_from_slice(&length.to_be_bytes());
    } else {
        out.push(0xc6);
        out.extend_from_slice(&u32::try_from(length).unwrap_or(u32::MAX).to_be_bytes());
    }
}

/// A frame's parts.
pub(crate) struct Parts<'f> {
    pub(crate) kps: &'f [u8],
    pub(crate) boxed: &'f [u8],
    pub(crate) nonce: &'f [u8; NONCE],
    pub(crate) signature: &'f [u8; 64],
    pub(crate) hash: &'f [u8; 32],
}

impl<'f> Parts<'f> {
    pub(crate) fn read(frame: &'f [u8]) -> Outcome<Self> {
        let mut cursor = Cursor(frame);
        cursor.expect(b"\x82\xa3kps")?;
        let start = cursor.0;
        cursor.expect(b"\x84\xa7app_ver")?;
        cursor.text()?;
        cursor.expect(b"\xa3box")?;
        let boxed = cursor.bin()?;
        cursor.expect(b"\xa2id")?;
        cursor.text()?;
        cursor.expect(b"\xa1n")?;
        let nonce = cursor.bin()?.try_into()?;
        let kps = &start[..start.len() - cursor.0.len()];
        cursor.expect(b"\xa4seal")?;
        let (signature, hash) = cursor.bin()?.split_first_chunk().ok_or_else(refused)?;
        Ok(Self {
            kps,
            boxed,
            nonce,
            signature,
            hash: hash.try_into()?,
        })
    }
}

/// The payload in what was in the box.
pub(crate) fn payload(inner: &[u8]) -> Outcome<&[u8]> {
    let mut cursor = Cursor(inner);
    cursor.expect(b"\x82\xa4body\x82\xa4_res\xa2ok\xa8data_enc")?;
    let payload = cursor.bin()?;
    cursor.expect(b"\xa6header\x82\xa4from")?;
    cursor.text()?;
    cursor.expect(b"\xa2ts\xce")?;
    Ok(payload)
}

struct Cursor<'f>(&'f [u8]);

impl<'f> Cursor<'f> {
    fn expect(&mut self, bytes: &[u8]) -> Outcome<()> {
        self.0 = self.0.strip_prefix(bytes).ok_or_else(refused)?;
        Ok(())
    }

    fn take(&mut self, length: usize) -> Outcome<&'f [u8]> {
        let (bytes, rest) = self.0.split_at_checked(length).ok_or_else(refused)?;
        self.0 = rest;
        Ok(bytes)
    }

    fn text(&mut self) -> Outcome<&'f str> {
        let length = self.take(1)?[0] & 0x1f;
        Ok(std::str::from_utf8(self.take(length.into())?)?)
    }

    fn bin(&mut self) -> Outcome<&'f [u8]> {
        let width = match self.take(1)? {
            [0xc4] => 1,
            [0xc5] => 2,
            [0xc6] => 4,
            _ => return Err(refused()),
        };
        let length = self.take(width)?;
        let length = length
            .iter()
            .fold(0, |sum, byte| sum << 8 | usize::from(*byte));
        self.take(length)
    }
}
