use alloc::vec::Vec;
use core::fmt;

use super::read::{Cursor, Head};
use super::value::Value;

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
    raw: Option<&'a RawItems>,
}

impl<'a> ArrayView<'a> {
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
    raw: Option<&'a RawItems>,
}

impl<'a> MapView<'a> {
    /// A map without members.
    pub(crate) const EMPTY: Self = Self {
        bytes: &[],
        len: 0,
        raw: None,
    };

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
    pub(crate) fn check_references(self, items: &RawItems) -> Result<(), BadReference> {
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
        let mut names: Vec<&str> = self.iter().map(|(name, _)| name).collect();
        names.sort_unstable();
        let taken = self.iter().any(|(name, value)| {
            matches!(value, View::Int(_) | View::UInt(_))
                && name
                    .strip_suffix("__")
                    .is_some_and(|target| names.binary_search(&target).is_ok())
        });
        if taken { Err(BadReference) } else { Ok(()) }
    }

    /// The same map with its references followed.
    pub(crate) fn joined<'b>(self, items: &'b RawItems) -> MapView<'b>
    where
        'a: 'b,
    {
        MapView {
            raw: (!items.is_empty()).then_some(items),
            ..self
        }
    }
}

impl<'a> ArrayView<'a> {
    fn check_references(self, items: &RawItems) -> Result<(), BadReference> {
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

/// The binaries that travel beside the box.
#[derive(Clone, Default)]
pub(crate) struct RawItems {
    bytes: Vec<u8>,
    ends: Vec<u32>,
}

impl RawItems {
    /// Copies the items out of `kps.raw`; `None` unless all of them are bytes.
    pub(crate) fn copy_from(items: ArrayView<'_>) -> Option<Self> {
        let total = items.iter().try_fold(0_usize, |sum, item| match item {
            View::Bin(bytes) => Some(sum + bytes.len()),
            _ => None,
        })?;
        let mut copy = Self {
            bytes: Vec::with_capacity(total),
            ends: Vec::with_capacity(items.len()),
        };
        for item in items.iter() {
            if let View::Bin(bytes) = item {
                copy.bytes.extend_from_slice(bytes);
                copy.ends.push(u32::try_from(copy.bytes.len()).ok()?);
            }
        }
        Some(copy)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    fn at(&self, index: View<'_>) -> Option<&[u8]> {
        let View::Int(index) = index else { return None };
        let index = usize::try_from(index).ok()?;
        let end = *self.ends.get(index)?;
        let start = match index.checked_sub(1) {
            Some(before) => *self.ends.get(before)?,
            None => 0,
        };
        self.bytes
            .get(usize::try_from(start).ok()?..usize::try_from(end).ok()?)
    }
}

impl<'a> Cursor<'a> {
    /// The value under the cursor, which moves behind it.
    pub(super) fn view(&mut self, raw: Option<&'a RawItems>) -> Option<View<'a>> {
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

    fn member(&mut self, raw: Option<&'a RawItems>) -> Option<(&'a str, View<'a>)> {
        let Head::Text(name) = self.head()? else {
            return None;
        };
        let value = self.view(raw)?;
        if let Some(items) = raw
            && let Some(target) = name.strip_suffix("__")
            && let Some(item) = items.at(value)
        {
            return Some((target, View::Bin(item)));
        }
        Some((name, value))
    }
}
