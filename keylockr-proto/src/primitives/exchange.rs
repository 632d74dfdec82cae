//! X25519, and the key that `crypto_box` makes of it (K 1.2, 1.5).

use core::marker::PhantomData;

use crypto_secretbox::{Kdf, SecretBox, XSalsa20Poly1305};
use zeroize::{Zeroize as _, Zeroizing};

use super::equal;

/// The X25519 public half of a secret.
pub(crate) fn x25519_public(secret: &[u8; 32]) -> [u8; 32] {
    curve25519_dalek::MontgomeryPoint::mul_base_clamped(*secret).to_bytes()
}

/// The key of `crypto_box` between two parties, or `None` when X25519 gives all zeros (K 1.2, 1.5).
pub(crate) fn box_key(secret: &[u8; 32], public: &[u8; 32]) -> Option<Zeroizing<[u8; 32]>> {
    let shared = x25519(secret, public);
    if equal(&*shared, &[0; 32]) {
        return None;
    }
    Some(hsalsa20(PhantomData::<XSalsa20Poly1305>, &shared))
}

/// HSalsa20 with a nonce of zeros. The marker says which stream cipher without naming its crate.
fn hsalsa20<C: Kdf>(_: PhantomData<SecretBox<C>>, input: &[u8; 32]) -> Zeroizing<[u8; 32]> {
    let mut derived = C::kdf(input.into(), &[0; 16].into());
    let key = Zeroizing::new(derived.into());
    derived.as_mut_slice().zeroize();
    key
}

fn x25519(secret: &[u8; 32], public: &[u8; 32]) -> Zeroizing<[u8; 32]> {
    #[cfg(all(feature = "fast", any(target_arch = "x86_64", target_arch = "aarch64")))]
    if super::processor::suits_graviola() {
        return assembly(secret, public);
    }
    #[cfg(feature = "std")]
    return vectorised(secret, public);
    #[cfg(not(feature = "std"))]
    portable(secret, public)
}

#[cfg(all(feature = "fast", any(target_arch = "x86_64", target_arch = "aarch64")))]
fn assembly(secret: &[u8; 32], public: &[u8; 32]) -> Zeroizing<[u8; 32]> {
    use graviola::key_agreement::x25519::{PublicKey, StaticPrivateKey};

    // It refuses what is all zeros; so does the caller.
    let shared = PublicKey::try_from_slice(public)
        .and_then(|public| StaticPrivateKey::from_array(secret).diffie_hellman(&public));
    Zeroizing::new(shared.map_or([0; 32], |shared| shared.0))
}

/// Two thirds of the time of curve25519-dalek's ladder.
#[cfg(feature = "std")]
fn vectorised(secret: &[u8; 32], public: &[u8; 32]) -> Zeroizing<[u8; 32]> {
    let mut shared = Zeroizing::new([0; 32]);
    // It refuses what is all zeros; so does the caller.
    if dryoc::classic::crypto_core::crypto_scalarmult(&mut shared, secret, public).is_err() {
        shared.fill(0);
    }
    shared
}

#[cfg(any(not(feature = "std"), test))]
fn portable(secret: &[u8; 32], public: &[u8; 32]) -> Zeroizing<[u8; 32]> {
    let mut point = curve25519_dalek::MontgomeryPoint(*public).mul_clamped(*secret);
    let shared = Zeroizing::new(point.to_bytes());
    point.zeroize();
    shared
}

#[cfg(all(test, feature = "std"))]
mod tests {
    use super::*;

    #[test]
    fn all_agreements_are_one() {
        let mut public = [9; 32];
        for round in 0..200_u8 {
            let secret = [round; 32];
            let shared = portable(&secret, &public);
            assert_eq!(*shared, *vectorised(&secret, &public), "round {round}");
            #[cfg(feature = "fast")]
            assert_eq!(*shared, *assembly(&secret, &public), "round {round}");
            public = *shared;
            public[31] ^= round << 7;
        }
    }

    /// Behind the list of public keys that are refused when they are read: nobody gets here with one.
    #[test]
    fn zeros_are_no_key() {
        let mut one = [0; 32];
        one[0] = 1;
        for public in [[0; 32], one] {
            assert!(box_key(&[7; 32], &public).is_none());
        }
        assert!(box_key(&[7; 32], &[9; 32]).is_some());
    }
}
