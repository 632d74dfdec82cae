//! Looking for the few bytes that end a plain stretch of text, eight at a time.

const ONES: u64 = u64::MAX / 255;
const HIGHS: u64 = ONES << 7;

/// Where the first byte from `start` on is that equals one of `stops` or is below `floor` (at most
/// 0x80), or the end.
///
/// Subtracting makes a byte below the floor borrow from its highest bit, and one equal to a stop
/// does so after an exclusive or. Borrows run upwards, so the lowest alarm is never a false one.
#[inline]
pub(super) fn plain_end<const N: usize>(
    bytes: &[u8],
    start: usize,
    stops: [u8; N],
    floor: u8,
) -> usize {
    let mut at = start;
    while let Some(chunk) = bytes.get(at..).and_then(<[u8]>::first_chunk::<8>) {
        let word = u64::from_le_bytes(*chunk);
        let mut found = word.wrapping_sub(ONES * u64::from(floor)) & !word;
        for stop in stops {
            let differs = word ^ (ONES * u64::from(stop));
            found |= differs.wrapping_sub(ONES) & !differs;
        }
        found &= HIGHS;
        if found != 0 {
            return at + found.trailing_zeros() as usize / 8;
        }
        at += 8;
    }
    while let Some(byte) = bytes.get(at)
        && *byte >= floor
        && !stops.contains(byte)
    {
        at += 1;
    }
    at
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn as_byte_by_byte(
            bytes in prop::collection::vec(prop_oneof![any::<u8>(), 0x1e..0x24_u8], 0..40),
            start in 0..44_usize,
            floor in 0..=0x80_u8,
        ) {
            let stops = [b'"', b'\\', 0xff];
            let slow = bytes
                .iter()
                .enumerate()
                .skip(start)
                .find(|(_, byte)| **byte < floor || stops.contains(byte))
                .map_or(bytes.len().max(start), |(at, _)| at);
            prop_assert_eq!(plain_end(&bytes, start, stops, floor), slow);
        }
    }
}
