//! A link under test, its driver, and what they saw.

use std::sync::Arc;
use std::time::Duration;

use keylockr_proto::link::{
    Link, LinkConfig, LinkEvent, LinkInput, LinkOutput, Reply, Request, RequestError, RequestId,
};
use keylockr_proto::{AppId, ClientKeys, Family, KeyLifetime, Now, Revision, UnixTime, Value};

use crate::peer::{Peer, START, Seq, client_keys, greeting};

/// An output, in a form that can be compared.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Seen {
    Connect(String),
    Send(String),
    Close(u16),
    RefetchKeys,
    SyncClock,
    CheckReplay,
    Answer(u64, Result<Reply, RequestError>),
    Event(LinkEvent),
}

pub(crate) struct Line {
    pub(crate) link: Link,
    pub(crate) peer: Peer,
    pub(crate) keys: Arc<ClientKeys>,
    pub(crate) now: Now,
    pub(crate) entropy: Seq,
    pub(crate) deadline: Option<Duration>,
    pub(crate) seen: Vec<Seen>,
    /// The body of the last frame sent.
    pub(crate) sent: Value,
}

impl Line {
    pub(crate) fn new(family: Family) -> Self {
        Self::with(family, KeyLifetime::Fresh)
    }

    pub(crate) fn with(family: Family, lifetime: KeyLifetime) -> Self {
        let now = Now::new(Duration::from_secs(5000), UnixTime::from_secs(START));
        let peer = Peer::new(1);
        let keys = client_keys(2, lifetime);
        let revision = (family == Family::AppData).then_some(Revision::Two);
        let app_id = AppId::parse(family, Revision::Two, "41").unwrap();
        let config = LinkConfig::new(family, revision, app_id);
        let link = Link::new(config, Arc::clone(&keys), peer.keys(), now);
        let mut line = Self {
            link,
            peer,
            keys,
            now,
            entropy: Seq(3),
            deadline: None,
            seen: Vec::new(),
            sent: Value::Nil,
        };
        line.drain();
        line
    }

    /// Connected and greeted.
    pub(crate) fn up(family: Family) -> Self {
        let mut line = Self::new(family);
        line.feed(LinkInput::SocketOpened);
        assert_eq!(line.greet(), [Seen::Event(LinkEvent::Up)]);
        line
    }

    pub(crate) fn feed(&mut self, input: LinkInput<'_>) -> Vec<Seen> {
        let before = self.seen.len();
        self.link.handle_input(self.now, input, &mut self.entropy);
        self.drain();
        self.seen[before..].to_vec()
    }

    fn drain(&mut self) {
        for _ in 0..300 {
            let seen = match self.link.poll_output() {
                LinkOutput::Wait(deadline) => {
                    assert!(deadline.is_none() || !self.link.is_closed());
                    self.deadline = deadline;
                    return;
                }
                LinkOutput::Connect(sig) => Seen::Connect(
                    self.peer
                        .identity(&self.keys, &sig, self.now.unix)
                        .to_string(),
                ),
                LinkOutput::Send(frame) => {
                    let message = self.peer.open(&self.keys, &frame, self.now.unix);
                    self.sent = message.body().to_value();
                    Seen::Send(message.name().to_owned())
                }
                LinkOutput::Close { code } => Seen::Close(code),
                LinkOutput::RefetchKeys => Seen::RefetchKeys,
                LinkOutput::SyncClock => Seen::SyncClock,
                LinkOutput::CheckReplay(_) => Seen::CheckReplay,
                LinkOutput::Answer(id, answer) => Seen::Answer(id.0, answer),
                LinkOutput::Event(event) => Seen::Event(event),
            };
            self.seen.push(seen);
        }
        panic!("the outputs do not end");
    }

    pub(crate) fn pass(&mut self, time: Duration) -> Vec<Seen> {
        let before = self.seen.len();
        let target = self.now.elapsed + time;
        for _ in 0..10_000 {
            let Some(deadline) = self.deadline.filter(|deadline| *deadline <= target) else {
                self.go_to(target);
                return self.seen[before..].to_vec();
            };
            self.go_to(deadline);
            self.feed(LinkInput::Tick);
        }
        panic!("the deadlines do not end");
    }

    pub(crate) fn pass_secs(&mut self, secs: u64) -> Vec<Seen> {
        self.pass(Duration::from_secs(secs))
    }

    fn go_to(&mut self, elapsed: Duration) {
        let passed = elapsed.saturating_sub(self.now.elapsed).as_secs();
        self.now = Now::new(elapsed, self.now.unix.saturating_add(passed));
    }

    pub(crate) fn frame(&mut self, event: &str, body: &Value) -> Vec<u8> {
        self.peer.seal(&self.keys, event, self.now.unix, body)
    }

    pub(crate) fn push(&mut self, event: &str, body: &Value) -> Vec<Seen> {
        let frame = self.frame(event, body);
        self.feed(LinkInput::SocketMessage(&frame))
    }

    pub(crate) fn greet(&mut self) -> Vec<Seen> {
        self.push("connected", &greeting())
    }

    pub(crate) fn ask(&mut self, id: u64, request: Request) -> Vec<Seen> {
        self.feed(LinkInput::Request(RequestId(id), request))
    }
}

pub(crate) fn connect() -> Seen {
    Seen::Connect("app.41".into())
}

pub(crate) fn event(event: LinkEvent) -> Seen {
    Seen::Event(event)
}

pub(crate) fn refused(id: u64, error: RequestError) -> Seen {
    Seen::Answer(id, Err(error))
}
