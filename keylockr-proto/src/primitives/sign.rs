//! Ed25519, signing.

use alloc::boxed::Box;

use zeroize::Zeroizing;

use super::{SIGNATURE_LENGTH, Verifier};

/// An Ed25519 signing key, made ready once. Boxed, so that moving it leaves no copy behind; erased
/// on drop.
pub(crate) struct Signer {
    seed: Box<Zeroizing<[u8; 32]>>,
    key: Box<Key>,
    verifier: Verifier,
}

enum Key {
    #[cfg(all(feature = "fast", any(target_arch = "x86_64", target_arch = "aarch64")))]
    Assembly(graviola::signing::eddsa::Ed25519SigningKey),
    /// Seed, then public key. It is expanded for each signature, and still is a fifth faster than
    /// the next one with its key kept expanded: the multiplication decides.
    #[cfg(feature = "std")]
    Vectorised(Zeroizing<[u8; 64]>),
    #[cfg(any(not(feature = "std"), test))]
    Portable(
        ed25519_dalek::hazmat::ExpandedSecretKey,
        ed25519_dalek::VerifyingKey,
    ),
}

impl Signer {
    pub(crate) fn from_seed(seed: &[u8; 32]) -> Self {
        #[cfg(all(feature = "fast", any(target_arch = "x86_64", target_arch = "aarch64")))]
        if super::processor::suits_graviola()
            && let Ok(key) = graviola::signing::eddsa::Ed25519SigningKey::from_bytes(seed)
        {
            return Self::new(seed, Key::Assembly(key));
        }
        #[cfg(feature = "std")]
        return Self::new(seed, Key::vectorised(seed));
        #[cfg(not(feature = "std"))]
        Self::new(seed, Key::portable(seed))
    }

    fn new(seed: &[u8; 32], key: Key) -> Self {
        let mut copy = Box::new(Zeroizing::new([0; 32]));
        copy.copy_from_slice(seed);
        Self {
            seed: copy,
            key: Box::new(key),
            verifier: Verifier::of_seed(seed),
        }
    }

    pub(crate) fn seed(&self) -> &[u8; 32] {
        &self.seed
    }

    pub(crate) fn verifier(&self) -> &Verifier {
        &self.verifier
    }

    pub(crate) fn sign(&self, message: &[u8]) -> [u8; SIGNATURE_LENGTH] {
        match &*self.key {
            #[cfg(all(feature = "fast", any(target_arch = "x86_64", target_arch = "aarch64")))]
            Key::Assembly(key) => key.sign(message),
            #[cfg(feature = "std")]
            Key::Vectorised(secret) => {
                let mut signature = [0; SIGNATURE_LENGTH];
                // Only its type can fail: no array of another length gets here.
                let _ = dryoc::classic::crypto_sign::crypto_sign_detached(
                    &mut signature,
                    message,
                    secret,
                );
                signature
            }
            #[cfg(any(not(feature = "std"), test))]
            Key::Portable(secret, public) => {
                ed25519_dalek::hazmat::raw_sign::<sha2_011::Sha512>(secret, message, public)
                    .to_bytes()
            }
        }
    }
}

impl Key {
    #[cfg(feature = "std")]
    fn vectorised(seed: &[u8; 32]) -> Self {
        let mut public = [0; 32];
        let mut secret = Zeroizing::new([0; 64]);
        dryoc::classic::crypto_sign::crypto_sign_seed_keypair_inplace(
            &mut public,
            &mut secret,
            seed,
        );
        Self::Vectorised(secret)
    }

    #[cfg(any(not(feature = "std"), test))]
    fn portable(seed: &[u8; 32]) -> Self {
        let secret = ed25519_dalek::hazmat::ExpandedSecretKey::from(seed);
        let public = (&secret).into();
        Self::Portable(secret, public)
    }
}

#[cfg(all(test, feature = "std"))]
mod tests {
    use super::*;

    /// Also what a processor without the assembly's instructions would do.
    #[test]
    fn all_signatures_are_one() {
        for round in 0..200_u8 {
            let seed = [round.wrapping_mul(41); 32];
            let message = [round; 32];
            let portable = Signer::new(&seed, Key::portable(&seed));
            let signature = portable.sign(&message);
            assert!(portable.verifier().verify(&message, &signature));
            let vectorised = Signer::new(&seed, Key::vectorised(&seed));
            assert_eq!(vectorised.sign(&message), signature, "round {round}");
            assert_eq!(
                Signer::from_seed(&seed).sign(&message),
                signature,
                "round {round}"
            );
        }
    }
}
