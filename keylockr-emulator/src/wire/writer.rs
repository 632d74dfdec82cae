//! The canonical encoder (keylockr.md 2.1): shortest forms, sorted keys (which [`Map`] keeps).

use rmp::encode;

use super::value::{Map, Value};

/// Canonical bytes of a value.
#[cfg(test)]
pub(crate) fn encode(value: &Value) -> Vec<u8> {
    let mut out = Vec::new();
    write(&mut out, value);
    out
}

/// Canonical bytes of a map.
pub(crate) fn encode_map(map: &Map) -> Vec<u8> {
    let mut out = Vec::new();
    write_map(&mut out, map);
    out
}

/// Appends the canonical bytes of a value.
pub(crate) fn write(out: &mut Vec<u8>, value: &Value) {
    // Writing into memory cannot fail; rmp's `Result` is for real writers.
    match value {
        Value::Nil => drop(encode::write_nil(out)),
        Value::Bool(flag) => drop(encode::write_bool(out, *flag)),
        Value::Int(n) => drop(encode::write_sint(out, *n)),
        Value::Big(n) => drop(encode::write_uint(out, *n)),
        Value::Float(n) => drop(encode::write_f64(out, *n)),
        Value::Text(text) => write_text(out, text),
        Value::Bin(bytes) => {
            drop(encode::write_bin_len(out, length(bytes.len())));
            out.extend_from_slice(bytes);
        }
        Value::Array(items) => {
            drop(encode::write_array_len(out, length(items.len())));
            for item in items {
                write(out, item);
            }
        }
        Value::Map(map) => write_map(out, map),
    }
}

fn write_map(out: &mut Vec<u8>, map: &Map) {
    drop(encode::write_map_len(out, length(map.len())));
    for (key, value) in map.iter() {
        write_text(out, key);
        write(out, value);
    }
}

fn write_text(out: &mut Vec<u8>, text: &str) {
    drop(encode::write_str_len(out, length(text.len())));
    out.extend_from_slice(text.as_bytes());
}

/// Nothing that is sent or re-encoded here comes near 4 GiB.
fn length(len: usize) -> u32 {
    u32::try_from(len).unwrap_or(u32::MAX)
}
