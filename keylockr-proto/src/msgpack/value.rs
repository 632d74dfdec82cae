use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use super::write::encode;

/// A value to be sent: the body of an action, the content of a record.
///
/// The order of a map is that of its names' UTF-8 bytes, which is the order on the wire. For
/// reading see [`Document`](crate::Document): it needs no tree.
#[derive(Clone, PartialEq)]
pub enum Value {
    /// nil
    Nil,
    /// true or false
    Bool(bool),
    /// An integer that fits 64 signed bits.
    Int(i64),
    /// An integer beyond those; smaller ones are [`Value::Int`] when they come from a reader.
    UInt(u64),
    /// A float; no field of the protocol is one.
    F64(f64),
    /// Text.
    Text(String),
    /// Bytes. Never interchanged with text.
    Bin(Vec<u8>),
    /// An array.
    Array(Vec<Value>),
    /// A map with unique text names.
    Map(BTreeMap<String, Value>),
}

impl Value {
    /// An empty map.
    pub const fn map() -> Self {
        Self::Map(BTreeMap::new())
    }

    /// A map of the given members; a later one replaces an earlier one of the same name.
    pub fn from_members<N: Into<String>>(members: impl IntoIterator<Item = (N, Self)>) -> Self {
        Self::Map(
            members
                .into_iter()
                .map(|(name, value)| (name.into(), value))
                .collect(),
        )
    }

    /// The canonical bytes (K 2.1).
    pub fn encode(&self) -> Vec<u8> {
        encode(self)
    }

    /// The member of this map, if it is one and has it.
    pub fn member(&self, name: &str) -> Option<&Self> {
        match self {
            Self::Map(members) => members.get(name),
            _ => None,
        }
    }
}

/// Bytes show their number only: a body may hold a boxed key.
impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nil => f.write_str("Nil"),
            Self::Bool(value) => value.fmt(f),
            Self::Int(value) => value.fmt(f),
            Self::UInt(value) => value.fmt(f),
            Self::F64(value) => value.fmt(f),
            Self::Text(text) => text.fmt(f),
            Self::Bin(bytes) => write!(f, "Bin({} bytes)", bytes.len()),
            Self::Array(items) => f.debug_list().entries(items).finish(),
            Self::Map(members) => f.debug_map().entries(members).finish(),
        }
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl From<i64> for Value {
    fn from(value: i64) -> Self {
        Self::Int(value)
    }
}

impl From<u64> for Value {
    fn from(value: u64) -> Self {
        i64::try_from(value).map_or(Self::UInt(value), Self::Int)
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.into())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<&[u8]> for Value {
    fn from(bytes: &[u8]) -> Self {
        Self::Bin(bytes.to_vec())
    }
}

impl From<Vec<u8>> for Value {
    fn from(bytes: Vec<u8>) -> Self {
        Self::Bin(bytes)
    }
}
