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

    pub(crate) fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    pub(crate) fn finish(self) -> [u8; 32] {
        self.0.finalize().into_bytes().into()
    }

    pub(crate) fn verify(self, signature: &[u8; 32]) -> Choice {
        self.finish().as_slice().ct_eq(signature.as_slice())
    }
}
