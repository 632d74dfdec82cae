//! The in-process WebSocket: messages without a network.

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
#[derive(Debug)]
pub struct EmulatorSocket {}

impl EmulatorSocket {
    /// Gives the emulator a message. After the close it goes nowhere, as on a network.
    pub async fn send(&mut self, message: Message) {
        let _ = message;
    }

    /// The next message; `None` after the close.
    pub async fn recv(&mut self) -> Option<Message> {
        None
    }
}
