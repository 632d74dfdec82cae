//! Sockets that break, connections that end.

use std::time::Duration;

use keylockr_proto::link::{LinkEvent, LinkInput, LinkPhase, Request, RequestError};
use keylockr_proto::{Family, KeyLifetime, Nickname, ReplayVerdict};

use super::line::{Line, Seen, connect, event, refused};
use crate::peer::{Peer, greeting, ok, with};

#[test]
fn connects_as_the_app_and_greets() {
    for family in [Family::Seed, Family::AppData] {
        let mut line = Line::new(family);
        assert_eq!(line.seen, [connect()]);
        assert_eq!(line.link.phase(), LinkPhase::Connecting);
        line.feed(LinkInput::SocketOpened);
        assert_eq!(line.greet(), [event(LinkEvent::Up)]);
        assert_eq!(line.push("ping", &ok()), [Seen::Send("pong".into())]);
    }
    // Seed goes on without, appdata tries again.
    let mut line = Line::new(Family::Seed);
    line.feed(LinkInput::SocketOpened);
    assert_eq!(line.pass_secs(2), [event(LinkEvent::Up)]);
    assert_eq!(line.greet(), [], "late, and nothing new");
    let mut line = Line::new(Family::AppData);
    line.feed(LinkInput::SocketOpened);
    assert_eq!(line.pass_secs(15), [Seen::Close(1001)]);
    assert_eq!(line.pass_secs(2), [connect()]);
}

#[test]
fn back_off_without_end() {
    let mut line = Line::new(Family::AppData);
    for step in [1_u128, 2, 4, 8, 15, 15, 15, 15, 15, 15, 15, 15] {
        line.feed(LinkInput::SocketFailed);
        let pause = (line.deadline.unwrap() - line.now.elapsed).as_millis();
        assert!(
            (step * 800..=step * 1200).contains(&pause),
            "{step} s: {pause} ms"
        );
        assert_eq!(line.pass_secs(18), [connect()]);
    }
    assert!(!line.link.is_closed());
}

#[test]
fn silence_and_signs_of_life() {
    let mut line = Line::up(Family::AppData);
    line.pass_secs(89);
    line.feed(LinkInput::SocketActivity);
    assert_eq!(line.pass(Duration::from_millis(89_999)), []);
    let seen = line.pass(Duration::from_millis(1));
    assert_eq!(seen, [Seen::Close(1001), event(LinkEvent::Down)]);
}

#[test]
fn a_refused_identity_is_revoked_after_one_try_with_a_fresh_clock() {
    let mut line = Line::new(Family::AppData);
    assert_eq!(line.feed(LinkInput::SocketRefused), [Seen::SyncClock]);
    assert_eq!(line.feed(LinkInput::ClockSynced), [connect()]);
    line.ask(1, Request::GetData);
    assert_eq!(
        line.feed(LinkInput::SocketRefused),
        [refused(1, RequestError::Closed), event(LinkEvent::Revoked)]
    );
    assert!(LinkEvent::Revoked.ends_sessions());
    assert!(line.link.is_closed());
    // Without a clock it proves nothing, however often.
    let mut line = Line::new(Family::AppData);
    for _ in 0..5 {
        assert_eq!(line.feed(LinkInput::SocketRefused), [Seen::SyncClock]);
        assert_eq!(line.feed(LinkInput::ClockUnavailable), []);
        assert_eq!(line.pass_secs(18), [connect()]);
    }
}

#[test]
fn the_user_removes_the_connection() {
    let mut line = Line::up(Family::AppData);
    line.ask(1, Request::GetData);
    assert_eq!(
        line.push("app_deleted", &ok()),
        [
            Seen::Close(1000),
            refused(1, RequestError::ConnectionLost),
            event(LinkEvent::Deleted)
        ]
    );
    assert_eq!(line.pass_secs(1000), [], "no reconnect");
    assert_eq!(line.link.phase(), LinkPhase::Closed);
}

#[test]
fn a_successor_ends_the_link_but_no_session() {
    let mut line = Line::up(Family::AppData);
    let seen = line.feed(LinkInput::SocketClosed { code: Some(4409) });
    assert_eq!(seen, [event(LinkEvent::Superseded)]);
    assert!(!LinkEvent::Superseded.ends_sessions());
    assert!(line.link.is_closed());
    // 4401 says that it ended; the next 401 says why.
    let mut line = Line::up(Family::AppData);
    let seen = line.feed(LinkInput::SocketClosed { code: Some(4401) });
    assert_eq!(seen, [event(LinkEvent::Down)]);
    assert_eq!(line.pass_secs(2), [connect()]);
    line.feed(LinkInput::SocketRefused);
    line.feed(LinkInput::ClockSynced);
    assert_eq!(
        line.feed(LinkInput::SocketRefused),
        [event(LinkEvent::Revoked)]
    );
}

#[test]
fn renamed() {
    let mut line = Line::up(Family::AppData);
    let body = with(&ok(), "name", "Ada\u{202e}'s\n laptop".into());
    let name = Nickname::parse("Ada's laptop");
    assert_eq!(
        line.push("app_updated", &body),
        [event(LinkEvent::Updated { name })]
    );
}

#[test]
fn changed_keys_reconnect_the_same_identity() {
    let mut line = Line::up(Family::AppData);
    line.ask(1, Request::GetData);
    let mut renewed = Peer::new(66);
    let frame = renewed.seal(&line.keys, "ping", line.now.unix, &ok());
    assert_eq!(
        line.feed(LinkInput::SocketMessage(&frame)),
        [Seen::RefetchKeys]
    );
    line.peer = renewed;
    assert_eq!(
        line.feed(LinkInput::ServerKeys(line.peer.keys())),
        [
            Seen::Close(1000),
            refused(1, RequestError::ConnectionLost),
            event(LinkEvent::Down),
            connect(),
        ]
    );
    line.feed(LinkInput::SocketOpened);
    assert_eq!(line.greet(), [event(LinkEvent::Up)]);
    // Unchanged keys: the frame was bad, the link goes on.
    let mut line = Line::up(Family::AppData);
    let frame = Peer::new(66).seal(&line.keys, "ping", line.now.unix, &ok());
    line.feed(LinkInput::SocketMessage(&frame));
    assert_eq!(line.feed(LinkInput::ServerKeysUnavailable), []);
    assert_eq!(line.push("ping", &ok()), [Seen::Send("pong".into())]);
}

#[test]
fn eight_strikes_make_the_connection_anew() {
    let mut line = Line::up(Family::AppData);
    for _ in 0..7 {
        assert_eq!(line.push("app_connect_req", &ok()), []);
    }
    assert_eq!(
        line.push("app_connect_req", &ok()),
        [Seen::Close(1008), event(LinkEvent::Down)]
    );
    line.pass_secs(2);
    line.feed(LinkInput::SocketOpened);
    assert_eq!(line.greet(), [event(LinkEvent::Up)]);
    assert_eq!(
        line.push("app_connect_req", &ok()),
        [],
        "counted from the start"
    );
}

#[test]
fn what_cannot_be_read_may_have_been_the_end() {
    // A dropped app_deleted must not go unnoticed: the new connection gets a 401.
    let mut line = Line::up(Family::AppData);
    let stale = line.now.unix.saturating_sub(700);
    let frame = line.peer.seal(&line.keys, "app_deleted", stale, &ok());
    assert_eq!(
        line.feed(LinkInput::SocketMessage(&frame)),
        [Seen::Close(1002), event(LinkEvent::Down)]
    );
    assert_eq!(line.link.counters().untimely, 1);
    assert_eq!(
        line.feed(LinkInput::SocketOversized),
        [],
        "that socket is gone"
    );
    line.pass_secs(2);
    line.feed(LinkInput::SocketOpened);
    line.greet();
    assert_eq!(
        line.feed(LinkInput::SocketOversized),
        [Seen::Close(1009), event(LinkEvent::Down)]
    );
}

#[test]
fn fixed_keys_ask_the_shared_memory() {
    let mut line = Line::with(Family::AppData, KeyLifetime::Fixed);
    line.feed(LinkInput::SocketOpened);
    assert_eq!(line.greet(), [Seen::CheckReplay]);
    assert_eq!(
        line.feed(LinkInput::ReplayVerdict(ReplayVerdict::Fresh)),
        [event(LinkEvent::Up)]
    );
    assert_eq!(line.push("app_deleted", &ok()), [Seen::CheckReplay]);
    assert_eq!(
        line.feed(LinkInput::ReplayVerdict(ReplayVerdict::Seen)),
        [],
        "an old session's push"
    );
    assert_eq!(line.push("app_deleted", &ok()), [Seen::CheckReplay]);
    assert_eq!(
        line.feed(LinkInput::ReplayVerdict(ReplayVerdict::Unavailable)),
        []
    );
    assert!(!line.link.is_closed());
}

#[test]
fn frames_of_a_login_have_no_place_here() {
    let mut line = Line::up(Family::AppData);
    let body = crate::peer::Dialect::Two.approval(crate::peer::TMP, "41", "7");
    assert_eq!(line.push("app_auth_result", &body), []);
    assert_eq!(line.push("connected", &greeting()), [], "greeted already");
    assert_eq!(line.link.counters().out_of_phase, 2);
}

#[test]
fn stop_closes_with_1001() {
    let mut line = Line::up(Family::AppData);
    line.ask(1, Request::GetData);
    line.ask(2, Request::GetData);
    // The one was on its way, the other never left.
    assert_eq!(
        line.feed(LinkInput::Stop),
        [
            Seen::Close(1001),
            refused(1, RequestError::ConnectionLost),
            refused(2, RequestError::Closed)
        ]
    );
    assert_eq!(line.feed(LinkInput::Stop), []);
    // Also while it connects.
    let mut line = Line::new(Family::AppData);
    assert_eq!(line.feed(LinkInput::Stop), [Seen::Close(1001)]);
}
