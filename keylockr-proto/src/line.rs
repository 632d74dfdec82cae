//! What a login and a link have in common: one identity's connection to the service. It opens the
//! socket and opens it again, opens every message in the order of K 3.4, counts what is wrong,
//! and tries each cure (keys, clock) once. What a message means is its owner's business.

mod backoff;
mod counters;
mod inbox;
mod repair;
mod socket;

use alloc::collections::VecDeque;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::time::Duration;

pub use counters::Counters;
pub(crate) use counters::bump;
pub(crate) use inbox::{Arrived, Way};

use crate::action::Action;
use crate::entropy::Entropy;
use crate::envelope::{Channel, KpsHash};
use crate::error::{Error, ErrorKind};
use crate::handshake::WsSig;
use crate::id::{Family, Identity};
use crate::keys::{ClientKeys, KeyLifetime, ServerKeys};
use crate::time::{Now, Window};

use backoff::Backoff;
use inbox::{Inbox, Receipt};
use repair::{KeyDoubt, Repair};
use socket::{Due, Socket};

/// K 5.5: a newer connection of the same identity took over.
const CLOSE_SUPERSEDED: u16 = 4409;
/// K 5.7: the service could not accept a frame of ours.
pub(crate) const CLOSE_POLICY: u16 = 1008;
/// RFC 6455: the peer sent what nobody can read.
const CLOSE_PROTOCOL: u16 = 1002;
/// RFC 6455: a message too big to process.
const CLOSE_TOO_BIG: u16 = 1009;
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

/// One identity's connection.
#[derive(Debug)]
pub(crate) struct Line {
    family: Family,
    keys: Arc<ClientKeys>,
    server: ServerKeys,
    limits: LineLimits,
    channel: Option<Channel>,
    socket: Socket,
    /// The clock was fetched for a 401 and the answer is not known to be better yet.
    clock_tried: bool,
    backoff: Backoff,
    inbox: Inbox,
    repair: Repair,
    counters: Counters,
    strikes: u32,
    events: VecDeque<LineEvent>,
    outputs: VecDeque<LineOutput>,
}

impl Line {
    pub(crate) fn new(
        family: Family,
        keys: Arc<ClientKeys>,
        server: ServerKeys,
        limits: LineLimits,
    ) -> Self {
        let shared = keys.lifetime() == KeyLifetime::Fixed;
        Self {
            family,
            keys,
            server,
            limits,
            channel: None,
            socket: Socket::Idle,
            clock_tried: false,
            backoff: Backoff::default(),
            inbox: Inbox::new(shared, limits.memory, limits.window),
            repair: Repair::default(),
            counters: Counters::default(),
            strikes: 0,
            events: VecDeque::new(),
            outputs: VecDeque::new(),
        }
    }

    pub(crate) fn family(&self) -> Family {
        self.family
    }

    pub(crate) fn keys(&self) -> &Arc<ClientKeys> {
        &self.keys
    }

    pub(crate) fn server(&self) -> &ServerKeys {
        &self.server
    }

    pub(crate) fn counters(&self) -> Counters {
        self.counters
    }

    pub(crate) fn counters_mut(&mut self) -> &mut Counters {
        &mut self.counters
    }

    pub(crate) fn next_event(&mut self) -> Option<LineEvent> {
        self.events.pop_front()
    }

    pub(crate) fn next_output(&mut self) -> Option<LineOutput> {
        self.outputs.pop_front()
    }

    /// Whether frames may be sent.
    pub(crate) fn is_ready(&self) -> bool {
        self.socket.is_ready()
    }

    /// Takes this identity and connects.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Key`] when the service's box key and ours agree on nothing.
    pub(crate) fn connect_as(&mut self, now: Now, identity: Identity) -> Result<(), Error> {
        self.channel = Some(Channel::new(&self.keys, &self.server, identity)?);
        self.connect(now);
        Ok(())
    }

    /// From here on the service speaks with these keys. The connection, if any, is closed; the owner makes the next.
    pub(crate) fn rekey(&mut self, server: ServerKeys) {
        self.close(CLOSE_NORMAL);
        self.inbox.restart();
        self.events.clear();
        self.clock_tried = false;
        self.server = server;
        self.channel = None;
    }

    /// Lets go of the socket for good.
    pub(crate) fn close(&mut self, code: u16) {
        if self.socket.is_open() || self.socket == Socket::Opening {
            self.outputs.push_back(LineOutput::Close { code });
        }
        self.socket = Socket::Idle;
        self.inbox.drop_held();
    }

    /// Lets go of the socket and makes a new one after a pause.
    pub(crate) fn reconnect(&mut self, now: Now, code: u16, entropy: &mut dyn Entropy) {
        if self.socket.is_open() {
            self.outputs.push_back(LineOutput::Close { code });
            self.lost(now, entropy);
        }
    }

    /// Takes a `connected`. False when this socket was greeted before.
    pub(crate) fn greet(&mut self) -> bool {
        let first = self.socket.greet();
        if first {
            self.clock_tried = false;
        }
        first
    }

    /// Seals and sends.
    pub(crate) fn send<A: Action>(
        &mut self,
        now: Now,
        action: &A,
        entropy: &mut dyn Entropy,
    ) -> Result<(), Error> {
        let Some(channel) = &self.channel else {
            return Err(ErrorKind::Identity.into());
        };
        let frame = channel.seal_action(action, now.unix, entropy)?;
        self.outputs.push_back(LineOutput::Send(frame));
        Ok(())
    }

    /// Asks for the clock; the answer is a [`LineEvent::Clock`].
    pub(crate) fn sync_clock(&mut self) {
        if self.repair.ask_clock() {
            bump(&mut self.counters.clock_syncs);
            self.outputs.push_back(LineOutput::SyncClock);
        }
    }

    /// Counts a message that the phase has no use for.
    pub(crate) fn out_of_phase(&mut self) {
        bump(&mut self.counters.out_of_phase);
        bump(&mut self.counters.dropped);
        self.strike();
    }

    /// Counts a message whose body cannot be read.
    pub(crate) fn malformed(&mut self) {
        bump(&mut self.counters.malformed);
        bump(&mut self.counters.dropped);
        self.strike();
    }

    /// Forgives what happened so far.
    pub(crate) fn forgive(&mut self) {
        self.strikes = 0;
    }

    pub(crate) fn deadline(&self) -> Option<Duration> {
        self.socket.deadline(self.family)
    }

    /// Acts on a deadline that has passed. True when there was one; there may be more.
    pub(crate) fn run_deadline(&mut self, now: Now, entropy: &mut dyn Entropy) -> bool {
        match self.socket.due(now.elapsed, self.family) {
            None => return false,
            Some(Due::Reconnect) => self.connect(now),
            Some(Due::Silent) => self.reconnect(now, CLOSE_AWAY, entropy),
            Some(Due::NotGreeted) => {
                self.events.push_back(LineEvent::NotGreeted);
                self.reconnect(now, CLOSE_AWAY, entropy);
            }
            Some(Due::GoOnUngreeted) => {
                self.socket.go_on();
                self.clock_tried = false;
                self.events.push_back(LineEvent::GoOnUngreeted);
            }
        }
        true
    }

    pub(crate) fn handle(&mut self, now: Now, input: LineInput<'_>, entropy: &mut dyn Entropy) {
        match input {
            LineInput::SocketOpened => {
                if self.socket == Socket::Opening {
                    self.socket = Socket::open(now.elapsed);
                }
            }
            LineInput::SocketRefused => self.refused(),
            LineInput::SocketFailed => {
                if self.socket == Socket::Opening || self.socket.is_open() {
                    self.lost(now, entropy);
                }
            }
            LineInput::SocketClosed { code } => self.closed(now, code, entropy),
            LineInput::SocketActivity => self.socket.heard(now.elapsed),
            LineInput::SocketOversized => {
                if self.socket.is_open() {
                    self.malformed();
                    self.reconnect(now, CLOSE_TOO_BIG, entropy);
                }
            }
            LineInput::SocketMessage(bytes) => {
                if self.socket.is_open() {
                    self.socket.heard(now.elapsed);
                    self.receive(now, bytes, Way::Socket, entropy);
                } else {
                    bump(&mut self.counters.dropped);
                }
            }
            LineInput::Returned(bytes) => self.receive(now, bytes, Way::Returned, entropy),
            LineInput::ServerKeys(server) => self.keys_answered(Some(server)),
            LineInput::ServerKeysUnavailable => self.keys_answered(None),
            LineInput::Clock { synced } => self.clock_answered(now, synced, entropy),
            LineInput::ReplayVerdict(verdict) => self.verdict(now, verdict, entropy),
        }
    }

    fn connect(&mut self, now: Now) {
        let Some(channel) = &self.channel else { return };
        let sig = WsSig::new(channel.identity(), now.unix, &self.keys);
        self.outputs.push_back(LineOutput::Connect(sig));
        self.socket = Socket::Opening;
    }

    fn lost(&mut self, now: Now, entropy: &mut dyn Entropy) {
        let lived = match self.socket {
            Socket::Open(open) if open.ready => now.elapsed.saturating_sub(open.since),
            _ => Duration::ZERO,
        };
        let pause = self.backoff.pause(lived, entropy);
        self.socket = Socket::Paused {
            until: now.elapsed.saturating_add(pause),
        };
        self.inbox.drop_held();
        bump(&mut self.counters.reconnects);
        self.events.push_back(LineEvent::Lost);
    }

    /// 401. The service refuses a `sig` whose time is wrong as it refuses one it does not know.
    fn refused(&mut self) {
        if self.socket != Socket::Opening {
            return;
        }
        if self.clock_tried {
            self.socket = Socket::Idle;
            self.events.push_back(LineEvent::Unauthorised);
        } else {
            self.clock_tried = true;
            self.socket = Socket::AwaitingClock;
            self.sync_clock();
        }
    }

    fn closed(&mut self, now: Now, code: Option<u16>, entropy: &mut dyn Entropy) {
        if !self.socket.is_open() {
            return;
        }
        match code {
            Some(CLOSE_SUPERSEDED) => {
                self.socket = Socket::Idle;
                self.inbox.drop_held();
                self.events.push_back(LineEvent::Superseded);
            }
            Some(CLOSE_POLICY) => {
                // The service could not read us: perhaps it has other keys by now.
                self.strike();
                self.doubt_keys(now, ErrorKind::Peer);
                self.lost(now, entropy);
            }
            _ => self.lost(now, entropy),
        }
    }

    /// Opens a message that came over the socket or through the browser.
    fn receive(&mut self, now: Now, bytes: &[u8], way: Way, entropy: &mut dyn Entropy) {
        let Some(channel) = &self.channel else {
            bump(&mut self.counters.dropped);
            return;
        };
        match self
            .inbox
            .receive(channel, bytes, way, now, self.limits.window)
        {
            Receipt::Accepted(arrived) => self.events.push_back(LineEvent::Frame(arrived)),
            Receipt::Ask(hash) => self.outputs.push_back(LineOutput::CheckReplay(hash)),
            Receipt::Held => {}
            Receipt::NoRoom => bump(&mut self.counters.dropped),
            Receipt::Refused(kind, way) => self.refuse(now, kind, way, entropy),
            Receipt::MemoryFull => self.events.push_back(LineEvent::MemoryFull),
        }
    }

    fn verdict(&mut self, now: Now, verdict: ReplayVerdict, entropy: &mut dyn Entropy) {
        let Some(arrived) = self.inbox.take_waiting() else {
            return;
        };
        match verdict {
            ReplayVerdict::Fresh => self.events.push_back(LineEvent::Frame(arrived)),
            ReplayVerdict::Seen => self.refuse(now, ErrorKind::Replay, arrived.way, entropy),
            ReplayVerdict::Unavailable => self.events.push_back(LineEvent::MemoryFull),
        }
        while let Some((bytes, way)) = self.inbox.take_held() {
            self.receive(now, &bytes, way, entropy);
        }
    }

    fn refuse(&mut self, now: Now, kind: ErrorKind, way: Way, entropy: &mut dyn Entropy) {
        bump(&mut self.counters.dropped);
        if kind == ErrorKind::Replay {
            bump(&mut self.counters.replayed);
            return;
        }
        let unauthentic = matches!(kind, ErrorKind::Seal | ErrorKind::Hash | ErrorKind::Box);
        bump(match kind {
            ErrorKind::Time => &mut self.counters.untimely,
            _ if unauthentic => &mut self.counters.unauthentic,
            _ => &mut self.counters.malformed,
        });
        self.strike();
        if way == Way::Returned {
            // What a browser hands in says nothing about the service.
        } else if unauthentic {
            self.doubt_keys(now, kind);
        } else {
            // It may have been the one that matters, and a new connection is told everything again (K 5.5).
            self.reconnect(now, CLOSE_PROTOCOL, entropy);
        }
    }

    fn doubt_keys(&mut self, now: Now, kind: ErrorKind) {
        match self.repair.doubt_keys(now.elapsed, kind) {
            KeyDoubt::Ask => {
                bump(&mut self.counters.key_refetches);
                self.outputs.push_back(LineOutput::RefetchKeys);
            }
            KeyDoubt::Asked => {}
            KeyDoubt::Stands if kind == ErrorKind::Peer => {}
            KeyDoubt::Stands => self.events.push_back(LineEvent::ErrorStands(kind)),
        }
    }

    fn strike(&mut self) {
        bump(&mut self.counters.strikes);
        bump(&mut self.strikes);
        if self.strikes >= self.limits.strikes {
            self.events.push_back(LineEvent::TooManyStrikes);
        }
    }

    fn keys_answered(&mut self, server: Option<ServerKeys>) {
        let Some(kind) = self.repair.keys_answered() else {
            return;
        };
        match server {
            Some(server) if server != self.server => {
                self.events.push_back(LineEvent::KeysChanged(server));
            }
            // A close by the service is no proof that the error is ours to report.
            _ if kind == ErrorKind::Peer => {}
            _ => self.events.push_back(LineEvent::ErrorStands(kind)),
        }
    }

    fn clock_answered(&mut self, now: Now, synced: bool, entropy: &mut dyn Entropy) {
        if !self.repair.clock_answered() {
            return;
        }
        if self.socket == Socket::AwaitingClock {
            if synced {
                self.connect(now);
            } else {
                // Without a clock a second 401 would prove nothing.
                self.clock_tried = false;
                self.lost(now, entropy);
            }
        }
        self.events.push_back(LineEvent::Clock);
    }
}
