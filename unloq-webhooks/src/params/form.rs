//! Forms, strictly: no repeated names, no brackets, no broken escapes, no trimming.

use super::{
    Pairs,
    span::{Kind, Pair, Span, Texts},
};
use crate::error::VerifyErrorKind;

/// Reads `name=value&…`. `texts` holds the same body, or nothing if it is not UTF-8 as it stands.
pub(super) fn read<'b>(
    body: &'b [u8],
    texts: &mut Texts<'b>,
    pairs: &mut Pairs,
) -> Result<(), VerifyErrorKind> {
    let mut at = 0;
    let mut room = Vec::new();
    for piece in body.split(|byte| *byte == b'&') {
        let start = at;
        at += piece.len() + 1;
        let equals = piece.iter().position(|byte| *byte == b'=');
        let name_len = equals.unwrap_or(piece.len());
        if name_len == 0 {
            continue;
        }
        let name = text(body, start, start + name_len, texts, &mut room)?;
        if texts.get(name).contains('[') {
            return Err(VerifyErrorKind::MalformedBody);
        }
        let value_start = (start + name_len + 1).min(start + piece.len());
        let value = text(body, value_start, start + piece.len(), texts, &mut room)?;
        pairs.push(Pair::new(name, Kind::Text, value))?;
    }
    Ok(())
}

/// The text of a stretch of the body: where it stands if there is nothing to decode, else decoded.
fn text(
    body: &[u8],
    start: usize,
    end: usize,
    texts: &mut Texts<'_>,
    room: &mut Vec<u8>,
) -> Result<Span, VerifyErrorKind> {
    let raw = body.get(start..end).ok_or(VerifyErrorKind::MalformedBody)?;
    let coded = raw.iter().fold(false, |coded, byte| {
        coded | (*byte == b'%') | (*byte == b'+')
    });
    if !coded && texts.body.len() == body.len() {
        return Ok(Span::body(start, end));
    }
    let from = texts.decoded.len();
    decode(raw, room)?;
    let decoded = str::from_utf8(room).map_err(|_| VerifyErrorKind::MalformedBody)?;
    texts.decoded.push_str(decoded);
    Ok(texts.decoded_from(from))
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
