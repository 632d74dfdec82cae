//! What each report of the driver does, and how an attempt ends.

use crate::entropy::Entropy;
use crate::handshake::handshake_reply;
use crate::id::{Identity, TmpId};
use crate::keys::ServerKeys;
use crate::line::{CLOSE_AWAY, CLOSE_NORMAL, LineEvent, LineInput, bump};
use crate::time::Now;
use crate::verify::VerifyOutcome;

use super::end::{LoginEnd, LoginFailure};
use super::event::{Input, Output, Progress};
use super::phase::Phase;
use super::polling::{PollDue, Polling};
use super::result::failure_of;
use super::verify_wait::{VerifyDue, VerifyWait};
use super::{FRAMES, Login};

/// K 7.7: a returned frame above this never came from a phone.
const RETURNED: usize = 12_288;
/// Deadlines acted upon in one call. Each of them sets a later one, so this is never reached, except by a clock that
/// stands at the end of time.
const ROUNDS: usize = 16;

impl Login {
    pub(super) fn take(&mut self, now: Now, input: Input<'_>, entropy: &mut dyn Entropy) {
        if matches!(input, Input::SocketMessage(_) | Input::Returned(_)) {
            bump(&mut self.frames);
            if self.frames > FRAMES {
                return self.fail(LoginFailure::TooManyFrames);
            }
        }
        let input = match input {
            Input::HandshakeReply(body) => return self.handshake_reply(now, body),
            Input::HandshakeFailed => {
                if self.phase == Phase::New {
                    self.fail(LoginFailure::HandshakeFailed);
                }
                return;
            }
            Input::VerifyReply { status, body } => {
                let answer = VerifyOutcome::from_response(status, body);
                return self.verify_answer(now, answer);
            }
            Input::VerifyFailed => return self.verify_unanswered(now),
            Input::Cancel => return self.finish(LoginEnd::Cancelled),
            Input::Tick => return,
            Input::Returned(frame) if frame.len() > RETURNED => return self.line.malformed(),
            Input::Returned(frame) => LineInput::Returned(frame),
            Input::SocketOpened => LineInput::SocketOpened,
            Input::SocketRefused => LineInput::SocketRefused,
            Input::SocketFailed => LineInput::SocketFailed,
            Input::SocketMessage(bytes) => LineInput::SocketMessage(bytes),
            Input::SocketOversized => LineInput::SocketOversized,
            Input::SocketActivity => LineInput::SocketActivity,
            Input::SocketClosed { code } => LineInput::SocketClosed { code },
            Input::ServerKeys(keys) => LineInput::ServerKeys(keys),
            Input::ServerKeysUnavailable => LineInput::ServerKeysUnavailable,
            Input::ClockSynced => LineInput::Clock { synced: true },
            Input::ClockUnavailable => LineInput::Clock { synced: false },
            Input::ReplayVerdict(verdict) => LineInput::ReplayVerdict(verdict),
        };
        self.line.handle(now, input, entropy);
    }

    /// Judges what the connection reports, until it reports nothing more.
    pub(super) fn settle(&mut self, now: Now, entropy: &mut dyn Entropy) {
        while !self.phase.is_over() {
            let Some(event) = self.line.next_event() else {
                return;
            };
            self.on_event(now, event, entropy);
        }
    }

    pub(super) fn run_deadlines(&mut self, now: Now, entropy: &mut dyn Entropy) {
        for _ in 0..ROUNDS {
            if self.phase.is_over() {
                return;
            }
            let mut acted = self.line.run_deadline(now, entropy);
            self.settle(now, entropy);
            acted |= self.run_own_deadlines(now, entropy);
            self.settle(now, entropy);
            if !acted {
                return;
            }
        }
    }

    fn run_own_deadlines(&mut self, now: Now, entropy: &mut dyn Entropy) -> bool {
        if self.phase.is_over() {
            return false;
        }
        if self.sender_until.is_some_and(|until| until <= now.elapsed) {
            // The poll does not say who sends. A blob that names its sender is still readable.
            self.sender_until = None;
            self.polling.stop();
            self.authorize(now);
            return true;
        }
        // Once the phone has said yes an answer may still come, but nobody waits for it.
        if self.waits_for_phone()
            && let Some(due) = self.polling.due(now.elapsed)
        {
            match due {
                PollDue::Ask => self.poll(now, entropy),
                PollDue::Unanswered => self.line.reconnect(now, CLOSE_AWAY, entropy),
            }
            return true;
        }
        if let Some(due) = self.verify.due(now.elapsed) {
            match due {
                VerifyDue::Ask => self.ask_verify(now),
                VerifyDue::Unanswered => self.verify_unanswered(now),
            }
            return true;
        }
        false
    }

    /// Ends the attempt: lets go of the socket, says how it ended, and forgets everything.
    pub(super) fn finish(&mut self, end: LoginEnd) {
        if self.phase.is_over() {
            return;
        }
        self.line.close(match &end {
            LoginEnd::Cancelled => CLOSE_AWAY,
            _ => CLOSE_NORMAL,
        });
        self.phase = match &end {
            LoginEnd::Done(_) => Phase::Done,
            LoginEnd::Denied { .. } => Phase::Denied,
            LoginEnd::Failed(_) => Phase::Failed,
            LoginEnd::Expired => Phase::Expired,
            LoginEnd::Cancelled => Phase::Cancelled,
        };
        self.forget();
        self.put(Output::Finished(end));
    }

    fn forget(&mut self) {
        self.polling = Polling::default();
        self.verify = VerifyWait::default();
        self.result = None;
        self.sender_until = None;
    }

    pub(super) fn fail(&mut self, failure: LoginFailure) {
        self.finish(LoginEnd::Failed(failure));
    }

    fn handshake_reply(&mut self, now: Now, body: &[u8]) {
        if self.phase != Phase::New {
            return;
        }
        match handshake_reply(self.line.family(), body) {
            Ok(tmp_id) => {
                self.tmp_id = Some(tmp_id.clone());
                self.phase = Phase::TmpConnecting;
                // There is an id now, and still nothing to show.
                self.put(Output::Progress(Progress::Waiting));
                self.connect(now, tmp_id);
            }
            Err(error) => self.fail(failure_of(&error)),
        }
    }

    pub(super) fn connect(&mut self, now: Now, tmp_id: TmpId) {
        if let Err(error) = self.line.connect_as(now, Identity::Tmp(tmp_id)) {
            self.fail(failure_of(&error));
        }
    }

    fn on_event(&mut self, now: Now, event: LineEvent, entropy: &mut dyn Entropy) {
        // Once the phone has said yes the socket is no longer needed: only another result, or too
        // much rubbish, can still spoil it.
        let decided = self.phase == Phase::Authorized;
        match event {
            LineEvent::Frame(arrived) => self.on_frame(now, &arrived, entropy),
            LineEvent::TooManyStrikes => self.fail(LoginFailure::Strikes),
            LineEvent::Lost if decided => {
                self.polling.lost();
                self.line.close(CLOSE_NORMAL);
            }
            _ if decided => {}
            LineEvent::GoOnUngreeted => self.on_ready(now),
            LineEvent::Lost => self.polling.lost(),
            LineEvent::NotGreeted => {
                if self.phase == Phase::TmpConnecting {
                    self.fail(LoginFailure::NotConnected);
                }
            }
            LineEvent::Unauthorised => self.fail(LoginFailure::Unauthorised),
            LineEvent::Superseded => self.fail(LoginFailure::Superseded),
            LineEvent::KeysChanged(server) => self.restart(server),
            LineEvent::ErrorStands(kind) => self.fail(LoginFailure::Protocol(kind)),
            LineEvent::Clock => {
                if self.polling.clock_answered() && self.line.is_ready() {
                    self.polling.ask_now(now.elapsed);
                }
            }
            LineEvent::MemoryFull => self.fail(LoginFailure::ReplayMemory),
        }
    }

    /// K 4: other keys, another attempt at the service. The life goes on.
    fn restart(&mut self, server: ServerKeys) {
        self.line.rekey(server);
        self.forget();
        self.tmp_id = None;
        self.shown = false;
        self.phase = Phase::New;
        self.begin();
    }
}
