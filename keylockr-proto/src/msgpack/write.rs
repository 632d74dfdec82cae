use alloc::vec::Vec;

use super::value::Value;
use super::view::View;
use crate::primitives::Hasher;

/// Where canonical bytes go: into a buffer or straight into a hash.
pub(crate) trait Sink {
    fn put(&mut self, bytes: &[u8]);
}

impl Sink for Vec<u8> {
    fn put(&mut self, bytes: &[u8]) {
        self.extend_from_slice(bytes);
    }
}

impl Sink for Hasher {
    fn put(&mut self, bytes: &[u8]) {
        self.update(bytes);
    }
}

/// Counts, so that a buffer can be made of the right size: it then holds the only copy.
pub(crate) struct Length(pub(crate) usize);

impl Sink for Length {
    fn put(&mut self, bytes: &[u8]) {
        self.0 += bytes.len();
    }
}

/// The canonical bytes of a value, in a buffer that never had to grow.
pub(super) fn encode(value: &Value) -> Vec<u8> {
    let mut length = Length(0);
    Writer(&mut length).value(value);
    let mut bytes = Vec::with_capacity(length.0);
    Writer(&mut bytes).value(value);
    bytes
}

/// The canonical bytes of what was read, in a buffer that never had to grow.
pub(super) fn reencode(view: View<'_>) -> Vec<u8> {
    let mut length = Length(0);
    Writer(&mut length).view(view);
    let mut bytes = Vec::with_capacity(length.0);
    Writer(&mut bytes).view(view);
    bytes
}

/// Writes values in their shortest form (K 2.1).
pub(crate) struct Writer<'s, S: Sink>(pub(crate) &'s mut S);

impl<S: Sink> Writer<'_, S> {
    pub(crate) fn nil(&mut self) {
        self.0.put(&[0xc0]);
    }

    pub(crate) fn bool(&mut self, value: bool) {
        self.0.put(&[if value { 0xc3 } else { 0xc2 }]);
    }

    pub(crate) fn uint(&mut self, value: u64) {
        if let Ok(byte) = u8::try_from(value) {
            if byte < 0x80 {
                self.0.put(&[byte]);
            } else {
                self.0.put(&[0xcc, byte]);
            }
        } else if let Ok(value) = u16::try_from(value) {
            self.headed(0xcd, &value.to_be_bytes());
        } else if let Ok(value) = u32::try_from(value) {
            self.headed(0xce, &value.to_be_bytes());
        } else {
            self.headed(0xcf, &value.to_be_bytes());
        }
    }

    pub(crate) fn int(&mut self, value: i64) {
        if let Ok(value) = u64::try_from(value) {
            self.uint(value);
        } else if let Ok(value) = i8::try_from(value) {
            if value >= -32 {
                self.0.put(&value.to_be_bytes());
            } else {
                self.headed(0xd0, &value.to_be_bytes());
            }
        } else if let Ok(value) = i16::try_from(value) {
            self.headed(0xd1, &value.to_be_bytes());
        } else if let Ok(value) = i32::try_from(value) {
            self.headed(0xd2, &value.to_be_bytes());
        } else {
            self.headed(0xd3, &value.to_be_bytes());
        }
    }

    pub(crate) fn float(&mut self, value: f64) {
        self.headed(0xcb, &value.to_be_bytes());
    }

    pub(crate) fn text(&mut self, text: &str) {
        self.length(
            text.len(),
            Some((0xa0, 32)),
            [Some(0xd9), Some(0xda), Some(0xdb)],
        );
        self.0.put(text.as_bytes());
    }

    pub(crate) fn bin(&mut self, bytes: &[u8]) {
        self.bin_header(bytes.len());
        self.0.put(bytes);
    }

    pub(crate) fn bin_header(&mut self, length: usize) {
        self.length(length, None, [Some(0xc4), Some(0xc5), Some(0xc6)]);
    }

    pub(crate) fn array(&mut self, length: usize) {
        self.length(length, Some((0x90, 16)), [None, Some(0xdc), Some(0xdd)]);
    }

    pub(crate) fn map(&mut self, length: usize) {
        self.length(length, Some((0x80, 16)), [None, Some(0xde), Some(0xdf)]);
    }

    pub(crate) fn value(&mut self, value: &Value) {
        match value {
            Value::Nil => self.nil(),
            Value::Bool(value) => self.bool(*value),
            Value::Int(value) => self.int(*value),
            Value::UInt(value) => self.uint(*value),
            Value::F64(value) => self.float(*value),
            Value::Text(text) => self.text(text),
            Value::Bin(bytes) => self.bin(bytes),
            Value::Array(items) => {
                self.array(items.len());
                for item in items {
                    self.value(item);
                }
            }
            Value::Map(members) => {
                self.map(members.len());
                // The map's own order is that of the UTF-8 bytes.
                for (name, value) in members {
                    self.text(name);
                    self.value(value);
                }
            }
        }
    }

    /// Re-encodes what was read, whatever spelling it came in.
    pub(crate) fn view(&mut self, view: View<'_>) {
        match view {
            View::Nil => self.nil(),
            View::Bool(value) => self.bool(value),
            View::Int(value) => self.int(value),
            View::UInt(value) => self.uint(value),
            View::F64(value) => self.float(value),
            View::Text(text) => self.text(text),
            View::Bin(bytes) => self.bin(bytes),
            View::Array(items) => {
                self.array(items.len());
                for item in items.iter() {
                    self.view(item);
                }
            }
            View::Map(members) => {
                self.map(members.len());
                members.for_each_sorted(|name, value| {
                    self.text(name);
                    self.view(value);
                });
            }
        }
    }

    fn headed(&mut self, head: u8, bytes: &[u8]) {
        self.0.put(&[head]);
        self.0.put(bytes);
    }

    /// The shortest header for a length: the short form, then those with one, two and four length
    /// bytes.
    fn length(&mut self, length: usize, short: Option<(u8, u8)>, wide: [Option<u8>; 3]) {
        if let (Ok(length), Some((head, end))) = (u8::try_from(length), short)
            && length < end
        {
            self.0.put(&[head | length]);
        } else if let (Ok(length), [Some(head), ..]) = (u8::try_from(length), wide) {
            self.0.put(&[head, length]);
        } else if let (Ok(length), [_, Some(head), _]) = (u16::try_from(length), wide) {
            self.headed(head, &length.to_be_bytes());
        } else if let [.., Some(head)] = wide {
            // Nothing this crate writes comes near four gigabytes; the frame limit stands far
            // below.
            let length = u32::try_from(length).unwrap_or(u32::MAX);
            self.headed(head, &length.to_be_bytes());
        }
    }
}
