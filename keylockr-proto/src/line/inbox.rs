use alloc::collections::VecDeque;
use alloc::vec::Vec;

use crate::envelope::{Channel, KpsHash, Message, Replay, ReplayWindow};
use crate::error::ErrorKind;
use crate::time::{Now, Window};

/// Messages held while a verdict on an earlier one is awaited. A driver that answers in order
/// never needs more than none.
const HELD: usize = 4;

/// A message that opened, and how it came to us.
#[derive(Debug)]
pub(crate) struct Arrived {
    pub(crate) message: Message,
    pub(crate) way: Way,
}

/// How a message came to us.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    /// Over our own socket.
    Socket,
    /// Through the browser, as `keylockr_result` (K 7.7): anybody may have put it there.
    Returned,
}

/// What became of a message.
#[derive(Debug)]
pub(crate) enum Receipt {
    Accepted(Arrived),
    /// The shared memory has to be asked first.
    Ask(KpsHash),
    /// Kept until the verdict on an earlier one.
    Held,
    /// Dropped: too many are kept already, because the driver reads on without giving a verdict.
    NoRoom,
    Refused(ErrorKind, Way),
    /// No room to remember it (K 3.8): nothing may be accepted any more.
    MemoryFull,
}

/// Opens messages in the order of K 3.4 and keeps the replay memory.
#[derive(Debug)]
pub(crate) struct Inbox {
    memory: Memory,
    held: VecDeque<(Vec<u8>, Way)>,
}

#[derive(Debug)]
enum Memory {
    /// Fresh box keys: nobody else's frames open here.
    Own(ReplayWindow),
    /// Fixed box keys: one memory for all attempts and processes, behind the driver.
    Shared { waiting: Option<Arrived> },
}

impl Inbox {
    pub(crate) fn new(shared: bool, capacity: usize, window: Window) -> Self {
        let memory = if shared {
            Memory::Shared { waiting: None }
        } else {
            Memory::Own(ReplayWindow::new(capacity, window))
        };
        Self {
            memory,
            held: VecDeque::new(),
        }
    }

    pub(crate) fn receive(
        &mut self,
        channel: &Channel,
        bytes: &[u8],
        way: Way,
        now: Now,
        window: Window,
    ) -> Receipt {
        if matches!(self.memory, Memory::Shared { waiting: Some(_) }) {
            if self.held.len() >= HELD {
                return Receipt::NoRoom;
            }
            self.held.push_back((bytes.to_vec(), way));
            return Receipt::Held;
        }
        let message = match channel.open(bytes, now.unix, window) {
            Ok(message) => message,
            Err(error) => return Receipt::Refused(error.kind(), way),
        };
        let hash = message.kps_hash();
        match &mut self.memory {
            Memory::Own(seen) => match seen.insert(hash, now.elapsed) {
                Replay::Fresh => Receipt::Accepted(Arrived { message, way }),
                Replay::Seen => Receipt::Refused(ErrorKind::Replay, way),
                Replay::Full => Receipt::MemoryFull,
            },
            Memory::Shared { waiting } => {
                *waiting = Some(Arrived { message, way });
                Receipt::Ask(hash)
            }
        }
    }

    /// The message whose verdict is awaited.
    pub(crate) fn take_waiting(&mut self) -> Option<Arrived> {
        match &mut self.memory {
            Memory::Own(_) => None,
            Memory::Shared { waiting } => waiting.take(),
        }
    }

    /// The next message that was held back, once no verdict is awaited.
    pub(crate) fn take_held(&mut self) -> Option<(Vec<u8>, Way)> {
        match self.memory {
            Memory::Shared { waiting: Some(_) } => None,
            _ => self.held.pop_front(),
        }
    }

    /// Forgets what was not opened yet: its socket is gone, and the service sends it again.
    pub(crate) fn drop_held(&mut self) {
        self.held.clear();
    }

    /// Forgets what is under way as well. What was seen stays seen.
    pub(crate) fn restart(&mut self) {
        self.held.clear();
        self.take_waiting();
    }
}
