//! The frames that passed, decrypted, for tests and for the phone page.

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
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
    /// Identities as they came.
    order: BTreeMap<u64, Identity>,
    came: u64,
    bytes: usize,
}

#[derive(Debug, Default)]
struct Ring {
    /// Its place in the order.
    came: u64,
    entries: VecDeque<(usize, Entry)>,
    bytes: usize,
}

impl Journal {
    pub(crate) fn add(&mut self, identity: &Identity, entry: Entry) {
        if !self.rings.contains_key(identity) {
            let came = self.came;
            self.came += 1;
            let ring = Ring {
                came,
                ..Ring::default()
            };
            self.rings.insert(identity.clone(), ring);
            self.order.insert(came, identity.clone());
        }
        let Some(ring) = self.rings.get_mut(identity) else {
            return;
        };
        let before = ring.bytes;
        ring.add(entry);
        self.bytes = self.bytes + ring.bytes - before;
        while self.bytes > MAX_ALL_BYTES && self.order.len() > 1 {
            if let Some((_, oldest)) = self.order.pop_first() {
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
            self.order.remove(&ring.came);
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

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(text: usize) -> Entry {
        let body = Map::new().with("text", "x".repeat(text));
        Entry {
            dir: Direction::S2c,
            content: Content::Frame {
                name: "ping".to_owned(),
                ts: 1,
                body: Arc::new(body),
            },
        }
    }

    fn attempt(number: usize) -> Identity {
        Identity::Tmp(format!("attempt-{number}"))
    }

    #[test]
    fn nothing_is_left_of_a_forgotten_identity() {
        let mut journal = Journal::default();
        let kept = Identity::App("4001".to_owned());
        journal.add(&kept, entry(1));
        let bytes = journal.bytes;
        for number in 0..1000 {
            journal.add(&attempt(number), entry(1));
            journal.forget(&attempt(number));
        }
        assert_eq!((journal.rings.len(), journal.order.len()), (1, 1));
        assert_eq!(journal.bytes, bytes);
        assert_eq!(journal.of(&kept).len(), 1);
    }

    #[test]
    fn the_identities_that_came_first_make_room() {
        let mut journal = Journal::default();
        let each = MAX_BYTES / 2;
        let many = MAX_ALL_BYTES / each + 10;
        for number in 0..many {
            journal.add(&attempt(number), entry(each));
        }
        assert!(journal.bytes <= MAX_ALL_BYTES);
        assert_eq!(journal.rings.len(), journal.order.len());
        assert!(journal.of(&attempt(0)).is_empty());
        assert_eq!(journal.of(&attempt(many - 1)).len(), 1);
    }
}
