use alloc::vec::Vec;

use super::value::Value;
use super::view::View;
use super::walk::Walk;
use super::write::reencode;
use crate::error::{Error, ErrorKind};

/// One msgpack value that was checked from end to end (K 2.2).
///
/// What came through [`Document::parse`] has unique text names, valid UTF-8, honest lengths, no
/// extension types, at most 32 levels and 4096 values, and nothing after its end. Apart from a few
/// bytes for each member of a map that is not sorted and has more than 16, the check allocates
/// nothing.
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
    input: &'a [u8],
    root: View<'a>,
    is_canonical: bool,
}

impl<'a> Document<'a> {
    /// Checks an input and makes it readable.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Msgpack`] for everything that K 2.2 refuses.
    pub fn parse(input: &'a [u8]) -> Result<Self, Error> {
        let read = |mut walk: Walk<'a>| {
            let root = walk.value(0)?;
            walk.end()?;
            Some(Self {
                input,
                root: root.view(input),
                is_canonical: walk.take_spelling().is_canonical,
            })
        };
        Walk::new(input)
            .and_then(read)
            .ok_or_else(|| ErrorKind::Msgpack.into())
    }

    /// The value.
    pub fn root(&self) -> View<'a> {
        self.root
    }

    /// Whether it came in the one spelling that is canonical (K 2.1).
    pub fn is_canonical(&self) -> bool {
        self.is_canonical
    }

    /// The canonical bytes of the value, whichever spelling it came in.
    pub fn canonical(&self) -> Vec<u8> {
        match self.is_canonical {
            true => self.input.to_vec(),
            false => reencode(self.root),
        }
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
#[derive(Clone, Copy)]
pub(crate) enum Head<'a> {
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

    #[inline]
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
        self.spelled_head().map(|(head, _)| head)
    }

    /// The same, and whether it is the shortest for what it says.
    #[inline]
    pub(super) fn spelled_head(&mut self) -> Option<(Head<'a>, bool)> {
        let [first] = self.take()?;
        Some(match first {
            0x00..=0x7f => (Head::Int(first.into()), true),
            0x80..=0x8f => (self.map(usize::from(first & 0x0f))?, true),
            0x90..=0x9f => (self.array(usize::from(first & 0x0f))?, true),
            0xa0..=0xbf => (self.text(usize::from(first & 0x1f))?, true),
            0xc0 => (Head::Nil, true),
            0xc2 => (Head::Bool(false), true),
            0xc3 => (Head::Bool(true), true),
            0xc4 => {
                let length = self.length::<1>()?;
                (Head::Bin(self.bytes(length)?), true)
            }
            0xc5 => {
                let length = self.length::<2>()?;
                (Head::Bin(self.bytes(length)?), length > 0xff)
            }
            0xc6 => {
                let length = self.length::<4>()?;
                (Head::Bin(self.bytes(length)?), length > 0xffff)
            }
            0xca => (Head::F64(f32::from_be_bytes(self.take()?).into()), false),
            0xcb => (Head::F64(f64::from_be_bytes(self.take()?)), true),
            0xcc => {
                let number = u8::from_be_bytes(self.take()?);
                (Head::Int(number.into()), number >= 0x80)
            }
            0xcd => {
                let number = u16::from_be_bytes(self.take()?);
                (Head::Int(number.into()), number > u8::MAX.into())
            }
            0xce => {
                let number = u32::from_be_bytes(self.take()?);
                (Head::Int(number.into()), number > u16::MAX.into())
            }
            0xcf => {
                let number = u64::from_be_bytes(self.take()?);
                let head = i64::try_from(number).map_or(Head::UInt(number), Head::Int);
                (head, number > u32::MAX.into())
            }
            0xd0 => {
                let number = i8::from_be_bytes(self.take()?);
                (Head::Int(number.into()), number < -32)
            }
            0xd1 => {
                let number = i16::from_be_bytes(self.take()?);
                (Head::Int(number.into()), number < i8::MIN.into())
            }
            0xd2 => {
                let number = i32::from_be_bytes(self.take()?);
                (Head::Int(number.into()), number < i16::MIN.into())
            }
            0xd3 => {
                let number = i64::from_be_bytes(self.take()?);
                (Head::Int(number), number < i32::MIN.into())
            }
            0xd9 => {
                let length = self.length::<1>()?;
                (self.text(length)?, length > 0x1f)
            }
            0xda => {
                let length = self.length::<2>()?;
                (self.text(length)?, length > 0xff)
            }
            0xdb => {
                let length = self.length::<4>()?;
                (self.text(length)?, length > 0xffff)
            }
            0xdc => {
                let length = self.length::<2>()?;
                (self.array(length)?, length > 0x0f)
            }
            0xdd => {
                let length = self.length::<4>()?;
                (self.array(length)?, length > 0xffff)
            }
            0xde => {
                let length = self.length::<2>()?;
                (self.map(length)?, length > 0x0f)
            }
            0xdf => {
                let length = self.length::<4>()?;
                (self.map(length)?, length > 0xffff)
            }
            0xe0..=0xff => (Head::Int(i8::from_be_bytes([first]).into()), true),
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
