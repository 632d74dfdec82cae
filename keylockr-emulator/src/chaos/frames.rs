//! Cuts a byte stream into what trouble strikes: WebSocket messages, or whatever a read brought.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use super::trouble::Way;

/// A message or a head beyond this is passed on as it comes.
const MOST: usize = 1 << 20;
const SWITCHING: &[u8] = b"HTTP/1.1 101";

/// Bytes that stay together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Unit {
    /// What a read brought.
    Raw(Vec<u8>),
    /// A ping, a pong or a close.
    Control(Vec<u8>),
    /// A whole message, with its frames' headers.
    Message(Vec<u8>),
}

impl Unit {
    pub(super) fn bytes(&self) -> &[u8] {
        match self {
            Self::Raw(bytes) | Self::Control(bytes) | Self::Message(bytes) => bytes,
        }
    }

    /// Where the bytes begin whose bits may be flipped: behind the header of a message's first frame.
    pub(super) fn payload(&self) -> usize {
        match self {
            Self::Message(bytes) => header(bytes).map_or(0, |header| header.length),
            Self::Raw(_) | Self::Control(_) => 0,
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Reading {
    /// Until it is known whether this is an upgrade.
    Head,
    Raw,
    Frames,
}

/// One direction of a connection.
pub(super) struct Units {
    reading: Reading,
    buffer: Vec<u8>,
    /// The frames so far of a message in several.
    begun: Vec<u8>,
    /// Both directions know when one has seen the upgrade.
    upgraded: Arc<AtomicBool>,
}

impl Units {
    pub(super) fn new(way: Way, upgraded: Arc<AtomicBool>) -> Self {
        Self {
            reading: match way {
                Way::ToServer => Reading::Raw,
                Way::ToClient => Reading::Head,
            },
            buffer: Vec::new(),
            begun: Vec::new(),
            upgraded,
        }
    }

    pub(super) fn feed(&mut self, bytes: &[u8]) {
        // A client sends frames once it has the upgrade, which was seen here before.
        if self.reading == Reading::Raw && self.upgraded.load(Ordering::Acquire) {
            self.reading = Reading::Frames;
        }
        self.buffer.extend_from_slice(bytes);
    }

    pub(super) fn next(&mut self) -> Option<Unit> {
        loop {
            if self.buffer.is_empty() {
                return None;
            }
            match self.reading {
                Reading::Raw => return Some(Unit::Raw(std::mem::take(&mut self.buffer))),
                Reading::Head => match self.head() {
                    Some(unit) => return Some(unit),
                    None if self.reading == Reading::Head => return None,
                    None => {}
                },
                Reading::Frames => match self.frame() {
                    Frame::Whole(unit) => return Some(unit),
                    Frame::Part => {}
                    Frame::Wait => return None,
                    Frame::Beyond => self.give_up(),
                },
            }
        }
    }

    /// What has not made a unit yet, at the end of the stream.
    pub(super) fn rest(&mut self) -> Vec<u8> {
        let mut rest = std::mem::take(&mut self.begun);
        rest.append(&mut self.buffer);
        rest
    }

    /// The head of an upgrade; turns to what else it is otherwise.
    fn head(&mut self) -> Option<Unit> {
        let known = self.buffer.len().min(SWITCHING.len());
        if self.buffer[..known] != SWITCHING[..known] || self.buffer.len() > MOST {
            self.reading = Reading::Raw;
            return None;
        }
        let end = self
            .buffer
            .windows(4)
            .position(|four| four == b"\r\n\r\n")?
            + 4;
        self.reading = Reading::Frames;
        self.upgraded.store(true, Ordering::Release);
        Some(Unit::Raw(self.take(end)))
    }

    fn frame(&mut self) -> Frame {
        let Some(header) = header(&self.buffer) else {
            return Frame::Wait;
        };
        let Some(length) = header.length.checked_add(header.payload) else {
            return Frame::Beyond;
        };
        if length.saturating_add(self.begun.len()) > MOST {
            return Frame::Beyond;
        }
        if self.buffer.len() < length {
            return Frame::Wait;
        }
        let frame = self.take(length);
        if header.control {
            return Frame::Whole(Unit::Control(frame));
        }
        self.begun.extend_from_slice(&frame);
        match header.last {
            true => Frame::Whole(Unit::Message(std::mem::take(&mut self.begun))),
            false => Frame::Part,
        }
    }

    /// From now on everything passes as it comes.
    fn give_up(&mut self) {
        self.upgraded.store(false, Ordering::Release);
        self.reading = Reading::Raw;
        self.buffer = self.rest();
    }

    fn take(&mut self, length: usize) -> Vec<u8> {
        let rest = self.buffer.split_off(length);
        std::mem::replace(&mut self.buffer, rest)
    }
}

enum Frame {
    Whole(Unit),
    /// Of a message in several frames.
    Part,
    /// For more bytes.
    Wait,
    /// Larger than anything that is looked at.
    Beyond,
}

/// A frame's header (RFC 6455 5.2).
struct Header {
    length: usize,
    payload: usize,
    control: bool,
    last: bool,
}

/// `None` before it is there as a whole.
fn header(bytes: &[u8]) -> Option<Header> {
    let (first, second) = (*bytes.first()?, *bytes.get(1)?);
    let (payload, mut length) = match second & 0x7f {
        126 => {
            let length: [u8; 2] = bytes.get(2..4)?.try_into().ok()?;
            (u64::from(u16::from_be_bytes(length)), 4)
        }
        127 => {
            let length: [u8; 8] = bytes.get(2..10)?.try_into().ok()?;
            (u64::from_be_bytes(length), 10)
        }
        short => (u64::from(short), 2),
    };
    if second & 0x80 != 0 {
        length += 4;
    }
    Some(Header {
        length,
        payload: usize::try_from(payload).unwrap_or(usize::MAX),
        control: first & 0x08 != 0,
        last: first & 0x80 != 0,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const UPGRADE: &[u8] = b"HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\n\r\n";

    fn units(way: Way, upgraded: &Arc<AtomicBool>, pieces: &[&[u8]]) -> Vec<Unit> {
        let mut units = Units::new(way, Arc::clone(upgraded));
        let mut found = Vec::new();
        for piece in pieces {
            units.feed(piece);
            while let Some(unit) = units.next() {
                found.push(unit);
            }
        }
        let rest = units.rest();
        if !rest.is_empty() {
            found.push(Unit::Raw(rest));
        }
        found
    }

    fn message(text: &[u8]) -> Vec<u8> {
        let mut frame = vec![0x82, u8::try_from(text.len()).unwrap()];
        frame.extend_from_slice(text);
        frame
    }

    #[test]
    fn messages_are_found_however_they_arrive() {
        let mut stream = UPGRADE.to_vec();
        stream.extend(message(b"one"));
        stream.extend([0x89, 0]);
        stream.extend([0x02, 1, b'a', 0x8a, 0, 0x80, 1, b'b']);
        stream.extend([0x82, 126, 0, 200]);
        stream.extend([7; 200]);
        let mut long = vec![0x82, 126, 0, 200];
        long.extend([7; 200]);
        let expected = vec![
            Unit::Raw(UPGRADE.to_vec()),
            Unit::Message(message(b"one")),
            Unit::Control(vec![0x89, 0]),
            Unit::Control(vec![0x8a, 0]),
            Unit::Message(vec![0x02, 1, b'a', 0x80, 1, b'b']),
            Unit::Message(long),
        ];
        for size in [1, 2, 3, 7, 50, stream.len()] {
            let pieces: Vec<&[u8]> = stream.chunks(size).collect();
            let upgraded = Arc::default();
            assert_eq!(units(Way::ToClient, &upgraded, &pieces), expected, "{size}");
            assert!(upgraded.load(Ordering::Acquire));
        }
    }

    #[test]
    fn a_client_speaks_in_frames_after_the_upgrade() {
        let upgraded = Arc::new(AtomicBool::new(false));
        let masked = [0x82, 0x82, 1, 2, 3, 4, 9, 9];
        let request: &[u8] = b"GET /ws HTTP/1.1\r\n\r\n";
        let mut there = Units::new(Way::ToServer, Arc::clone(&upgraded));
        there.feed(request);
        assert_eq!(there.next(), Some(Unit::Raw(request.to_vec())));
        upgraded.store(true, Ordering::Release);
        there.feed(&masked);
        let unit = there.next().unwrap();
        assert_eq!(unit, Unit::Message(masked.to_vec()));
        assert_eq!(unit.payload(), 6);
    }

    #[test]
    fn everything_else_passes_as_it_comes() {
        let upgraded = Arc::default();
        for pieces in [
            [b"+PONG\r\n".as_slice(), b"$3\r\nabc\r\n"],
            [b"HTTP/1.1 200 OK\r\n\r\n", b"body"],
        ] {
            let expected = pieces.map(|piece| Unit::Raw(piece.to_vec()));
            assert_eq!(units(Way::ToClient, &upgraded, &pieces), expected);
        }
        let huge = [
            UPGRADE,
            &[0x82, 127, 255, 255, 255, 255, 255, 255, 255, 255, 1],
        ];
        let found = units(Way::ToClient, &upgraded, &huge);
        assert_eq!(
            found[1],
            Unit::Raw(huge[1].to_vec()),
            "no room is made for it"
        );
    }
}
