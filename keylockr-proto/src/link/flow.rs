//! What each input and each message does.

use core::time::Duration;

use crate::action::Pong;
use crate::entropy::Entropy;
use crate::envelope::Message;
use crate::error::ErrorKind;
use crate::filekey::FilekeyStatus;
use crate::line::{Arrived, CLOSE_AWAY, CLOSE_NORMAL, CLOSE_POLICY, LineEvent, LineInput, bump};
use crate::push::Push;
use crate::time::Now;

use super::Link;
use super::event::{LinkEvent, LinkInput, LinkOutput};
use super::queue::{Clock, Errand};
use super::request::{Answered, Job, Reply, Request, RequestError, RequestId};

/// K 7.3: how long the phone may take to release a filekey.
const FILEKEY: Duration = Duration::from_secs(300);
/// Deadlines acted upon in one call; only a clock at the end of time reaches this.
const ROUNDS: usize = 16;

/// What a link does with a message.
enum Reaction {
    /// Reads it as a push and acts on it.
    Push,
    /// Takes it as an answer, if one is waited for.
    Answer,
    /// Nothing: dropped, counted, a strike.
    Strike,
}

impl Link {
    pub(super) fn take(&mut self, now: Now, input: LinkInput<'_>, entropy: &mut dyn Entropy) {
        let input = match input {
            LinkInput::Request(id, request) => return self.on_request(now, id, request),
            LinkInput::Stop => return self.close(CLOSE_AWAY),
            LinkInput::Tick => return,
            LinkInput::SocketOpened => LineInput::SocketOpened,
            LinkInput::SocketRefused => LineInput::SocketRefused,
            LinkInput::SocketFailed => LineInput::SocketFailed,
            LinkInput::SocketMessage(bytes) => LineInput::SocketMessage(bytes),
            LinkInput::SocketOversized => LineInput::SocketOversized,
            LinkInput::SocketActivity => LineInput::SocketActivity,
            LinkInput::SocketClosed { code } => LineInput::SocketClosed { code },
            LinkInput::ServerKeys(keys) => LineInput::ServerKeys(keys),
            LinkInput::ServerKeysUnavailable => LineInput::ServerKeysUnavailable,
            LinkInput::ClockSynced => LineInput::Clock { synced: true },
            LinkInput::ClockUnavailable => LineInput::Clock { synced: false },
            LinkInput::ReplayVerdict(verdict) => LineInput::ReplayVerdict(verdict),
        };
        self.line.handle(now, input, entropy);
    }

    /// Judges what the connection reports, until it reports nothing more.
    pub(super) fn settle(&mut self, now: Now, entropy: &mut dyn Entropy) {
        while !self.closed {
            let Some(event) = self.line.next_event() else {
                return;
            };
            self.on_event(now, event, entropy);
        }
    }

    pub(super) fn run_deadlines(&mut self, now: Now, entropy: &mut dyn Entropy) {
        for _ in 0..ROUNDS {
            if self.closed || !self.line.run_deadline(now, entropy) {
                break;
            }
            self.settle(now, entropy);
        }
        if self.closed {
            return;
        }
        if self.filekey_until.is_some_and(|until| until <= now.elapsed) {
            self.filekey_until = None;
            self.event(LinkEvent::FilekeyTimedOut);
        }
        while let Some(errand) = self.queue.take_overdue(now.elapsed) {
            self.answer(&errand, Err(RequestError::NotSent));
        }
        let mut unanswered = false;
        while let Some(errand) = self.queue.take_unanswered(now.elapsed) {
            self.answer(&errand, Err(RequestError::TimedOut));
            unanswered = true;
        }
        if unanswered {
            // Without request ids a late answer would be taken for the next one's.
            self.line.reconnect(now, CLOSE_AWAY, entropy);
            self.settle(now, entropy);
        }
    }

    /// Sends what may be sent.
    pub(super) fn pump(&mut self, now: Now, entropy: &mut dyn Entropy) {
        while !self.closed && self.line.is_ready() {
            let Some(errand) = self.queue.take_off() else {
                return;
            };
            let name = errand.job.name();
            let sent = match &errand.job {
                Job::ReqFilekey(action) => self.line.send(now, action, entropy),
                Job::GetData(action) => self.line.send(now, action, entropy),
                Job::SetData(action) => self.line.send(now, action, entropy),
                Job::Update(action) => self.line.send(now, action, entropy),
                Job::Delete(action) => self.line.send(now, action, entropy),
            };
            let asks_filekey = matches!(errand.job, Job::ReqFilekey(_));
            match sent {
                Ok(()) if asks_filekey => {
                    self.filekey_until
                        .get_or_insert(now.elapsed.saturating_add(FILEKEY));
                }
                Ok(()) => {}
                Err(error) => {
                    if let Some(errand) = self.queue.land(name) {
                        self.answer(&errand, Err(RequestError::Protocol(error.kind())));
                    }
                }
            }
        }
    }

    fn on_request(&mut self, now: Now, id: RequestId, request: Request) {
        let error = match Job::new(request, self.config.family) {
            Ok(job) => match self.queue.push(Some(id), job, now.elapsed) {
                Ok(()) => return,
                Err(_) => RequestError::Busy,
            },
            Err(error) => RequestError::Protocol(error.kind()),
        };
        self.put(LinkOutput::Answer(id, Err(error)));
    }

    fn on_event(&mut self, now: Now, event: LineEvent, entropy: &mut dyn Entropy) {
        match event {
            LineEvent::Frame(arrived) => self.on_frame(now, &arrived, entropy),
            LineEvent::GoOnUngreeted => self.on_ready(now),
            LineEvent::Lost => self.on_lost(),
            LineEvent::Unauthorised => self.end(LinkEvent::Revoked),
            LineEvent::Superseded => self.end(LinkEvent::Superseded),
            LineEvent::KeysChanged(server) => {
                self.line.rekey(server);
                self.on_lost();
                self.connect(now);
            }
            LineEvent::Clock => self.queue.clock_answered(),
            LineEvent::TooManyStrikes => {
                self.line.forgive();
                self.line.reconnect(now, CLOSE_POLICY, entropy);
            }
            LineEvent::MemoryFull => bump(&mut self.line.counters_mut().dropped),
            // A `Lost` follows the one; the other costs the message, and its request its answer.
            LineEvent::NotGreeted | LineEvent::ErrorStands(_) => {}
        }
    }

    fn on_ready(&mut self, now: Now) {
        self.up = true;
        self.event(LinkEvent::Up);
        // A push reaches connected sockets only, so the decision may have been missed (K 9).
        if self.filekey_until.is_some() && !self.queue.asks_filekey() {
            let job = Job::ReqFilekey(crate::action::AppReqFilekey);
            // When the queue is full the wait simply goes on without this question.
            let _ = self.queue.push(None, job, now.elapsed);
        }
    }

    fn on_lost(&mut self) {
        for errand in self.queue.drop_flying() {
            self.answer(&errand, Err(RequestError::ConnectionLost));
        }
        if core::mem::take(&mut self.up) {
            self.event(LinkEvent::Down);
        }
    }

    fn on_frame(&mut self, now: Now, arrived: &Arrived, entropy: &mut dyn Entropy) {
        let message = &arrived.message;
        match self.reaction(message.name()) {
            Reaction::Strike => self.line.out_of_phase(),
            Reaction::Answer => self.on_answer(message),
            Reaction::Push => match Push::decode(message, self.config.family) {
                Ok(Push::Connected) => self.on_connected(now),
                Ok(Push::Ping) => self.on_ping(now, entropy),
                Ok(Push::Updated { name }) => self.event(LinkEvent::Updated { name }),
                Ok(Push::Deleted) => self.end(LinkEvent::Deleted),
                Ok(Push::FilekeyResult(status)) => self.on_filekey(status),
                Ok(_) => self.line.out_of_phase(),
                Err(_) => self.line.malformed(),
            },
        }
    }

    /// The table of K 7.3 after the login: an answer counts when it is waited for, the phone's
    /// decision about the filekey when that is.
    fn reaction(&self, name: &str) -> Reaction {
        match name {
            "connected" | "ping" | "app_updated" | "app_deleted" => Reaction::Push,
            "app_filekey_result" if self.filekey_until.is_some() => Reaction::Push,
            "app_req_filekey" | "app_get_data" | "app_set_data" | "app_update" | "app_del" => {
                Reaction::Answer
            }
            _ => Reaction::Strike,
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

    fn on_ping(&mut self, now: Now, entropy: &mut dyn Entropy) {
        // A pong that cannot be sealed is only a pong that is not sent.
        if self.line.is_ready() {
            let _ = self.line.send(now, &Pong, entropy);
        }
    }

    fn on_filekey(&mut self, status: FilekeyStatus) {
        if status != FilekeyStatus::SafeAuthRequired {
            self.filekey_until = None;
            self.event(LinkEvent::FilekeyResult(status));
        }
    }

    fn on_answer(&mut self, message: &Message) {
        let Some(errand) = self.queue.land(message.name()) else {
            bump(&mut self.line.counters_mut().unasked);
            bump(&mut self.line.counters_mut().dropped);
            return;
        };
        match errand.job.read(message, self.config.family) {
            Ok(Answered::Deleted(app_id)) if app_id == self.config.app_id => {
                self.answer(&errand, Ok(Reply::Deleted));
                self.end(LinkEvent::Deleted);
            }
            Ok(Answered::Deleted(_)) => {
                self.answer(&errand, Err(RequestError::Protocol(ErrorKind::Shape)));
            }
            Ok(Answered::Reply(reply)) => self.on_reply(&errand, reply),
            Err(error) => match error.refusal() {
                Some(refusal)
                    if refusal.code() == "ts_invalid" && errand.clock == Clock::Trusted =>
                {
                    self.queue.hold_for_clock(errand);
                    self.line.sync_clock();
                }
                Some(refusal) => {
                    let refusal = refusal.clone();
                    self.filekey_failed(&errand);
                    self.answer(&errand, Err(RequestError::Refused(refusal)));
                }
                None => {
                    self.filekey_failed(&errand);
                    self.answer(&errand, Err(RequestError::Protocol(error.kind())));
                }
            },
        }
    }

    fn on_reply(&mut self, errand: &Errand, reply: Reply) {
        let Reply::Filekey(status) = reply else {
            return self.answer(errand, Ok(reply));
        };
        let waits = status == FilekeyStatus::SafeAuthRequired;
        match errand.id {
            Some(_) => {
                // When the push came first there is nothing to wait for any more.
                if !waits {
                    self.filekey_until = None;
                }
                self.answer(errand, Ok(Reply::Filekey(status)));
            }
            None if waits => {}
            None => {
                if self.filekey_until.take().is_some() {
                    self.event(LinkEvent::FilekeyResult(status));
                }
            }
        }
    }

    /// The service does not stand by the request for the filekey.
    fn filekey_failed(&mut self, errand: &Errand) {
        if matches!(errand.job, Job::ReqFilekey(_))
            && self.filekey_until.take().is_some()
            && errand.id.is_none()
        {
            self.event(LinkEvent::FilekeyTimedOut);
        }
    }

    fn answer(&mut self, errand: &Errand, answer: Result<Reply, RequestError>) {
        if let Some(id) = errand.id {
            self.put(LinkOutput::Answer(id, answer));
        }
    }

    fn event(&mut self, event: LinkEvent) {
        self.put(LinkOutput::Event(event));
    }

    /// The connection is no longer ours to keep.
    pub(super) fn end(&mut self, event: LinkEvent) {
        self.close(CLOSE_NORMAL);
        self.event(event);
    }

    fn close(&mut self, code: u16) {
        self.line.close(code);
        self.closed = true;
        self.up = false;
        self.filekey_until = None;
        // What was on its way may have arrived; what still waited has not.
        for errand in self.queue.drop_flying() {
            self.answer(&errand, Err(RequestError::ConnectionLost));
        }
        for errand in self.queue.drop_all() {
            self.answer(&errand, Err(RequestError::Closed));
        }
    }
}
