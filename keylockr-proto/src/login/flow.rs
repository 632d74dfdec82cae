//! What each input and each message does. One method for each event; the table is in `phase.rs`.

use alloc::boxed::Box;
use core::time::Duration;

use crate::action::{Action, AppConnectReq, ConnectDone, ConnectReply, Pong};
use crate::entropy::Entropy;
use crate::envelope::Message;
use crate::error::Error;
use crate::handshake::{QrUri, handshake_reply};
use crate::id::{Family, Identity, Revision, TmpId};
use crate::keys::ServerKeys;
use crate::line::{Arrived, CLOSE_AWAY, CLOSE_NORMAL, LineEvent, LineInput, Way, bump};
use crate::push::{AuthResult, Push};
use crate::time::Now;
use crate::verify::{VerifyOutcome, VerifyRequest};

use super::Login;
use super::config::VerifyPolicy;
use super::end::{Authorized, LoginEnd, LoginFailure};
use super::event::{Input, Output, Progress};
use super::phase::{Phase, Reaction, reaction};
use super::polling::{PollDue, Polling};
use super::result::{Asked, agree, failure_of, poll_agrees, polled, refused};
use super::verify_wait::{VerifyDue, VerifyWait};

/// K 7.7: a returned frame above this never came from a phone.
const RETURNED: usize = 12_288;
/// K 7.3, 8.1: how long the sender of filekeys is asked for once the result is in hand.
const SENDER: Duration = Duration::from_secs(15);
/// Deadlines acted upon in one call. Each of them sets a later one, so this is never reached, except by a clock that
/// stands at the end of time.
const ROUNDS: usize = 16;

impl Login {
    pub(super) fn take(&mut self, now: Now, input: Input<'_>, entropy: &mut dyn Entropy) {
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
        self.line.close(CLOSE_NORMAL);
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

    fn fail(&mut self, failure: LoginFailure) {
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

    fn on_frame(&mut self, now: Now, arrived: &Arrived, entropy: &mut dyn Entropy) {
        let message = &arrived.message;
        if arrived.way == Way::Returned {
            return self.on_returned(now, message);
        }
        match reaction(self.phase, self.line.family(), message.name()) {
            Reaction::Strike => self.line.out_of_phase(),
            Reaction::PollAnswer => self.on_poll_answer(now, message),
            Reaction::Push => match Push::decode(message, self.line.family()) {
                Ok(Push::Connected) => self.on_connected(now),
                Ok(Push::Ping) => self.on_ping(now, entropy),
                Ok(Push::AuthResult(result)) => self.on_result(now, *result),
                Ok(_) => self.line.out_of_phase(),
                Err(error) => self.on_bad_push(message, &error),
            },
        }
    }

    /// A refusal, or something unreadable, under a good seal. Where a login hangs on it, it ends the login.
    fn on_bad_push(&mut self, message: &Message, error: &Error) {
        let decides = match message.name() {
            "app_auth_result" => true,
            "connected" => error.refusal().is_some(),
            _ => false,
        };
        if decides {
            self.fail(failure_of(error));
        } else {
            self.line.malformed();
        }
    }

    fn on_connected(&mut self, now: Now) {
        let was_ready = self.line.is_ready();
        if !self.line.greet() {
            self.line.out_of_phase();
        } else if !was_ready {
            self.on_ready(now);
        }
    }

    /// Frames may be sent: the code may be shown, and the seed family be asked.
    fn on_ready(&mut self, now: Now) {
        if self.line.family() == Family::Seed {
            self.polling.start(now.elapsed);
        }
        self.phase = Phase::TmpWait;
        self.show();
    }

    pub(super) fn show(&mut self) {
        let Some(tmp_id) = self.tmp_id.as_ref().filter(|_| !self.shown) else {
            return;
        };
        let code = QrUri::new(tmp_id);
        self.shown = true;
        self.put(Output::Progress(Progress::Connected(code)));
    }

    fn on_ping(&mut self, now: Now, entropy: &mut dyn Entropy) {
        // K 5.3: nothing is sent before the greeting.
        if !self.line.is_ready() {
            return;
        }
        if let Err(error) = self.line.send(now, &Pong, entropy) {
            self.fail(failure_of(&error));
        }
    }

    fn judge(&self, result: AuthResult) -> Result<Box<Authorized>, LoginEnd> {
        let Some(tmp_id) = &self.tmp_id else {
            return Err(LoginEnd::Failed(LoginFailure::ForeignResult));
        };
        Asked {
            service: &self.config.service,
            tmp_id,
        }
        .judge(result)
    }

    fn on_result(&mut self, now: Now, result: AuthResult) {
        match self.judge(result) {
            Ok(result) => self.on_approval(now, result),
            Err(end) if self.result.is_none() => self.finish(end),
            Err(end) => self.contradicted(end),
        }
    }

    /// The phone said yes. If it said so before, it must have meant the same (K 11.14).
    fn on_approval(&mut self, now: Now, result: Box<Authorized>) {
        match &self.result {
            Some(first) if agree(first, &result) => {
                bump(&mut self.line.counters_mut().repeated);
                bump(&mut self.line.counters_mut().dropped);
            }
            Some(_) => self.fail(LoginFailure::Disagreement),
            None => {
                self.result = Some(result);
                self.polling.stop();
                if self.line.family() == Family::Seed && self.config.service.wants_app_data() {
                    // K 8.1: the poll alone says who sends the filekeys, so it is asked before we leave.
                    self.sender_until = Some(now.elapsed.saturating_add(SENDER));
                    self.polling.ask_now(now.elapsed);
                } else {
                    self.authorize(now);
                }
            }
        }
    }

    /// A result that is no approval, after one that was.
    fn contradicted(&mut self, end: LoginEnd) {
        match end {
            LoginEnd::Failed(failure) if !matches!(failure, LoginFailure::Refused { .. }) => {
                self.fail(failure);
            }
            _ => self.fail(LoginFailure::Disagreement),
        }
    }

    /// K 7.7. Whoever made this frame, it has an effect only when the service sealed it for this very attempt.
    fn on_returned(&mut self, now: Now, message: &Message) {
        let expected = self.line.family() == Family::AppData
            && message.name() == "app_auth_result"
            && matches!(self.phase, Phase::TmpWait | Phase::Authorized);
        if !expected {
            return self.line.out_of_phase();
        }
        match Push::decode(message, Family::AppData) {
            Ok(Push::AuthResult(result)) if self.is_ours(&result) => self.on_result(now, *result),
            _ => self.line.malformed(),
        }
    }

    fn is_ours(&self, result: &AuthResult) -> bool {
        match (&result.tmp_id, &self.tmp_id) {
            (Some(named), Some(ours)) => named.matches(ours),
            _ => false,
        }
    }

    fn poll(&mut self, now: Now, entropy: &mut dyn Entropy) {
        if !self.line.is_ready() {
            return self.polling.lost();
        }
        match self.line.send(now, &AppConnectReq, entropy) {
            Ok(()) => self.polling.asked(now.elapsed),
            Err(error) => self.fail(failure_of(&error)),
        }
    }

    fn on_poll_answer(&mut self, now: Now, message: &Message) {
        if !self.polling.answered() {
            bump(&mut self.line.counters_mut().unasked);
            bump(&mut self.line.counters_mut().dropped);
            return;
        }
        let decided = self.phase == Phase::Authorized;
        match AppConnectReq.reply(message, self.line.family()) {
            Ok(ConnectReply::Done(done)) => self.on_polled(now, done),
            // The answer and the result have crossed.
            Ok(ConnectReply::Pending) if decided => {}
            Ok(ConnectReply::Pending) => self.polling.again(now.elapsed),
            Ok(_) if self.result.is_some() => self.fail(LoginFailure::Disagreement),
            Ok(ConnectReply::Denied) => self.finish(LoginEnd::Denied {
                code: "denied".into(),
            }),
            Ok(ConnectReply::Expired) => self.finish(LoginEnd::Expired),
            Err(error) => match error.refusal() {
                Some(refusal) if refusal.code() == "ts_invalid" => self.on_clock_refused(),
                Some(refusal) if self.result.is_none() => self.finish(refused(refusal)),
                _ => self.fail(failure_of(&error)),
            },
        }
    }

    /// K 12.4 `client_clock_bad`: the clock is fetched once, the question repeated once.
    fn on_clock_refused(&mut self) {
        if self.phase == Phase::Authorized {
        } else if self.polling.doubt_clock() {
            self.line.sync_clock();
        } else {
            self.fail(LoginFailure::Clock);
        }
    }

    /// The poll said yes. Where the push spoke too, they must agree (K 11.2).
    fn on_polled(&mut self, now: Now, done: ConnectDone) {
        match &mut self.result {
            Some(result) if poll_agrees(result, &done) => {
                result.sender = done.user_enc_pk;
                result.nickname = result.nickname.take().or(done.nickname);
            }
            Some(_) => return self.fail(LoginFailure::Disagreement),
            None => match polled(done) {
                Some(result) => self.result = Some(result),
                // Approved, but by whom: the push will tell.
                None => return self.polling.again(now.elapsed),
            },
        }
        self.sender_until = None;
        self.polling.stop();
        if self.phase == Phase::TmpWait {
            self.authorize(now);
        }
    }

    /// K 7.4: everything in the result is as it must be. What is left is `app_verify`.
    fn authorize(&mut self, now: Now) {
        let Some(result) = &self.result else { return };
        let proves_itself = result.revision == Some(Revision::Two);
        let verify = !proves_itself || self.config.verify == VerifyPolicy::Always;
        self.phase = Phase::Authorized;
        self.put(Output::Progress(Progress::Authorized));
        if verify {
            self.ask_verify(now);
        } else {
            self.complete();
        }
    }

    fn ask_verify(&mut self, now: Now) {
        let Some(result) = &self.result else { return };
        let request = VerifyRequest {
            service: self.config.service.clone(),
            app_id: result.app_id.clone(),
            safe_id: result.safe_id.clone(),
            sign: self.line.keys().sign_public().clone(),
        };
        let json = request.to_json();
        self.verify.asked(now.elapsed);
        self.put(Output::Verify(json));
    }

    fn verify_answer(&mut self, now: Now, answer: VerifyOutcome) {
        if !self.verify.is_asked() {
            return;
        }
        match answer {
            VerifyOutcome::Valid { nickname } => {
                if let Some(result) = &mut self.result {
                    result.nickname = nickname.or(result.nickname.take());
                }
                self.complete();
            }
            VerifyOutcome::Invalid => self.fail(LoginFailure::NotVerified),
            VerifyOutcome::Failed { .. } => self.verify_unanswered(now),
        }
    }

    /// K 7.4: no answer is neither a yes nor a no, three times.
    fn verify_unanswered(&mut self, now: Now) {
        if self.verify.is_asked() && !self.verify.failed(now.elapsed) {
            self.fail(LoginFailure::VerifyUnavailable);
        }
    }

    fn complete(&mut self) {
        if let Some(result) = self.result.take() {
            self.finish(LoginEnd::Done(result));
        }
    }
}
