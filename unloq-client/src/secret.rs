//! Memory that is erased: a buffer that leaves no copy behind when it grows, and the one way from
//! a JSON string to a secret.

use std::io;

use serde_json::value::RawValue;
use zeroize::Zeroizing;

/// Bytes that are erased when they are dropped, and also when they move because there are more.
#[derive(Default)]
pub(crate) struct SecretBuf(Zeroizing<Vec<u8>>);

impl SecretBuf {
    pub(crate) fn with_capacity(capacity: usize) -> Self {
        Self(Zeroizing::new(Vec::with_capacity(capacity)))
    }

    pub(crate) fn push_slice(&mut self, bytes: &[u8]) {
        let needed = self.0.len() + bytes.len();
        if needed > self.0.capacity() {
            // `Vec` would free the old memory as it is.
            let mut larger = Vec::with_capacity(needed.max(2 * self.0.capacity()).max(512));
            larger.extend_from_slice(&self.0);
            self.0 = Zeroizing::new(larger);
        }
        self.0.extend_from_slice(bytes);
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn as_slice(&self) -> &[u8] {
        &self.0
    }

    pub(crate) fn clear(&mut self) {
        use zeroize::Zeroize as _;
        self.0.zeroize();
    }

    pub(crate) fn into_inner(self) -> Zeroizing<Vec<u8>> {
        self.0
    }
}

impl io::Write for SecretBuf {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.push_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The text of a JSON string, or `None` for any other value and for escapes that are no text.
///
/// serde_json would unescape into a scratch buffer that nobody erases.
pub(crate) fn text_of(raw: &RawValue) -> Option<Zeroizing<String>> {
    let inner = raw.get().strip_prefix('"')?.strip_suffix('"')?;
    // Unescaping never makes text longer, so this never grows.
    let mut text = Zeroizing::new(String::with_capacity(inner.len()));
    let mut rest = inner.chars();
    while let Some(char) = rest.next() {
        if char != '\\' {
            text.push(char);
            continue;
        }
        text.push(match rest.next()? {
            'b' => '\u{8}',
            'f' => '\u{c}',
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'u' => escaped(&mut rest)?,
            plain @ ('"' | '\\' | '/') => plain,
            _ => return None,
        });
    }
    Some(text)
}

/// What stands behind `\u`, a second escape included where the first is half a character.
fn escaped(rest: &mut core::str::Chars<'_>) -> Option<char> {
    let first = unit(rest)?;
    if !(0xd800..0xdc00).contains(&first) {
        return char::from_u32(first);
    }
    if rest.next()? != '\\' || rest.next()? != 'u' {
        return None;
    }
    let second = unit(rest)?;
    if !(0xdc00..0xe000).contains(&second) {
        return None;
    }
    char::from_u32(0x1_0000 + ((first - 0xd800) << 10) + (second - 0xdc00))
}

fn unit(rest: &mut core::str::Chars<'_>) -> Option<u32> {
    let mut unit = 0;
    for _ in 0..4 {
        unit = unit * 16 + rest.next()?.to_digit(16)?;
    }
    Some(unit)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use proptest::prelude::*;
    use serde_json::value::RawValue;

    use super::{SecretBuf, text_of};

    fn text(json: &str) -> Option<String> {
        let raw: &RawValue = serde_json::from_str(json).unwrap();
        text_of(raw).map(|text| text.as_str().to_owned())
    }

    #[test]
    fn json_strings() {
        for (json, want) in [
            (r#""""#, Some("")),
            (r#""a\/b""#, Some("a/b")),
            (r#""\"\\\b\f\n\r\t""#, Some("\"\\\u{8}\u{c}\n\r\t")),
            (r#""\u0041\u00e9\u20AC""#, Some("Aé€")),
            (r#""\ud83d\ude00""#, Some("😀")),
            (r#""\ud83d""#, None),
            (r#""\ude00""#, None),
            (r#""\ud83d\u0041""#, None),
            (r#""\ud83dx""#, None),
            ("1", None),
            ("null", None),
            (r#"["a"]"#, None),
        ] {
            assert_eq!(text(json).as_deref(), want, "{json}");
        }
    }

    proptest! {
        #[test]
        fn every_text_survives(given in ".*") {
            let json = serde_json::to_string(&given).unwrap();
            prop_assert_eq!(text(&json), Some(given));
        }

        #[test]
        fn a_buffer_holds_what_was_written(parts in proptest::collection::vec(any::<Vec<u8>>(), 0..8)) {
            let mut buf = SecretBuf::default();
            for part in &parts {
                buf.write_all(part).unwrap();
            }
            prop_assert_eq!(buf.as_slice(), parts.concat());
        }
    }
}
