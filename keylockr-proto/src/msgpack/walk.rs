use alloc::vec::Vec;

use super::read::{Cursor, Head};
use super::view::{ArrayView, MapView, View};

/// Largest input of the reader, in bytes.
const MAX_INPUT: usize = 262_144;
/// Containers that may enclose a value.
pub(crate) const MAX_DEPTH: usize = 32;
/// Values in one input, names of members included.
pub(crate) const MAX_VALUES: usize = 4096;

/// The one walk over an input that decides about it (K 2.2). Whoever walks picks up on the way what
/// he needs, so nothing is read twice; what he picked up is worth nothing before
/// [`Walk::end`].
pub(crate) struct Walk<'a> {
    input: &'a [u8],
    cursor: Cursor<'a>,
    values: usize,
    spelling: Spelling,
}

/// What was seen since it was last asked.
#[derive(Clone, Copy)]
pub(crate) struct Spelling {
    /// Every header was the shortest, every map sorted: these bytes are their own canonical form.
    pub(crate) is_canonical: bool,
    /// There was a number, of any type.
    pub(crate) has_numbers: bool,
}

impl Spelling {
    const NOTHING_YET: Self = Self {
        is_canonical: true,
        has_numbers: false,
    };
}

/// Where something lies in the input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    start: u32,
    end: u32,
}

impl Span {
    pub(crate) const EMPTY: Self = Self { start: 0, end: 0 };

    /// `None` beyond four gigabytes; inputs end far below.
    pub(crate) fn new(start: usize, end: usize) -> Option<Self> {
        Some(Self {
            start: start.try_into().ok()?,
            end: end.try_into().ok()?,
        })
    }

    pub(crate) fn len(self) -> usize {
        (self.end - self.start) as usize
    }

    /// The bytes; none when the input is not the one that was walked.
    pub(crate) fn of(self, input: &[u8]) -> &[u8] {
        input
            .get(self.start as usize..self.end as usize)
            .unwrap_or_default()
    }

    pub(crate) fn of_mut(self, input: &mut [u8]) -> &mut [u8] {
        input
            .get_mut(self.start as usize..self.end as usize)
            .unwrap_or_default()
    }

    /// What was text when it was walked over.
    pub(crate) fn text(self, input: &[u8]) -> &str {
        core::str::from_utf8(self.of(input)).unwrap_or_default()
    }

    /// The same in an input that this one is a part of.
    pub(crate) fn within(self, outer: Self) -> Self {
        Self {
            start: self.start + outer.start,
            end: self.end + outer.start,
        }
    }

    /// The first bytes and the others.
    pub(crate) fn split(self, at: usize) -> Option<(Self, Self)> {
        let middle = self.start.checked_add(at.try_into().ok()?)?;
        (middle <= self.end).then_some((
            Self {
                end: middle,
                ..self
            },
            Self {
                start: middle,
                ..self
            },
        ))
    }
}

/// A value that was walked over: for a container the bytes of its elements, for text and binaries
/// their content.
pub(crate) struct Item<'a> {
    pub(crate) head: Head<'a>,
    pub(crate) span: Span,
}

impl<'a> Item<'a> {
    pub(super) fn view(&self, input: &'a [u8]) -> View<'a> {
        match self.head {
            Head::Nil => View::Nil,
            Head::Bool(value) => View::Bool(value),
            Head::Int(value) => View::Int(value),
            Head::UInt(value) => View::UInt(value),
            Head::F64(value) => View::F64(value),
            Head::Text(text) => View::Text(text),
            Head::Bin(bytes) => View::Bin(bytes),
            Head::Array(len) => View::Array(ArrayView::new(self.span.of(input), len)),
            Head::Map(len) => View::Map(MapView::new(self.span.of(input), len)),
        }
    }
}

impl<'a> Walk<'a> {
    /// `None` for an input that is too large.
    pub(crate) fn new(input: &'a [u8]) -> Option<Self> {
        (input.len() <= MAX_INPUT).then_some(Self {
            input,
            cursor: Cursor::new(input),
            values: 0,
            spelling: Spelling::NOTHING_YET,
        })
    }

    /// How far it has come, in bytes.
    pub(crate) fn offset(&self) -> usize {
        self.input.len() - self.cursor.remaining()
    }

    /// What was seen since the last time.
    pub(crate) fn take_spelling(&mut self) -> Spelling {
        core::mem::replace(&mut self.spelling, Spelling::NOTHING_YET)
    }

    /// Whether the input ends here.
    pub(crate) fn end(&self) -> Option<()> {
        (self.cursor.remaining() == 0).then_some(())
    }

    /// Walks over a whole value that lies inside `depth` containers. The recursion ends with
    /// [`MAX_DEPTH`].
    pub(crate) fn value(&mut self, depth: usize) -> Option<Item<'a>> {
        let (head, start) = self.enter(depth)?;
        match head {
            Head::Array(length) => {
                for _ in 0..length {
                    self.value(depth + 1)?;
                }
            }
            Head::Map(length) => {
                self.members(length, &mut |walk, _| walk.skip(depth + 1))?;
            }
            _ => {}
        }
        self.leave(head, start)
    }

    /// The same, for what nobody asks about.
    pub(crate) fn skip(&mut self, depth: usize) -> Option<()> {
        self.value(depth)?;
        Some(())
    }

    /// The same, but `each` walks over the value of every member, if it is a map. The names have to
    /// be unique for the whole to succeed.
    pub(crate) fn map(
        &mut self,
        depth: usize,
        mut each: impl FnMut(&mut Self, &'a str) -> Option<()>,
    ) -> Option<Item<'a>> {
        let before = (self.cursor, self.values, self.spelling);
        let (head, start) = self.enter(depth)?;
        let Head::Map(length) = head else {
            (self.cursor, self.values, self.spelling) = before;
            return self.value(depth);
        };
        self.members(length, &mut each)?;
        self.leave(head, start)
    }

    /// The same with the elements of an array.
    pub(crate) fn array(
        &mut self,
        depth: usize,
        mut each: impl FnMut(Item<'a>),
    ) -> Option<Item<'a>> {
        let before = (self.cursor, self.values, self.spelling);
        let (head, start) = self.enter(depth)?;
        let Head::Array(length) = head else {
            (self.cursor, self.values, self.spelling) = before;
            return self.value(depth);
        };
        for _ in 0..length {
            each(self.value(depth + 1)?);
        }
        self.leave(head, start)
    }

    #[inline]
    fn enter(&mut self, depth: usize) -> Option<(Head<'a>, usize)> {
        if depth > MAX_DEPTH {
            return None;
        }
        self.count()?;
        let (head, is_shortest) = self.cursor.spelled_head()?;
        self.spelling.is_canonical &= is_shortest;
        let content = match head {
            Head::Text(text) => text.len(),
            Head::Bin(bytes) => bytes.len(),
            Head::Int(_) | Head::UInt(_) | Head::F64(_) => {
                self.spelling.has_numbers = true;
                0
            }
            _ => 0,
        };
        Some((head, self.offset() - content))
    }

    #[inline]
    fn leave(&self, head: Head<'a>, start: usize) -> Option<Item<'a>> {
        let span = Span::new(start, self.offset())?;
        Some(Item { head, span })
    }

    fn count(&mut self) -> Option<()> {
        self.values += 1;
        (self.values <= MAX_VALUES).then_some(())
    }

    fn members(
        &mut self,
        length: usize,
        each: &mut impl FnMut(&mut Self, &'a str) -> Option<()>,
    ) -> Option<()> {
        let members = self.cursor;
        let mut sorted = true;
        let mut last = None;
        for _ in 0..length {
            self.count()?;
            let (Head::Text(name), is_shortest) = self.cursor.spelled_head()? else {
                return None;
            };
            self.spelling.is_canonical &= is_shortest;
            sorted &= last < Some(name);
            last = Some(name);
            each(self, name)?;
        }
        // Names that only ever rise cannot repeat.
        if !sorted {
            self.spelling.is_canonical = false;
            names_are_unique(members, length)?;
        }
        Some(())
    }
}

fn names_are_unique(mut members: Cursor<'_>, length: usize) -> Option<()> {
    // As many as a peer's own messages have, without allocating.
    let mut few = [""; 16];
    let mut many;
    let names = match few.get_mut(..length) {
        Some(few) => few,
        None => {
            many = Vec::new();
            many.resize(length, "");
            &mut many
        }
    };
    for place in names.iter_mut() {
        let Head::Text(name) = members.head()? else {
            return None;
        };
        *place = name;
        members.skip(1)?;
    }
    names.sort_unstable();
    names
        .windows(2)
        .all(|pair| pair[0] != pair[1])
        .then_some(())
}
