//! K 7.3, the phases after the login, by event.

use keylockr_proto::link::{LinkInput, LinkPhase, Request};
use keylockr_proto::{Counters, Family, Value, Ver};

use super::line::Line;
use crate::peer::{greeting, map, ok, with};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Acts,
    Strike,
    Unasked,
    Ignored,
}

use Verdict::{Acts, Ignored, Strike, Unasked};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Not up, and never greeted.
    Opening,
    Ungreeted,
    /// The request for the filekey is on its way.
    KeyAsked,
    /// It was answered: the phone has to be unlocked.
    KeyWait,
    DataReady,
    DataReading,
    DataWriting,
    Updating,
    Deleting,
    Closed,
}

const STATES: [State; 10] = [
    State::Opening,
    State::Ungreeted,
    State::KeyAsked,
    State::KeyWait,
    State::DataReady,
    State::DataReading,
    State::DataWriting,
    State::Updating,
    State::Deleting,
    State::Closed,
];

const EVENTS: [&str; 16] = [
    "connected",
    "ping",
    "app_updated",
    "app_deleted",
    "app_filekey_result",
    "app_req_filekey",
    "app_get_data",
    "app_set_data",
    "app_update",
    "app_del",
    "app_auth_result",
    "app_connect_req",
    "pong",
    "app_scan_info",
    "safe_list",
    "something_new",
];

fn expected(state: State, event: &str) -> Verdict {
    let place = match event {
        "connected" => 0,
        "ping" | "app_updated" | "app_deleted" => 1,
        "app_filekey_result" => 2,
        "app_req_filekey" => 3,
        "app_get_data" => 4,
        "app_set_data" => 5,
        "app_update" => 6,
        "app_del" => 7,
        _ => 8,
    };
    // connected | ping, updated, deleted | filekey result | the five answers | anything else
    let u = Unasked;
    let row = match state {
        State::Opening | State::Closed => [Ignored; 9],
        State::Ungreeted => [Acts, Acts, Strike, u, u, u, u, u, Strike],
        State::KeyAsked => [Strike, Acts, Acts, Acts, u, u, u, u, Strike],
        State::KeyWait => [Strike, Acts, Acts, u, u, u, u, u, Strike],
        State::DataReady => [Strike, Acts, Strike, u, u, u, u, u, Strike],
        State::DataReading => [Strike, Acts, Strike, u, Acts, u, u, u, Strike],
        State::DataWriting => [Strike, Acts, Strike, u, u, Acts, u, u, Strike],
        State::Updating => [Strike, Acts, Strike, u, u, u, Acts, u, Strike],
        State::Deleting => [Strike, Acts, Strike, u, u, u, u, Acts, Strike],
    };
    row[place]
}

fn in_state(family: Family, state: State) -> (Line, LinkPhase) {
    let asked = |request| {
        let mut line = Line::up(family);
        line.ask(1, request);
        line
    };
    match state {
        State::Opening => (Line::new(family), LinkPhase::Connecting),
        State::Ungreeted => {
            let mut line = Line::new(family);
            line.feed(LinkInput::SocketOpened);
            (line, LinkPhase::Connecting)
        }
        State::KeyAsked => (asked(Request::ReqFilekey), LinkPhase::KeyWait),
        State::KeyWait => {
            let mut line = asked(Request::ReqFilekey);
            let locked = with(&ok(), "status", "safe_auth_required".into());
            line.push("app_req_filekey", &locked);
            (line, LinkPhase::KeyWait)
        }
        State::DataReady => (Line::up(family), LinkPhase::DataReady),
        State::DataReading => (asked(Request::GetData), LinkPhase::DataReady),
        State::DataWriting => {
            let ver = Some(Ver::parse("1").unwrap());
            (
                asked(Request::SetData {
                    data_enc: vec![1; 40],
                    ver,
                }),
                LinkPhase::DataWriting,
            )
        }
        State::Updating => (
            asked(Request::Update {
                name: crate::peer::name(),
            }),
            LinkPhase::DataReady,
        ),
        State::Deleting => (asked(Request::Delete), LinkPhase::DataReady),
        State::Closed => {
            let mut line = Line::up(family);
            line.feed(LinkInput::Stop);
            (line, LinkPhase::Closed)
        }
    }
}

/// A body that is good wherever the event is.
fn body(event: &str) -> Value {
    match event {
        "connected" => greeting(),
        "app_updated" | "app_update" => with(&ok(), "name", "x".into()),
        "app_filekey_result" | "app_req_filekey" => with(&ok(), "status", "denied".into()),
        "app_get_data" => with(&ok(), "ver", "1".into()),
        "app_set_data" => map([
            ("_res", "ok".into()),
            ("file_id", "f".into()),
            ("ver", "2".into()),
        ]),
        "app_del" => with(&ok(), "id_deleted", "41".into()),
        _ => ok(),
    }
}

#[test]
fn link_phase_table_exhaustive() {
    for family in [Family::Seed, Family::AppData] {
        for state in STATES {
            for event in EVENTS {
                check(family, state, event);
            }
        }
    }
}

fn check(family: Family, state: State, event: &str) {
    let case = format!("{family:?} {state:?} {event}");
    let (mut line, phase) = in_state(family, state);
    assert_eq!(
        line.link.phase(),
        phase,
        "{case}: not the state it should be"
    );
    let before = line.link.counters();
    let seen = line.push(event, &body(event));
    let after = line.link.counters();
    let grew = |count: fn(&Counters) -> u32| count(&after) - count(&before);
    let counted = [
        grew(|c| c.dropped),
        grew(|c| c.strikes),
        grew(|c| c.out_of_phase),
        grew(|c| c.unasked),
    ];
    let verdict = expected(state, event);
    match verdict {
        Acts => assert_eq!(counted, [0; 4], "{case}"),
        Strike => assert_eq!(counted, [1, 1, 1, 0], "{case}"),
        Unasked => assert_eq!(counted, [1, 0, 0, 1], "{case}"),
        Ignored => assert_eq!(counted[1..], [0; 3], "{case}"),
    }
    if verdict != Acts {
        assert!(seen.is_empty(), "{case}: {seen:?}");
        assert_eq!(line.link.phase(), phase, "{case}");
    }
}
