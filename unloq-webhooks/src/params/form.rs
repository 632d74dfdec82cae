//! Forms, strictly: no repeated names, no brackets, no broken escapes, no trimming.

use super::{
    pairs::{Pair, Pairs},
    scan::plain_end,
    span::{Kind, Span, Texts},
};
use crate::error::VerifyErrorKind;

/// Reads `name=value&…`. `texts` holds the same body, or nothing if it is not UTF-8 as it stands.
pub(super) fn read(
    body: &[u8],
    texts: &mut Texts<'_>,
    pairs: &mut Pairs,
) -> Result<(), VerifyErrorKind> {
    let mut reader = Reader {
        body,
        texts,
        room: Vec::new(),
    };
    let mut at = 0;
    while at < body.len() {
        let name = reader.part::<true>(at);
        at = name.end;
        let value = if reader.body.get(at) == Some(&b'=') {
            reader.part::<false>(at + 1)
        } else {
            Part::none(at)
        };
        at = value.end + 1;
        if name.end == name.start {
            continue;
        }
        let name = reader.text(&name)?;
        if reader.texts.get(name).contains('[') {
            return Err(VerifyErrorKind::MalformedBody);
        }
        let value = reader.text(&value)?;
        pairs.push(Pair::new(name, Kind::Text, value))?;
    }
    Ok(())
}

struct Reader<'r, 'b> {
    body: &'r [u8],
    texts: &'r mut Texts<'b>,
    room: Vec<u8>,
}

/// A name or a value as it stands.
struct Part {
    start: usize,
    end: usize,
    coded: bool,
}

impl Part {
    fn none(at: usize) -> Self {
        Self {
            start: at,
            end: at,
            coded: false,
        }
    }
}

impl Reader<'_, '_> {
    /// What stands here up to `&`, or if it is a name up to `=`.
    fn part<const NAME: bool>(&self, start: usize) -> Part {
        let mut part = Part::none(start);
        loop {
            part.end = if NAME {
                plain_end(self.body, part.end, [b'&', b'=', b'%', b'+'], 0)
            } else {
                plain_end(self.body, part.end, [b'&', b'%', b'+'], 0)
            };
            match self.body.get(part.end) {
                Some(b'%' | b'+') => {
                    part.coded = true;
                    part.end += 1;
                }
                _ => return part,
            }
        }
    }

    /// The text of a part: where it stands if there is nothing to decode, else decoded.
    fn text(&mut self, part: &Part) -> Result<Span, VerifyErrorKind> {
        if !part.coded && self.texts.body.len() == self.body.len() {
            return Ok(Span::body(part.start, part.end));
        }
        let raw = self.body.get(part.start..part.end).unwrap_or_default();
        decode(raw, &mut self.room)?;
        let decoded = str::from_utf8(&self.room).map_err(|_| VerifyErrorKind::MalformedBody)?;
        let from = self.texts.decoded.len();
        self.texts.decoded.push_str(decoded);
        Ok(self.texts.decoded_from(from))
    }
}

fn decode(raw: &[u8], decoded: &mut Vec<u8>) -> Result<(), VerifyErrorKind> {
    decoded.clear();
    let mut bytes = raw.iter();
    while let Some(byte) = bytes.next() {
        decoded.push(match byte {
            b'+' => b' ',
            b'%' => {
                let high = hex_digit(bytes.next())?;
                high << 4 | hex_digit(bytes.next())?
            }
            byte => *byte,
        });
    }
    Ok(())
}

fn hex_digit(digit: Option<&u8>) -> Result<u8, VerifyErrorKind> {
    let digit = digit.copied().map(char::from);
    let value = digit.and_then(|digit| digit.to_digit(16));
    value
        .and_then(|value| u8::try_from(value).ok())
        .ok_or(VerifyErrorKind::MalformedBody)
}
