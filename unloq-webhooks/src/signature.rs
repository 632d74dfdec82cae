//! The text of a signature: 44 characters of padded standard Base64, and nothing else.

/// A decoded signature header.
pub(crate) type Signature = [u8; 32];

const LENGTH: usize = 44;
const INVALID: u8 = 0x80;

/// The value of each character, or [`INVALID`].
const VALUES: [u8; 256] = {
    let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut values = [INVALID; 256];
    let mut value = 0;
    while value < 64 {
        values[alphabet[value as usize] as usize] = value;
        value += 1;
    }
    values
};

/// Reads a signature: exactly one spelling of each, so that comparing what it means is comparing
/// what it says. Its time tells of the header alone, which its sender knows.
pub(crate) fn parse(text: &[u8]) -> Option<Signature> {
    let text: &[u8; LENGTH] = text.try_into().ok()?;
    let (groups, _) = text.as_chunks::<4>();
    let (last, groups) = groups.split_last()?;
    let mut signature = [0; 32];
    let mut seen = 0;
    let (triples, rest) = signature.as_chunks_mut::<3>();
    for (triple, group) in triples.iter_mut().zip(groups) {
        let values = group.map(|byte| VALUES[usize::from(byte)]);
        seen |= values.iter().fold(0, |seen, value| seen | value);
        let [a, b, c, d] = values;
        *triple = [a << 2 | b >> 4, b << 4 | c >> 2, c << 6 | d];
    }
    let [a, b, c, b'='] = *last else {
        return None;
    };
    let [a, b, c] = [a, b, c].map(|byte| VALUES[usize::from(byte)]);
    rest.copy_from_slice(&[a << 2 | b >> 4, b << 4 | c >> 2]);
    seen |= a | b | c;
    (seen & INVALID == 0 && c & 3 == 0).then_some(signature)
}

#[cfg(test)]
mod tests {
    use base64::{Engine as _, engine::general_purpose::STANDARD};
    use proptest::prelude::*;

    use super::*;

    fn by_the_crate(text: &[u8]) -> Option<Signature> {
        let decoded = STANDARD.decode(text).ok()?;
        (text.len() == LENGTH).then_some(decoded.try_into().ok()?)
    }

    proptest! {
        #[test]
        fn as_the_base64_crate(
            signature in any::<[u8; 32]>(),
            at in 0..LENGTH,
            byte in any::<u8>(),
        ) {
            let text = STANDARD.encode(signature);
            prop_assert_eq!(parse(text.as_bytes()), Some(signature));
            let mut changed = text.into_bytes();
            changed[at] = byte;
            prop_assert_eq!(parse(&changed), by_the_crate(&changed));
        }
    }

    #[test]
    fn one_spelling_only() {
        // The last character before the padding carries two bits that mean nothing.
        let text = STANDARD.encode([0; 32]);
        assert_eq!(parse(text.as_bytes()), Some([0; 32]));
        for last in "BCD".bytes() {
            let mut other = text.clone().into_bytes();
            other[42] = last;
            assert_eq!(parse(&other), None);
        }
    }
}
