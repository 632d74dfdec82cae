//! Where a sign-in leads: a path of this site, whatever was asked for.

/// A local path. Parsing never fails: what could lead anywhere else is `/`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReturnTo(String);

/// The longest accepted text, in bytes.
const LIMIT: usize = 1_024;

impl ReturnTo {
    /// Reads what a browser sent, a store kept or an application asked for.
    ///
    /// A path has one leading `/`, then neither `/` nor `\`; no control or invisible character and
    /// no backslash anywhere, plain or percent-encoded, no encoded slash, no `.` or `..` segment, and
    /// at most 1 KiB. Whatever else is not allowed to stand in an address is percent-encoded.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        Self(local(text).unwrap_or_else(|| "/".to_owned()))
    }

    /// The path, in ASCII, fit for a `Location` header.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it is `/`.
    #[must_use]
    pub fn is_home(&self) -> bool {
        self.0 == "/"
    }

    /// The path as the value of a query parameter.
    pub(crate) fn as_query_value(&self) -> String {
        let mut value = String::with_capacity(self.0.len() + 8);
        for byte in self.0.bytes() {
            match byte {
                b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'-' | b'_' | b'.' | b'~' => {
                    value.push(char::from(byte));
                }
                _ => push_encoded(&mut value, byte),
            }
        }
        value
    }
}

fn local(text: &str) -> Option<String> {
    if text.len() > LIMIT || !text.starts_with('/') {
        return None;
    }
    let decoded = decode(text)?;
    if text.get(1..2) == Some("/") || decoded.chars().any(forbidden) {
        return None;
    }
    let path = text.split(['?', '#']).next().unwrap_or_default();
    let dots = |segment: &str| {
        decode(segment).is_none_or(|segment| matches!(segment.as_str(), "." | ".."))
    };
    if path.split('/').any(dots) {
        return None;
    }
    let mut local = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"/?#%-._~!$&'()*+,;=:@".contains(&byte) {
            local.push(char::from(byte));
        } else {
            push_encoded(&mut local, byte);
        }
    }
    // Encoding can make it longer; what it stood for is still at most 1 KiB.
    Some(local)
}

/// Percent-decodes once; an escape of a slash, or one that is no escape or no text, is nothing.
fn decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let high = char::from(rest.next()?).to_digit(16)?;
        let low = char::from(rest.next()?).to_digit(16)?;
        let byte = u8::try_from(high * 16 + low).ok()?;
        if byte == b'/' {
            return None;
        }
        bytes.push(byte);
    }
    String::from_utf8(bytes).ok()
}

/// Backslashes, controls, and what a person cannot see: line separators, bidirectional marks,
/// zero-width characters.
fn forbidden(character: char) -> bool {
    character == '\\'
        || character.is_control()
        || matches!(
            character,
            '\u{ad}'
                | '\u{61c}'
                | '\u{180e}'
                | '\u{200b}'..='\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}'
                | '\u{feff}'
                | '\u{fff9}'..='\u{fffb}'
        )
}

fn push_encoded(text: &mut String, byte: u8) {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    text.push('%');
    for digit in [byte >> 4, byte & 15] {
        text.push(char::from(
            DIGITS.get(usize::from(digit)).copied().unwrap_or(b'0'),
        ));
    }
}
