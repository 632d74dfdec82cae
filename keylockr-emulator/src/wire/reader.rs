//! The strict, bounded decoder (keylockr.md 2.2).

use rmp::Marker;

use super::{
    error::WireError,
    value::{Map, Value},
};

/// Longest input.
pub(crate) const MAX_INPUT: usize = 262_144;
/// Deepest value: this many containers around it.
pub(crate) const MAX_DEPTH: usize = 32;
/// Most values, keys included.
pub(crate) const MAX_VALUES: usize = 4096;

/// Decodes exactly one value.
pub(crate) fn decode(bytes: &[u8]) -> Result<Value, WireError> {
    if bytes.is_empty() || bytes.len() > MAX_INPUT {
        return Err(WireError::Msgpack);
    }
    let mut reader = Reader {
        rest: bytes,
        values: 0,
    };
    let value = reader.value(0)?;
    if reader.rest.is_empty() {
        Ok(value)
    } else {
        Err(WireError::Msgpack)
    }
}

struct Reader<'a> {
    rest: &'a [u8],
    values: usize,
}

impl<'a> Reader<'a> {
    fn take(&mut self, len: usize) -> Result<&'a [u8], WireError> {
        let (head, rest) = self.rest.split_at_checked(len).ok_or(WireError::Msgpack)?;
        self.rest = rest;
        Ok(head)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], WireError> {
        self.take(N)?.try_into().map_err(|_| WireError::Msgpack)
    }

    fn count(&mut self) -> Result<(), WireError> {
        self.values += 1;
        if self.values > MAX_VALUES {
            Err(WireError::Msgpack)
        } else {
            Ok(())
        }
    }

    fn marker(&mut self) -> Result<Marker, WireError> {
        let [byte] = self.array::<1>()?;
        Ok(Marker::from_u8(byte))
    }

    fn len8(&mut self) -> Result<usize, WireError> {
        Ok(usize::from(u8::from_be_bytes(self.array()?)))
    }

    fn len16(&mut self) -> Result<usize, WireError> {
        Ok(usize::from(u16::from_be_bytes(self.array()?)))
    }

    fn len32(&mut self) -> Result<usize, WireError> {
        usize::try_from(u32::from_be_bytes(self.array()?)).map_err(|_| WireError::Msgpack)
    }

    fn value(&mut self, depth: usize) -> Result<Value, WireError> {
        if depth > MAX_DEPTH {
            return Err(WireError::Msgpack);
        }
        self.count()?;
        Ok(match self.marker()? {
            Marker::Null => Value::Nil,
            Marker::True => Value::Bool(true),
            Marker::False => Value::Bool(false),
            Marker::FixPos(n) => Value::Int(i64::from(n)),
            Marker::FixNeg(n) => Value::Int(i64::from(n)),
            Marker::U8 => Value::Int(i64::from(u8::from_be_bytes(self.array()?))),
            Marker::U16 => Value::Int(i64::from(u16::from_be_bytes(self.array()?))),
            Marker::U32 => Value::Int(i64::from(u32::from_be_bytes(self.array()?))),
            Marker::U64 => Value::from(u64::from_be_bytes(self.array()?)),
            Marker::I8 => Value::Int(i64::from(i8::from_be_bytes(self.array()?))),
            Marker::I16 => Value::Int(i64::from(i16::from_be_bytes(self.array()?))),
            Marker::I32 => Value::Int(i64::from(i32::from_be_bytes(self.array()?))),
            Marker::I64 => Value::Int(i64::from_be_bytes(self.array()?)),
            Marker::F32 => Value::Float(f64::from(f32::from_be_bytes(self.array()?))),
            Marker::F64 => Value::Float(f64::from_be_bytes(self.array()?)),
            Marker::FixStr(len) => self.text(usize::from(len))?,
            Marker::Str8 => self.len8().and_then(|len| self.text(len))?,
            Marker::Str16 => self.len16().and_then(|len| self.text(len))?,
            Marker::Str32 => self.len32().and_then(|len| self.text(len))?,
            Marker::Bin8 => self.len8().and_then(|len| self.bin(len))?,
            Marker::Bin16 => self.len16().and_then(|len| self.bin(len))?,
            Marker::Bin32 => self.len32().and_then(|len| self.bin(len))?,
            Marker::FixArray(len) => self.items(usize::from(len), depth)?,
            Marker::Array16 => self.len16().and_then(|len| self.items(len, depth))?,
            Marker::Array32 => self.len32().and_then(|len| self.items(len, depth))?,
            Marker::FixMap(len) => self.entries(usize::from(len), depth)?,
            Marker::Map16 => self.len16().and_then(|len| self.entries(len, depth))?,
            Marker::Map32 => self.len32().and_then(|len| self.entries(len, depth))?,
            Marker::Reserved
            | Marker::FixExt1
            | Marker::FixExt2
            | Marker::FixExt4
            | Marker::FixExt8
            | Marker::FixExt16
            | Marker::Ext8
            | Marker::Ext16
            | Marker::Ext32 => return Err(WireError::Msgpack),
        })
    }

    fn string(&mut self, len: usize) -> Result<String, WireError> {
        let bytes = self.take(len)?;
        std::str::from_utf8(bytes)
            .map(str::to_owned)
            .map_err(|_| WireError::Msgpack)
    }

    fn text(&mut self, len: usize) -> Result<Value, WireError> {
        self.string(len).map(Value::Text)
    }

    fn bin(&mut self, len: usize) -> Result<Value, WireError> {
        self.take(len).map(|bytes| Value::Bin(bytes.to_vec()))
    }

    fn items(&mut self, len: usize, depth: usize) -> Result<Value, WireError> {
        // Each item takes a byte at least, and no more than the limit can follow: what a header
        // claims beyond that is refused before anything is allocated for it.
        if len > self.rest.len() || len > MAX_VALUES {
            return Err(WireError::Msgpack);
        }
        let mut items = Vec::with_capacity(len);
        for _ in 0..len {
            items.push(self.value(depth + 1)?);
        }
        Ok(Value::Array(items))
    }

    fn entries(&mut self, len: usize, depth: usize) -> Result<Value, WireError> {
        if len > self.rest.len() / 2 || len > MAX_VALUES / 2 {
            return Err(WireError::Msgpack);
        }
        let mut entries = Vec::with_capacity(len);
        for _ in 0..len {
            let key = self.key()?;
            entries.push((key, self.value(depth + 1)?));
        }
        Map::from_entries(entries)
            .map(Value::Map)
            .ok_or(WireError::Msgpack)
    }

    fn key(&mut self) -> Result<String, WireError> {
        self.count()?;
        let len = match self.marker()? {
            Marker::FixStr(len) => usize::from(len),
            Marker::Str8 => self.len8()?,
            Marker::Str16 => self.len16()?,
            Marker::Str32 => self.len32()?,
            _ => return Err(WireError::Msgpack),
        };
        self.string(len)
    }
}
