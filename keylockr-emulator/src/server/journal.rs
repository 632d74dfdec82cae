//! The frames that passed, decrypted, for tests and for the phone page.

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
};

use crate::{
    identity::Identity,
    model::{Direction, FrameRecord},
    wire::{
        error::WireError,
        json,
        value::{Map, Value},
    },
};

/// Frames kept for one identity.
const MAX_FRAMES: usize = 256;
/// Bytes (about) kept for one identity.
const MAX_BYTES: usize = 512 * 1024;

/// One frame.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) dir: Direction,
    pub(crate) content: Content,
}

/// What it held.
#[derive(Clone, Debug)]
pub(crate) enum Content {
    Frame {
        name: String,
        ts: u64,
        body: Arc<Map>,
    },
    Refused(WireError),
}

/// A bounded ring for each identity.
#[derive(Debug, Default)]
pub(crate) struct Journal(HashMap<Identity, Ring>);

#[derive(Debug, Default)]
struct Ring {
    entries: VecDeque<(usize, Entry)>,
    bytes: usize,
}

impl Journal {
    pub(crate) fn add(&mut self, identity: &Identity, entry: Entry) {
        if !self.0.contains_key(identity) {
            self.0.insert(identity.clone(), Ring::default());
        }
        let Some(ring) = self.0.get_mut(identity) else {
            return;
        };
        let size = entry.size();
        ring.bytes += size;
        ring.entries.push_back((size, entry));
        while ring.entries.len() > MAX_FRAMES || (ring.bytes > MAX_BYTES && ring.entries.len() > 1)
        {
            if let Some((size, _)) = ring.entries.pop_front() {
                ring.bytes -= size;
            }
        }
    }

    pub(crate) fn of(&self, identity: &Identity) -> Vec<FrameRecord> {
        let ring = self.0.get(identity);
        ring.map(|ring| {
            ring.entries
                .iter()
                .map(|(_, entry)| entry.record())
                .collect()
        })
        .unwrap_or_default()
    }

    pub(crate) fn forget(&mut self, identity: &Identity) {
        self.0.remove(identity);
    }

    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }
}

impl Entry {
    pub(crate) fn record(&self) -> FrameRecord {
        let (name, ts, body, error) = match &self.content {
            Content::Frame { name, ts, body } => (
                Some(name.clone()),
                Some(*ts),
                Some(json::map_to_json(body)),
                None,
            ),
            Content::Refused(error) => (None, None, None, Some(error.as_str().to_owned())),
        };
        FrameRecord {
            dir: self.dir,
            name,
            ts,
            body,
            error,
        }
    }

    fn size(&self) -> usize {
        match &self.content {
            Content::Frame { body, .. } => 64 + map_size(body),
            Content::Refused(_) => 16,
        }
    }
}

fn map_size(map: &Map) -> usize {
    map.iter().map(|(key, value)| key.len() + size(value)).sum()
}

fn size(value: &Value) -> usize {
    32 + match value {
        Value::Text(text) => text.len(),
        Value::Bin(bytes) => bytes.len(),
        Value::Array(items) => items.iter().map(size).sum(),
        Value::Map(map) => map_size(map),
        _ => 0,
    }
}
