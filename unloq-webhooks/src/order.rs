//! The order of names: by UTF-16 code units (section 1.5), compared in UTF-8.

use std::cmp::Ordering;

/// Orders as ECMAScript does.
///
/// Bytes of UTF-8 order as code points do. UTF-16 differs in one place: characters above U+FFFF are
/// written with units from D800 on, so they come before U+E000 to U+FFFF. In UTF-8 those two ranges
/// start with the bytes F0 to F4 and EE to EF, at the first difference between two names.
#[inline]
pub(crate) fn compare(a: &str, b: &str) -> Ordering {
    let (a, b) = (a.as_bytes(), b.as_bytes());
    let chunks = a.as_chunks::<16>().0.iter().zip(b.as_chunks().0);
    let same = 16 * chunks.take_while(|(a, b)| a == b).count();
    let bytes = a.iter().zip(b).skip(same);
    match bytes.map(|(a, b)| (*a, *b)).find(|(a, b)| a != b) {
        Some((a, b)) => weight(a).cmp(&weight(b)),
        None => a.len().cmp(&b.len()),
    }
}

/// The start of a name as a number. Where two differ, they order as the names do; where they are
/// equal, nothing is known.
#[inline]
pub(crate) fn prefix(name: &[u8]) -> u128 {
    const HIGHS: u128 = u128::MAX / 255 * 0x80;
    let start = match (name.first_chunk(), name.first_chunk(), name.last_chunk()) {
        (Some(all), _, _) => u128::from_be_bytes(*all),
        // From both ends, which overlap. What overlaps is shifted out of the second half.
        (None, Some(first), Some(last)) => {
            let rest = u128::from(u64::from_be_bytes(*last)) << (8 * (16 - name.len()));
            u128::from(u64::from_be_bytes(*first)) << 64 | rest & u128::from(u64::MAX)
        }
        _ => name
            .iter()
            .zip((0..16).rev())
            .fold(0, |start, (byte, place)| {
                start | u128::from(*byte) << (8 * place)
            }),
    };
    if start & HIGHS == 0 {
        start
    } else {
        u128::from_be_bytes(start.to_be_bytes().map(weight))
    }
}

/// EE and EF above F4. A continuation byte is below both and keeps its place.
fn weight(byte: u8) -> u8 {
    match byte {
        0xee | 0xef => byte + 0x10,
        _ => byte,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn by_units(a: &str, b: &str) -> Ordering {
        a.encode_utf16().cmp(b.encode_utf16())
    }

    #[test]
    fn the_one_difference() {
        assert_eq!(compare("\u{1f600}", "\u{ff5e}"), Ordering::Less);
        assert_eq!("\u{1f600}".cmp("\u{ff5e}"), Ordering::Greater);
        assert_eq!(compare("\u{d7ff}", "\u{10000}"), Ordering::Less);
        assert_eq!(compare("\u{e000}", "\u{10ffff}"), Ordering::Greater);
    }

    fn name() -> impl Strategy<Value = String> {
        let edges = prop::sample::select(vec![
            '\0',
            'a',
            'b',
            '\u{7f}',
            '\u{80}',
            '\u{7ff}',
            '\u{800}',
            '\u{d7ff}',
            '\u{e000}',
            '\u{efff}',
            '\u{f000}',
            '\u{ffff}',
            '\u{10000}',
            '\u{10ffff}',
        ]);
        prop::collection::vec(prop_oneof![edges, any::<char>()], 0..24)
            .prop_map(|chars| chars.into_iter().collect())
    }

    proptest! {
        #[test]
        fn as_utf16_units(a in name(), b in name()) {
            prop_assert_eq!(compare(&a, &b), by_units(&a, &b));
            match prefix(a.as_bytes()).cmp(&prefix(b.as_bytes())) {
                Ordering::Equal => {}
                ordering => prop_assert_eq!(ordering, by_units(&a, &b)),
            }
        }
    }
}
