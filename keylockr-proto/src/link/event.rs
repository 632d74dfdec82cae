use alloc::vec::Vec;
use core::time::Duration;

use crate::envelope::KpsHash;
use crate::filekey::FilekeyStatus;
use crate::handshake::WsSig;
use crate::id::Nickname;
use crate::keys::ServerKeys;
use crate::line::{LineOutput, ReplayVerdict};

use super::request::{Reply, Request, RequestError, RequestId};

/// What the driver reports to a [`Link`](super::Link).
///
/// The driver carries out each [`LinkOutput`] to its end before it reports the next thing, and
/// stays able to report `Request`, `Stop` and `Tick` meanwhile. After `LinkOutput::Close`, and
/// after `SocketClosed` or `SocketFailed`, it reports nothing more of that socket.
#[derive(Debug)]
pub enum LinkInput<'a> {
    /// The socket is up.
    SocketOpened,
    /// The service answered 401 to the upgrade.
    SocketRefused,
    /// The socket could not be opened, for any other reason, or broke.
    SocketFailed,
    /// A binary message.
    SocketMessage(&'a [u8]),
    /// A message above 65,536 bytes was announced, and not read.
    SocketOversized,
    /// A sign of life that says nothing to us: a ping or pong of RFC 6455, a text message.
    SocketActivity,
    /// The service closed the socket.
    SocketClosed {
        /// Its code, if it gave one.
        code: Option<u16>,
    },
    /// The service's keys as they are now; changed or not.
    ServerKeys(ServerKeys),
    /// The service's keys could not be had, or are not among the pinned ones.
    ServerKeysUnavailable,
    /// The clock was fetched; `now` is right from here on.
    ClockSynced,
    /// The clock could not be fetched.
    ClockUnavailable,
    /// The shared replay memory's answer.
    ReplayVerdict(ReplayVerdict),
    /// Ask this of the service. It is answered once, whatever happens.
    Request(RequestId, Request),
    /// Close the connection and end.
    Stop,
    /// Time has passed.
    Tick,
}

/// What a [`Link`](super::Link) wants done.
#[derive(Debug)]
pub enum LinkOutput {
    /// Open the WebSocket with this `sig`.
    Connect(WsSig),
    /// Send this as one binary message.
    Send(Vec<u8>),
    /// Let go of the socket, or of the attempt to open it.
    Close {
        /// The code to close it with.
        code: u16,
    },
    /// Fetch both keys of the service.
    RefetchKeys,
    /// Fetch the clock.
    SyncClock,
    /// Ask the replay memory that is shared by all attempts, and have it remember. Fixed box keys only.
    CheckReplay(KpsHash),
    /// The answer to a request.
    Answer(RequestId, Result<Reply, RequestError>),
    /// Something happened.
    Event(LinkEvent),
    /// Nothing more to do until the next input. Report `LinkInput::Tick` when
    /// [`Now::elapsed`](crate::Now::elapsed) reaches the time given, if one is given.
    Wait(Option<Duration>),
}

/// What happens on a link, unasked.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum LinkEvent {
    /// The connection stands.
    Up,
    /// The connection is lost, and made anew.
    Down,
    /// The connection was renamed on the phone.
    Updated {
        /// The new name, for display; `None` when nothing of it can be shown.
        name: Option<Nickname>,
    },
    /// The phone decided about the filekey, after a request that it had to be unlocked for.
    FilekeyResult(FilekeyStatus),
    /// The phone did not decide about the filekey within 300 s, or the service does not know of the
    /// request any more. It may be asked again.
    FilekeyTimedOut,
    /// The connection was removed, by the user or by us: end its sessions. The link is over.
    Deleted,
    /// The service does not know the connection any more: end its sessions. The link is over.
    Revoked,
    /// Another process has taken over the connection. The link is over, its sessions are not.
    Superseded,
}

impl LinkEvent {
    /// Whether all sessions that came about through this connection end (K 9).
    pub fn ends_sessions(&self) -> bool {
        matches!(self, Self::Deleted | Self::Revoked)
    }
}

impl From<LineOutput> for LinkOutput {
    fn from(output: LineOutput) -> Self {
        match output {
            LineOutput::Connect(sig) => Self::Connect(sig),
            LineOutput::Send(frame) => Self::Send(frame),
            LineOutput::Close { code } => Self::Close { code },
            LineOutput::RefetchKeys => Self::RefetchKeys,
            LineOutput::SyncClock => Self::SyncClock,
            LineOutput::CheckReplay(hash) => Self::CheckReplay(hash),
        }
    }
}
