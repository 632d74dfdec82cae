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

/// Bytes (about) kept for all; then the identities that came first are forgotten.
const MAX_ALL_BYTES: usize = 64 * 1024 * 1024;

/// A bounded ring for each identity.
#[derive(Debug, Default)]
pub(crate) struct Journal {
    rings: HashMap<Identity, Ring>,
    /// Identities as they came; some are gone.
    order: VecDeque<Identity>,
    bytes: usize,
}

#[derive(Debug, Default)]
struct Ring {
    entries: VecDeque<(usize, Entry)>,
    bytes: usize,
}

impl Journal {
    pub(crate) fn add(&mut self, identity: &Identity, entry: Entry) {
        if !self.rings.contains_key(identity) {
            self.rings.insert(identity.clone(), Ring::default());
            self.order.push_back(identity.clone());
        }
        let Some(ring) = self.rings.get_mut(identity) else {
            return;
        };
        let before = ring.bytes;
        ring.add(entry);
        self.bytes = self.bytes + ring.bytes - before;
        while self.bytes > MAX_ALL_BYTES && self.order.len() > 1 {
            if let Some(oldest) = self.order.pop_front() {
                self.forget(&oldest);
            }
        }
    }

    pub(crate) fn of(&self, identity: &Identity) -> Vec<FrameRecord> {
        let ring = self.rings.get(identity);
        ring.map(|ring| {
            ring.entries
                .iter()
                .map(|(_, entry)| entry.record())
                .collect()
        })
        .unwrap_or_default()
    }

    pub(crate) fn forget(&mut self, identity: &Identity) {
        if let Some(ring) = self.rings.remove(identity) {
            self.bytes -= ring.bytes;
        }
        while self
            .order
            .front()
            .is_some_and(|oldest| !self.rings.contains_key(oldest))
        {
            self.order.pop_front();
        }
    }

    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }
}

impl Ring {
    fn add(&mut self, entry: Entry) {
        let size = entry.size();
        self.bytes += size;
        self.entries.push_back((size, entry));
        while self.entries.len() > MAX_FRAMES || (self.bytes > MAX_BYTES && self.entries.len() > 1)
        {
            if let Some((size, _)) = self.entries.pop_front() {
                self.bytes -= size;
            }
        }
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
            Content::Frame { body, .. } => 256 + map_size(body),
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
