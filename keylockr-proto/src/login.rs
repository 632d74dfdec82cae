//! One sign-in attempt, from the handshake to the verdict, as a machine without I/O (K 7).
//!
//! A [`Login`] is a value that is fed and drained. The driver reports what happened as an
//! [`Input`], then takes [`Output`]s and carries each of them out, until it gets
//! [`Output::Wait`]. Time and randomness are arguments; deadlines lie on the monotonic axis
//! [`Now::elapsed`], and the clock on the wall is used for timestamps alone, so that it may jump.
//!
//! The machine cannot be driven into a panic, holds a bounded amount of memory, and trusts nobody:
//! what is not expected in a phase is dropped and counted, and eight such messages end the attempt.

mod config;
mod end;
mod event;
mod flow;
mod messages;
mod phase;
mod polling;
mod result;
mod suspend;
mod verify_wait;

use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::sync::Arc;
use core::time::Duration;

pub use config::{ConfigError, LoginConfig, VerifyPolicy};
pub use end::{Authorized, DataState, LoginEnd, LoginFailure};
pub use event::{Input, Output, Progress};
pub use phase::Phase;
pub use suspend::{ResumeError, Suspended};

use crate::entropy::Entropy;
use crate::handshake::HandshakeRequest;
use crate::id::TmpId;
use crate::keys::{ClientKeys, ServerKeys};
use crate::line::{Counters, Line, LineLimits};
use crate::time::Now;

use polling::Polling;
use verify_wait::VerifyWait;

/// Messages that one attempt remembers: far more than its life has room for.
const MEMORY: usize = 2048;

/// Messages that one attempt opens, the repeated ones included, which are no strikes.
const FRAMES: u32 = 4096;

/// One sign-in attempt.
///
/// After every input drain [`poll_output`](Login::poll_output) until [`Output::Wait`].
#[derive(Debug)]
pub struct Login {
    config: LoginConfig,
    line: Line,
    phase: Phase,
    /// The latest time we were told. It never goes back.
    elapsed: Duration,
    expires: Duration,
    tmp_id: Option<TmpId>,
    /// Messages that came in, in this process.
    frames: u32,
    /// The code was shown.
    shown: bool,
    polling: Polling,
    /// The result in hand.
    result: Option<Box<Authorized>>,
    /// Until when the poll is asked who sends the filekeys, although the result is in hand (seed).
    sender_until: Option<Duration>,
    verify: VerifyWait,
    outputs: VecDeque<Output>,
}

impl Login {
    /// Starts an attempt: the first output is its handshake.
    ///
    /// `keys` are this login's alone unless their lifetime says otherwise. After every input, and
    /// after this call, drain [`poll_output`](Login::poll_output) until [`Output::Wait`].
    ///
    /// # Errors
    ///
    /// A configuration that must not be used, see [`ConfigError`].
    pub fn new(
        config: LoginConfig,
        keys: Arc<ClientKeys>,
        server: ServerKeys,
        now: Now,
    ) -> Result<Self, ConfigError> {
        config.check(keys.lifetime())?;
        let mut login = Self::idle(config, keys, server, now);
        login.begin();
        Ok(login)
    }

    fn idle(config: LoginConfig, keys: Arc<ClientKeys>, server: ServerKeys, now: Now) -> Self {
        let limits = LineLimits {
            window: config.window,
            strikes: config.strikes,
            memory: MEMORY,
        };
        Self {
            line: Line::new(config.service.family(), keys, server, limits),
            phase: Phase::New,
            elapsed: now.elapsed,
            expires: now.elapsed.saturating_add(config.life),
            tmp_id: None,
            frames: 0,
            shown: false,
            polling: Polling::default(),
            result: None,
            sender_until: None,
            verify: VerifyWait::default(),
            outputs: VecDeque::new(),
            config,
        }
    }

    fn begin(&mut self) {
        let request = HandshakeRequest {
            service: &self.config.service,
            name: &self.config.name,
            sign: self.keys().sign_public(),
            enc: self.keys().box_public(),
        };
        let bytes = request.encode();
        self.put(Output::Progress(Progress::Waiting));
        self.put(Output::Handshake(bytes));
    }

    /// Takes one report of the driver.
    ///
    /// After every input drain [`poll_output`](Login::poll_output) until [`Output::Wait`]. Once
    /// [`Output::Finished`] was given out, inputs have no effect. `now.elapsed` that runs
    /// backwards is held at its highest.
    pub fn handle_input(&mut self, now: Now, input: Input<'_>, entropy: &mut dyn Entropy) {
        if self.phase.is_over() {
            return;
        }
        self.elapsed = self.elapsed.max(now.elapsed);
        let now = Now {
            elapsed: self.elapsed,
            unix: now.unix,
        };
        if self.is_expired() {
            self.finish(LoginEnd::Expired);
            return;
        }
        self.take(now, input, entropy);
        self.settle(now, entropy);
        self.run_deadlines(now, entropy);
        self.flush();
    }

    /// The next thing to do.
    ///
    /// After every input drain `poll_output` until [`Output::Wait`].
    pub fn poll_output(&mut self) -> Output {
        self.outputs
            .pop_front()
            .unwrap_or_else(|| Output::Wait(self.deadline()))
    }

    /// Where the attempt stands.
    ///
    /// After every input drain [`poll_output`](Login::poll_output) until [`Output::Wait`].
    pub fn phase(&self) -> Phase {
        self.phase
    }

    /// The attempt's id at the service, once there is one. A restart with changed keys changes it.
    ///
    /// After every input drain [`poll_output`](Login::poll_output) until [`Output::Wait`].
    pub fn tmp_id(&self) -> Option<&TmpId> {
        self.tmp_id.as_ref()
    }

    /// When the wait for the phone ends, on the axis of [`Now::elapsed`].
    ///
    /// After every input drain [`poll_output`](Login::poll_output) until [`Output::Wait`].
    pub fn expires(&self) -> Duration {
        self.expires
    }

    /// What was dropped, and what was tried again.
    ///
    /// After every input drain [`poll_output`](Login::poll_output) until [`Output::Wait`].
    pub fn counters(&self) -> Counters {
        self.line.counters()
    }

    /// The keys of this attempt. After [`Login::resume`] they are the ones it was suspended with.
    ///
    /// After every input drain [`poll_output`](Login::poll_output) until [`Output::Wait`].
    pub fn keys(&self) -> &Arc<ClientKeys> {
        self.line.keys()
    }

    /// The service's keys as this attempt knows them.
    ///
    /// After every input drain [`poll_output`](Login::poll_output) until [`Output::Wait`].
    pub fn server_keys(&self) -> &ServerKeys {
        self.line.server()
    }

    /// What the attempt is for.
    ///
    /// After every input drain [`poll_output`](Login::poll_output) until [`Output::Wait`].
    pub fn config(&self) -> &LoginConfig {
        &self.config
    }

    /// K 7.3: the life counts until the phone has said yes; after that `app_verify` has its own limits.
    fn is_expired(&self) -> bool {
        self.waits_for_phone() && self.elapsed >= self.expires
    }

    fn waits_for_phone(&self) -> bool {
        matches!(
            self.phase,
            Phase::New | Phase::TmpConnecting | Phase::TmpWait
        )
    }

    fn deadline(&self) -> Option<Duration> {
        if self.phase.is_over() {
            return None;
        }
        let waiting = self.waits_for_phone();
        [
            waiting.then_some(self.expires),
            self.polling.deadline().filter(|_| waiting),
            self.sender_until,
            self.line.deadline(),
            self.verify.deadline(),
        ]
        .into_iter()
        .flatten()
        .min()
    }

    /// Puts an output behind everything the connection wanted before.
    fn put(&mut self, output: Output) {
        self.flush();
        self.outputs.push_back(output);
    }

    fn flush(&mut self) {
        while let Some(output) = self.line.next_output() {
            self.outputs.push_back(output.into());
        }
    }
}
