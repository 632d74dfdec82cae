//! JSON numbers as ECMAScript writes them (section 1.4): the text of the nearest double.

use std::fmt::{self, Write as _};

/// Whether a JSON number's literal is its own text: an integer of at most 15 digits, which every
/// double represents and ECMAScript writes in full. `-0` is not: its text is `0`.
pub(crate) fn is_its_own_text(literal: &[u8]) -> bool {
    let digits = literal.strip_prefix(b"-").unwrap_or(literal);
    match digits {
        [b'0'] => digits.len() == literal.len(),
        _ => digits.len() <= 15 && digits.iter().all(u8::is_ascii_digit),
    }
}

/// Appends the text of a finite double.
pub(crate) fn push_text(value: f64, text: &mut String) {
    if value == 0.0 {
        text.push('0');
        return;
    }
    if value < 0.0 {
        text.push('-');
    }
    let Some(shortest) = Shortest::of(value.abs()) else {
        return; // not reached: every finite double has its digits
    };
    push_digits(&shortest, text);
}

/// The shortest digits that read back as the same double, without trailing zeros, and the place of
/// the point: the value is 0.d1d2d3… × 10^point.
struct Shortest {
    digits: Scratch,
    point: i32,
}

fn push_digits(shortest: &Shortest, text: &mut String) {
    let digits = shortest.digits.as_str();
    let (count, point) = (digits.len(), shortest.point);
    let zeros = |text: &mut String, count: usize| text.extend(std::iter::repeat_n('0', count));
    match usize::try_from(point) {
        Ok(point) if (count..=21).contains(&point) => {
            text.push_str(digits);
            zeros(text, point - count);
        }
        Ok(point) if (1..=21).contains(&point) => {
            let (whole, rest) = digits.split_at(point);
            text.push_str(whole);
            text.push('.');
            text.push_str(rest);
        }
        _ if (-5..=0).contains(&point) => {
            text.push_str("0.");
            zeros(text, point.unsigned_abs() as usize);
            text.push_str(digits);
        }
        _ => {
            let (first, rest) = digits.split_at(1);
            text.push_str(first);
            if !rest.is_empty() {
                text.push('.');
                text.push_str(rest);
            }
            let exponent = point - 1;
            text.push_str(if exponent < 0 { "e-" } else { "e+" });
            let _ = write!(text, "{}", exponent.unsigned_abs());
        }
    }
}

impl Shortest {
    /// The digits of a positive double, by way of the standard library, which differs in one point:
    /// where two shortest candidates are equally close, it does not take the even one.
    fn of(value: f64) -> Option<Self> {
        let mut written = Scratch::default();
        write!(written, "{value:e}").ok()?;
        let (mantissa, exponent) = written.as_str().split_once('e')?;
        let exponent: i32 = exponent.parse().ok()?;
        let mut digits = Scratch::default();
        for part in mantissa.split('.') {
            digits.write_str(part).ok()?;
        }
        let count = i32::try_from(digits.as_str().len()).ok()?;
        let number: u64 = digits.as_str().parse().ok()?;
        if number % 2 == 1 && is_exactly(value, (number - 1) * 10 + 5, exponent - count) {
            let mut even = Scratch::default();
            write!(even, "{}e{}", number - 1, exponent - count + 1).ok()?;
            // Below a power of two doubles lie closer: there the even candidate can be another one.
            if even.as_str().parse() == Ok(value) {
                digits = Scratch::default();
                write!(digits, "{}", number - 1).ok()?;
            }
        }
        Some(Self {
            digits,
            point: exponent + 1,
        })
    }
}

/// Whether a positive double is exactly `number` × 10^`exponent`, for an odd number.
///
/// With the double as odd × 2^x, both sides have the same power of two only if x is `exponent`;
/// what is left is a comparison of odd integers and a power of five.
fn is_exactly(value: f64, number: u64, exponent: i32) -> bool {
    const FRACTION_BITS: u32 = 52;
    let bits = value.to_bits();
    let fraction = bits & ((1 << FRACTION_BITS) - 1);
    let biased = (bits >> FRACTION_BITS) & 0x7ff;
    let Ok(biased_exponent) = i32::try_from(biased) else {
        return false;
    };
    let (whole, power) = match biased_exponent {
        0 => (fraction, -1074),
        normal => (fraction | 1 << FRACTION_BITS, normal - 1075),
    };
    let twos = whole.trailing_zeros();
    let Ok(shift) = i32::try_from(twos) else {
        return false;
    };
    if power + shift != exponent {
        return false;
    }
    let odd = u128::from(whole >> twos);
    let number = u128::from(number);
    let Some(fives) = 5_u128.checked_pow(exponent.unsigned_abs()) else {
        return false;
    };
    if exponent < 0 {
        odd.checked_mul(fives) == Some(number)
    } else {
        number.checked_mul(fives) == Some(odd)
    }
}

/// Room for a double in scientific notation: at most 17 digits, a point and `e-324`.
#[derive(Default)]
struct Scratch {
    bytes: [u8; 32],
    len: usize,
}

impl Scratch {
    fn as_str(&self) -> &str {
        self.bytes
            .get(..self.len)
            .and_then(|bytes| std::str::from_utf8(bytes).ok())
            .unwrap_or_default()
    }
}

impl fmt::Write for Scratch {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let end = self.len + text.len();
        let room = self.bytes.get_mut(self.len..end).ok_or(fmt::Error)?;
        room.copy_from_slice(text.as_bytes());
        self.len = end;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(value: f64) -> String {
        let mut text = String::new();
        push_text(value, &mut text);
        text
    }

    #[test]
    fn number_text_rules_by_example() {
        for (literal, expected) in [
            ("1.50", "1.5"),
            ("1E2", "100"),
            ("-0", "0"),
            ("0.0", "0"),
            ("1e20", "100000000000000000000"),
            ("1e21", "1e+21"),
            ("123456789012345680000", "123456789012345680000"),
            ("1234567890123456800000", "1.2345678901234568e+21"),
            ("1e-6", "0.000001"),
            ("1e-7", "1e-7"),
            ("1.5e-7", "1.5e-7"),
            ("12345678901234567890", "12345678901234567000"),
            ("9007199254740993", "9007199254740992"),
            ("5e-324", "5e-324"),
            ("1.7976931348623157e308", "1.7976931348623157e+308"),
            ("-1461205785224690.25", "-1461205785224690.2"),
            ("733716794377814.25", "733716794377814.2"),
            // 2^-24: the even candidate is not the same double.
            ("5.9604644775390625e-8", "5.960464477539063e-8"),
        ] {
            assert_eq!(text(literal.parse().unwrap()), expected, "{literal}");
        }
    }

    #[test]
    fn its_own_text() {
        for (literal, own) in [
            ("0", true),
            ("-0", false),
            ("7", true),
            ("-7", true),
            ("999999999999999", true),
            ("-999999999999999", true),
            ("1000000000000000", false),
            ("1.0", false),
            ("1e2", false),
        ] {
            assert_eq!(is_its_own_text(literal.as_bytes()), own, "{literal}");
            if own {
                assert_eq!(text(literal.parse().unwrap()), literal);
            }
        }
    }

    #[test]
    fn is_exactly_by_the_full_expansion() {
        for value in [
            1_461_205_785_224_690.2_f64,
            733_716_794_377_814.2,
            5.960_464_477_539_063e-8,
            0.1,
            0.5,
            2.5,
            5e22,
            35e20,
            0.125,
            1e300,
            5e-324,
        ] {
            let full = format!("{value:.800e}");
            let (mantissa, exponent) = full.split_once('e').unwrap();
            let digits = mantissa.replace('.', "");
            let digits = digits.trim_end_matches('0');
            let exponent: i32 = exponent.parse().unwrap();
            let place = exponent + 1 - i32::try_from(digits.len()).unwrap();
            if let Ok(number) = digits.parse::<u64>()
                && number % 2 == 1
            {
                assert!(is_exactly(value, number, place), "{value}");
                assert!(!is_exactly(value, number + 2, place), "{value}");
                assert!(!is_exactly(value, number, place + 1), "{value}");
            }
        }
    }
}
