use alloc::vec::Vec;

use super::value::Value;
use super::view::View;
use super::write::reencode;
use crate::error::{Error, ErrorKind};

/// Largest input of the reader, in bytes.
const MAX_INPUT: usize = 262_144;
/// Containers that may enclose a value.
pub(crate) const MAX_DEPTH: usize = 32;
/// Values in one input, names of members included.
pub(crate) const MAX_VALUES: usize = 4096;

/// One msgpack value that was checked from end to end (K 2.2).
///
/// What came through [`Document::parse`] has unique text names, valid UTF-8, honest lengths, no
/// extension types, at most 32 levels and 4096 values, and nothing after its end. Apart from a few
/// bytes for each member of a map that is not sorted, the check allocates nothing.
///
/// ```
/// use keylockr_proto::{Document, View};
///
/// let document = Document::parse(&[0x81, 0xa2, b't', b's', 0xd3, 0, 0, 0, 0, 0, 0, 0, 5])?;
/// let View::Map(members) = document.root() else { panic!("not a map") };
/// assert_eq!(members.get("ts"), Some(View::Int(5)));
/// assert_eq!(document.canonical(), [0x81, 0xa2, b't', b's', 5], "shortest form, whatever came in");
/// # Ok::<(), keylockr_proto::Error>(())
/// ```
#[derive(Clone, Copy)]
pub struct Document<'a> {
    root: View<'a>,
}

impl<'a> Document<'a> {
    /// Checks an input and makes it readable.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Msgpack`] for everything that K 2.2 refuses.
    pub fn parse(input: &'a [u8]) -> Result<Self, Error> {
        if input.len() > MAX_INPUT {
            return Err(ErrorKind::Msgpack.into());
        }
        let mut check = Check {
            cursor: Cursor::new(input),
            values: 0,
        };
        check
            .value(0)
            .filter(|()| check.cursor.remaining() == 0)
            .and_then(|()| Cursor::new(input).view(None))
            .map(|root| Self { root })
            .ok_or_else(|| ErrorKind::Msgpack.into())
    }

    /// The value.
    pub fn root(&self) -> View<'a> {
        self.root
    }

    /// The canonical bytes of the value, whichever spelling it came in.
    pub fn canonical(&self) -> Vec<u8> {
        reencode(self.root)
    }

    /// The value as a tree. This does allocate in proportion to the number of values.
    pub fn to_value(&self) -> Value {
        self.root.to_value()
    }
}

impl core::fmt::Debug for Document<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Document(..)")
    }
}

/// A header with, for a leaf, its value.
pub(super) enum Head<'a> {
    Nil,
    Bool(bool),
    Int(i64),
    UInt(u64),
    F64(f64),
    Text(&'a str),
    Bin(&'a [u8]),
    Array(usize),
    Map(usize),
}

/// A place in the input. Every step checks what is left before it moves.
#[derive(Clone, Copy)]
pub(super) struct Cursor<'a> {
    rest: &'a [u8],
}

impl<'a> Cursor<'a> {
    pub(super) fn new(input: &'a [u8]) -> Self {
        Self { rest: input }
    }

    pub(super) fn remaining(&self) -> usize {
        self.rest.len()
    }

    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (bytes, rest) = self.rest.split_first_chunk()?;
        self.rest = rest;
        Some(*bytes)
    }

    fn bytes(&mut self, length: usize) -> Option<&'a [u8]> {
        let (bytes, rest) = self.rest.split_at_checked(length)?;
        self.rest = rest;
        Some(bytes)
    }

    fn text(&mut self, length: usize) -> Option<Head<'a>> {
        core::str::from_utf8(self.bytes(length)?)
            .ok()
            .map(Head::Text)
    }

    /// A length of one, two or four bytes.
    fn length<const N: usize>(&mut self) -> Option<usize> {
        let bytes = self.take::<N>()?;
        let length = bytes
            .iter()
            .fold(0, |sum, byte| sum << 8 | u64::from(*byte));
        usize::try_from(length).ok()
    }

    fn array(&self, length: usize) -> Option<Head<'a>> {
        (length <= self.remaining()).then_some(Head::Array(length))
    }

    fn map(&self, length: usize) -> Option<Head<'a>> {
        (length <= self.remaining() / 2).then_some(Head::Map(length))
    }

    /// The next header. For a container the cursor then stands before its first element.
    pub(super) fn head(&mut self) -> Option<Head<'a>> {
        let [first] = self.take()?;
        Some(match first {
            0x00..=0x7f => Head::Int(first.into()),
            0x80..=0x8f => self.map(usize::from(first & 0x0f))?,
            0x90..=0x9f => self.array(usize::from(first & 0x0f))?,
            0xa0..=0xbf => self.text(usize::from(first & 0x1f))?,
            0xc0 => Head::Nil,
            0xc2 => Head::Bool(false),
            0xc3 => Head::Bool(true),
            0xc4 => {
                let length = self.length::<1>()?;
                Head::Bin(self.bytes(length)?)
            }
            0xc5 => {
                let length = self.length::<2>()?;
                Head::Bin(self.bytes(length)?)
            }
            0xc6 => {
                let length = self.length::<4>()?;
                Head::Bin(self.bytes(length)?)
            }
            0xca => Head::F64(f32::from_be_bytes(self.take()?).into()),
            0xcb => Head::F64(f64::from_be_bytes(self.take()?)),
            0xcc => Head::Int(u8::from_be_bytes(self.take()?).into()),
            0xcd => Head::Int(u16::from_be_bytes(self.take()?).into()),
            0xce => Head::Int(u32::from_be_bytes(self.take()?).into()),
            0xcf => {
                let number = u64::from_be_bytes(self.take()?);
                i64::try_from(number).map_or(Head::UInt(number), Head::Int)
            }
            0xd0 => Head::Int(i8::from_be_bytes(self.take()?).into()),
            0xd1 => Head::Int(i16::from_be_bytes(self.take()?).into()),
            0xd2 => Head::Int(i32::from_be_bytes(self.take()?).into()),
            0xd3 => Head::Int(i64::from_be_bytes(self.take()?)),
            0xd9 => {
                let length = self.length::<1>()?;
                self.text(length)?
            }
            0xda => {
                let length = self.length::<2>()?;
                self.text(length)?
            }
            0xdb => {
                let length = self.length::<4>()?;
                self.text(length)?
            }
            0xdc => {
                let length = self.length::<2>()?;
                self.array(length)?
            }
            0xdd => {
                let length = self.length::<4>()?;
                self.array(length)?
            }
            0xde => {
                let length = self.length::<2>()?;
                self.map(length)?
            }
            0xdf => {
                let length = self.length::<4>()?;
                self.map(length)?
            }
            0xe0..=0xff => Head::Int(i8::from_be_bytes([first]).into()),
            // c1 is reserved; c7 to c9 and d4 to d8 are extension types.
            0xc1 | 0xc7..=0xc9 | 0xd4..=0xd8 => return None,
        })
    }

    /// Steps over `values` whole values.
    pub(super) fn skip(&mut self, values: usize) -> Option<()> {
        let mut left = values;
        while left > 0 {
            left -= 1;
            left = left.checked_add(match self.head()? {
                Head::Array(length) => length,
                Head::Map(length) => length.checked_mul(2)?,
                _ => 0,
            })?;
        }
        Some(())
    }

    /// Steps over `values` whole values and returns their bytes.
    pub(super) fn span(&mut self, values: usize) -> Option<&'a [u8]> {
        let before = self.rest;
        self.skip(values)?;
        before.get(..before.len().checked_sub(self.remaining())?)
    }
}

/// The one walk over an input that decides about it.
struct Check<'a> {
    cursor: Cursor<'a>,
    values: usize,
}

impl Check<'_> {
    fn count(&mut self) -> Option<()> {
        self.values += 1;
        (self.values <= MAX_VALUES).then_some(())
    }

    /// Checks the value under the cursor, which lies inside `depth` containers. The recursion ends
    /// with `MAX_DEPTH`.
    fn value(&mut self, depth: usize) -> Option<()> {
        if depth > MAX_DEPTH {
            return None;
        }
        self.count()?;
        match self.cursor.head()? {
            Head::Array(length) => {
                for _ in 0..length {
                    self.value(depth + 1)?;
                }
            }
            Head::Map(length) => {
                let members = self.cursor;
                let mut sorted = true;
                let mut last = None;
                for _ in 0..length {
                    self.count()?;
                    let Head::Text(name) = self.cursor.head()? else {
                        return None;
                    };
                    sorted &= last < Some(name);
                    last = Some(name);
                    self.value(depth + 1)?;
                }
                // Names that only ever rise cannot repeat.
                if !sorted {
                    names_are_unique(members, length)?;
                }
            }
            _ => {}
        }
        Some(())
    }
}

fn names_are_unique(mut members: Cursor<'_>, length: usize) -> Option<()> {
    let mut names = Vec::with_capacity(length);
    for _ in 0..length {
        let Head::Text(name) = members.head()? else {
            return None;
        };
        names.push(name);
        members.skip(1)?;
    }
    names.sort_unstable();
    names
        .windows(2)
        .all(|pair| pair[0] != pair[1])
        .then_some(())
}
