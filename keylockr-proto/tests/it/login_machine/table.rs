//! K 7.3, phase by event.

use keylockr_proto::Value;
use keylockr_proto::login::Input;
use keylockr_proto::login::Phase;

use super::attempt::{Attempt, polled};
use crate::peer::{Dialect, TMP, greeting, map, ok};

/// What a message does in a phase.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    /// Acted upon: nothing is counted.
    Acts,
    /// Dropped, counted, a strike.
    Strike,
    /// Dropped and counted as an answer that nobody waits for.
    Unasked,
    /// Dropped and counted as equal to the result in hand.
    Repeated,
    /// There is no socket it could come over, or nobody who listens.
    Ignored,
}

use Verdict::{Acts, Ignored, Repeated, Strike, Unasked};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    New,
    /// The socket is not up yet.
    Opening,
    TmpConnecting,
    /// Greeted on this very socket.
    TmpWait,
    /// Back after a loss, not greeted again yet.
    TmpWaitAgain,
    /// With a poll that is not answered (seed).
    TmpWaitAsked,
    Authorized,
    Done,
    Denied,
    Failed,
    Expired,
    Cancelled,
}

const STATES: [State; 12] = [
    State::New,
    State::Opening,
    State::TmpConnecting,
    State::TmpWait,
    State::TmpWaitAgain,
    State::TmpWaitAsked,
    State::Authorized,
    State::Done,
    State::Denied,
    State::Failed,
    State::Expired,
    State::Cancelled,
];

const EVENTS: [&str; 18] = [
    "connected",
    "ping",
    "app_auth_result",
    "app_connect_req",
    "app_req_filekey",
    "app_filekey_result",
    "app_get_data",
    "app_set_data",
    "app_update",
    "app_updated",
    "app_del",
    "app_deleted",
    "pong",
    "app_scan_info",
    "safe_list",
    "Connected",
    "connected ",
    "something_new",
];

/// The table. An empty column means that the event has no place in any phase of a login.
fn expected(state: State, event: &str, seed: bool) -> Verdict {
    let place = match event {
        "connected" => 0,
        "ping" => 1,
        "app_auth_result" => 2,
        "app_connect_req" => 3,
        _ => 4,
    };
    // connected, ping, app_auth_result, app_connect_req, anything else
    let row = match (state, seed) {
        (State::New | State::Opening, _) => [Ignored; 5],
        (State::TmpConnecting, _) => [Acts, Strike, Strike, Strike, Strike],
        (State::TmpWait, true) => [Strike, Acts, Acts, Unasked, Strike],
        (State::TmpWaitAgain, true) => [Acts, Acts, Acts, Unasked, Strike],
        (State::TmpWaitAsked, true) => [Strike, Acts, Acts, Acts, Strike],
        (State::TmpWait | State::TmpWaitAsked, false) => [Strike, Acts, Acts, Strike, Strike],
        (State::TmpWaitAgain, false) => [Acts, Acts, Acts, Strike, Strike],
        (State::Authorized, true) => [Strike, Acts, Repeated, Unasked, Strike],
        (State::Authorized, false) => [Strike, Acts, Repeated, Strike, Strike],
        (State::Done | State::Denied | State::Failed | State::Expired | State::Cancelled, _) => {
            [Ignored; 5]
        }
    };
    row[place]
}

fn in_state(dialect: Dialect, state: State) -> Attempt {
    match state {
        State::New => Attempt::verifying(dialect),
        State::Opening => Attempt::verifying(dialect).handshaken(),
        State::TmpConnecting => Attempt::verifying(dialect).opened(),
        State::TmpWait => Attempt::verifying(dialect).waiting(),
        State::TmpWaitAgain => {
            let mut attempt = Attempt::verifying(dialect).waiting();
            attempt.feed(Input::SocketClosed { code: Some(1006) });
            attempt.pass_secs(2);
            attempt.feed(Input::SocketOpened);
            attempt
        }
        State::TmpWaitAsked => {
            let mut attempt = Attempt::verifying(dialect).waiting();
            attempt.pass_secs(3);
            attempt
        }
        State::Authorized => Attempt::authorized(dialect),
        State::Done => {
            let mut attempt = Attempt::authorized(dialect);
            attempt.verify_yes();
            attempt
        }
        State::Denied => {
            let mut attempt = Attempt::verifying(dialect).waiting();
            attempt.push("app_auth_result", &dialect.denial(TMP));
            attempt
        }
        State::Failed => {
            let mut attempt = Attempt::verifying(dialect);
            attempt.feed(Input::HandshakeFailed);
            attempt
        }
        State::Expired => {
            let mut attempt = Attempt::verifying(dialect).handshaken();
            attempt.pass_secs(180);
            attempt
        }
        State::Cancelled => {
            let mut attempt = Attempt::verifying(dialect).waiting();
            attempt.feed(Input::Cancel);
            attempt
        }
    }
}

fn phase_of(state: State) -> Phase {
    match state {
        State::New => Phase::New,
        State::Opening | State::TmpConnecting => Phase::TmpConnecting,
        State::TmpWait | State::TmpWaitAgain | State::TmpWaitAsked => Phase::TmpWait,
        State::Authorized => Phase::Authorized,
        State::Done => Phase::Done,
        State::Denied => Phase::Denied,
        State::Failed => Phase::Failed,
        State::Expired => Phase::Expired,
        State::Cancelled => Phase::Cancelled,
    }
}

/// A body that is good wherever the event is.
fn body(dialect: Dialect, event: &str) -> Value {
    match event {
        "connected" | "Connected" | "connected " => greeting(),
        "app_auth_result" => dialect.approval(TMP, "41", "7"),
        "app_connect_req" => polled("41", "7"),
        "app_filekey_result" | "app_req_filekey" => {
            map([("_res", "ok".into()), ("status", "denied".into())])
        }
        "app_updated" | "app_update" => map([("_res", "ok".into()), ("name", "x".into())]),
        "app_del" => map([("_res", "ok".into()), ("id_deleted", "41".into())]),
        _ => ok(),
    }
}

#[test]
fn phase_table_exhaustive() {
    for dialect in Dialect::ALL {
        for state in STATES {
            for event in EVENTS {
                check(dialect, state, event);
            }
        }
    }
}

fn check(dialect: Dialect, state: State, event: &str) {
    let case = format!("{dialect:?} {state:?} {event:?}");
    let mut attempt = in_state(dialect, state);
    assert_eq!(
        attempt.login.phase(),
        phase_of(state),
        "{case}: not the state it should be"
    );
    let before = attempt.login.counters();
    let seen = attempt.push(event, &body(dialect, event));
    let after = attempt.login.counters();
    let grew = |count: fn(&keylockr_proto::Counters) -> u32| count(&after) - count(&before);
    let counted = [
        grew(|c| c.dropped),
        grew(|c| c.strikes),
        grew(|c| c.out_of_phase),
        grew(|c| c.unasked),
        grew(|c| c.repeated),
    ];
    match expected(state, event, dialect.is_seed()) {
        Acts => assert_eq!(counted, [0; 5], "{case}"),
        Strike => assert_eq!(counted, [1, 1, 1, 0, 0], "{case}"),
        Unasked => assert_eq!(counted, [1, 0, 0, 1, 0], "{case}"),
        Repeated => assert_eq!(counted, [1, 0, 0, 0, 1], "{case}"),
        Ignored => {
            assert_eq!(counted[1..], [0; 4], "{case}");
        }
    }
    let acts = expected(state, event, dialect.is_seed()) == Acts;
    if !acts {
        assert!(seen.is_empty(), "{case}: {seen:?}");
        assert_eq!(attempt.login.phase(), phase_of(state), "{case}");
    } else if event == "app_connect_req"
        || (event == "app_auth_result" && dialect != Dialect::SeedData)
    {
        assert_eq!(attempt.login.phase(), Phase::Authorized, "{case}");
    } else {
        let held = if state == State::TmpConnecting {
            Phase::TmpWait
        } else {
            phase_of(state)
        };
        assert_eq!(attempt.login.phase(), held, "{case}");
    }
}

#[test]
fn eight_strikes_end_the_attempt() {
    for dialect in Dialect::ALL {
        let mut attempt = Attempt::new(dialect).waiting();
        for strike in 1..=7 {
            attempt.push("app_deleted", &ok());
            assert_eq!(attempt.login.counters().strikes, strike);
            assert!(!attempt.login.phase().is_over());
        }
        attempt.push("app_deleted", &ok());
        assert_eq!(
            attempt.end(),
            Some(&super::attempt::Seen::Failed("too_many_bad_frames".into()))
        );
    }
}
