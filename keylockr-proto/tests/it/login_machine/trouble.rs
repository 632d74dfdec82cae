//! Sockets that break, keys that change, clocks that are wrong, messages that are none.

use std::time::Duration;

use keylockr_proto::login::{Input, LoginEnd, LoginFailure, Output, Phase};
use keylockr_proto::{KeyLifetime, ReplayVerdict, UnixTime};

use super::attempt::{Attempt, Seen, failed};
use crate::peer::{
    Broken, Dialect, OTHER_TMP, Peer, START, TMP, at, client_keys, greeting, handshake_answer, ok,
    refusal, with,
};

fn connect() -> Seen {
    Seen::Connect(format!("tmp.{TMP}"))
}

#[test]
fn reconnect_backoff() {
    let mut attempt = Attempt::with(Dialect::Two, KeyLifetime::Fresh, |config| {
        config.with_life(Duration::from_secs(600))
    })
    .handshaken();
    let mut jittered = 0;
    for step in [1_u64, 2, 4, 8, 15, 15, 15, 15, 15] {
        assert_eq!(attempt.feed(Input::SocketFailed), []);
        let pause = attempt.deadline.unwrap() - attempt.now.elapsed;
        let (low, high) = (step * 800, step * 1200);
        let millis = u64::try_from(pause.as_millis()).unwrap();
        assert!((low..=high).contains(&millis), "{step} s: {millis} ms");
        jittered += usize::from(millis != step * 1000);
        assert_eq!(attempt.pass(pause), [connect()]);
    }
    assert!(jittered >= 7, "the pauses do not vary");
    // A fresh address each time, with the time of then. All pauses are longer than half a second,
    // but the test's clock counts whole ones, so the last ones are what differ for sure.
    assert_eq!(attempt.sigs.len(), 10);
    let different: std::collections::BTreeSet<_> = attempt.sigs.iter().collect();
    assert!(different.len() >= 8, "{different:?}");
    // Short connections do not start the count again, a steady one does.
    attempt.feed(Input::SocketOpened);
    attempt.greet();
    attempt.pass_secs(14);
    attempt.feed(Input::SocketClosed { code: Some(1006) });
    assert!(attempt.deadline.unwrap() - attempt.now.elapsed >= Duration::from_secs(12));
    attempt.pass_secs(18);
    attempt.feed(Input::SocketOpened);
    attempt.greet();
    attempt.pass_secs(15);
    attempt.feed(Input::SocketClosed { code: Some(1006) });
    assert!(attempt.deadline.unwrap() - attempt.now.elapsed <= Duration::from_millis(1200));
    // Nothing but a reconnect comes while it pauses, and the life ends it all.
    attempt.pass_secs(600);
    assert_eq!(attempt.end(), Some(&Seen::Expired));
}

#[test]
fn a_broken_generator_costs_the_jitter_and_no_more() {
    let mut attempt = Attempt::new(Dialect::Two).handshaken();
    attempt
        .login
        .handle_input(attempt.now, Input::SocketFailed, &mut Broken);
    let Output::Wait(Some(deadline)) = attempt.login.poll_output() else {
        panic!()
    };
    assert_eq!(deadline - attempt.now.elapsed, Duration::from_secs(1));
    // What has to be sealed cannot be sent without, and that ends the attempt.
    let mut attempt = Attempt::new(Dialect::Two).waiting();
    let frame = attempt.frame("ping", &ok());
    attempt
        .login
        .handle_input(attempt.now, Input::SocketMessage(&frame), &mut Broken);
    assert!(matches!(
        attempt.login.poll_output(),
        Output::Close { code: 1000 }
    ));
    assert!(matches!(
        attempt.login.poll_output(),
        Output::Finished(LoginEnd::Failed(LoginFailure::Entropy))
    ));
}

#[test]
fn ninety_seconds_of_silence() {
    let mut attempt = Attempt::new(Dialect::Two).waiting();
    assert_eq!(attempt.pass(Duration::from_millis(89_999)), []);
    assert_eq!(attempt.pass(Duration::from_millis(1)), [Seen::Close(1001)]);
    assert_eq!(attempt.login.counters().reconnects, 1);
    assert_eq!(attempt.pass_secs(2), [connect()]);
    // Any sign of life will do: a frame, or a ping of the WebSocket layer.
    let mut attempt = Attempt::new(Dialect::Two).waiting();
    attempt.pass_secs(80);
    attempt.feed(Input::SocketActivity);
    attempt.pass_secs(80);
    attempt.push("ping", &ok());
    assert_eq!(attempt.pass_secs(19), []);
    assert_eq!(attempt.login.counters().reconnects, 0);
}

#[test]
fn a_lost_socket_is_made_anew_and_the_result_is_told_again() {
    for dialect in Dialect::ALL {
        for loss in [
            Input::SocketClosed { code: None },
            Input::SocketClosed { code: Some(1001) },
            Input::SocketClosed { code: Some(4401) },
            Input::SocketFailed,
        ] {
            let mut attempt = Attempt::verifying(dialect).waiting();
            assert_eq!(attempt.feed(loss), []);
            assert_eq!(attempt.login.phase(), Phase::TmpWait);
            let early = attempt.push("ping", &ok());
            assert_eq!(early, [], "the socket is gone");
            assert_eq!(attempt.pass_secs(2), [connect()]);
            attempt.feed(Input::SocketOpened);
            attempt.greet();
            attempt.approve("41", "7");
            if dialect == Dialect::SeedData {
                attempt.push("app_connect_req", &super::attempt::polled("41", "7"));
            }
            assert_eq!(attempt.login.phase(), Phase::Authorized, "{dialect:?}");
        }
    }
}

#[test]
fn a_socket_that_breaks_before_the_greeting_is_made_anew() {
    let mut attempt = Attempt::new(Dialect::Two).opened();
    attempt.feed(Input::SocketClosed { code: None });
    assert_eq!(attempt.login.phase(), Phase::TmpConnecting);
    attempt.pass_secs(2);
    attempt.feed(Input::SocketOpened);
    attempt.greet();
    assert_eq!(attempt.login.phase(), Phase::TmpWait);
    // Once the code was shown, a socket without a greeting is only a bad socket.
    attempt.feed(Input::SocketClosed { code: None });
    attempt.pass_secs(3);
    attempt.feed(Input::SocketOpened);
    assert_eq!(attempt.pass_secs(15), [Seen::Close(1001)]);
    assert_eq!(attempt.login.phase(), Phase::TmpWait);
}

#[test]
fn after_the_yes_the_socket_is_not_needed() {
    for end in [Input::SocketClosed { code: None }, Input::SocketFailed] {
        let mut attempt = Attempt::authorized(Dialect::One);
        assert_eq!(attempt.feed(end), []);
        assert_eq!(attempt.pass_secs(20), [], "no new one is made");
        assert_eq!(attempt.verify_yes(), [Seen::Done("41".into(), "7".into())]);
    }
    // Nor do trouble with keys or a successor end it.
    let mut attempt = Attempt::authorized(Dialect::One);
    let forged = Peer::new(44).seal(&attempt.keys, "ping", attempt.now.unix, &ok());
    assert_eq!(
        attempt.feed(Input::SocketMessage(&forged)),
        [Seen::RefetchKeys]
    );
    attempt.feed(Input::ServerKeysUnavailable);
    attempt.feed(Input::SocketClosed { code: Some(4409) });
    assert_eq!(attempt.verify_yes(), [Seen::Done("41".into(), "7".into())]);
}

#[test]
fn oversized_messages_close_with_1009() {
    let mut attempt = Attempt::new(Dialect::Two).waiting();
    assert_eq!(attempt.feed(Input::SocketOversized), [Seen::Close(1009)]);
    assert_eq!(attempt.login.counters().strikes, 1);
    assert_eq!(attempt.pass_secs(2), [connect()]);
    // The machine does not count on its driver.
    let mut attempt = Attempt::new(Dialect::Two).waiting();
    attempt.feed(Input::SocketMessage(&vec![0; 65_537]));
    assert_eq!(attempt.login.counters().malformed, 1);
    assert_eq!(attempt.login.phase(), Phase::TmpWait);
}

#[test]
fn a_message_that_cannot_be_read_is_asked_for_again() {
    let mut attempt = Attempt::new(Dialect::Two).waiting();
    let frame = attempt.frame("app_auth_result", &Dialect::Two.approval(TMP, "41", "7"));
    let seen = attempt.feed(Input::SocketMessage(&frame[..frame.len() - 1]));
    assert_eq!(seen, [Seen::Close(1002)]);
    assert_eq!(attempt.login.counters().strikes, 1);
    attempt.pass_secs(2);
    attempt.feed(Input::SocketOpened);
    attempt.greet();
    let seen = attempt.feed(Input::SocketMessage(&frame));
    assert_eq!(seen.last(), Some(&Seen::Done("41".into(), "7".into())));
}

#[test]
fn bodies_that_make_no_sense() {
    for (event, body, ends) in [
        ("ping", refusal("x"), false),
        ("ping", with(&ok(), "_res", "".into()), false),
        ("ping", with(&ok(), "action", "pong".into()), false),
        ("connected", with(&greeting(), "status", "no".into()), false),
        ("connected", with(&ok(), "x", "y".into()), false),
        ("connected", refusal("tmp_unknown"), true),
    ] {
        let mut attempt = Attempt::new(Dialect::Two).waiting();
        attempt.feed(Input::SocketClosed { code: None });
        attempt.pass_secs(2);
        attempt.feed(Input::SocketOpened);
        attempt.push(event, &body);
        assert_eq!(attempt.login.phase().is_over(), ends, "{event} {body:?}");
        assert_eq!(
            attempt.login.counters().malformed,
            u32::from(!ends),
            "{event} {body:?}"
        );
    }
}

#[test]
fn a_refused_socket_is_tried_once_more_with_a_fresh_clock() {
    let mut attempt = Attempt::new(Dialect::Two).handshaken();
    assert_eq!(attempt.feed(Input::SocketRefused), [Seen::SyncClock]);
    assert_eq!(attempt.feed(Input::ClockSynced), [connect()]);
    assert_eq!(attempt.feed(Input::SocketRefused), [failed("unauthorised")]);

    let mut attempt = Attempt::new(Dialect::Two).handshaken();
    attempt.feed(Input::SocketRefused);
    attempt.feed(Input::ClockSynced);
    attempt.feed(Input::SocketOpened);
    attempt.greet();
    // Later it may happen again.
    attempt.feed(Input::SocketClosed { code: None });
    attempt.pass_secs(2);
    assert_eq!(attempt.feed(Input::SocketRefused), [Seen::SyncClock]);
    // Without a clock a second 401 would prove nothing.
    assert_eq!(attempt.feed(Input::ClockUnavailable), []);
    assert_eq!(attempt.pass_secs(10), [connect()]);
    assert_eq!(attempt.feed(Input::SocketRefused), [Seen::SyncClock]);
    // A clock that nobody asked for.
    let mut attempt = Attempt::new(Dialect::Two).waiting();
    assert_eq!(attempt.feed(Input::ClockSynced), []);
}

#[test]
fn a_successor_ends_it() {
    let mut attempt = Attempt::new(Dialect::Two).waiting();
    assert_eq!(
        attempt.feed(Input::SocketClosed { code: Some(4409) }),
        [failed("superseded")]
    );
}

/// One frame that only other keys of the service could explain.
fn forge(attempt: &mut Attempt, how: &str) -> Vec<Seen> {
    let body = greeting();
    let mut frame = match how {
        "seal" => {
            let mut other = Peer::new(66);
            other.seal(&attempt.keys, "connected", attempt.now.unix, &body)
        }
        _ => attempt.frame("connected", &body),
    };
    match how {
        // The last byte is of the hash that the seal covers: the signature no longer fits.
        "flip" => *frame.last_mut().unwrap() ^= 1,
        "recipient" => {
            let other = client_keys(67, KeyLifetime::Fresh);
            frame = attempt
                .peer
                .seal(&other, "connected", attempt.now.unix, &body);
        }
        _ => {}
    }
    attempt.feed(Input::SocketMessage(&frame))
}

#[test]
fn bad_seals_refetch_the_keys_once_and_then_fail() {
    for (how, code) in [
        ("seal", "E_SEAL"),
        ("flip", "E_SEAL"),
        ("recipient", "E_BOX"),
    ] {
        for unavailable in [true, false] {
            let mut attempt = Attempt::new(Dialect::Two).opened();
            assert_eq!(forge(&mut attempt, how), [Seen::RefetchKeys], "{how}");
            assert_eq!(forge(&mut attempt, how), [], "asked for already");
            assert_eq!(attempt.login.counters().unauthentic, 2);
            let answer = if unavailable {
                Input::ServerKeysUnavailable
            } else {
                Input::ServerKeys(attempt.peer.keys())
            };
            let seen = attempt.feed(answer);
            assert_eq!(seen, [Seen::Close(1000), failed(code)], "{how}");
        }
    }
    // Keys that nobody asked for change nothing.
    let mut attempt = Attempt::new(Dialect::Two).waiting();
    assert_eq!(attempt.feed(Input::ServerKeys(Peer::new(8).keys())), []);
    assert_eq!(attempt.feed(Input::ServerKeysUnavailable), []);
    assert_eq!(attempt.login.phase(), Phase::TmpWait);
}

#[test]
fn changed_keys_restart_the_attempt() {
    for dialect in Dialect::ALL {
        let mut attempt = Attempt::verifying(dialect).waiting();
        let life = attempt.login.expires();
        attempt.pass_secs(1);
        assert_eq!(forge(&mut attempt, "seal"), [Seen::RefetchKeys]);
        let mut old = std::mem::replace(&mut attempt.peer, Peer::new(66));
        let seen = attempt.feed(Input::ServerKeys(attempt.peer.keys()));
        assert_eq!(
            seen,
            [Seen::Close(1000), Seen::Waiting, Seen::Handshake],
            "{dialect:?}"
        );
        assert_eq!(attempt.login.phase(), Phase::New);
        assert_eq!(attempt.login.tmp_id(), None);
        assert_eq!(attempt.login.server_keys(), &attempt.peer.keys());
        let other = handshake_answer(OTHER_TMP);
        assert_eq!(
            attempt.feed(Input::HandshakeReply(&other)),
            [Seen::Waiting, Seen::Connect(format!("tmp.{OTHER_TMP}"))]
        );
        attempt.feed(Input::SocketOpened);
        let shown = Seen::Connected(format!("keylockr://sso?tmp_id={OTHER_TMP}"));
        assert_eq!(attempt.greet(), [shown]);
        // The old keys are nobody's any more, and the old attempt's result is not this one's.
        let stale = dialect.approval(TMP, "666", "666");
        let frame = old.seal(&attempt.keys, "app_auth_result", attempt.now.unix, &stale);
        attempt.feed(Input::SocketMessage(&frame));
        // It was less than a minute ago that the keys were fetched: the error stands.
        assert_eq!(attempt.end(), Some(&failed("E_SEAL")));
        assert_eq!(
            attempt.login.expires(),
            life,
            "the life goes on, it does not begin anew"
        );
    }
    // Without more trouble the restarted attempt signs in.
    let mut attempt = Attempt::new(Dialect::Two).waiting();
    forge(&mut attempt, "seal");
    attempt.peer = Peer::new(66);
    attempt.feed(Input::ServerKeys(attempt.peer.keys()));
    attempt.feed(Input::HandshakeReply(&handshake_answer(OTHER_TMP)));
    attempt.feed(Input::SocketOpened);
    attempt.greet();
    let seen = attempt.push(
        "app_auth_result",
        &Dialect::Two.approval(OTHER_TMP, "41", "7"),
    );
    assert_eq!(seen.last(), Some(&Seen::Done("41".into(), "7".into())));
}

#[test]
fn keys_are_refetched_once_a_minute_at_most() {
    for (pause, seen) in [
        (59, vec![Seen::Close(1000), failed("E_SEAL")]),
        (60, vec![Seen::RefetchKeys]),
    ] {
        let mut attempt = Attempt::new(Dialect::Two).waiting();
        assert_eq!(forge(&mut attempt, "seal"), [Seen::RefetchKeys]);
        attempt.peer = Peer::new(66);
        attempt.feed(Input::ServerKeys(attempt.peer.keys()));
        attempt.feed(Input::HandshakeReply(&handshake_answer(OTHER_TMP)));
        attempt.feed(Input::SocketOpened);
        attempt.greet();
        attempt.pass_secs(pause);
        let mut third = Peer::new(77);
        let frame = third.seal(&attempt.keys, "ping", attempt.now.unix, &ok());
        assert_eq!(
            attempt.feed(Input::SocketMessage(&frame)),
            seen,
            "after {pause} s"
        );
    }
}

#[test]
fn a_service_that_cannot_read_us_may_have_new_keys() {
    let mut attempt = Attempt::new(Dialect::Seed).waiting();
    assert_eq!(
        attempt.feed(Input::SocketClosed { code: Some(1008) }),
        [Seen::RefetchKeys]
    );
    // The same keys: nothing is proven, and the connection is made anew.
    assert_eq!(attempt.feed(Input::ServerKeys(attempt.peer.keys())), []);
    assert_eq!(attempt.pass_secs(2), [connect()]);
    attempt.feed(Input::SocketOpened);
    attempt.greet();
    assert_eq!(
        attempt.feed(Input::SocketClosed { code: Some(1008) }),
        [],
        "asked a moment ago"
    );
    assert_eq!(attempt.login.counters().strikes, 2);
    // Other keys: restarted.
    let mut attempt = Attempt::new(Dialect::Seed).waiting();
    attempt.feed(Input::SocketClosed { code: Some(1008) });
    let seen = attempt.feed(Input::ServerKeys(Peer::new(66).keys()));
    assert_eq!(seen, [Seen::Waiting, Seen::Handshake]);
}

#[test]
fn a_socket_is_only_what_was_asked_for() {
    // Reports of sockets that are not there.
    let mut attempt = Attempt::new(Dialect::Two);
    for input in [
        Input::SocketOpened,
        Input::SocketRefused,
        Input::SocketFailed,
        Input::SocketOversized,
        Input::SocketActivity,
        Input::SocketClosed { code: Some(4409) },
        Input::SocketMessage(b"x"),
    ] {
        assert_eq!(attempt.feed(input), []);
        assert_eq!(attempt.login.phase(), Phase::New);
    }
}

#[test]
fn a_verdict_outlives_its_socket() {
    let mut attempt = Attempt::with(Dialect::Two, KeyLifetime::Fixed, |config| config).opened();
    attempt.greet();
    attempt.feed(Input::ReplayVerdict(ReplayVerdict::Fresh));
    attempt.approve("41", "7");
    attempt.feed(Input::SocketClosed { code: None });
    let seen = attempt.feed(Input::ReplayVerdict(ReplayVerdict::Fresh));
    assert_eq!(
        seen.last(),
        Some(&Seen::Done("41".into(), "7".into())),
        "the result is good"
    );
}

#[test]
fn a_replayed_frame_is_dropped_however_it_comes() {
    let mut attempt = Attempt::new(Dialect::Two).waiting();
    let ping = attempt.frame("ping", &ok());
    assert_eq!(attempt.feed(Input::SocketMessage(&ping)).len(), 1);
    for _ in 0..20 {
        assert_eq!(attempt.feed(Input::SocketMessage(&ping)), []);
    }
    // Another connection of the same identity remembers it as well.
    let mut attempt = attempt.reconnected();
    assert_eq!(attempt.feed(Input::SocketMessage(&ping)), []);
    assert_eq!(attempt.login.counters().replayed, 21);
    assert_eq!(attempt.login.counters().strikes, 0);
}

#[test]
fn times_at_the_edge_of_the_world() {
    for elapsed in [Duration::ZERO, Duration::MAX] {
        for unix in [0, u64::MAX] {
            let now = keylockr_proto::Now::new(elapsed, UnixTime::from_secs(unix));
            let mut attempt = Attempt::new(Dialect::Seed).waiting();
            attempt.now = now;
            for input in [
                Input::Tick,
                Input::SocketClosed { code: None },
                Input::SocketOpened,
                Input::VerifyFailed,
                Input::Tick,
            ] {
                attempt
                    .login
                    .handle_input(attempt.now, input, &mut attempt.entropy);
                for _ in 0..100 {
                    if matches!(attempt.login.poll_output(), Output::Wait(_)) {
                        break;
                    }
                }
            }
        }
    }
    assert_eq!(at(0).unix, UnixTime::from_secs(START));
}
