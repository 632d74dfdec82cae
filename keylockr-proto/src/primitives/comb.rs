//! Multiples of one point, tabled (Lim and Lee's comb, with digits of plus and minus one).
//!
//! A scalar k below 2^253 is written with 256 digits of +1 and -1: for odd k they are the bits of
//! (k - 1) / 2 + 2^255, where a bit says which of the two. An even k is made odd and the point taken
//! off again at the end. That holds over the integers, so no point needs to be of prime order: a
//! verdict is the same as by any other way to multiply.
//!
//! The digits lie in eight rows of 32, one for each tooth, so that one addition does a whole column
//! of eight; four tables, for every eighth column each, leave seven doublings.

use alloc::boxed::Box;
use alloc::vec::Vec;

use curve25519_dalek::Scalar;
use curve25519_dalek::edwards::EdwardsPoint;
use curve25519_dalek::traits::Identity as _;

/// Rows of digits.
const TEETH: usize = 8;
/// Digits in a row.
const COLUMNS: usize = 32;
/// Tables, each for its share of the columns.
const TABLES: usize = 4;
/// Additions from each table, and doublings but one.
const STEPS: usize = COLUMNS / TABLES;
/// Sums in a table: those whose last tooth counts +1; the others are their negatives.
const SUMS: usize = 1 << (TEETH - 1);

/// 80 KiB that make a multiplication by any scalar 32 additions and 7 doublings.
pub(super) struct Comb {
    point: EdwardsPoint,
    tables: Box<[[EdwardsPoint; SUMS]]>,
}

impl Comb {
    /// Costs as much as about five verifications.
    pub(super) fn new(point: &EdwardsPoint) -> Self {
        // 2^(8 i) times the point.
        let mut powers = Vec::with_capacity(TEETH * TABLES);
        let mut power = *point;
        for _ in 0..TEETH * TABLES {
            powers.push(power);
            for _ in 0..STEPS {
                power += power;
            }
        }
        let mut tables = Vec::with_capacity(TABLES);
        for index in 0..TABLES {
            let mut table = [EdwardsPoint::identity(); SUMS];
            let mut teeth = powers.iter().skip(index).step_by(TABLES);
            let mut all_minus = EdwardsPoint::identity();
            let mut twice = [EdwardsPoint::identity(); TEETH - 1];
            for (twice, tooth) in twice.iter_mut().zip(&mut teeth) {
                all_minus -= tooth;
                *twice = tooth + tooth;
            }
            if let Some(last) = teeth.next() {
                all_minus += last;
            }
            // Each sum is an earlier one with its highest minus turned into a plus.
            for sum in 0..SUMS {
                table[sum] = match sum.checked_ilog2() {
                    None => all_minus,
                    Some(bit) => table[sum ^ (1 << bit)] + twice[bit as usize],
                };
            }
            tables.push(table);
        }
        Self {
            point: *point,
            tables: tables.into_boxed_slice(),
        }
    }

    /// `left` times this point plus `right` times the other. Not in constant time: all of it must be
    /// public.
    pub(super) fn double_multiply(
        &self,
        left: &Scalar,
        other: &Self,
        right: &Scalar,
    ) -> EdwardsPoint {
        let (left, right) = (Digits::of(left), Digits::of(right));
        let mut sum = EdwardsPoint::identity();
        for step in (0..STEPS).rev() {
            if step + 1 < STEPS {
                sum += sum;
            }
            for (index, (mine, theirs)) in self.tables.iter().zip(&other.tables).enumerate() {
                let column = index * STEPS + step;
                left.add(&mut sum, mine, column);
                right.add(&mut sum, theirs, column);
            }
        }
        if left.is_even {
            sum -= self.point;
        }
        if right.is_even {
            sum -= other.point;
        }
        sum
    }
}

/// The digits of a scalar, one row in each word.
struct Digits {
    rows: [u32; TEETH],
    is_even: bool,
}

impl Digits {
    fn of(scalar: &Scalar) -> Self {
        let mut rows = [0; TEETH];
        for (row, bytes) in rows.iter_mut().zip(scalar.as_bytes().chunks_exact(4)) {
            *row = bytes
                .iter()
                .rev()
                .fold(0, |word, byte| word << 8 | u32::from(*byte));
        }
        let is_even = rows[0] & 1 == 0;
        // Halved, for an even scalar after adding one to it: that changes the last bit alone.
        for row in 0..TEETH - 1 {
            rows[row] = rows[row] >> 1 | rows[row + 1] << 31;
        }
        rows[TEETH - 1] = rows[TEETH - 1] >> 1 | 1 << 31;
        Self { rows, is_even }
    }

    fn add(&self, sum: &mut EdwardsPoint, table: &[EdwardsPoint; SUMS], column: usize) {
        let bits = self
            .rows
            .iter()
            .rev()
            .fold(0, |bits, row| bits << 1 | (row >> column & 1) as usize);
        if bits & SUMS == 0 {
            *sum -= &table[!bits & (SUMS - 1)];
        } else {
            *sum += &table[bits & (SUMS - 1)];
        }
    }
}

#[cfg(test)]
mod tests {
    use curve25519_dalek::constants::{ED25519_BASEPOINT_POINT, EIGHT_TORSION};

    use super::*;

    /// Against the ordinary multiplication, for points of all orders.
    #[test]
    fn a_comb_multiplies() {
        let base = Comb::new(&ED25519_BASEPOINT_POINT);
        let mut scalar = Scalar::from(1_u8);
        let order = -Scalar::ONE;
        let mut scalars = alloc::vec![Scalar::ZERO, Scalar::ONE, Scalar::from(2_u8), order];
        for _ in 0..20 {
            scalar = scalar * scalar + Scalar::from(0x1234_5678_9abc_def1_u64);
            scalars.push(scalar);
        }
        for torsion in EIGHT_TORSION {
            let point = ED25519_BASEPOINT_POINT * Scalar::from(77_u8) + torsion;
            let comb = Comb::new(&point);
            for (left, right) in scalars.iter().zip(scalars.iter().rev()) {
                assert_eq!(
                    comb.double_multiply(left, &base, right),
                    point * left + ED25519_BASEPOINT_POINT * right
                );
            }
        }
    }
}
