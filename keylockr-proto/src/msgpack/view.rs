use alloc::vec::Vec;
use core::fmt;

use super::read::{Cursor, Head};
use super::value::Value;
use super::walk::Span;

/// A value, read where it lies in a checked input.
#[derive(Clone, Copy, PartialEq)]
pub enum View<'a> {
    /// nil
    Nil,
    /// true or false
    Bool(bool),
    /// An integer of at most 64 signed bits, in whatever width it came.
    Int(i64),
    /// An integer beyond those.
    UInt(u64),
    /// A float of either width.
    F64(f64),
    /// Text.
    Text(&'a str),
    /// Bytes.
    Bin(&'a [u8]),
    /// An array.
    Array(ArrayView<'a>),
    /// A map.
    Map(MapView<'a>),
}

impl View<'_> {
    /// The same as a tree of its own.
    pub fn to_value(self) -> Value {
        match self {
            Self::Nil => Value::Nil,
            Self::Bool(value) => Value::Bool(value),
            Self::Int(value) => Value::Int(value),
            Self::UInt(value) => Value::UInt(value),
            Self::F64(value) => Value::F64(value),
            Self::Text(text) => Value::Text(text.into()),
            Self::Bin(bytes) => Value::Bin(bytes.to_vec()),
            Self::Array(items) => Value::Array(items.iter().map(View::to_value).collect()),
            Self::Map(members) => members.to_value(),
        }
    }
}

/// Bytes show their number only: a body may hold a boxed key.
impl fmt::Debug for View<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nil => f.write_str("Nil"),
            Self::Bool(value) => value.fmt(f),
            Self::Int(value) => value.fmt(f),
            Self::UInt(value) => value.fmt(f),
            Self::F64(value) => value.fmt(f),
            Self::Text(text) => text.fmt(f),
            Self::Bin(bytes) => write!(f, "Bin({} bytes)", bytes.len()),
            Self::Array(items) => items.fmt(f),
            Self::Map(members) => members.fmt(f),
        }
    }
}

/// The elements of an array.
#[derive(Clone, Copy)]
pub struct ArrayView<'a> {
    bytes: &'a [u8],
    len: usize,
    raw: RawItems<'a>,
}

impl<'a> ArrayView<'a> {
    /// Of elements that were walked over.
    pub(super) const fn new(bytes: &'a [u8], len: usize) -> Self {
        Self {
            bytes,
            len,
            raw: RawItems::NONE,
        }
    }

    /// How many there are.
    pub fn len(self) -> usize {
        self.len
    }

    /// Whether there are none.
    pub fn is_empty(self) -> bool {
        self.len == 0
    }

    /// One after the other.
    pub fn iter(self) -> impl Iterator<Item = View<'a>> {
        let mut cursor = Cursor::new(self.bytes);
        (0..self.len).map_while(move |_| cursor.view(self.raw))
    }
}

/// The members of a map, with references into the raw side channel already followed (K 3.6).
#[derive(Clone, Copy)]
pub struct MapView<'a> {
    bytes: &'a [u8],
    len: usize,
    raw: RawItems<'a>,
}

impl<'a> MapView<'a> {
    /// Of members that were walked over.
    pub(crate) const fn new(bytes: &'a [u8], len: usize) -> Self {
        Self {
            bytes,
            len,
            raw: RawItems::NONE,
        }
    }

    /// How many there are.
    pub fn len(self) -> usize {
        self.len
    }

    /// Whether there are none.
    pub fn is_empty(self) -> bool {
        self.len == 0
    }

    /// The member of this name.
    pub fn get(self, name: &str) -> Option<View<'a>> {
        self.iter()
            .find_map(|(found, value)| (found == name).then_some(value))
    }

    /// All members, in the order they came.
    pub fn iter(self) -> impl Iterator<Item = (&'a str, View<'a>)> {
        let mut cursor = Cursor::new(self.bytes);
        (0..self.len).map_while(move |_| cursor.member(self.raw))
    }

    /// The same as a tree of its own.
    pub fn to_value(self) -> Value {
        Value::from_members(self.iter().map(|(name, value)| (name, value.to_value())))
    }

    /// All members in the order of their names' bytes. Costs four bytes for each member, and
    /// nothing when they already came in order.
    pub(super) fn for_each_sorted(self, mut each: impl FnMut(&'a str, View<'a>)) {
        let mut last = None;
        let sorted = self.iter().all(|(name, _)| last.replace(name) < Some(name));
        if sorted {
            self.iter().for_each(|(name, value)| each(name, value));
            return;
        }
        let places = self.sorted_places();
        for place in places {
            if let Some((name, value)) = self.member_at(place) {
                each(name, value);
            }
        }
    }

    /// Where the members start, ordered by their names.
    fn sorted_places(self) -> Vec<u32> {
        let mut cursor = Cursor::new(self.bytes);
        let mut places = Vec::with_capacity(self.len);
        for _ in 0..self.len {
            let place = self.bytes.len() - cursor.remaining();
            places.extend(u32::try_from(place));
            if cursor.skip(2).is_none() {
                break;
            }
        }
        places.sort_unstable_by_key(|place| self.member_at(*place).map(|(name, _)| name));
        places
    }

    fn member_at(self, place: u32) -> Option<(&'a str, View<'a>)> {
        let place = usize::try_from(place).ok()?;
        Cursor::new(self.bytes.get(place..)?).member(self.raw)
    }

    /// Follows every reference in this map and below, or says that one of them is wrong. `self`
    /// must still be the map as it came, with its references visible.
    pub(crate) fn check_references(self, items: RawItems<'_>) -> Result<(), BadReference> {
        let mut references = 0_usize;
        for (name, value) in self.iter() {
            match value {
                View::Int(_) | View::UInt(_) => {
                    if let Some(target) = name.strip_suffix("__") {
                        if target.is_empty() || items.at(value).is_none() {
                            return Err(BadReference);
                        }
                        references += 1;
                    }
                }
                View::Array(inner) => inner.check_references(items)?,
                View::Map(inner) => inner.check_references(items)?,
                _ => {}
            }
        }
        if references > 0 {
            self.targets_are_absent()?;
        }
        Ok(())
    }

    fn targets_are_absent(self) -> Result<(), BadReference> {
        let mut targets = self
            .iter()
            .filter(|(_, value)| matches!(value, View::Int(_) | View::UInt(_)))
            .filter_map(|(name, _)| name.strip_suffix("__"));
        // As many members as a peer's own messages have, without allocating.
        let taken = if self.len <= 16 {
            targets.any(|target| self.get(target).is_some())
        } else {
            let mut names: Vec<&str> = self.iter().map(|(name, _)| name).collect();
            names.sort_unstable();
            targets.any(|target| names.binary_search(&target).is_ok())
        };
        if taken { Err(BadReference) } else { Ok(()) }
    }

    /// The same map with its references followed.
    pub(crate) fn joined(self, items: RawItems<'a>) -> Self {
        Self { raw: items, ..self }
    }
}

impl ArrayView<'_> {
    fn check_references(self, items: RawItems<'_>) -> Result<(), BadReference> {
        self.iter().try_for_each(|item| match item {
            View::Array(inner) => inner.check_references(items),
            View::Map(inner) => inner.check_references(items),
            _ => Ok(()),
        })
    }
}

impl fmt::Debug for ArrayView<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ArrayView({} items)", self.len)
    }
}

impl PartialEq for ArrayView<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.len == other.len && self.iter().eq(other.iter())
    }
}

impl fmt::Debug for MapView<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MapView({} members)", self.len)
    }
}

impl PartialEq for MapView<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.len == other.len
            && self
                .iter()
                .all(|(name, value)| other.get(name) == Some(value))
    }
}

/// A reference that points nowhere, or at a name that is taken.
#[derive(Debug)]
pub(crate) struct BadReference;

/// The binaries that travel beside the box, where they lie.
#[derive(Clone, Copy)]
pub(crate) struct RawItems<'a> {
    bytes: &'a [u8],
    places: &'a [Span],
}

impl<'a> RawItems<'a> {
    const NONE: Self = Self {
        bytes: &[],
        places: &[],
    };

    pub(crate) fn is_empty(self) -> bool {
        self.places.is_empty()
    }

    fn at(self, index: View<'_>) -> Option<&'a [u8]> {
        let View::Int(index) = index else { return None };
        let place = self.places.get(usize::try_from(index).ok()?)?;
        Some(place.of(self.bytes))
    }
}

/// Where the raw items of a frame lie in it. Our own peers send one, so a few cost no allocation.
#[derive(Clone)]
pub(crate) struct RawPlaces {
    few: [Span; 4],
    count: usize,
    many: Vec<Span>,
}

impl RawPlaces {
    pub(crate) const NONE: Self = Self {
        few: [Span::EMPTY; 4],
        count: 0,
        many: Vec::new(),
    };

    pub(crate) fn push(&mut self, place: Span) {
        match self.few.get_mut(self.count) {
            Some(free) => *free = place,
            None => {
                if self.many.is_empty() {
                    self.many.extend(self.few);
                }
                self.many.push(place);
            }
        }
        self.count += 1;
    }

    pub(crate) fn items<'a>(&'a self, bytes: &'a [u8]) -> RawItems<'a> {
        let places = match self.few.get(..self.count) {
            Some(few) => few,
            None => &self.many,
        };
        RawItems { bytes, places }
    }
}

impl<'a> Cursor<'a> {
    /// The value under the cursor, which moves behind it.
    fn view(&mut self, raw: RawItems<'a>) -> Option<View<'a>> {
        Some(match self.head()? {
            Head::Nil => View::Nil,
            Head::Bool(value) => View::Bool(value),
            Head::Int(value) => View::Int(value),
            Head::UInt(value) => View::UInt(value),
            Head::F64(value) => View::F64(value),
            Head::Text(text) => View::Text(text),
            Head::Bin(bytes) => View::Bin(bytes),
            Head::Array(len) => View::Array(ArrayView {
                bytes: self.span(len)?,
                len,
                raw,
            }),
            Head::Map(len) => View::Map(MapView {
                bytes: self.span(len.checked_mul(2)?)?,
                len,
                raw,
            }),
        })
    }

    fn member(&mut self, raw: RawItems<'a>) -> Option<(&'a str, View<'a>)> {
        let Head::Text(name) = self.head()? else {
            return None;
        };
        let value = self.view(raw)?;
        if !raw.is_empty()
            && let Some(target) = name.strip_suffix("__")
            && let Some(item) = raw.at(value)
        {
            return Some((target, View::Bin(item)));
        }
        Some((name, value))
    }
}
