//! What each report of the driver does to the connection.

use core::time::Duration;

use crate::entropy::Entropy;
use crate::error::ErrorKind;
use crate::handshake::WsSig;
use crate::keys::ServerKeys;
use crate::time::Now;

use super::event::{
    CLOSE_POLICY, CLOSE_PROTOCOL, CLOSE_SUPERSEDED, CLOSE_TOO_BIG, LineEvent, LineInput,
    LineOutput, ReplayVerdict,
};
use super::inbox::{Receipt, Way};
use super::repair::KeyDoubt;
use super::socket::Socket;
use super::{Line, bump};

impl Line {
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

    pub(super) fn connect(&mut self, now: Now) {
        let Some(channel) = &self.channel else { return };
        let sig = WsSig::new(channel.identity(), now.unix, &self.keys);
        self.outputs.push_back(LineOutput::Connect(sig));
        self.socket = Socket::Opening;
    }

    pub(super) fn lost(&mut self, now: Now, entropy: &mut dyn Entropy) {
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

    pub(super) fn strike(&mut self) {
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
