//! What is to happen later.

use std::{cmp::Reverse, collections::BinaryHeap, time::Duration};

use crate::identity::Identity;

/// Something that is due at a time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    /// The phone's decision reaches the service.
    Deliver { tmp_id: String },
    /// The attempt is over; a while later it is forgotten.
    Forget { tmp_id: String },
    /// A socket gets its next ping.
    Ping { identity: Identity, socket: u64 },
    /// A socket is closed.
    Close {
        identity: Identity,
        socket: u64,
        code: u16,
    },
    /// The phone answers a filekey question by itself (faults).
    AnswerFilekey { app_id: String, grant: bool },
}

/// Events by time, first in first out among equals.
#[derive(Debug, Default)]
pub(crate) struct Agenda {
    heap: BinaryHeap<Reverse<Entry>>,
    added: u64,
}

#[derive(Debug)]
struct Entry {
    at: Duration,
    order: u64,
    event: Event,
}

impl Agenda {
    pub(crate) fn add(&mut self, at: Duration, event: Event) {
        self.added += 1;
        self.heap.push(Reverse(Entry {
            at,
            order: self.added,
            event,
        }));
    }

    /// When the next event is due.
    pub(crate) fn next(&self) -> Option<Duration> {
        self.heap.peek().map(|Reverse(entry)| entry.at)
    }

    /// The next event that is due by now.
    pub(crate) fn due(&mut self, now: Duration) -> Option<Event> {
        if self.next()? > now {
            return None;
        }
        self.heap.pop().map(|Reverse(entry)| entry.event)
    }

    pub(crate) fn clear(&mut self) {
        self.heap.clear();
    }
}

impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        (self.at, self.order) == (other.at, other.order)
    }
}

impl Eq for Entry {}

impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Entry {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.at, self.order).cmp(&(other.at, other.order))
    }
}
