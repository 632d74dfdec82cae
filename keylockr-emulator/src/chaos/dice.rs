//! Chance that repeats itself: SplitMix64, which is all that a proxy's dice need.

/// The dice of one direction of one connection.
#[derive(Clone, Debug)]
pub(super) struct Dice(u64);

impl Dice {
    pub(super) fn new(seed: u64, connection: u64, way: u64) -> Self {
        let mut dice = Self(seed);
        for part in [connection, way] {
            dice = Self(dice.next() ^ part.wrapping_mul(0xd134_2543_de82_ef95));
        }
        dice
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// From 0 up to and without `end`; 0 for an empty range.
    pub(super) fn below(&mut self, end: u64) -> u64 {
        self.next().checked_rem(end).unwrap_or(0)
    }

    /// A place in something of this length; 0 where it is empty.
    pub(super) fn place(&mut self, length: usize) -> usize {
        let place = self.below(u64::try_from(length).unwrap_or(u64::MAX));
        usize::try_from(place).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chance_repeats_itself_for_a_seed_a_connection_and_a_way() {
        let draw = |seed, connection, way| {
            let mut dice = Dice::new(seed, connection, way);
            [(); 8].map(|()| dice.below(1_000))
        };
        assert_eq!(draw(1, 2, 0), draw(1, 2, 0));
        for other in [draw(2, 2, 0), draw(1, 3, 0), draw(1, 2, 1)] {
            assert_ne!(draw(1, 2, 0), other);
        }
        let mut dice = Dice::new(1, 1, 1);
        assert_eq!((dice.below(0), dice.place(0), dice.below(1)), (0, 0, 0));
    }
}
