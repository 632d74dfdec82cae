//! Open sockets: one for each identity, the newest.

use std::collections::HashMap;

use tokio::sync::mpsc;

use super::plan::Plan;
use crate::identity::Identity;

/// Messages that wait for a slow reader before its socket is dropped.
const QUEUE: usize = 256;

/// What goes out on a socket.
#[derive(Debug)]
pub(crate) enum Outgoing {
    /// A frame (or, with faults, several messages), sealed when it is fetched.
    Frame(Box<Plan>),
    Ping,
    Pong(Vec<u8>),
    /// An orderly close; nothing follows.
    Close(u16),
    /// The line drops; nothing follows.
    Cut,
}

/// The emulator's end of a socket.
#[derive(Debug)]
struct Socket {
    number: u64,
    queue: mpsc::Sender<Outgoing>,
    /// To be closed; what it says is ignored.
    closing: bool,
}

/// All open sockets.
#[derive(Debug, Default)]
pub(crate) struct Sockets {
    open: HashMap<Identity, Socket>,
    opened: u64,
}

impl Sockets {
    /// Opens a socket; an older one of the identity is closed with 4409.
    pub(crate) fn open(&mut self, identity: &Identity) -> (u64, mpsc::Receiver<Outgoing>) {
        self.close(identity, 4409);
        self.opened += 1;
        let (queue, outgoing) = mpsc::channel(QUEUE);
        let socket = Socket {
            number: self.opened,
            queue,
            closing: false,
        };
        self.open.insert(identity.clone(), socket);
        (self.opened, outgoing)
    }

    /// Whether this socket is the identity's and is listened to.
    pub(crate) fn listens(&self, identity: &Identity, number: u64) -> bool {
        self.open
            .get(identity)
            .is_some_and(|socket| socket.number == number && !socket.closing)
    }

    pub(crate) fn is_open(&self, identity: &Identity) -> bool {
        self.open
            .get(identity)
            .is_some_and(|socket| !socket.closing)
    }

    /// The number of the identity's socket.
    pub(crate) fn number(&self, identity: &Identity) -> Option<u64> {
        self.open.get(identity).map(|socket| socket.number)
    }

    /// Sends; a reader that does not keep up loses its socket. False without a socket.
    pub(crate) fn send(&mut self, identity: &Identity, outgoing: Outgoing) -> bool {
        let Some(socket) = self.open.get(identity) else {
            return false;
        };
        let sent = socket.queue.try_send(outgoing).is_ok();
        if !sent {
            self.open.remove(identity);
        }
        sent
    }

    /// Ignores what the socket says from now on; it is closed later.
    pub(crate) fn closing(&mut self, identity: &Identity) {
        if let Some(socket) = self.open.get_mut(identity) {
            socket.closing = true;
        }
    }

    pub(crate) fn close(&mut self, identity: &Identity, code: u16) -> bool {
        let closed = self.send(identity, Outgoing::Close(code));
        self.open.remove(identity);
        closed
    }

    /// Drops the line.
    pub(crate) fn cut(&mut self, identity: &Identity) {
        let _ = self.send(identity, Outgoing::Cut);
        self.open.remove(identity);
    }

    /// The client went away.
    pub(crate) fn gone(&mut self, identity: &Identity, number: u64) -> bool {
        let ours = self
            .open
            .get(identity)
            .is_some_and(|socket| socket.number == number);
        if ours {
            self.open.remove(identity);
        }
        ours
    }

    pub(crate) fn close_all(&mut self, code: u16) {
        for (_, socket) in self.open.drain() {
            let _ = socket.queue.try_send(Outgoing::Close(code));
        }
    }

    /// The identities with an open socket.
    pub(crate) fn identities(&self) -> Vec<Identity> {
        self.open.keys().cloned().collect()
    }
}
