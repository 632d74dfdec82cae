use alloc::vec::Vec;
use core::time::Duration;

use crate::envelope::KpsHash;
use crate::handshake::{QrUri, WsSig};
use crate::keys::ServerKeys;
use crate::line::{LineOutput, ReplayVerdict};

use super::end::LoginEnd;

/// What the driver reports to a [`Login`](super::Login).
///
/// The driver carries out each [`Output`] to its end before it reports the next thing, and stays
/// able to report `Cancel` and `Tick` meanwhile. After `Output::Close`, and after
/// `Input::SocketClosed` or `Input::SocketFailed`, it reports nothing more of that socket.
#[derive(Debug)]
#[expect(
    clippy::large_enum_variant,
    reason = "there is one at a time, on the stack; boxing would cost every driver a word"
)]
pub enum Input<'a> {
    /// The body of a 2xx answer to the handshake.
    HandshakeReply(&'a [u8]),
    /// The handshake got no 2xx answer.
    HandshakeFailed,
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
    /// A result that came back through the browser on the same device (K 7.7): the decoded
    /// `keylockr_result`. Anybody may have made it; it has an effect only if it is this attempt's.
    Returned(&'a [u8]),
    /// The answer to `app_verify`, of any status.
    VerifyReply {
        /// The HTTP status.
        status: u16,
        /// The body.
        body: &'a [u8],
    },
    /// `app_verify` got no answer.
    VerifyFailed,
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
    /// Give up.
    Cancel,
    /// Time has passed.
    Tick,
}

/// What a [`Login`](super::Login) wants done.
#[derive(Debug)]
pub enum Output {
    /// Post this to `/handshake`.
    Handshake(Vec<u8>),
    /// Open the WebSocket with this `sig`.
    Connect(WsSig),
    /// Send this as one binary message.
    Send(Vec<u8>),
    /// Let go of the socket, or of the attempt to open it.
    Close {
        /// The code to close it with.
        code: u16,
    },
    /// Post this JSON to `/app_verify`.
    Verify(Vec<u8>),
    /// Fetch both keys of the service.
    RefetchKeys,
    /// Fetch the clock.
    SyncClock,
    /// Ask the replay memory that is shared by all attempts, and have it remember. Fixed box keys only.
    CheckReplay(KpsHash),
    /// Something to show.
    Progress(Progress),
    /// The end. It comes once, and nothing but `Wait(None)` after it.
    Finished(LoginEnd),
    /// Nothing more to do until the next input. Report `Input::Tick` when [`Now::elapsed`]
    /// reaches the time given, if one is given.
    ///
    /// [`Now::elapsed`]: crate::Now::elapsed
    Wait(Option<Duration>),
}

/// What to show the user.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Progress {
    /// Nothing yet, or nothing any more: remove a code that is shown. It comes at the start, again when the attempt has
    /// its [`tmp_id`](super::Login::tmp_id), and when it has to start over.
    Waiting,
    /// Show this code.
    Connected(QrUri),
    /// The phone said yes: remove the code.
    Authorized,
}

impl From<LineOutput> for Output {
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
