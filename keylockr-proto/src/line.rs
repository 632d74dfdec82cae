//! What a login and a link have in common: one identity's connection to the service. It opens the
//! socket and opens it again, opens every message in the order of K 3.4, counts what is wrong,
//! and tries each cure (keys, clock) once. What a message means is its owner's business.

mod backoff;
mod counters;
mod event;
mod flow;
mod inbox;
mod repair;
mod socket;

use alloc::collections::VecDeque;
use alloc::sync::Arc;
use core::time::Duration;

pub use counters::Counters;
pub(crate) use counters::bump;
pub use event::ReplayVerdict;
pub(crate) use event::{
    CLOSE_AWAY, CLOSE_NORMAL, CLOSE_POLICY, LineEvent, LineInput, LineLimits, LineOutput,
};
pub(crate) use inbox::{Arrived, Way};

use crate::action::Action;
use crate::entropy::Entropy;
use crate::envelope::Channel;
use crate::error::{Error, ErrorKind};
use crate::id::{Family, Identity};
use crate::keys::{ClientKeys, KeyLifetime, ServerKeys};
use crate::time::Now;

use backoff::Backoff;
use inbox::Inbox;
use repair::Repair;
use socket::{Due, Socket};

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
}
