//! Paddings of RFC 8017 for encryption: RSAES-PKCS1-v1_5 (7.2.1) and RSAES-OAEP (7.1.1).

use sha1::Sha1;
use sha2_011::{Digest, Sha256};
use zeroize::Zeroizing;

use super::Padding;

/// Draws random bytes.
pub(crate) type Draw<'a> = dyn FnMut(&mut [u8]) + 'a;

/// The message does not fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TooLong;

impl Padding {
    /// Most bytes that a modulus of `k` bytes carries; none where it carries not even an empty
    /// message.
    pub(crate) fn capacity(self, k: usize) -> Option<usize> {
        k.checked_sub(match self {
            Self::Pkcs1V15 => 11,
            Self::OaepSha1 => 2 * 20 + 2,
            Self::OaepSha256 => 2 * 32 + 2,
        })
    }

    /// The encoded message EM, `k` bytes.
    pub(crate) fn encode(
        self,
        message: &[u8],
        k: usize,
        draw: &mut Draw<'_>,
    ) -> Result<Zeroizing<Vec<u8>>, TooLong> {
        let room = self.capacity(k).ok_or(TooLong)?;
        if message.len() > room {
            return Err(TooLong);
        }
        Ok(match self {
            Self::Pkcs1V15 => pkcs1(message, k, draw),
            Self::OaepSha1 => oaep::<Sha1>(message, k, draw),
            Self::OaepSha256 => oaep::<Sha256>(message, k, draw),
        })
    }

    /// Another one (a fault).
    pub(crate) fn next(self) -> Self {
        match self {
            Self::Pkcs1V15 => Self::OaepSha1,
            Self::OaepSha1 => Self::OaepSha256,
            Self::OaepSha256 => Self::Pkcs1V15,
        }
    }
}

/// EM = 0x00 || 0x02 || PS || 0x00 || M, PS of octets that are not zero.
fn pkcs1(message: &[u8], k: usize, draw: &mut Draw<'_>) -> Zeroizing<Vec<u8>> {
    let mut em = Zeroizing::new(Vec::with_capacity(k));
    em.extend_from_slice(&[0, 2]);
    let mut byte = [0];
    while em.len() + message.len() + 1 < k {
        draw(&mut byte);
        if byte != [0] {
            em.extend_from_slice(&byte);
        }
    }
    em.push(0);
    em.extend_from_slice(message);
    em
}

/// EM = 0x00 || maskedSeed || maskedDB, with an empty label and one hash for all.
fn oaep<H: Digest>(message: &[u8], k: usize, draw: &mut Draw<'_>) -> Zeroizing<Vec<u8>> {
    let label_hash = H::digest(b"");
    let h_len = label_hash.len();
    // DB = lHash || PS || 0x01 || M
    let mut db = Zeroizing::new(Vec::with_capacity(k));
    db.extend_from_slice(&label_hash);
    db.resize(k - message.len() - h_len - 2, 0);
    db.push(1);
    db.extend_from_slice(message);
    let mut seed = Zeroizing::new(vec![0; h_len]);
    draw(&mut seed);
    xor(&mut db, &mgf1::<H>(&seed, k - h_len - 1));
    xor(&mut seed, &mgf1::<H>(&db, h_len));
    let mut em = Zeroizing::new(Vec::with_capacity(k));
    em.push(0);
    em.extend_from_slice(&seed);
    em.extend_from_slice(&db);
    em
}

/// B.2.1: the hash of the seed and a counter, often enough.
fn mgf1<H: Digest>(seed: &[u8], length: usize) -> Zeroizing<Vec<u8>> {
    let mut mask = Zeroizing::new(Vec::with_capacity(length + 64));
    let mut counter: u32 = 0;
    while mask.len() < length {
        let mut hash = H::new();
        hash.update(seed);
        hash.update(counter.to_be_bytes());
        mask.extend_from_slice(&hash.finalize());
        counter += 1;
    }
    mask.truncate(length);
    mask
}

fn xor(bytes: &mut [u8], mask: &[u8]) {
    for (byte, mask) in bytes.iter_mut().zip(mask) {
        *byte ^= mask;
    }
}
