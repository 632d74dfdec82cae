//! Events in every order, and in no order at all.

use std::sync::Arc;
use std::time::Duration;

use keylockr_proto::login::{Input, Login, LoginConfig, LoginEnd, Output, Phase, VerifyPolicy};
use keylockr_proto::{ClientKeys, KeyLifetime, Now, ReplayVerdict, ServerKeys, UnixTime, Value};
use proptest::prelude::*;

use super::attempt::polled;
use crate::peer::{
    Dialect, OTHER_TMP, Peer, START, Seq, TMP, at, client_keys, events, greeting, handshake_answer,
    map, name, ok, refusal, with, without,
};

events! {
    /// What may happen to an attempt that has its socket.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    enum Event {
        Connected,
        ApproveA,
        ApproveB,
        Deny,
        Foreign,
        PollA,
        /// Three seconds pass.
        Wait,
        VerifyYes,
        VerifyNo,
        Cancel,
    }
}

/// Frames and keys that serve all orders of a dialect.
struct Stage {
    dialect: Dialect,
    keys: Arc<ClientKeys>,
    server: ServerKeys,
    frames: Vec<(Event, Vec<u8>)>,
}

impl Stage {
    fn new(dialect: Dialect) -> Self {
        let mut peer = Peer::new(1);
        let keys = client_keys(2, KeyLifetime::Fresh);
        let ts = at(0).unix;
        let mut seal = |event, name: &str, body: &Value| (event, peer.seal(&keys, name, ts, body));
        let foreign = match dialect {
            Dialect::Two => dialect.approval(OTHER_TMP, "666", "666"),
            _ => with(&dialect.approval(TMP, "666", "666"), "_res", "no".into()),
        };
        let frames = vec![
            seal(Event::Connected, "connected", &greeting()),
            seal(
                Event::ApproveA,
                "app_auth_result",
                &dialect.approval(TMP, "41", "7"),
            ),
            seal(
                Event::ApproveB,
                "app_auth_result",
                &dialect.approval(TMP, "42", "8"),
            ),
            seal(Event::Deny, "app_auth_result", &dialect.denial(TMP)),
            seal(Event::Foreign, "app_auth_result", &foreign),
            seal(Event::PollA, "app_connect_req", &polled("41", "7")),
        ];
        Self {
            dialect,
            server: peer.keys(),
            keys,
            frames,
        }
    }

    fn start(&self) -> (Login, Seq) {
        let config = LoginConfig::new(self.dialect.service(), name());
        let mut login =
            Login::new(config, Arc::clone(&self.keys), self.server.clone(), at(0)).unwrap();
        let mut entropy = Seq(3);
        login.handle_input(
            at(0),
            Input::HandshakeReply(&handshake_answer(TMP)),
            &mut entropy,
        );
        login.handle_input(at(0), Input::SocketOpened, &mut entropy);
        ends(&mut login);
        (login, entropy)
    }

    fn feed(&self, login: &mut Login, event: Event, now: Now, entropy: &mut Seq) -> Vec<LoginEnd> {
        let frame = self
            .frames
            .iter()
            .find(|(of, _)| *of == event)
            .map(|(_, frame)| frame);
        let input = match (event, frame) {
            (_, Some(frame)) => Input::SocketMessage(frame),
            (Event::VerifyYes, _) => Input::VerifyReply {
                status: 200,
                body: br#"{"_res":"ok","valid":true}"#,
            },
            (Event::VerifyNo, _) => Input::VerifyReply {
                status: 200,
                body: br#"{"_res":"ok","valid":false}"#,
            },
            (Event::Wait, _) => Input::Tick,
            (_, None) => Input::Cancel,
        };
        login.handle_input(now, input, entropy);
        ends(login)
    }
}

/// Drains; the ends among what came.
fn ends(login: &mut Login) -> Vec<LoginEnd> {
    let mut ends = Vec::new();
    loop {
        match login.poll_output() {
            Output::Wait(_) => return ends,
            Output::Finished(end) => ends.push(end),
            _ => assert!(ends.is_empty(), "something after the end"),
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Expected {
    Open,
    /// Signed in as the one that this event named.
    Done(Event),
    Denied,
    Failed,
    Cancelled,
}

/// What an order must come to, told by a second, much smaller model: who was named first, and what
/// was said after that.
fn model(dialect: Dialect, order: &[Event]) -> Expected {
    let mut greeted = false;
    // The poll is on its way.
    let mut polls = false;
    let mut first: Option<Event> = None;
    // Only app_verify is left.
    let mut verifies = false;
    for event in order {
        match event {
            Event::Cancel => return Expected::Cancelled,
            Event::Connected => greeted = true,
            Event::Wait if !dialect.is_seed() => {}
            // Seed goes on without a greeting, and polls when there is silence.
            Event::Wait if !greeted => greeted = true,
            Event::Wait => polls |= first.is_none(),
            _ if !greeted => {}
            Event::ApproveA | Event::ApproveB => match first {
                Some(before) if before == *event => {}
                Some(_) => return Expected::Failed,
                None if dialect == Dialect::Two => return Expected::Done(*event),
                None => {
                    first = Some(*event);
                    // Data mode wants to know from the poll who sends the filekeys.
                    polls |= dialect == Dialect::SeedData;
                    verifies = dialect != Dialect::SeedData;
                }
            },
            Event::Foreign => return Expected::Failed,
            Event::Deny if first.is_some() => return Expected::Failed,
            Event::Deny => return Expected::Denied,
            Event::PollA if polls => {
                if first == Some(Event::ApproveB) {
                    return Expected::Failed;
                }
                first = Some(Event::ApproveA);
                polls = false;
                verifies = true;
            }
            Event::PollA => {}
            Event::VerifyYes if verifies => {
                return first.map_or(Expected::Failed, Expected::Done);
            }
            Event::VerifyNo if verifies => return Expected::Failed,
            Event::VerifyYes | Event::VerifyNo => {}
        }
    }
    Expected::Open
}

fn kind_of(end: Option<&LoginEnd>) -> Expected {
    match end {
        None => Expected::Open,
        Some(LoginEnd::Done(done)) => match (done.app_id.as_str(), done.safe_id.as_str()) {
            ("41", "7") => Expected::Done(Event::ApproveA),
            ("42", "8") => Expected::Done(Event::ApproveB),
            other => panic!("nobody named {other:?}"),
        },
        Some(LoginEnd::Denied { .. }) => Expected::Denied,
        Some(LoginEnd::Failed(_)) => Expected::Failed,
        Some(LoginEnd::Cancelled) => Expected::Cancelled,
        Some(other) => panic!("{other:?}"),
    }
}

fn run(stage: &Stage, order: &[Event]) {
    let (mut login, mut entropy) = stage.start();
    let mut now = at(0);
    let mut all = Vec::new();
    for (place, event) in order.iter().enumerate() {
        if *event == Event::Wait {
            now = at(3);
        }
        all.extend(stage.feed(&mut login, *event, now, &mut entropy));
        let case = || format!("{:?} {:?}", stage.dialect, &order[..=place]);
        assert!(all.len() <= 1, "{}: two ends", case());
        assert_eq!(
            kind_of(all.first()),
            model(stage.dialect, &order[..=place]),
            "{}",
            case()
        );
        assert_eq!(login.phase().is_over(), !all.is_empty(), "{}", case());
    }
}

/// Every order of `left` more events out of those not used yet. Each prefix is judged on the way,
/// so the full length covers the shorter ones; and where the model says that an attempt is over, one
/// tail stands for all, because nothing has an effect any more. Without a greeting among the first two
/// there is little to tell apart, and four events are enough.
fn permute(stage: &Stage, order: &mut Vec<Event>, left: usize, runs: &mut usize) {
    let over = model(stage.dialect, order) != Expected::Open;
    let dull = order.len() == 2 && !order.contains(&Event::Connected);
    let left = if dull { 2 } else { left };
    if left == 0 || over {
        *runs += 1;
        let unused = Event::ALL
            .into_iter()
            .filter(|event| !order.contains(event));
        let tail: Vec<_> = unused.take(left).collect();
        return run(stage, &[order.as_slice(), &tail].concat());
    }
    for event in Event::ALL {
        if !order.contains(&event) {
            order.push(event);
            permute(stage, order, left - 1, runs);
            order.pop();
        }
    }
}

fn all_orders(dialect: Dialect) {
    let mut runs = 0;
    permute(&Stage::new(dialect), &mut Vec::new(), 6, &mut runs);
    assert!(runs > 3000, "{runs}");
}

#[test]
fn all_orders_seed() {
    all_orders(Dialect::Seed);
}

#[test]
fn all_orders_seed_data() {
    all_orders(Dialect::SeedData);
}

#[test]
fn all_orders_revision_1() {
    all_orders(Dialect::One);
}

#[test]
fn all_orders_revision_2() {
    all_orders(Dialect::Two);
}

/// One report of a driver that has lost its mind.
#[derive(Clone, Debug)]
enum Report {
    Handshake(bool),
    HandshakeFailed,
    Opened,
    Refused,
    Failed,
    Frame(usize, bool),
    Bent(usize, usize, u8),
    Junk(Vec<u8>),
    Returned(usize),
    Oversized,
    Activity,
    Closed(Option<u16>),
    Verify(u16, usize),
    VerifyFailed,
    Keys(bool),
    NoKeys,
    Clock(bool),
    Verdict(u8),
    Cancel,
    Tick,
}

fn report() -> impl Strategy<Value = Report> {
    prop_oneof![
        4 => any::<bool>().prop_map(Report::Handshake),
        1 => Just(Report::HandshakeFailed),
        6 => Just(Report::Opened),
        1 => Just(Report::Refused),
        1 => Just(Report::Failed),
        16 => (0..FRAMES, any::<bool>()).prop_map(|(which, old)| Report::Frame(which, old)),
        2 => (0..FRAMES, any::<usize>(), any::<u8>()).prop_map(|(w, p, b)| Report::Bent(w, p, b)),
        1 => proptest::collection::vec(any::<u8>(), 0..64).prop_map(Report::Junk),
        2 => (0..FRAMES).prop_map(Report::Returned),
        1 => Just(Report::Oversized),
        1 => Just(Report::Activity),
        2 => proptest::option::of(prop_oneof![
            Just(1000_u16), Just(1008), Just(4401), Just(4409), any::<u16>()
        ]).prop_map(Report::Closed),
        4 => (any::<u16>(), 0..4_usize).prop_map(|(status, body)| Report::Verify(status, body)),
        1 => Just(Report::VerifyFailed),
        1 => any::<bool>().prop_map(Report::Keys),
        1 => Just(Report::NoKeys),
        2 => any::<bool>().prop_map(Report::Clock),
        8 => any::<u8>().prop_map(Report::Verdict),
        1 => Just(Report::Cancel),
        4 => Just(Report::Tick),
    ]
}

const FRAMES: usize = 14;

fn frame(dialect: Dialect, which: usize) -> (&'static str, Value) {
    let good = dialect.approval(TMP, "41", "7");
    match which {
        0 => ("connected", greeting()),
        1 => ("ping", ok()),
        2 | 3 => ("app_auth_result", good),
        4 => ("app_auth_result", dialect.approval(TMP, "42", "8")),
        5 => ("app_auth_result", dialect.approval(OTHER_TMP, "43", "9")),
        6 => ("app_auth_result", dialect.denial(TMP)),
        7 => ("app_auth_result", without(&good, "_res")),
        8 => ("app_connect_req", polled("41", "7")),
        9 => (
            "app_connect_req",
            map([("_res", "ok".into()), ("status", "pending".into())]),
        ),
        10 => ("app_connect_req", refusal("ts_invalid")),
        11 => ("app_deleted", ok()),
        12 => (
            "app_filekey_result",
            map([("_res", "ok".into()), ("status", "denied".into())]),
        ),
        _ => ("", ok()),
    }
}

/// The verify answers, by number; only the last is a yes.
const VERIFY: [&[u8]; 4] = [
    b"",
    br#"{"_res":"ok","valid":false}"#,
    br#"{"_res":"err","code":"ip_not_allowed"}"#,
    br#"{"_res":"ok","valid":true}"#,
];

#[derive(Clone, Copy, Debug)]
struct Setup {
    dialect: Dialect,
    fixed: bool,
    always: bool,
}

fn setup() -> impl Strategy<Value = Setup> {
    (0..4_usize, any::<bool>(), any::<bool>()).prop_map(|(dialect, fixed, always)| {
        let dialect = Dialect::ALL[dialect];
        Setup {
            dialect,
            fixed: fixed && dialect == Dialect::Two,
            always,
        }
    })
}

fn drive(setup: Setup, reports: &[(Report, u64)]) {
    let Setup {
        dialect,
        fixed,
        always,
    } = setup;
    let lifetime = if fixed {
        KeyLifetime::Fixed
    } else {
        KeyLifetime::Fresh
    };
    let keys = client_keys(2, lifetime);
    let mut peer = Peer::new(1);
    let policy = if always {
        VerifyPolicy::Always
    } else {
        VerifyPolicy::Auto
    };
    let config = LoginConfig::new(dialect.service(), name()).with_verify(policy);
    let mut login = Login::new(config, Arc::clone(&keys), peer.keys(), at(1000)).unwrap();
    let mut entropy = Seq(3);
    let mut millis: u64 = 1_000_000;
    let mut finished = 0;
    let mut verify_asked = false;
    let mut said_yes = false;
    for (report, pause) in reports {
        // Now and then the driver's clock runs backwards.
        millis = if *pause == 13 {
            millis.saturating_sub(5_000)
        } else {
            millis + pause
        };
        let unix = UnixTime::from_secs(START + millis / 1000);
        let now = Now::new(Duration::from_millis(millis), unix);
        let sealed = match report {
            Report::Frame(which, old) => {
                let (event, body) = frame(dialect, *which);
                let ts = if *old { unix.saturating_sub(700) } else { unix };
                peer.seal(&keys, event, ts, &body)
            }
            Report::Returned(which) => {
                let (event, body) = frame(dialect, *which);
                peer.seal(&keys, event, unix, &body)
            }
            Report::Bent(which, place, bits) => {
                let (event, body) = frame(dialect, *which);
                let mut bytes = peer.seal(&keys, event, unix, &body);
                let place = place % bytes.len();
                bytes[place] ^= bits;
                bytes
            }
            Report::Junk(bytes) => bytes.clone(),
            Report::Handshake(good) => handshake_answer(if *good { TMP } else { "../x" }),
            _ => Vec::new(),
        };
        let input = match report {
            Report::Handshake(_) => Input::HandshakeReply(&sealed),
            Report::HandshakeFailed => Input::HandshakeFailed,
            Report::Opened => Input::SocketOpened,
            Report::Refused => Input::SocketRefused,
            Report::Failed => Input::SocketFailed,
            Report::Frame(..) | Report::Bent(..) | Report::Junk(_) => Input::SocketMessage(&sealed),
            Report::Returned(_) => Input::Returned(&sealed),
            Report::Oversized => Input::SocketOversized,
            Report::Activity => Input::SocketActivity,
            Report::Closed(code) => Input::SocketClosed { code: *code },
            Report::Verify(status, body) => {
                let status = if status % 2 == 0 { 200 } else { *status };
                if (200..300).contains(&status) && *body == 3 && verify_asked {
                    said_yes = true;
                }
                Input::VerifyReply {
                    status,
                    body: VERIFY[*body],
                }
            }
            Report::VerifyFailed => Input::VerifyFailed,
            Report::Keys(same) => {
                let other = Peer::new(if *same { 1 } else { 5 });
                Input::ServerKeys(other.keys())
            }
            Report::NoKeys => Input::ServerKeysUnavailable,
            Report::Clock(true) => Input::ClockSynced,
            Report::Clock(false) => Input::ClockUnavailable,
            Report::Verdict(verdict) => Input::ReplayVerdict(match verdict {
                0..=15 => ReplayVerdict::Seen,
                16..=20 => ReplayVerdict::Unavailable,
                _ => ReplayVerdict::Fresh,
            }),
            Report::Cancel => Input::Cancel,
            Report::Tick => Input::Tick,
        };
        let was_over = login.phase().is_over();
        login.handle_input(now, input, &mut entropy);
        let mut outputs = 0;
        loop {
            let output = login.poll_output();
            if let Output::Wait(deadline) = output {
                assert_eq!(deadline.is_none(), login.phase().is_over());
                break;
            }
            outputs += 1;
            assert!(outputs <= 40, "too many outputs for one input");
            assert!(!was_over, "{output:?} after the end");
            verify_asked |= matches!(output, Output::Verify(_));
            if let Output::Finished(end) = output {
                finished += 1;
                judge(setup, &end, said_yes);
            }
        }
        assert_eq!(finished, usize::from(login.phase().is_over()));
    }
    // Without anything more, every attempt comes to its end.
    for second in 0..900 {
        let now = Now::new(Duration::from_millis(millis + second * 1000), at(0).unix);
        login.handle_input(now, Input::Tick, &mut entropy);
        ends(&mut login);
    }
    assert!(login.phase().is_over(), "{:?} for ever", login.phase());
}

fn judge(setup: Setup, end: &LoginEnd, said_yes: bool) {
    let LoginEnd::Done(done) = end else { return };
    let named = (done.app_id.as_str(), done.safe_id.as_str());
    let mut possible = vec![("41", "7"), ("42", "8")];
    // Only the dialects without a binding can name whoever the service says.
    if setup.dialect != Dialect::Two {
        possible.push(("43", "9"));
    }
    assert!(possible.contains(&named), "{named:?}");
    if setup.always || setup.dialect != Dialect::Two {
        assert!(said_yes, "signed in without app_verify");
    }
}

proptest! {
    /// Never a panic, never two ends, nothing after the end, nobody who was not named, and an end
    /// to everything.
    #[test]
    fn any_sequence_of_reports(
        setup in setup(),
        reports in proptest::collection::vec((report(), prop_oneof![Just(0_u64), Just(13), 1..40_000_u64]), 0..40),
        begins in any::<bool>(),
    ) {
        let mut all = Vec::new();
        if begins {
            // Half of them get as far as the code.
            all.extend([
                (Report::Handshake(true), 0),
                (Report::Opened, 0),
                (Report::Frame(0, false), 0),
                (Report::Verdict(255), 0),
            ]);
        }
        all.extend(reports);
        drive(setup, &all);
    }
}

#[test]
fn the_phases_of_a_login() {
    // What the tests above take for granted.
    let stage = Stage::new(Dialect::Two);
    let (login, _) = stage.start();
    assert_eq!(login.phase(), Phase::TmpConnecting);
}
