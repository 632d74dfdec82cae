//! Verifying under a key that many frames come under: the service's.

use super::{SIGNATURE_LENGTH, Verifier};

/// A service's key. From the 40th frame on, over all connections of the process, it has its
/// multiples tabled; that halves the time of a verdict, and changes none.
#[derive(Clone)]
pub(crate) struct ServiceVerifier {
    key: Verifier,
    #[cfg(feature = "std")]
    place: Option<&'static tables::Place>,
}

impl ServiceVerifier {
    /// Only for a key that we were configured with: a table is 80 KiB that stay.
    pub(crate) fn new(key: &Verifier) -> Self {
        Self {
            key: key.clone(),
            #[cfg(feature = "std")]
            place: tables::place(key.as_bytes()),
        }
    }

    /// Builds the table now.
    pub(crate) fn prepare(&self) {
        #[cfg(feature = "std")]
        if let Some(place) = self.place {
            place.build(&self.key);
        }
    }

    /// As [`Verifier::verify`].
    pub(crate) fn verify(&self, message: &[u8], signature: &[u8; SIGNATURE_LENGTH]) -> bool {
        #[cfg(feature = "std")]
        if let Some(tables) = self.place.and_then(|place| place.tables(&self.key)) {
            return tables.verify(&self.key, message, signature);
        }
        self.key.verify(message, signature)
    }
}

#[cfg(feature = "std")]
mod tables {
    use alloc::boxed::Box;
    use core::sync::atomic::{AtomicU32, Ordering};

    use curve25519_dalek::constants::ED25519_BASEPOINT_POINT;
    use once_cell::race::OnceBox;

    use super::super::comb::Comb;
    use super::super::verify::Claim;
    use super::{SIGNATURE_LENGTH, Verifier};

    /// Frames after which a table has paid for itself many times over.
    const WORTH_IT: u32 = 40;

    /// One for each service that a process talks to, and for the keys it rotates through. They stay
    /// for the process's life; a key that finds all taken is verified without a table.
    static PLACES: [OnceBox<Place>; 8] = [const { OnceBox::new() }; 8];

    /// The half of every table that all keys share.
    static BASE: OnceBox<Comb> = OnceBox::new();

    pub(super) struct Place {
        key: [u8; 32],
        frames: AtomicU32,
        comb: OnceBox<Comb>,
    }

    /// The place of a key, given to it now if it has none.
    pub(super) fn place(key: &[u8; 32]) -> Option<&'static Place> {
        PLACES
            .iter()
            .map(|place| {
                place.get_or_init(|| {
                    Box::new(Place {
                        key: *key,
                        frames: AtomicU32::new(0),
                        comb: OnceBox::new(),
                    })
                })
            })
            .find(|place| place.key == *key)
    }

    impl Place {
        /// Counts a frame. Builds the tables when there have been enough, in one thread; the others
        /// go on without.
        pub(super) fn tables(&self, key: &Verifier) -> Option<Tables<'_>> {
            if self.comb.get().is_none() {
                if self.frames.fetch_add(1, Ordering::Relaxed) != WORTH_IT {
                    return None;
                }
                self.build(key);
            }
            Some(Tables {
                key: self.comb.get()?,
                base: BASE.get()?,
            })
        }

        pub(super) fn build(&self, key: &Verifier) {
            BASE.get_or_init(|| Box::new(Comb::new(&ED25519_BASEPOINT_POINT)));
            self.comb.get_or_init(|| Box::new(Comb::new(key.minus())));
        }
    }

    pub(super) struct Tables<'t> {
        key: &'t Comb,
        base: &'t Comb,
    }

    impl Tables<'_> {
        pub(super) fn verify(
            &self,
            key: &Verifier,
            message: &[u8],
            signature: &[u8; SIGNATURE_LENGTH],
        ) -> bool {
            Claim::read(key.as_bytes(), message, signature).is_some_and(|claim| {
                let r = self
                    .key
                    .double_multiply(&claim.challenge, self.base, &claim.response);
                r.compress().as_bytes() == claim.commitment
            })
        }
    }
}
