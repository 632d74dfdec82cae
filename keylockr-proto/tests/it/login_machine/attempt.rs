//! A login under test, its driver, and what they saw.

use std::sync::Arc;
use std::time::Duration;

use keylockr_proto::login::{
    Authorized, Input, Login, LoginConfig, LoginEnd, Output, Phase, Progress, VerifyPolicy,
};
use keylockr_proto::{ClientKeys, KeyLifetime, Now, UnixTime, Value};

use crate::peer::{Dialect, Peer, START, Seq, TMP, client_keys, greeting, handshake_answer, name};

/// An output, in a form that can be compared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Seen {
    Handshake,
    Connect(String),
    Send(String),
    Close(u16),
    Verify,
    RefetchKeys,
    SyncClock,
    CheckReplay,
    Waiting,
    Connected(String),
    Authorized,
    Done(String, String),
    Denied(String),
    Failed(String),
    Expired,
    Cancelled,
}

impl Seen {
    pub(crate) fn is_end(&self) -> bool {
        matches!(
            self,
            Self::Done(..) | Self::Denied(_) | Self::Failed(_) | Self::Expired | Self::Cancelled
        )
    }
}

pub(crate) struct Attempt {
    pub(crate) login: Login,
    pub(crate) peer: Peer,
    pub(crate) keys: Arc<ClientKeys>,
    pub(crate) dialect: Dialect,
    pub(crate) now: Now,
    pub(crate) entropy: Seq,
    pub(crate) deadline: Option<Duration>,
    /// Everything, from the start.
    pub(crate) seen: Vec<Seen>,
    pub(crate) done: Option<Box<Authorized>>,
    /// The body of the last `Verify`.
    pub(crate) verify: Vec<u8>,
    pub(crate) sigs: Vec<String>,
}

impl Attempt {
    pub(crate) fn new(dialect: Dialect) -> Self {
        Self::with(dialect, KeyLifetime::Fresh, |config| config)
    }

    pub(crate) fn verifying(dialect: Dialect) -> Self {
        Self::with(dialect, KeyLifetime::Fresh, |config| {
            config.with_verify(VerifyPolicy::Always)
        })
    }

    pub(crate) fn with(
        dialect: Dialect,
        lifetime: KeyLifetime,
        configure: impl FnOnce(LoginConfig) -> LoginConfig,
    ) -> Self {
        let now = Now::new(Duration::from_secs(5000), UnixTime::from_secs(START));
        let peer = Peer::new(1);
        let keys = client_keys(2, lifetime);
        let config = configure(LoginConfig::new(dialect.service(), name()));
        let login = Login::new(config, Arc::clone(&keys), peer.keys(), now).unwrap();
        Self::around(login, peer, keys, dialect, now)
    }

    pub(crate) fn around(
        login: Login,
        peer: Peer,
        keys: Arc<ClientKeys>,
        dialect: Dialect,
        now: Now,
    ) -> Self {
        let mut attempt = Self {
            login,
            peer,
            keys,
            dialect,
            now,
            entropy: Seq(3),
            deadline: None,
            seen: Vec::new(),
            done: None,
            verify: Vec::new(),
            sigs: Vec::new(),
        };
        attempt.drain();
        attempt
    }

    /// Reports something and drains. Nothing may come after the end, and the end comes once.
    pub(crate) fn feed(&mut self, input: Input<'_>) -> Vec<Seen> {
        let before = self.seen.len();
        let was_over = self.login.phase().is_over();
        self.login.handle_input(self.now, input, &mut self.entropy);
        self.drain();
        let fresh = self.seen[before..].to_vec();
        assert!(
            !was_over || fresh.is_empty(),
            "after the end came {fresh:?}"
        );
        fresh
    }

    fn drain(&mut self) {
        for _ in 0..100 {
            let output = self.login.poll_output();
            if let Output::Wait(deadline) = output {
                self.deadline = deadline;
                let ends = self.seen.iter().filter(|seen| seen.is_end()).count();
                assert_eq!(
                    ends,
                    usize::from(self.login.phase().is_over()),
                    "{:?}",
                    self.seen
                );
                return;
            }
            let seen = self.note(output);
            self.seen.push(seen);
        }
        panic!("the outputs do not end");
    }

    fn note(&mut self, output: Output) -> Seen {
        match output {
            Output::Handshake(_) => Seen::Handshake,
            Output::Connect(sig) => {
                self.sigs.push(sig.as_str().to_owned());
                Seen::Connect(
                    self.peer
                        .identity(&self.keys, &sig, self.now.unix)
                        .to_string(),
                )
            }
            Output::Send(frame) => Seen::Send(
                self.peer
                    .open(&self.keys, &frame, self.now.unix)
                    .name()
                    .to_owned(),
            ),
            Output::Close { code } => Seen::Close(code),
            Output::Verify(json) => {
                self.verify = json;
                Seen::Verify
            }
            Output::RefetchKeys => Seen::RefetchKeys,
            Output::SyncClock => Seen::SyncClock,
            Output::CheckReplay(_) => Seen::CheckReplay,
            Output::Progress(Progress::Waiting) => Seen::Waiting,
            Output::Progress(Progress::Connected(uri)) => Seen::Connected(uri.as_str().to_owned()),
            Output::Progress(Progress::Authorized) => Seen::Authorized,
            Output::Progress(other) => panic!("unknown progress {other:?}"),
            Output::Finished(end) => self.note_end(end),
            Output::Wait(_) => panic!("drained"),
        }
    }

    fn note_end(&mut self, end: LoginEnd) -> Seen {
        match end {
            LoginEnd::Done(done) => {
                let seen = Seen::Done(done.app_id.to_string(), done.safe_id.to_string());
                self.done = Some(done);
                seen
            }
            LoginEnd::Denied { code } => Seen::Denied(code),
            LoginEnd::Failed(failure) => Seen::Failed(failure.code().to_owned()),
            LoginEnd::Expired => Seen::Expired,
            LoginEnd::Cancelled => Seen::Cancelled,
            other => panic!("unknown end {other:?}"),
        }
    }

    /// Time passes; the machine is told whenever it asked to be.
    pub(crate) fn pass(&mut self, time: Duration) -> Vec<Seen> {
        let before = self.seen.len();
        let target = self.now.elapsed + time;
        for _ in 0..10_000 {
            let Some(deadline) = self.deadline.filter(|deadline| *deadline <= target) else {
                self.go_to(target);
                return self.seen[before..].to_vec();
            };
            assert!(
                deadline >= self.now.elapsed,
                "a deadline in the past was not acted upon"
            );
            self.go_to(deadline);
            self.feed(Input::Tick);
        }
        panic!("the deadlines do not end");
    }

    pub(crate) fn go_to(&mut self, elapsed: Duration) {
        let passed = elapsed.saturating_sub(self.now.elapsed).as_secs();
        self.now = Now::new(elapsed, self.now.unix.saturating_add(passed));
    }

    pub(crate) fn pass_secs(&mut self, secs: u64) -> Vec<Seen> {
        self.pass(Duration::from_secs(secs))
    }

    /// A frame of the service, sealed now.
    pub(crate) fn frame(&mut self, event: &str, body: &Value) -> Vec<u8> {
        self.peer.seal(&self.keys, event, self.now.unix, body)
    }

    pub(crate) fn push(&mut self, event: &str, body: &Value) -> Vec<Seen> {
        let frame = self.frame(event, body);
        self.feed(Input::SocketMessage(&frame))
    }

    pub(crate) fn approve(&mut self, app_id: &str, safe_id: &str) -> Vec<Seen> {
        let body = self.dialect.approval(TMP, app_id, safe_id);
        self.push("app_auth_result", &body)
    }

    pub(crate) fn verify_yes(&mut self) -> Vec<Seen> {
        self.feed(Input::VerifyReply {
            status: 200,
            body: br#"{"_res":"ok","valid":true,"nickname":"Ada"}"#,
        })
    }

    pub(crate) fn handshaken(mut self) -> Self {
        let answer = handshake_answer(TMP);
        self.feed(Input::HandshakeReply(&answer));
        self
    }

    pub(crate) fn opened(mut self) -> Self {
        self = self.handshaken();
        self.feed(Input::SocketOpened);
        self
    }

    pub(crate) fn waiting(mut self) -> Self {
        self = self.opened();
        self.greet();
        assert_eq!(self.login.phase(), Phase::TmpWait);
        self
    }

    pub(crate) fn greet(&mut self) -> Vec<Seen> {
        self.push("connected", &greeting())
    }

    /// Approved, with `app_verify` still to be answered.
    pub(crate) fn authorized(dialect: Dialect) -> Self {
        let mut attempt = Self::verifying(dialect).waiting();
        attempt.approve("41", "7");
        if dialect == Dialect::SeedData {
            attempt.push("app_connect_req", &polled("41", "7"));
        }
        assert_eq!(attempt.login.phase(), Phase::Authorized);
        attempt
    }

    pub(crate) fn end(&self) -> Option<&Seen> {
        self.seen.last().filter(|seen| seen.is_end())
    }

    /// Loses the socket and comes back, with the greeting.
    pub(crate) fn reconnected(mut self) -> Self {
        self.feed(Input::SocketClosed { code: None });
        self.pass_secs(20);
        self.feed(Input::SocketOpened);
        self.greet();
        self
    }
}

/// Signed in by the approval that the tests give.
pub(crate) fn done() -> Seen {
    Seen::Done("41".into(), "7".into())
}

pub(crate) fn failed(code: &str) -> Seen {
    Seen::Failed(code.into())
}

/// An approving answer to the poll.
pub(crate) fn polled(app_id: &str, safe_id: &str) -> Value {
    crate::peer::map([
        ("_res", "ok".into()),
        ("status", "done".into()),
        ("app_id", app_id.into()),
        ("user_id", safe_id.into()),
    ])
}
