//! JSON, strictly (RFC 8259), and the text of its values (section 1.4), in one pass.

use std::borrow::Cow;

use super::{
    pairs::{Pair, Pairs},
    scan::plain_end,
    span::{Kind, Span, Texts},
};
use crate::{error::VerifyErrorKind, number};

/// The deepest nesting, the outermost object included.
const MAX_DEPTH: usize = 16;

type Read<T> = Result<T, VerifyErrorKind>;

/// Which text a number has.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Numbers {
    /// That of section 1.4.
    AsText,
    /// Its literal, for a guess at what another program signs.
    AsWritten,
}

/// Reads the one object that a body is.
pub(super) fn read(texts: &mut Texts<'_>, pairs: &mut Pairs, numbers: Numbers) -> Read<()> {
    let mut reader = Reader {
        texts,
        numbers,
        at: 0,
    };
    reader.skip_space();
    reader.expect(b'{')?;
    reader.skip_space();
    if !reader.take(b'}') {
        loop {
            let name = reader.string()?;
            reader.colon()?;
            let (kind, value) = reader.value(1)?;
            pairs.push(Pair::new(name, kind, value))?;
            if reader.ends(b'}')? {
                break;
            }
        }
    }
    reader.skip_space();
    match reader.peek() {
        None => Ok(()),
        Some(_) => malformed(),
    }
}

fn malformed<T>() -> Read<T> {
    Err(VerifyErrorKind::MalformedBody)
}

struct Reader<'r, 'b> {
    texts: &'r mut Texts<'b>,
    numbers: Numbers,
    at: usize,
}

impl<'b> Reader<'_, 'b> {
    fn bytes(&self) -> &'b [u8] {
        self.texts.body.as_bytes()
    }

    fn peek(&self) -> Option<u8> {
        self.bytes().get(self.at).copied()
    }

    fn take(&mut self, byte: u8) -> bool {
        let taken = self.peek() == Some(byte);
        self.at += usize::from(taken);
        taken
    }

    fn expect(&mut self, byte: u8) -> Read<()> {
        if self.take(byte) { Ok(()) } else { malformed() }
    }

    fn skip_space(&mut self) {
        while let Some(b' ' | b'\t' | b'\n' | b'\r') = self.peek() {
            self.at += 1;
        }
    }

    fn colon(&mut self) -> Read<()> {
        self.skip_space();
        self.expect(b':')?;
        self.skip_space();
        Ok(())
    }

    /// After a member or element: whether it was the last. If not, the next one begins here.
    fn ends(&mut self, close: u8) -> Read<bool> {
        self.skip_space();
        if self.take(close) {
            return Ok(true);
        }
        self.expect(b',')?;
        self.skip_space();
        Ok(false)
    }

    /// The value of a parameter, `depth` containers deep, and its text.
    fn value(&mut self, depth: usize) -> Read<(Kind, Span)> {
        let start = self.at;
        match self.peek() {
            Some(b'"') => Ok((Kind::Text, self.string()?)),
            Some(b'-' | b'0'..=b'9') => Ok((Kind::Number, self.number()?)),
            Some(b't' | b'f' | b'n') => {
                self.word()?;
                Ok((Kind::Other, Span::body(start, self.at)))
            }
            _ => {
                let from = self.texts.decoded.len();
                self.append(depth)?;
                Ok((Kind::Other, self.texts.decoded_from(from)))
            }
        }
    }

    /// Appends the text of any value to what was decoded, as an element of an array.
    fn append(&mut self, depth: usize) -> Read<()> {
        match self.peek() {
            Some(b'"') => {
                let text = self.string()?;
                self.append_body(text);
            }
            Some(b'-' | b'0'..=b'9') => {
                let text = self.number()?;
                self.append_body(text);
            }
            Some(b'n') => self.word()?,
            Some(b't' | b'f') => {
                let start = self.at;
                self.word()?;
                self.append_body(Span::body(start, self.at));
            }
            Some(b'[') => self.array(deeper(depth)?)?,
            Some(b'{') => {
                self.object(deeper(depth)?, true)?;
                self.texts.decoded.push_str("[object Object]");
            }
            _ => return malformed(),
        }
        Ok(())
    }

    /// Appends what stands in the body. What was decoded is at the end of the decoded text already.
    fn append_body(&mut self, span: Span) {
        if !span.is_decoded() {
            let body = self.texts.body;
            self.texts.decoded.push_str(span.of(body));
        }
    }

    fn array(&mut self, depth: usize) -> Read<()> {
        self.expect(b'[')?;
        self.skip_space();
        if self.take(b']') {
            return Ok(());
        }
        loop {
            self.append(depth)?;
            if self.ends(b']')? {
                return Ok(());
            }
            self.texts.decoded.push(',');
        }
    }

    /// Reads an object for its form alone. One that stands for `[object Object]` must not have a
    /// member that UNLOQ's own code would call.
    fn object(&mut self, depth: usize, represented: bool) -> Read<()> {
        let mut names: Vec<Cow<'b, str>> = Vec::new();
        self.expect(b'{')?;
        self.skip_space();
        if self.take(b'}') {
            return Ok(());
        }
        loop {
            let name = self.name()?;
            if represented && name == "toString" {
                return Err(VerifyErrorKind::Unrepresentable);
            }
            names.push(name);
            self.colon()?;
            self.skip(depth)?;
            if self.ends(b'}')? {
                break;
            }
        }
        names.sort_unstable();
        if names.windows(2).any(|pair| pair.first() == pair.last()) {
            return Err(VerifyErrorKind::DuplicateKey);
        }
        Ok(())
    }

    /// The name of a member of an inner object.
    fn name(&mut self) -> Read<Cow<'b, str>> {
        let from = self.texts.decoded.len();
        let span = self.string()?;
        if !span.is_decoded() {
            let body = self.texts.body;
            return Ok(Cow::Borrowed(span.of(body)));
        }
        let name = self.texts.get(span).to_owned();
        self.texts.decoded.truncate(from);
        Ok(Cow::Owned(name))
    }

    /// Reads a value whose text does not matter.
    fn skip(&mut self, depth: usize) -> Read<()> {
        let from = self.texts.decoded.len();
        match self.peek() {
            Some(b'"') => {
                self.string()?;
            }
            Some(b'-' | b'0'..=b'9') => {
                self.number()?;
            }
            Some(b't' | b'f' | b'n') => self.word()?,
            Some(b'{') => self.object(deeper(depth)?, false)?,
            Some(b'[') => {
                let depth = deeper(depth)?;
                self.at += 1;
                self.skip_space();
                if !self.take(b']') {
                    loop {
                        self.skip(depth)?;
                        if self.ends(b']')? {
                            break;
                        }
                    }
                }
            }
            _ => return malformed(),
        }
        self.texts.decoded.truncate(from);
        Ok(())
    }

    fn word(&mut self) -> Read<()> {
        let rest = self.bytes().get(self.at..).unwrap_or_default();
        let word = ["true", "false", "null"]
            .into_iter()
            .find(|word| rest.starts_with(word.as_bytes()));
        self.at += word.map_or_else(malformed, |word| Ok(word.len()))?;
        Ok(())
    }

    fn number(&mut self) -> Read<Span> {
        let start = self.at;
        self.take(b'-');
        match self.peek() {
            Some(b'0') => self.at += 1,
            _ => self.digits()?,
        }
        if self.take(b'.') {
            self.digits()?;
        }
        if self.take(b'e') || self.take(b'E') {
            if !self.take(b'+') {
                self.take(b'-');
            }
            self.digits()?;
        }
        let span = Span::body(start, self.at);
        let literal = span.of(self.texts.body);
        if self.numbers == Numbers::AsWritten || number::is_its_own_text(literal.as_bytes()) {
            return Ok(span);
        }
        // The standard library's conversion rounds correctly, whatever the length.
        let value: f64 = literal
            .parse()
            .map_err(|_| VerifyErrorKind::MalformedBody)?;
        if value.is_infinite() {
            return malformed();
        }
        let from = self.texts.decoded.len();
        number::push_text(value, &mut self.texts.decoded);
        Ok(self.texts.decoded_from(from))
    }

    fn digits(&mut self) -> Read<()> {
        let start = self.at;
        while self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            self.at += 1;
        }
        if self.at == start {
            malformed()
        } else {
            Ok(())
        }
    }

    /// A string: where it stands if it has no escapes, else decoded.
    fn string(&mut self) -> Read<Span> {
        self.expect(b'"')?;
        let start = self.at;
        self.at = self.plain_end(start);
        if self.take(b'"') {
            return Ok(Span::body(start, self.at - 1));
        }
        let from = self.texts.decoded.len();
        let mut plain = start;
        loop {
            let body = self.texts.body;
            self.texts
                .decoded
                .push_str(Span::body(plain, self.at).of(body));
            if self.take(b'"') {
                return Ok(self.texts.decoded_from(from));
            }
            // A backslash, or a control character or the end of the body.
            self.expect(b'\\')?;
            let decoded = self.escape()?;
            self.texts.decoded.push(decoded);
            plain = self.at;
            self.at = self.plain_end(plain);
        }
    }

    /// Where the plain characters end that begin here: at a quote, a backslash, a control character
    /// or the end of the body.
    fn plain_end(&self, start: usize) -> usize {
        plain_end(self.bytes(), start, [b'"', b'\\'], 0x20)
    }

    /// What stands after a backslash.
    fn escape(&mut self) -> Read<char> {
        let byte = self.peek();
        self.at += 1;
        Ok(match byte {
            Some(byte @ (b'"' | b'\\' | b'/')) => char::from(byte),
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => return self.unit_escape(),
            _ => return malformed(),
        })
    }

    /// One or two units of UTF-16. A surrogate without its other half is nothing.
    fn unit_escape(&mut self) -> Read<char> {
        let first = self.unit()?;
        let second = if (0xd800..0xdc00).contains(&first) {
            self.expect(b'\\')?;
            self.expect(b'u')?;
            Some(self.unit()?)
        } else {
            None
        };
        let mut chars = char::decode_utf16([first].into_iter().chain(second));
        match (chars.next(), chars.next()) {
            (Some(Ok(decoded)), None) => Ok(decoded),
            _ => malformed(),
        }
    }

    fn unit(&mut self) -> Read<u16> {
        let digits = self.bytes().get(self.at..).unwrap_or_default();
        let digits: &[u8; 4] = digits.first_chunk().ok_or(VerifyErrorKind::MalformedBody)?;
        self.at += 4;
        digits.iter().try_fold(0_u16, |unit, digit| {
            let value = char::from(*digit).to_digit(16);
            let value = value.and_then(|value| u16::try_from(value).ok());
            Ok(unit << 4 | value.ok_or(VerifyErrorKind::MalformedBody)?)
        })
    }
}

fn deeper(depth: usize) -> Read<usize> {
    if depth < MAX_DEPTH {
        Ok(depth + 1)
    } else {
        malformed()
    }
}
