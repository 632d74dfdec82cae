//! The wait for the phone (K 7.3 KEY_WAIT).

use std::time::Duration;

use keylockr_proto::link::{LinkEvent, LinkInput, LinkPhase, Reply, Request, RequestError};
use keylockr_proto::{Family, FilekeyStatus, Value};

use super::line::{Line, Seen, event};
use crate::peer::{map, ok, refusal, with};

fn status(word: &str) -> Value {
    with(&ok(), "status", word.into())
}

fn granted() -> Value {
    map([
        ("_res", "ok".into()),
        ("status", "done".into()),
        ("data_filekey", Value::Bin(vec![1; 100])),
        ("data_enc", Value::Bin(vec![2; 60])),
        ("ver", "3".into()),
    ])
}

fn send(name: &str) -> Seen {
    Seen::Send(name.into())
}

fn waiting() -> Line {
    let mut line = Line::up(Family::AppData);
    line.ask(1, Request::ReqFilekey);
    let seen = line.push("app_req_filekey", &status("safe_auth_required"));
    assert_eq!(
        seen,
        [Seen::Answer(
            1,
            Ok(Reply::Filekey(FilekeyStatus::SafeAuthRequired))
        )]
    );
    assert_eq!(line.link.phase(), LinkPhase::KeyWait);
    line
}

/// Pings, so that silence is not what ends the wait.
fn wait(line: &mut Line, secs: u64) -> Vec<Seen> {
    let mut all = Vec::new();
    for _ in 0..secs / 30 {
        all.extend(line.pass_secs(30));
        let seen = line.push("ping", &ok());
        assert_eq!(seen, [send("pong")]);
    }
    all.extend(line.pass_secs(secs % 30));
    all
}

#[test]
fn at_once() {
    let mut line = Line::up(Family::AppData);
    assert_eq!(line.ask(1, Request::ReqFilekey), [send("app_req_filekey")]);
    let seen = line.push("app_req_filekey", &granted());
    let [Seen::Answer(1, Ok(Reply::Filekey(FilekeyStatus::Done(grant))))] = seen.as_slice() else {
        panic!("{seen:?}")
    };
    assert_eq!(grant.data_filekey.as_bytes(), [1; 100]);
    assert_eq!(line.link.phase(), LinkPhase::DataReady);
    // The push that may follow is one too many.
    assert_eq!(line.push("app_filekey_result", &granted()), []);
    assert_eq!(line.link.counters().out_of_phase, 1);
}

#[test]
fn after_the_phone_is_unlocked_or_never() {
    let mut line = waiting();
    assert_eq!(wait(&mut line, 200), []);
    let seen = line.push("app_filekey_result", &granted());
    assert!(
        matches!(
            seen.as_slice(),
            [Seen::Event(LinkEvent::FilekeyResult(FilekeyStatus::Done(
                _
            )))]
        ),
        "{seen:?}"
    );
    assert_eq!(line.link.phase(), LinkPhase::DataReady);

    let mut line = waiting();
    let seen = line.push("app_filekey_result", &status("denied"));
    assert_eq!(
        seen,
        [event(LinkEvent::FilekeyResult(FilekeyStatus::Denied))]
    );
    assert_eq!(line.push("app_filekey_result", &granted()), [], "final");

    let mut line = waiting();
    assert_eq!(
        line.push("app_filekey_result", &status("safe_auth_required")),
        []
    );
    assert_eq!(wait(&mut line, 299), []);
    assert_eq!(
        line.pass(Duration::from_secs(1)),
        [event(LinkEvent::FilekeyTimedOut)]
    );
    assert_eq!(line.link.phase(), LinkPhase::DataReady);
    assert_eq!(line.push("app_filekey_result", &granted()), [], "too late");
}

#[test]
fn the_push_may_come_before_the_answer() {
    let mut line = Line::up(Family::Seed);
    line.ask(1, Request::ReqFilekey);
    let seen = line.push("app_filekey_result", &granted());
    assert!(
        matches!(seen.as_slice(), [Seen::Event(LinkEvent::FilekeyResult(_))]),
        "{seen:?}"
    );
    let seen = line.push("app_req_filekey", &status("safe_auth_required"));
    assert!(
        matches!(seen.as_slice(), [Seen::Answer(1, Ok(_))]),
        "{seen:?}"
    );
    assert_eq!(
        line.link.phase(),
        LinkPhase::DataReady,
        "there is nothing to wait for"
    );
}

#[test]
fn a_decision_that_was_missed_is_asked_for_again() {
    let reconnected = || {
        let mut line = waiting();
        line.feed(LinkInput::SocketClosed { code: None });
        line.pass_secs(2);
        line.feed(LinkInput::SocketOpened);
        assert_eq!(
            line.greet(),
            [event(LinkEvent::Up), send("app_req_filekey")]
        );
        line
    };
    let mut line = reconnected();
    let seen = line.push("app_req_filekey", &granted());
    assert!(
        matches!(seen.as_slice(), [Seen::Event(LinkEvent::FilekeyResult(_))]),
        "{seen:?}"
    );
    assert_eq!(line.link.phase(), LinkPhase::DataReady);

    let mut line = reconnected();
    assert_eq!(
        line.push("app_req_filekey", &status("safe_auth_required")),
        []
    );
    assert_eq!(line.link.phase(), LinkPhase::KeyWait);
    let seen = line.push("app_filekey_result", &granted());
    assert!(
        matches!(seen.as_slice(), [Seen::Event(LinkEvent::FilekeyResult(_))]),
        "{seen:?}"
    );

    let mut line = reconnected();
    assert_eq!(
        line.push("app_req_filekey", &refusal("app_file_not_found")),
        [event(LinkEvent::FilekeyTimedOut)]
    );
    assert_eq!(line.link.phase(), LinkPhase::DataReady);
}

#[test]
fn a_refused_request_waits_for_nothing() {
    let mut line = Line::up(Family::AppData);
    line.ask(1, Request::ReqFilekey);
    let seen = line.push("app_req_filekey", &refusal("app_file_not_found"));
    assert!(
        matches!(&seen[..], [Seen::Answer(1, Err(RequestError::Refused(_)))]),
        "{seen:?}"
    );
    assert_eq!(line.link.phase(), LinkPhase::DataReady);
    // A word we do not know is an answer, and a failure.
    line.ask(2, Request::ReqFilekey);
    let seen = line.push("app_req_filekey", &status("maybe"));
    let word = FilekeyStatus::Unknown("maybe".into());
    assert_eq!(seen, [Seen::Answer(2, Ok(Reply::Filekey(word)))]);
    assert_eq!(line.link.phase(), LinkPhase::DataReady);
}
