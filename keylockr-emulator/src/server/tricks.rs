//! How frames are spoilt, or spelt oddly, on purpose.

use super::plan::Trick;
use crate::wire::{
    envelope::{self, Sealing},
    value::{Map, Value},
    writer,
};

/// The content of a box as a Go server writes it: unsorted, the time as a nine-byte integer.
pub(crate) fn go_inner(sealing: &Sealing<'_>) -> Vec<u8> {
    let mut out = vec![0x82];
    writer::write(&mut out, &"header".into());
    out.push(0x82);
    for text in ["from", sealing.name, "ts"] {
        writer::write(&mut out, &text.into());
    }
    out.push(0xd3);
    out.extend_from_slice(&sealing.ts.to_be_bytes());
    writer::write(&mut out, &"body".into());
    writer::write(&mut out, &sealing.body.clone().into());
    out
}

/// The content of a box with members nobody knows, at each level.
pub(crate) fn wordy_inner(sealing: &Sealing<'_>) -> Vec<u8> {
    let header = Map::new()
        .with("from", sealing.name)
        .with("trace", vec![Value::from(true), Value::Nil])
        .with("ts", sealing.ts);
    let body = sealing
        .body
        .clone()
        .with("x_unknown", Map::new().with("depth", 1_u64));
    writer::encode_map(
        &Map::new()
            .with("body", body)
            .with("header", header)
            .with("v", 2_u64),
    )
}

/// Flips a bit in the middle of a binary member.
pub(crate) fn flip(map: &mut Map, key: &str) {
    if let Some(Value::Bin(mut bytes)) = map.remove(key) {
        let middle = bytes.len() / 2;
        if let Some(byte) = bytes.get_mut(middle) {
            *byte ^= 0x10;
        }
        map.insert(key, bytes);
    }
}

/// The same map in another spelling: keys backwards, every header wider than needed.
pub(crate) fn odd_bytes(map: &Map) -> Vec<u8> {
    let mut out = Vec::new();
    odd_map(&mut out, map);
    out
}

fn odd_map(out: &mut Vec<u8>, map: &Map) {
    out.push(0xdf);
    out.extend_from_slice(&length(map.len()));
    let entries: Vec<_> = map.iter().collect();
    for (key, value) in entries.into_iter().rev() {
        odd_text(out, key);
        odd_value(out, value);
    }
}

fn odd_text(out: &mut Vec<u8>, text: &str) {
    out.push(0xdb);
    out.extend_from_slice(&length(text.len()));
    out.extend_from_slice(text.as_bytes());
}

fn odd_value(out: &mut Vec<u8>, value: &Value) {
    match value {
        Value::Text(text) => odd_text(out, text),
        Value::Bin(bytes) => {
            out.push(0xc6);
            out.extend_from_slice(&length(bytes.len()));
            out.extend_from_slice(bytes);
        }
        Value::Array(items) => {
            out.push(0xdd);
            out.extend_from_slice(&length(items.len()));
            for item in items {
                odd_value(out, item);
            }
        }
        Value::Map(map) => odd_map(out, map),
        plain => writer::write(out, plain),
    }
}

fn length(len: usize) -> [u8; 4] {
    u32::try_from(len).unwrap_or(u32::MAX).to_be_bytes()
}

/// A frame around `kps` bytes as they are, seal first.
pub(crate) fn odd_frame(kps_bytes: &[u8], seal: &[u8]) -> Vec<u8> {
    let mut out = vec![0xde, 0, 2];
    odd_text(&mut out, "seal");
    odd_value(&mut out, &seal.into());
    odd_text(&mut out, "kps");
    out.extend_from_slice(kps_bytes);
    out
}

/// What happens to a frame after it was sealed.
pub(crate) fn on_the_wire(
    trick: Trick,
    mut messages: Vec<Vec<u8>>,
    kps: &Map,
    seal: &[u8],
    again: &[u8],
) -> Vec<Vec<u8>> {
    let first = messages.first().cloned().unwrap_or_default();
    match trick {
        Trick::ReplaySame => messages.push(first),
        Trick::ReplayReencoded => messages.push(again.to_vec()),
        Trick::Truncated => {
            let half = first.len() / 2;
            replace_first(&mut messages, first.into_iter().take(half).collect());
        }
        Trick::Trailing => {
            let mut longer = first;
            longer.push(0xc0);
            replace_first(&mut messages, longer);
        }
        Trick::Deep => {
            let deep = (0..40).fold(Value::Nil, |inner, _| vec![inner].into());
            let frame = envelope::frame(&kps.clone().with("deep", deep), seal.to_vec());
            replace_first(&mut messages, frame);
        }
        Trick::DupKey => {
            let mut frame = vec![0x83];
            for _ in 0..2 {
                writer::write(&mut frame, &"kps".into());
                writer::write(&mut frame, &kps.clone().into());
            }
            writer::write(&mut frame, &"seal".into());
            writer::write(&mut frame, &seal.into());
            replace_first(&mut messages, frame);
        }
        Trick::LengthBomb => {
            let mut frame = vec![0x82];
            writer::write(&mut frame, &"kps".into());
            frame.extend_from_slice(&[0xdd, 0xff, 0xff, 0xff, 0xff, 0xc0]);
            replace_first(&mut messages, frame);
        }
        Trick::Oversized(bytes) => {
            let mut frame = first;
            frame.resize(bytes.max(frame.len()), 0);
            replace_first(&mut messages, frame);
        }
        _ => {}
    }
    messages
}

fn replace_first(messages: &mut [Vec<u8>], message: Vec<u8>) {
    if let Some(first) = messages.first_mut() {
        *first = message;
    }
}
