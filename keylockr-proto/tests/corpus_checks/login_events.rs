// One sign-in attempt through any sequence of events, with an honest driver and whatever peer. What has to hold after
// every single one. Included by the fuzz target and by the tests, which take the sequences in order.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use keylockr_proto::login::{
    Input, Login, LoginConfig, LoginEnd, Output, Phase, Progress, VerifyPolicy,
};
use keylockr_proto::{ClientKeys, KeyLifetime, Now, ReplayVerdict, ServerKeys, UnixTime};

use crate::peer::{
    Dialect, OTHER_TMP, Peer, START, Seq, TMP, at, client_keys, events, greeting, handshake_answer,
    map, name, ok, refusal, with, without,
};

events! {
    /// What may happen to an attempt.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
    pub(crate) enum Event {
        /// The socket that was asked for is up.
        Opened,
        /// It could not be had.
        Unopened,
        /// The service does not accept our signature.
        Unauthorised,
        Connected,
        Ping,
        ApproveA,
        ApproveB,
        /// The user says no.
        Deny,
        /// The service says no.
        Refused,
        /// A result that does not say who.
        Nameless,
        /// A result for another attempt under our keys.
        Foreign,
        /// A good result of another session.
        OtherSession,
        /// A good result, older than may be.
        Stale,
        /// A push that has no place in a sign-in.
        Misplaced,
        PollA,
        PollB,
        PollPending,
        /// The last frame once more, byte for byte.
        Duplicate,
        /// The last frame with a bit that is other.
        Bent,
        Lost,
        /// Another process has the attempt.
        Superseded,
        VerifyYes,
        VerifyNo,
        /// The service refuses to say.
        VerifyRefused,
        VerifyFailed,
        Cancel,
        /// Time passes to the next deadline.
        Deadline,
        /// Time passes, longer than an attempt lives.
        Timeout,
    }
}

const A: (&str, &str) = ("41", "7");
const B: (&str, &str) = ("42", "8");

/// Whom an event names, if it is believed.
fn named(event: Event) -> Option<(&'static str, &'static str)> {
    match event {
        Event::ApproveA | Event::PollA => Some(A),
        Event::ApproveB | Event::PollB => Some(B),
        _ => None,
    }
}

/// What sequences of one kind are played with.
pub(crate) struct Stage {
    pub(crate) dialect: Dialect,
    always: bool,
    keys: Arc<ClientKeys>,
    server: ServerKeys,
    /// A few frames of each kind: the same said again is another frame.
    frames: BTreeMap<Event, Vec<Vec<u8>>>,
}

const FRAMES: usize = 3;

impl Stage {
    pub(crate) fn new(dialect: Dialect, lifetime: KeyLifetime, always: bool) -> Self {
        let mut peer = Peer::new(1);
        let keys = client_keys(2, lifetime);
        let server = peer.keys();
        let others = client_keys(77, lifetime);
        let now = at(0).unix;
        let poll = |(app_id, safe_id): (&str, &str)| {
            map([
                ("_res", "ok".into()),
                ("status", "done".into()),
                ("app_id", app_id.into()),
                ("user_id", safe_id.into()),
            ])
        };
        let good = dialect.approval(TMP, A.0, A.1);
        let foreign = match dialect {
            Dialect::Two => dialect.approval(OTHER_TMP, "666", "666"),
            _ => with(&good, "_res", "no".into()),
        };
        let pending = map([("_res", "ok".into()), ("status", "pending".into())]);
        let result = "app_auth_result";
        let said = [
            (Event::Connected, "connected", greeting()),
            (Event::Ping, "ping", ok()),
            (Event::ApproveA, result, good.clone()),
            (Event::ApproveB, result, dialect.approval(TMP, B.0, B.1)),
            (Event::Deny, result, dialect.denial(TMP)),
            (Event::Refused, result, refusal("service_suspended")),
            (Event::Nameless, result, without(&good, "safe_id")),
            (Event::Foreign, result, foreign),
            (Event::OtherSession, result, good.clone()),
            (Event::Stale, result, good),
            (Event::Misplaced, "app_deleted", ok()),
            (Event::PollA, "app_connect_req", poll(A)),
            (Event::PollB, "app_connect_req", poll(B)),
            (Event::PollPending, "app_connect_req", pending),
        ];
        let mut frames = BTreeMap::new();
        for (event, name, body) in said {
            let to = if event == Event::OtherSession {
                &others
            } else {
                &keys
            };
            let ts = match event {
                Event::Stale => now.saturating_sub(700),
                _ => now,
            };
            let seal = |_| peer.seal(to, name, ts, &body);
            frames.insert(event, (0..FRAMES).map(seal).collect());
        }
        Self {
            dialect,
            always,
            keys,
            server,
            frames,
        }
    }

    fn must_verify(&self) -> bool {
        self.always || self.dialect != Dialect::Two
    }
}

/// What `app_verify` is asked.
struct Question {
    app_id: String,
    safe_id: String,
    at: Duration,
}

/// One attempt on its way, and a ledger of what was said in it.
pub(crate) struct Run<'a> {
    stage: &'a Stage,
    login: Login,
    entropy: Seq,
    now: Now,
    deadline: Option<Duration>,
    /// A connection was asked for and is not there yet; it is there.
    connecting: bool,
    open: bool,
    /// How often each kind of frame was sent.
    sent: BTreeMap<Event, usize>,
    last: Option<(Event, Vec<u8>)>,
    /// The memory that all attempts of a site share.
    seen: HashSet<Vec<u8>>,
    /// Whom believed frames have named.
    named: Vec<(&'static str, &'static str)>,
    /// Whom KeyLockr is being asked about, and since when.
    asked: Option<Question>,
    shown: bool,
    end: Option<LoginEnd>,
}

impl<'a> Run<'a> {
    /// Handshake made, socket open, nothing said.
    pub(crate) fn new(stage: &'a Stage) -> Self {
        let policy = if stage.always {
            VerifyPolicy::Always
        } else {
            VerifyPolicy::Auto
        };
        let config = LoginConfig::new(stage.dialect.service(), name()).with_verify(policy);
        let now = at(0);
        let login = Login::new(config, Arc::clone(&stage.keys), stage.server.clone(), now);
        let mut run = Self {
            stage,
            login: login.expect("a configuration that may be used"),
            entropy: Seq(3),
            now,
            deadline: None,
            connecting: false,
            open: false,
            sent: BTreeMap::new(),
            last: None,
            seen: HashSet::new(),
            named: Vec::new(),
            asked: None,
            shown: false,
            end: None,
        };
        run.drain(None);
        run.take(Event::Opened);
        run
    }

    pub(crate) fn is_over(&self) -> bool {
        self.end.is_some()
    }

    pub(crate) fn end(&self) -> Option<&LoginEnd> {
        self.end.as_ref()
    }

    /// Whether an honest driver can report this now.
    pub(crate) fn can(&self, event: Event) -> bool {
        match event {
            Event::Opened | Event::Unopened | Event::Unauthorised => self.connecting,
            Event::PollA | Event::PollB | Event::PollPending => {
                self.open && self.stage.dialect.is_seed()
            }
            Event::Duplicate | Event::Bent => self.open && self.last.is_some(),
            Event::Lost | Event::Superseded => self.open,
            Event::VerifyYes | Event::VerifyNo | Event::VerifyRefused | Event::VerifyFailed => {
                self.asked.is_some()
            }
            Event::Deadline => self.deadline.is_some(),
            Event::Cancel | Event::Timeout => true,
            _ => self.open,
        }
    }

    /// Reports it, whether it can be or not, and looks at what comes of it.
    pub(crate) fn take(&mut self, event: Event) {
        let was_over = self.is_over();
        let phase = self.login.phase();
        let before = self.login.counters();
        let frame = self.frame(event);
        match event {
            Event::Deadline => {
                let next = self.deadline.unwrap_or(self.now.elapsed);
                self.pass(next.saturating_sub(self.now.elapsed));
            }
            Event::Timeout => self.pass(Duration::from_secs(200)),
            Event::Opened => (self.open, self.connecting) = (true, false),
            Event::Unopened | Event::Unauthorised => self.connecting = false,
            Event::Lost | Event::Superseded => self.open = false,
            _ => {}
        }
        let asked = match event {
            Event::VerifyYes | Event::VerifyNo | Event::VerifyRefused | Event::VerifyFailed => {
                self.asked.take()
            }
            _ => None,
        };
        let input = match (event, &frame) {
            (_, Some(frame)) => Input::SocketMessage(frame),
            (Event::Opened, _) => Input::SocketOpened,
            (Event::Unopened, _) => Input::SocketFailed,
            (Event::Unauthorised, _) => Input::SocketRefused,
            (Event::Lost, _) => Input::SocketClosed { code: Some(1006) },
            (Event::Superseded, _) => Input::SocketClosed { code: Some(4409) },
            (Event::VerifyYes, _) => answer(br#"{"_res":"ok","valid":true}"#),
            (Event::VerifyNo, _) => answer(br#"{"_res":"ok","valid":false}"#),
            (Event::VerifyRefused, _) => answer(br#"{"_res":"err","code":"ip_not_allowed"}"#),
            (Event::VerifyFailed, _) => Input::VerifyFailed,
            (Event::Cancel, _) => Input::Cancel,
            _ => Input::Tick,
        };
        let dropped = self.login.counters().dropped;
        self.login.handle_input(self.now, input, &mut self.entropy);
        self.drain(Some(event));
        let after = self.login.counters();

        if was_over {
            assert_eq!(self.login.phase(), phase, "left its end");
            assert_eq!(after, before, "counted after its end");
            return;
        }
        // Named by whoever was believed: neither dropped nor refused as an answer.
        let believed = frame.is_some() && after.dropped == dropped;
        let said = match event {
            Event::Duplicate => None,
            event => named(event),
        };
        if let Some(who) = said.filter(|_| believed) {
            self.named.push(who);
        }
        self.judge(event, asked.as_ref(), believed, phase);
    }

    /// The frame that an event is.
    fn frame(&mut self, event: Event) -> Option<Vec<u8>> {
        let frame = match event {
            Event::Duplicate => self.last.clone()?.1,
            Event::Bent => {
                let (_, mut frame) = self.last.clone()?;
                let place = frame.len() / 2;
                *frame.get_mut(place)? ^= 1;
                frame
            }
            _ => {
                let frames = self.stage.frames.get(&event)?;
                let count = self.sent.entry(event).or_default();
                let frame = frames.get(*count % FRAMES)?.clone();
                *count += 1;
                frame
            }
        };
        if event != Event::Duplicate && event != Event::Bent {
            self.last = Some((event, frame.clone()));
        }
        Some(frame)
    }

    fn pass(&mut self, time: Duration) {
        let elapsed = self.now.elapsed.saturating_add(time);
        self.now = Now::new(elapsed, UnixTime::from_secs(START + elapsed.as_secs()));
    }

    /// Carries out what the attempt wants, as far as the driver does that by itself.
    fn drain(&mut self, by: Option<Event>) {
        let mut outputs = 0;
        let was_over = self.is_over();
        loop {
            let output = self.login.poll_output();
            outputs += 1;
            assert!(outputs < 40, "the outputs do not end");
            if let Output::Wait(deadline) = output {
                assert_eq!(deadline.is_none(), self.is_over(), "{by:?}");
                assert!(
                    deadline.is_none_or(|deadline| deadline > self.now.elapsed),
                    "a deadline that is over"
                );
                self.deadline = deadline;
                break;
            }
            assert!(!was_over && !self.is_over(), "{output:?} after the end");
            let input = match output {
                Output::Connect(_) => {
                    assert!(!self.open && !self.connecting, "two sockets");
                    self.connecting = true;
                    continue;
                }
                Output::Close { .. } => {
                    (self.open, self.connecting) = (false, false);
                    continue;
                }
                Output::Verify(question) => {
                    self.asked = Some(self.question(&question));
                    continue;
                }
                Output::Progress(progress) => {
                    self.show(&progress);
                    continue;
                }
                Output::Finished(end) => {
                    self.end = Some(end);
                    continue;
                }
                Output::Handshake(_) => Input::HandshakeReply(&handshake_answer(TMP)),
                Output::RefetchKeys => Input::ServerKeys(self.stage.server.clone()),
                Output::SyncClock => Input::ClockSynced,
                Output::CheckReplay(hash) => {
                    let fresh = self.seen.insert(hash.as_bytes().to_vec());
                    Input::ReplayVerdict(match fresh {
                        true => ReplayVerdict::Fresh,
                        false => ReplayVerdict::Seen,
                    })
                }
                _ => continue,
            };
            self.login.handle_input(self.now, input, &mut self.entropy);
        }
    }

    /// KeyLockr is asked about facts of ours.
    fn question(&self, question: &[u8]) -> Question {
        let question: serde_json::Value = serde_json::from_slice(question).expect("JSON");
        let text = |name: &str| question.get(name).and_then(|value| value.as_str());
        let app_id = text("app_id").or_else(|| text("sso_client_id"));
        assert_eq!(
            text("sign_pk"),
            Some(self.stage.keys.sign_public().to_base64().as_str())
        );
        let asked = (
            app_id.unwrap_or_default(),
            text("safe_id").unwrap_or_default(),
        );
        assert!([A, B].contains(&asked), "asked about {asked:?}");
        Question {
            app_id: asked.0.to_owned(),
            safe_id: asked.1.to_owned(),
            at: self.now.elapsed,
        }
    }

    fn show(&mut self, progress: &Progress) {
        match progress {
            Progress::Connected(code) => {
                assert!(self.open, "a code without a socket");
                assert!(self.named.is_empty(), "a code for what is approved");
                assert!(code.as_str().contains(TMP), "a code of another attempt");
                self.shown = true;
            }
            Progress::Waiting | Progress::Authorized => self.shown = false,
            _ => {}
        }
    }

    /// What has to hold after an event that came before the end.
    fn judge(&self, event: Event, asked: Option<&Question>, believed: bool, before: Phase) {
        let counters = self.login.counters();
        assert_eq!(self.login.phase().is_over(), self.is_over());
        assert!(counters.strikes <= LoginConfig::STRIKES);
        assert!(
            counters.strikes < LoginConfig::STRIKES || self.is_over(),
            "struck out"
        );
        // Data mode asks once more before it says so.
        let says_so = self.stage.dialect != Dialect::SeedData;
        assert!(
            self.named.is_empty() || !self.shown || !says_so,
            "approved, and the code still shown"
        );
        let bent = matches!(event, Event::OtherSession | Event::Stale | Event::Bent);
        assert!(!(bent && believed), "believed {event:?}");
        let end = self.end.as_ref();
        match event {
            Event::Cancel => assert!(matches!(end, Some(LoginEnd::Cancelled)), "{end:?}"),
            Event::Deny if believed => assert!(
                matches!(end, Some(LoginEnd::Denied { .. } | LoginEnd::Failed(_))),
                "{end:?}"
            ),
            // An answer that took too long is none.
            Event::VerifyNo if asked.is_some_and(|asked| asked.at == self.now.elapsed) => {
                assert!(matches!(end, Some(LoginEnd::Failed(_))), "{end:?}");
            }
            // Where only `app_verify` is awaited, no socket is missed.
            Event::Superseded if before != Phase::Authorized => {
                assert!(matches!(end, Some(LoginEnd::Failed(_))), "{end:?}");
            }
            Event::Timeout
                if matches!(before, Phase::New | Phase::TmpConnecting | Phase::TmpWait) =>
            {
                assert!(
                    matches!(end, Some(LoginEnd::Expired | LoginEnd::Failed(_))),
                    "{end:?}"
                );
            }
            _ => {}
        }
        if let Some(LoginEnd::Done(done)) = end {
            let who = (done.app_id.as_str(), done.safe_id.as_str());
            assert!(!self.named.is_empty(), "nobody was named");
            for named in &self.named {
                assert_eq!(*named, who, "two people, and one of them signed in");
            }
            if self.stage.must_verify() {
                assert_eq!(event, Event::VerifyYes, "signed in by {event:?}");
                let asked = asked.map(|asked| (asked.app_id.as_str(), asked.safe_id.as_str()));
                assert_eq!(asked, Some(who), "a yes to another question");
            } else {
                assert!(
                    believed && named(event) == Some(who),
                    "signed in by {event:?}"
                );
            }
        }
    }

    /// Lets go of the attempt: over, nothing moves it; open, time ends it.
    pub(crate) fn let_go(mut self) {
        for _ in 0..200 {
            if self.is_over() {
                break;
            }
            self.take(Event::Deadline);
        }
        assert!(self.is_over(), "{:?} for ever", self.login.phase());
        for event in Event::ALL {
            self.take(event);
        }
    }
}

fn answer(body: &[u8]) -> Input<'_> {
    Input::VerifyReply { status: 200, body }
}

/// The first byte says what it is played with, each of the next 64 is an event.
pub(crate) fn login_events(input: &[u8]) {
    thread_local! {
        static STAGES: Vec<Stage> = stages();
    }
    let Some((first, events)) = input.split_first() else {
        return;
    };
    STAGES.with(|stages| {
        let Some(stage) = stages.get(usize::from(*first) % stages.len()) else {
            return;
        };
        let mut run = Run::new(stage);
        for byte in events.iter().take(64) {
            let event = Event::ALL.get(usize::from(*byte) % Event::ALL.len());
            if let Some(event) = event.filter(|event| run.can(**event)) {
                run.take(*event);
            }
            if run.is_over() {
                break;
            }
        }
        run.let_go();
    });
}

/// All dialects, with `app_verify` where it has to be and always, with keys of the attempt's own and, where
/// that may be, the site's.
pub(crate) fn stages() -> Vec<Stage> {
    let mut stages = Vec::new();
    for dialect in Dialect::ALL {
        for always in [false, true] {
            stages.push(Stage::new(dialect, KeyLifetime::Fresh, always));
            if dialect == Dialect::Two {
                stages.push(Stage::new(dialect, KeyLifetime::Fixed, always));
            }
        }
    }
    stages
}

#[allow(dead_code, reason = "for whoever reads what a sequence came to")]
pub(crate) fn kind_of(end: &LoginEnd) -> &'static str {
    match end {
        LoginEnd::Done(_) => "done",
        LoginEnd::Denied { .. } => "denied",
        LoginEnd::Failed(_) => "failed",
        LoginEnd::Expired => "expired",
        LoginEnd::Cancelled => "cancelled",
        _ => "other",
    }
}
