use alloc::vec::Vec;

use crate::envelope::KpsHash;
use crate::error::ErrorKind;
use crate::handshake::WsSig;
use crate::keys::ServerKeys;
use crate::time::Window;

use super::inbox::Arrived;

/// K 5.5: a newer connection of the same identity took over.
pub(crate) const CLOSE_SUPERSEDED: u16 = 4409;
/// K 5.7: the service could not accept a frame of ours.
pub(crate) const CLOSE_POLICY: u16 = 1008;
/// RFC 6455: the peer sent what nobody can read.
pub(crate) const CLOSE_PROTOCOL: u16 = 1002;
/// RFC 6455: a message too big to process.
pub(crate) const CLOSE_TOO_BIG: u16 = 1009;
/// RFC 6455: done.
pub(crate) const CLOSE_NORMAL: u16 = 1000;
/// RFC 6455: going away; the connection is made anew.
pub(crate) const CLOSE_AWAY: u16 = 1001;

/// The answer of a replay memory shared by all attempts of a service, for fixed box keys (K 3.8).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReplayVerdict {
    /// Not seen before, and remembered from now on.
    Fresh,
    /// Seen before.
    Seen,
    /// The memory is full or does not answer.
    Unavailable,
}

/// How much a connection puts up with.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LineLimits {
    pub(crate) window: Window,
    /// Bad messages until [`LineEvent::TooManyStrikes`].
    pub(crate) strikes: u32,
    /// Messages remembered at a time.
    pub(crate) memory: usize,
}

/// What the driver reports about the connection.
#[derive(Debug)]
#[expect(
    clippy::large_enum_variant,
    reason = "there is one at a time, on the stack; boxing would cost every driver a word"
)]
pub(crate) enum LineInput<'a> {
    SocketOpened,
    SocketRefused,
    SocketFailed,
    SocketMessage(&'a [u8]),
    SocketOversized,
    SocketActivity,
    SocketClosed { code: Option<u16> },
    Returned(&'a [u8]),
    ServerKeys(ServerKeys),
    ServerKeysUnavailable,
    Clock { synced: bool },
    ReplayVerdict(ReplayVerdict),
}

/// What the driver has to do for the connection.
#[derive(Debug)]
pub(crate) enum LineOutput {
    Connect(WsSig),
    Send(Vec<u8>),
    Close { code: u16 },
    RefetchKeys,
    SyncClock,
    CheckReplay(KpsHash),
}

/// What the owner has to judge.
#[derive(Debug)]
pub(crate) enum LineEvent {
    /// Frames may be sent: only for a seed socket that was not greeted. A greeting is a frame, and the owner's to take.
    GoOnUngreeted,
    /// An authentic, fresh, new message.
    Frame(Arrived),
    /// The socket is gone; a new one is made after a pause.
    Lost,
    /// A socket of the appdata family got no `connected` in time. `Lost` follows.
    NotGreeted,
    /// 401, and again with a fresh clock.
    Unauthorised,
    /// A newer connection of this identity exists. No new one is made.
    Superseded,
    /// The service's keys are other ones. Nothing was done about it yet.
    KeysChanged(ServerKeys),
    /// The keys are what they were: this error is the peer's.
    ErrorStands(ErrorKind),
    /// The clock was asked for, and is right now, or could not be had.
    Clock,
    /// The limit of bad messages is reached.
    TooManyStrikes,
    /// No message can be remembered any more, so none can be accepted.
    MemoryFull,
}
