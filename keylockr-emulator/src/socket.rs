//! The in-process WebSocket: messages without a network.

use std::{collections::VecDeque, fmt, sync::Arc};

use crate::{
    server::Outgoing,
    world::{Line, Shared},
};

/// One WebSocket message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// One KPS frame.
    Binary(Vec<u8>),
    /// The protocol has none; the emulator closes with 1003.
    Text(String),
    /// RFC 6455 ping.
    Ping(Vec<u8>),
    /// RFC 6455 pong.
    Pong(Vec<u8>),
    /// Close with this code; nothing follows.
    Close(u16),
}

/// A socket that [`Emulator::socket`](crate::Emulator::socket) opened. Dropping it is a lost
/// connection.
pub struct EmulatorSocket {
    shared: Arc<Shared>,
    line: Line,
    ready: VecDeque<Vec<u8>>,
    over: bool,
}

impl EmulatorSocket {
    pub(crate) fn new(shared: Arc<Shared>, line: Line) -> Self {
        Self {
            shared,
            line,
            ready: VecDeque::new(),
            over: false,
        }
    }

    /// Gives the emulator a message. After the close it goes nowhere, as on a network.
    pub async fn send(&mut self, message: Message) {
        let Line {
            identity, number, ..
        } = &self.line;
        match message {
            Message::Binary(frame) => self.shared.receive(identity, *number, &frame),
            Message::Text(_) => {
                self.shared
                    .world()
                    .server
                    .close_socket(identity, *number, 1003);
            }
            Message::Ping(payload) => self.shared.world().server.pong(identity, *number, payload),
            Message::Pong(_) => {}
            Message::Close(_) => {
                self.shared.world().server.detach(identity, *number);
                self.over = true;
            }
        }
    }

    /// The next message; `None` after the close, and when the line drops without one.
    pub async fn recv(&mut self) -> Option<Message> {
        loop {
            if let Some(frame) = self.ready.pop_front() {
                return Some(Message::Binary(frame));
            }
            if self.over {
                return None;
            }
            match self.line.outgoing.recv().await {
                Some(Outgoing::Frame(plan)) => self.ready.extend(plan.render()),
                Some(Outgoing::Ping) => return Some(Message::Ping(Vec::new())),
                Some(Outgoing::Pong(payload)) => return Some(Message::Pong(payload)),
                Some(Outgoing::Close(code)) => {
                    self.over = true;
                    return Some(Message::Close(code));
                }
                Some(Outgoing::Cut) | None => self.over = true,
            }
        }
    }
}

impl Drop for EmulatorSocket {
    fn drop(&mut self) {
        self.shared
            .world()
            .server
            .detach(&self.line.identity, self.line.number);
    }
}

impl fmt::Debug for EmulatorSocket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EmulatorSocket")
            .field("identity", &self.line.identity)
            .finish_non_exhaustive()
    }
}
