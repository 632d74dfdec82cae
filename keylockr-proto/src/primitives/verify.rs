//! Ed25519, verifying strictly (K 1.4).

use curve25519_dalek::Scalar;
use curve25519_dalek::edwards::{CompressedEdwardsY, EdwardsPoint};
use sha2_011::{Digest as _, Sha512};

use super::SIGNATURE_LENGTH;

/// An Ed25519 public key: decompressed once, canonical, and known not to be of small order.
#[derive(Clone)]
pub(crate) struct Verifier {
    bytes: [u8; 32],
    /// The key's negative: R is computed as S B - k A.
    minus: EdwardsPoint,
}

impl Verifier {
    /// `None` for bytes that are no point, for a second spelling of one and for the points of small
    /// order, under which one signature fits every message.
    pub(crate) fn from_bytes(bytes: &[u8; 32]) -> Option<Self> {
        let point = CompressedEdwardsY(*bytes).decompress()?;
        let canonical = point.compress().as_bytes() == bytes;
        (canonical && !point.is_small_order()).then(|| Self {
            bytes: *bytes,
            minus: -point,
        })
    }

    /// The public half of a seed.
    pub(super) fn of_seed(seed: &[u8; 32]) -> Self {
        let expanded = ed25519_dalek::hazmat::ExpandedSecretKey::from(seed);
        let public = ed25519_dalek::VerifyingKey::from(&expanded);
        Self {
            bytes: public.to_bytes(),
            minus: -public.to_edwards(),
        }
    }

    pub(crate) fn as_bytes(&self) -> &[u8; 32] {
        &self.bytes
    }

    /// The strict check of K 1.4: S below the group order, R not of small order, no cofactor.
    ///
    /// R is compared as bytes and never decompressed, which saves a tenth. No verdict changes by
    /// it: what is computed is encoded canonically, so no second spelling of R can equal it, and R
    /// was looked up among the canonical encodings of small order before.
    pub(crate) fn verify(&self, message: &[u8], signature: &[u8; SIGNATURE_LENGTH]) -> bool {
        let Some(claim) = Claim::read(&self.bytes, message, signature) else {
            return false;
        };
        let r = EdwardsPoint::vartime_double_scalar_mul_basepoint(
            &claim.challenge,
            &self.minus,
            &claim.response,
        );
        r.compress().as_bytes() == claim.commitment
    }

    #[cfg(feature = "std")]
    pub(super) fn minus(&self) -> &EdwardsPoint {
        &self.minus
    }
}

/// What a signature says: that `commitment` = `response` B - `challenge` A.
pub(super) struct Claim<'s> {
    pub(super) commitment: &'s [u8; 32],
    pub(super) response: Scalar,
    pub(super) challenge: Scalar,
}

impl<'s> Claim<'s> {
    /// `None` when S is not below the group order, and when R is of small order.
    pub(super) fn read(
        key: &[u8; 32],
        message: &[u8],
        signature: &'s [u8; SIGNATURE_LENGTH],
    ) -> Option<Self> {
        let (commitment, response) = signature.split_first_chunk::<32>()?;
        let response = Scalar::from_canonical_bytes(*response.first_chunk()?).into_option()?;
        let mut without_sign = *commitment;
        without_sign[31] &= 0x7f;
        if SMALL_ORDER.contains(&without_sign) {
            return None;
        }
        let mut hash = Sha512::new();
        hash.update(commitment);
        hash.update(key);
        hash.update(message);
        Some(Self {
            commitment,
            response,
            challenge: Scalar::from_bytes_mod_order_wide(&hash.finalize().into()),
        })
    }
}

/// The canonical encodings of the eight points of small order, without their signs: orders 1 and 2,
/// 4, and twice 8.
const SMALL_ORDER: [[u8; 32]; 5] = {
    let mut one = [0; 32];
    one[0] = 1;
    let mut minus_one = [0xff; 32];
    minus_one[0] = 0xec;
    minus_one[31] = 0x7f;
    [
        one,
        minus_one,
        [0; 32],
        [
            0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef,
            0x98, 0xf0, 0xd5, 0xdf, 0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88,
            0x6d, 0x53, 0xfc, 0x05,
        ],
        [
            0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10,
            0x67, 0x0f, 0x2a, 0x20, 0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77,
            0x92, 0xac, 0x03, 0x7a,
        ],
    ]
};

#[cfg(test)]
mod tests {
    use curve25519_dalek::constants::EIGHT_TORSION;

    use super::*;

    #[test]
    fn every_point_of_small_order_is_listed() {
        for point in EIGHT_TORSION {
            let mut bytes = point.compress().to_bytes();
            assert!(Verifier::from_bytes(&bytes).is_none());
            bytes[31] &= 0x7f;
            assert!(SMALL_ORDER.contains(&bytes));
        }
        for bytes in SMALL_ORDER {
            let point = CompressedEdwardsY(bytes).decompress().unwrap();
            assert!(point.is_small_order());
            assert_eq!(point.compress().to_bytes(), bytes);
        }
    }
}
