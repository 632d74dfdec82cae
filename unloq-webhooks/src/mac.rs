//! HMAC-SHA256 with the key worked in once.

use hmac_013::{
    Hmac,
    digest::{KeyInit, Mac as _},
};
use sha2_011::Sha256;
use subtle::{Choice, ConstantTimeEq};

/// A keyed state: as secret as the key, and erased on drop like it.
#[derive(Clone)]
pub(crate) struct Keyed(Hmac<Sha256>);

impl Keyed {
    pub(crate) fn new(key: &[u8]) -> Self {
        // HMAC takes keys of every length; the error is one of the trait, not of HMAC.
        match Hmac::<Sha256>::new_from_slice(key) {
            Ok(keyed) => Self(keyed),
            Err(_) => Self(Hmac::<Sha256>::new(&Default::default())),
        }
    }

    /// The tag of one message, from a copy of this state.
    #[inline]
    pub(crate) fn tag(&self, message: &[u8]) -> [u8; 32] {
        let mut keyed = self.clone();
        keyed.update(message);
        keyed.finish()
    }

    #[inline]
    pub(crate) fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    #[inline]
    pub(crate) fn finish(self) -> [u8; 32] {
        self.0.finalize().into_bytes().into()
    }
}

/// Whether two tags are equal, in constant time: as four words, whose differences are gathered before
/// anything is asked.
#[inline]
pub(crate) fn equal(a: &[u8; 32], b: &[u8; 32]) -> Choice {
    let (a, _) = a.as_chunks::<8>();
    let (b, _) = b.as_chunks::<8>();
    let differences = a.iter().zip(b).fold(0, |seen, (a, b)| {
        seen | (u64::from_ne_bytes(*a) ^ u64::from_ne_bytes(*b))
    });
    differences.ct_eq(&0)
}

#[cfg(test)]
mod tests {
    use serde_json::Value as Json;

    use super::*;

    #[test]
    fn equal_sees_every_bit() {
        let tag = [0x5a; 32];
        assert!(bool::from(equal(&tag, &tag)));
        for bit in 0..256 {
            let mut other = tag;
            other[bit / 8] ^= 1 << (bit % 8);
            assert!(!bool::from(equal(&tag, &other)), "bit {bit}");
        }
    }

    /// All 174 vectors. Keys and messages are any bytes, which no secret and no delivery can be, so
    /// this is asked of the primitive. Half of the tags are cut to 128 bits.
    #[test]
    fn wycheproof_hmac() {
        let path = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/tests/vectors/wycheproof/hmac_sha256_test.json"
        );
        let file: Json = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
        let bytes = |json: &Json| hex::decode(json.as_str().unwrap()).unwrap();
        let mut seen = 0;
        for group in file["testGroups"].as_array().unwrap() {
            let tag_size = usize::try_from(group["tagSize"].as_u64().unwrap()).unwrap() / 8;
            for test in group["tests"].as_array().unwrap() {
                let mut mac = Keyed::new(&bytes(&test["key"]));
                mac.update(&bytes(&test["msg"]));
                let tag = bytes(&test["tag"]);
                let matches = match <[u8; 32]>::try_from(tag.as_slice()) {
                    Ok(tag) => equal(&mac.finish(), &tag).into(),
                    Err(_) => mac.finish()[..tag_size] == tag,
                };
                assert_eq!(matches, test["result"] == "valid", "tcId {}", test["tcId"]);
                seen += 1;
            }
        }
        assert_eq!(Some(seen), file["numberOfTests"].as_u64());
        assert_eq!(seen, 174);
    }
}
