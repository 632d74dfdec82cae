//! The connection of one authorised app, kept up as long as it is needed, as a machine without I/O
//! (K 5, 8, 9).
//!
//! A [`Link`] is fed and drained like a [`Login`](crate::login::Login). It sends one request of a
//! kind at a time and matches the answers by name, makes the connection anew when it is lost, waits
//! for the phone when a filekey has to be released there, and ends when the service or the user
//! ends the connection.

mod config;
mod event;
mod flow;
mod queue;
mod request;

use alloc::collections::VecDeque;
use alloc::sync::Arc;
use core::time::Duration;

pub use config::LinkConfig;
pub use event::{LinkEvent, LinkInput, LinkOutput};
pub use request::{Reply, Request, RequestError, RequestId};

use crate::entropy::Entropy;
use crate::id::Identity;
use crate::keys::{ClientKeys, ServerKeys};
use crate::line::{Counters, Line};
use crate::time::Now;

use queue::Queue;

/// One authorised connection.
///
/// After every input drain [`poll_output`](Link::poll_output) until [`LinkOutput::Wait`].
#[derive(Debug)]
pub struct Link {
    config: LinkConfig,
    line: Line,
    /// The latest time we were told. It never goes back.
    elapsed: Duration,
    /// `Up` was reported, and no `Down` since.
    up: bool,
    closed: bool,
    queue: Queue,
    /// Until when the phone's decision about the filekey is awaited.
    filekey_until: Option<Duration>,
    outputs: VecDeque<LinkOutput>,
}

/// What a link can take (K 7.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum LinkPhase {
    /// There is no connection.
    Connecting,
    /// The filekey was asked for and is not here yet.
    KeyWait,
    /// Requests go out at once.
    DataReady,
    /// A write is on its way.
    DataWriting,
    /// Over.
    Closed,
}

impl Link {
    /// Connects: the first output says so. `keys` are those of the login that made the connection.
    ///
    /// After this call, and after every input, drain [`poll_output`](Link::poll_output) until
    /// [`LinkOutput::Wait`].
    pub fn new(config: LinkConfig, keys: Arc<ClientKeys>, server: ServerKeys, now: Now) -> Self {
        let mut link = Self {
            line: Line::new(config.family, keys, server, config.limits()),
            config,
            elapsed: now.elapsed,
            up: false,
            closed: false,
            queue: Queue::default(),
            filekey_until: None,
            outputs: VecDeque::new(),
        };
        link.connect(now);
        link.flush();
        link
    }

    /// Takes one report of the driver.
    ///
    /// After every input drain [`poll_output`](Link::poll_output) until [`LinkOutput::Wait`]. Once
    /// the link is over, a request is answered with [`RequestError::Closed`] and nothing else has
    /// an effect. `now.elapsed` that runs backwards is held at its highest.
    pub fn handle_input(&mut self, now: Now, input: LinkInput<'_>, entropy: &mut dyn Entropy) {
        self.elapsed = self.elapsed.max(now.elapsed);
        let now = Now {
            elapsed: self.elapsed,
            unix: now.unix,
        };
        if self.closed {
            if let LinkInput::Request(id, _) = input {
                self.put(LinkOutput::Answer(id, Err(RequestError::Closed)));
            }
            return;
        }
        self.take(now, input, entropy);
        self.settle(now, entropy);
        self.run_deadlines(now, entropy);
        self.pump(now, entropy);
        self.flush();
    }

    /// The next thing to do.
    ///
    /// After every input drain `poll_output` until [`LinkOutput::Wait`].
    pub fn poll_output(&mut self) -> LinkOutput {
        self.outputs
            .pop_front()
            .unwrap_or_else(|| LinkOutput::Wait(self.deadline()))
    }

    /// What the link can take now.
    ///
    /// After every input drain [`poll_output`](Link::poll_output) until [`LinkOutput::Wait`].
    pub fn phase(&self) -> LinkPhase {
        if self.closed {
            LinkPhase::Closed
        } else if !self.line.is_ready() {
            LinkPhase::Connecting
        } else if self.queue.is_writing() {
            LinkPhase::DataWriting
        } else if self.filekey_until.is_some() {
            LinkPhase::KeyWait
        } else {
            LinkPhase::DataReady
        }
    }

    /// Whether the link is over.
    ///
    /// After every input drain [`poll_output`](Link::poll_output) until [`LinkOutput::Wait`].
    pub fn is_closed(&self) -> bool {
        self.closed
    }

    /// What was dropped, and what was tried again.
    ///
    /// After every input drain [`poll_output`](Link::poll_output) until [`LinkOutput::Wait`].
    pub fn counters(&self) -> Counters {
        self.line.counters()
    }

    fn deadline(&self) -> Option<Duration> {
        if self.closed {
            return None;
        }
        [
            self.line.deadline(),
            self.queue.deadline(),
            self.filekey_until,
        ]
        .into_iter()
        .flatten()
        .min()
    }

    fn connect(&mut self, now: Now) {
        let identity = Identity::App(self.config.app_id.clone());
        if self.line.connect_as(now, identity).is_err() {
            // Keys that agree on nothing are refused where they are loaded.
            self.end(LinkEvent::Revoked);
        }
    }

    /// Puts an output behind everything the connection wanted before.
    fn put(&mut self, output: LinkOutput) {
        self.flush();
        self.outputs.push_back(output);
    }

    fn flush(&mut self) {
        while let Some(output) = self.line.next_output() {
            self.outputs.push_back(output.into());
        }
    }
}
