//! Requests and their answers.

use std::time::Duration;

use keylockr_proto::link::{LinkEvent, LinkInput, Reply, Request, RequestError, RequestId};
use keylockr_proto::{
    DataReply, DisplayName, ErrorKind, Family, Nickname, ServerRefusal, SetDataReply, Value, Ver,
};

use super::line::{Line, Seen, connect, event, refused};
use crate::peer::{map, ok, refusal, with};

fn ver(text: &str) -> Ver {
    Ver::parse(text).unwrap()
}

fn write(version: &str) -> Request {
    Request::SetData {
        data_enc: vec![7; 64],
        ver: Some(ver(version)),
    }
}

fn stored(version: &str) -> Value {
    map([
        ("_res", "ok".into()),
        ("file_id", "f1".into()),
        ("ver", version.into()),
    ])
}

fn record(version: &str) -> Value {
    map([
        ("_res", "ok".into()),
        ("data_plain", Value::Bin(vec![0x80])),
        ("data_encrypted", Value::Bin(vec![9; 50])),
        ("ver", version.into()),
    ])
}

fn send(name: &str) -> Seen {
    Seen::Send(name.into())
}

#[test]
fn read_write_rename() {
    let mut line = Line::up(Family::AppData);
    assert_eq!(line.ask(1, Request::GetData), [send("app_get_data")]);
    let reply = DataReply {
        data_plain: Some(vec![0x80]),
        data_encrypted: Some(vec![9; 50]),
        ver: Some(ver("1")),
    };
    assert_eq!(
        line.push("app_get_data", &record("1")),
        [Seen::Answer(1, Ok(Reply::Data(reply)))]
    );
    assert_eq!(line.ask(2, write("1")), [send("app_set_data")]);
    assert_eq!(
        line.sent,
        map([("data_enc", Value::Bin(vec![7; 64])), ("ver", "1".into())])
    );
    let reply = SetDataReply {
        file_id: Some("f1".into()),
        ver: Some(ver("2")),
    };
    assert_eq!(
        line.push("app_set_data", &stored("2")),
        [Seen::Answer(2, Ok(Reply::Stored(reply)))]
    );
    let name = DisplayName::parse("Acme").unwrap();
    assert_eq!(line.ask(3, Request::Update { name }), [send("app_update")]);
    assert_eq!(
        line.push("app_update", &with(&ok(), "name", "Acme".into())),
        [Seen::Answer(
            3,
            Ok(Reply::Updated {
                name: Nickname::parse("Acme")
            })
        )]
    );
}

#[test]
fn seed_writes_without_a_version() {
    let mut line = Line::up(Family::Seed);
    line.ask(
        1,
        Request::SetData {
            data_enc: vec![7; 64],
            ver: None,
        },
    );
    assert_eq!(line.sent, map([("data_enc", Value::Bin(vec![7; 64]))]));
    let reply = SetDataReply {
        file_id: None,
        ver: None,
    };
    assert_eq!(
        line.push("app_set_data", &ok()),
        [Seen::Answer(1, Ok(Reply::Stored(reply)))]
    );
}

#[test]
fn requests_that_cannot_be_sent() {
    let mut line = Line::up(Family::AppData);
    let unversioned = Request::SetData {
        data_enc: vec![7; 64],
        ver: None,
    };
    assert_eq!(
        line.ask(1, unversioned),
        [refused(1, RequestError::Protocol(ErrorKind::Shape))]
    );
    let large = Request::SetData {
        data_enc: vec![7; 61_441],
        ver: Some(ver("1")),
    };
    assert_eq!(
        line.ask(2, large),
        [refused(2, RequestError::Protocol(ErrorKind::Size))]
    );
    let full = Request::SetData {
        data_enc: vec![7; 61_440],
        ver: Some(ver("1")),
    };
    assert_eq!(line.ask(3, full), [send("app_set_data")]);
}

#[test]
fn refusals_and_unreadable_answers() {
    let mut line = Line::up(Family::AppData);
    line.ask(1, write("1"));
    let seen = line.push("app_set_data", &refusal("file_ver_conflict"));
    let [Seen::Answer(1, Err(RequestError::Refused(said)))] = seen.as_slice() else {
        panic!("{seen:?}")
    };
    assert_eq!(said.code(), "file_ver_conflict");
    assert!(!RequestError::Refused(said.clone()).effect_is_unknown());
    // The same version again is no success, and an answer without `_res` is none at all.
    for body in [
        stored("1"),
        map([("file_id", "f1".into()), ("ver", "2".into())]),
    ] {
        line.ask(2, write("1"));
        let seen = line.push("app_set_data", &body);
        assert_eq!(seen, [refused(2, RequestError::Protocol(ErrorKind::Shape))]);
    }
}

#[test]
fn one_of_a_kind_at_a_time_in_the_order_they_came() {
    let mut line = Line::up(Family::AppData);
    assert_eq!(line.ask(1, Request::GetData), [send("app_get_data")]);
    assert_eq!(line.ask(2, write("1")), [], "a read is on its way");
    assert_eq!(line.ask(3, Request::GetData), []);
    assert_eq!(
        line.ask(4, Request::ReqFilekey),
        [send("app_req_filekey")],
        "another kind"
    );
    let seen = line.push("app_get_data", &record("1"));
    assert!(matches!(seen[0], Seen::Answer(1, Ok(_))));
    assert_eq!(seen[1..], [send("app_set_data")]);
    let seen = line.push("app_set_data", &stored("2"));
    assert!(matches!(seen[0], Seen::Answer(2, Ok(_))));
    assert_eq!(
        seen[1..],
        [send("app_get_data")],
        "and so the read sees the write"
    );
    // An answer that nobody waits for.
    assert_eq!(line.push("app_set_data", &stored("3")), []);
    assert_eq!(line.link.counters().unasked, 1);
}

#[test]
fn no_answer_costs_the_socket() {
    let mut line = Line::up(Family::AppData);
    line.ask(1, Request::GetData);
    line.pass_secs(5);
    line.ask(2, Request::ReqFilekey);
    let seen = line.pass(Duration::from_secs(10));
    // A late answer would be taken for the next one's, so there must not be one.
    assert_eq!(
        seen,
        [
            refused(1, RequestError::TimedOut),
            Seen::Close(1001),
            refused(2, RequestError::ConnectionLost),
            event(LinkEvent::Down),
        ]
    );
    assert!(RequestError::TimedOut.effect_is_unknown());
    assert!(RequestError::ConnectionLost.effect_is_unknown());
    assert_eq!(line.pass_secs(2), [connect()]);
}

#[test]
fn requests_wait_for_a_connection_for_15_s() {
    let mut line = Line::new(Family::AppData);
    line.ask(1, Request::GetData);
    line.pass_secs(10);
    line.ask(2, Request::ReqFilekey);
    assert_eq!(line.pass_secs(5), [refused(1, RequestError::NotSent)]);
    assert!(!RequestError::NotSent.effect_is_unknown());
    line.feed(LinkInput::SocketOpened);
    assert_eq!(
        line.greet(),
        [event(LinkEvent::Up), send("app_req_filekey")]
    );
}

#[test]
fn what_was_not_sent_survives_a_lost_socket() {
    let mut line = Line::up(Family::AppData);
    line.ask(1, Request::GetData);
    line.ask(2, write("1"));
    assert_eq!(
        line.feed(LinkInput::SocketClosed { code: None }),
        [
            refused(1, RequestError::ConnectionLost),
            event(LinkEvent::Down)
        ]
    );
    line.pass_secs(2);
    line.feed(LinkInput::SocketOpened);
    assert_eq!(line.greet(), [event(LinkEvent::Up), send("app_set_data")]);
}

#[test]
fn our_time_is_refused() {
    let mut line = Line::up(Family::AppData);
    line.ask(1, Request::GetData);
    line.ask(2, write("1"));
    assert_eq!(
        line.push("app_get_data", &refusal("ts_invalid")),
        [Seen::SyncClock]
    );
    assert_eq!(
        line.feed(LinkInput::ClockSynced),
        [send("app_get_data")],
        "the same again"
    );
    let seen = line.push("app_get_data", &refusal("ts_invalid"));
    assert!(
        matches!(&seen[0], Seen::Answer(1, Err(RequestError::Refused(_)))),
        "{seen:?}"
    );
    assert_eq!(seen[1..], [send("app_set_data")]);
    assert_eq!(line.link.counters().clock_syncs, 1);
}

#[test]
fn the_room_is_bounded_and_everything_is_answered_once() {
    let mut line = Line::up(Family::AppData);
    let mut answered = vec![0; 100];
    let mut count = |seen: Vec<Seen>| {
        for one in seen {
            if let Seen::Answer(id, _) = one {
                answered[usize::try_from(id).unwrap()] += 1;
            }
        }
    };
    for id in 0..100 {
        let seen = line.ask(id, Request::GetData);
        // One is on its way, 64 wait.
        assert_eq!(seen == [refused(id, RequestError::Busy)], id > 64, "{id}");
        count(seen);
    }
    count(line.push("app_get_data", &record("1")));
    count(line.feed(LinkInput::Stop));
    assert_eq!(answered, vec![1; 100]);
    assert_eq!(
        line.ask(7, Request::Delete),
        [refused(7, RequestError::Closed)]
    );
    assert_eq!(line.feed(LinkInput::SocketOpened), []);
    assert_eq!(line.deadline, None);
}

#[test]
fn deleting_ends_the_link() {
    let mut line = Line::up(Family::AppData);
    assert_eq!(line.ask(1, Request::Delete), [send("app_del")]);
    line.ask(2, Request::GetData);
    let body = with(&ok(), "id_deleted", "41".into());
    assert_eq!(
        line.push("app_del", &body),
        [
            Seen::Answer(1, Ok(Reply::Deleted)),
            Seen::Close(1000),
            refused(2, RequestError::ConnectionLost),
            event(LinkEvent::Deleted),
        ]
    );
    assert!(LinkEvent::Deleted.ends_sessions());
    // Another id in the answer: something was deleted, but not we.
    let mut line = Line::up(Family::AppData);
    line.ask(1, Request::Delete);
    let body = with(&ok(), "id_deleted", "42".into());
    assert_eq!(
        line.push("app_del", &body),
        [refused(1, RequestError::Protocol(ErrorKind::Shape))]
    );
    assert!(!line.link.is_closed());
}

#[test]
fn errors_say_nothing_of_the_services_words() {
    let mut line = Line::up(Family::AppData);
    line.ask(1, Request::GetData);
    let body = with(&refusal("app_file_not_found"), "msg", "SECRET".into());
    let seen = line.push("app_get_data", &body);
    let [Seen::Answer(1, Err(error))] = seen.as_slice() else {
        panic!("{seen:?}")
    };
    assert!(!error.to_string().contains("SECRET"), "{error}");
    let RequestError::Refused(said) = error else {
        panic!("{error:?}")
    };
    assert_eq!(ServerRefusal::msg(said), Some("SECRET"));
    assert_eq!(RequestId(1), RequestId(1));
}
