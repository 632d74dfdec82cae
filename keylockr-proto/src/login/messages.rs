//! What each message of the service does. Which of them a phase takes is in `phase.rs`.

use alloc::boxed::Box;
use core::time::Duration;

use crate::action::{Action, AppConnectReq, ConnectDone, ConnectReply, Pong};
use crate::entropy::Entropy;
use crate::envelope::Message;
use crate::error::Error;
use crate::handshake::QrUri;
use crate::id::Family;
use crate::line::{Arrived, Way, bump};
use crate::push::{AuthResult, Push};
use crate::time::Now;

use super::Login;
use super::end::{Authorized, LoginEnd, LoginFailure};
use super::event::{Output, Progress};
use super::phase::{Phase, Reaction, reaction};
use super::result::{Asked, agree, failure_of, poll_agrees, polled, refused};

/// K 7.3, 8.1: how long the sender of filekeys is asked for once the result is in hand.
const SENDER: Duration = Duration::from_secs(15);

impl Login {
    pub(super) fn on_frame(&mut self, now: Now, arrived: &Arrived, entropy: &mut dyn Entropy) {
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
    pub(super) fn on_ready(&mut self, now: Now) {
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

    pub(super) fn poll(&mut self, now: Now, entropy: &mut dyn Entropy) {
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
}
