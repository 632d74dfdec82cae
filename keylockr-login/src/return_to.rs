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
    // Encoding makes it longer; what is judged again must fit again.
    (local.len() <= LIMIT).then_some(local)
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use url::Url;

    use super::*;

    /// Everything that must not lead anywhere.
    const HOSTILE: &[&str] = &[
        "",
        " ",
        " /a",
        "a",
        "a/b",
        "?a",
        "#a",
        ".",
        "./a",
        "../a",
        "*",
        "//evil.example",
        "//evil.example/%2e%2e",
        "///evil.example",
        "////evil.example",
        "/\\evil.example",
        "/\\/evil.example",
        "\\/evil.example",
        "\\\\evil.example",
        "\\evil.example",
        "/\t/evil.example",
        "/\n/evil.example",
        "/\r/evil.example",
        "/\u{b}/evil.example",
        "/\u{c}/evil.example",
        "/\0/evil.example",
        "\t//evil.example",
        "\n//evil.example",
        "\u{1}//evil.example",
        "/a\nSet-Cookie: x=y",
        "/a\r\nLocation: https://evil.example",
        "/%0d%0aLocation:%20https://evil.example",
        "/%0a",
        "/%0D",
        "/%09/evil.example",
        "/%00",
        "/%7f",
        "/%1f",
        "/%2fevil.example",
        "/%2Fevil.example",
        "/a%2f..%2f%2fevil.example",
        "/%5cevil.example",
        "/%5Cevil.example",
        "/%5c%5cevil.example",
        "/a\\b",
        "/a%5Cb",
        "/a?next=%2F%2Fevil.example",
        "/a?x=\\",
        "/a#\\",
        "/a#%2f",
        "/.",
        "/..",
        "/./",
        "/../",
        "/.//evil.example",
        "/..//evil.example",
        "/a/..//evil.example",
        "/a/../../evil.example",
        "/%2e//evil.example",
        "/%2E%2e//evil.example",
        "/.%2e//evil.example",
        "https://evil.example",
        "https:evil.example",
        "https:/evil.example",
        "https:///evil.example",
        "http://site.example@evil.example",
        "HTTPS://evil.example",
        "javascript:alert(1)",
        "JaVaScRiPt:alert(1)",
        "data:text/html,x",
        "vbscript:x",
        "mailto:a@evil.example",
        "keylockr://sso?tmp_id=x",
        "blob:https://evil.example/x",
        "site.example",
        "@evil.example",
        "/%",
        "/%z",
        "/%2",
        "/%zz",
        "/%ff",
        "/%c0%af",
        "/%e2%80%ae",
        "/a\u{202e}b",
        "/\u{200b}/evil.example",
        "/\u{2028}",
        "/\u{feff}",
        "/\u{85}",
        "/%c2%85",
        "\u{feff}//evil.example",
        "\u{2f}\u{2f}evil.example",
        "\u{ff0f}\u{ff0f}evil.example",
        "\u{2215}evil.example",
        "\u{3000}//evil.example",
    ];

    #[test]
    fn next_payloads() {
        assert!(HOSTILE.len() >= 70);
        for hostile in HOSTILE {
            assert_eq!(ReturnTo::parse(hostile).as_str(), "/", "{hostile:?}");
        }
        let long = format!("/{}", "a".repeat(1_024));
        assert_eq!(ReturnTo::parse(&long).as_str(), "/");
        for slash in ["\u{ff0f}", "\u{2215}", "\u{2044}", "\u{29f8}"] {
            let odd = format!("/{slash}evil.example");
            let next = ReturnTo::parse(&odd);
            assert!(
                next.as_str().starts_with("/%"),
                "a slash only to the eye: {next:?}"
            );
        }
    }

    #[test]
    fn honest_paths_stay() {
        let longest = format!("/{}", "a".repeat(1_023));
        for path in [
            "/",
            "/private",
            "/a/b/c.html",
            "/a//b",
            "/a?b=c&d=e",
            "/a?b=//c",
            "/a?b=https://other.example",
            "/a#part",
            "/a%20b",
            "/caf%C3%A9",
            "/a+b",
            "/~me/@you/(x)!$&'*,;=:",
            "/a%252f",
            "/...",
            "/a/.b",
            &longest,
        ] {
            assert_eq!(ReturnTo::parse(path).as_str(), path);
        }
        assert_eq!(ReturnTo::parse("/caf\u{e9} x").as_str(), "/caf%C3%A9%20x");
        assert_eq!(ReturnTo::parse("/<\">").as_str(), "/%3C%22%3E");
    }

    #[test]
    fn a_path_survives_the_way_through_a_query() {
        for path in ["/private", "/a?b=c&d=e#f", "/a%20b", "/a+b", "/a%252f"] {
            let value = ReturnTo::parse(path).as_query_value();
            let head = crate::Head::new("GET", "/login", "/", format!("next={value}"), None);
            assert_eq!(crate::body::query(&head, "next").as_deref(), Some(path));
        }
    }

    fn stays(text: &str) {
        let site = Url::parse("https://site.example/login").unwrap();
        let next = ReturnTo::parse(text);
        assert!(next.as_str().is_ascii() && next.as_str().len() <= LIMIT);
        assert_eq!(
            ReturnTo::parse(next.as_str()),
            next,
            "judged again it is the same"
        );
        let target = site.join(next.as_str()).unwrap();
        assert_eq!(target.origin(), site.origin(), "{text:?}");
        // What a script might do with the parts.
        let again = site.join(target.path()).unwrap();
        assert_eq!(again.origin(), site.origin(), "{text:?}");
    }

    proptest! {
        #[test]
        fn the_origin_never_changes(text in any::<String>()) {
            stays(&text);
        }

        #[test]
        fn the_origin_never_changes_for_paths(
            text in proptest::collection::vec(
                prop_oneof![
                    Just("/"), Just("\\"), Just("."), Just(".."), Just("%2f"), Just("%2e"),
                    Just("%5c"), Just("%0a"), Just("%"), Just("\t"), Just("\n"), Just("@"),
                    Just(":"), Just("?"), Just("#"), Just("evil.example"), Just("https:"),
                    Just("\u{ff0f}"), Just("\u{e9}"), Just(" "), Just("a"),
                ],
                0..12,
            )
        ) {
            stays(&text.concat());
            stays(&format!("/{}", text.concat()));
        }
    }
}
