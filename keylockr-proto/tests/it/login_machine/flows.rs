//! Logins that go well, and what they wait for.

use std::time::Duration;

use keylockr_proto::login::{DataState, Input, LoginConfig, Phase, VerifyPolicy};
use keylockr_proto::{
    AppTag, KeyLifetime, Nickname, Now, Revision, Service, UnixTime, Value, Ver, Window,
};

use super::attempt::{Attempt, Seen, done, failed, polled};
use crate::peer::{Dialect, START, TMP, at, list, name, ok, refusal, with};

#[test]
fn revision_2_signs_in_by_the_result_alone() {
    let mut attempt = Attempt::new(Dialect::Two).waiting();
    assert_eq!(
        attempt.seen,
        [
            Seen::Waiting,
            Seen::Handshake,
            Seen::Waiting,
            Seen::Connect(format!("tmp.{TMP}")),
            Seen::Connected(format!("keylockr://sso?tmp_id={TMP}")),
        ]
    );
    let seen = attempt.approve("41", "7");
    assert_eq!(seen, [Seen::Authorized, Seen::Close(1000), done()]);
    let done = attempt.done.unwrap();
    assert_eq!(done.revision, Some(Revision::Two));
    assert_eq!(done.nickname.as_ref().map(Nickname::as_str), Some("Ada"));
    assert_eq!(done.ver.as_ref().map(Ver::as_str), Some("1"));
    assert_eq!(
        done.data,
        DataState::Here {
            plain: None,
            encrypted: None
        }
    );
}

#[test]
fn the_others_ask_app_verify_with_our_own_facts() {
    for (dialect, json) in [
        (Dialect::Seed, r#""svc_id":"88","sso_client_id":"41""#),
        (Dialect::One, r#""app_tag":"acme-web","app_id":"41""#),
    ] {
        let mut attempt = Attempt::new(dialect).waiting();
        let seen = attempt.approve("41", "7");
        assert_eq!(seen, [Seen::Authorized, Seen::Verify], "{dialect:?}");
        let asked = String::from_utf8(attempt.verify.clone()).unwrap();
        for fact in json.split(',').chain([r#""safe_id":"7""#]) {
            assert!(asked.contains(fact), "{asked}");
        }
        assert!(asked.contains(&attempt.keys.sign_public().to_base64()));
        assert_eq!(
            attempt.verify_yes(),
            [Seen::Close(1000), done()],
            "{dialect:?}"
        );
        let done = attempt.done.unwrap();
        assert_eq!(
            done.nickname.as_ref().map(Nickname::as_str),
            Some("Ada"),
            "from app_verify"
        );
    }
}

#[test]
fn revision_2_asks_app_verify_when_told_to() {
    let mut attempt = Attempt::verifying(Dialect::Two).waiting();
    assert_eq!(attempt.approve("41", "7"), [Seen::Authorized, Seen::Verify]);
    assert_eq!(attempt.verify_yes(), [Seen::Close(1000), done()]);
}

#[test]
fn a_definite_no_fails_and_no_answer_is_asked_for_again() {
    let no: &[u8] = br#"{"_res":"ok","valid":false}"#;
    let mut attempt = Attempt::authorized(Dialect::One);
    let seen = attempt.feed(Input::VerifyReply {
        status: 200,
        body: no,
    });
    assert_eq!(
        seen,
        [Seen::Close(1000), Seen::Failed("not_verified".into())]
    );

    for answer in [
        None,
        Some((500, no)),
        Some((200, b"{}".as_slice())),
        Some((204, b"")),
    ] {
        let mut attempt = Attempt::authorized(Dialect::One);
        let fail = |attempt: &mut Attempt| match answer {
            None => attempt.feed(Input::VerifyFailed),
            Some((status, body)) => attempt.feed(Input::VerifyReply { status, body }),
        };
        for pause in [1, 2, 4] {
            assert_eq!(fail(&mut attempt), []);
            assert_eq!(attempt.login.phase(), Phase::Authorized);
            assert_eq!(attempt.pass(Duration::from_millis(pause * 1000 - 1)), []);
            assert_eq!(attempt.pass(Duration::from_millis(1)), [Seen::Verify]);
        }
        assert_eq!(
            fail(&mut attempt),
            [Seen::Close(1000), Seen::Failed("verify_unavailable".into())]
        );
    }
}

#[test]
fn a_yes_after_a_failure_still_signs_in_and_an_unasked_one_does_not() {
    let mut attempt = Attempt::authorized(Dialect::One);
    attempt.feed(Input::VerifyFailed);
    assert_eq!(attempt.verify_yes(), [], "nobody asked: the pause is on");
    attempt.pass_secs(1);
    assert_eq!(attempt.verify_yes(), [Seen::Close(1000), done()]);

    let mut attempt = Attempt::new(Dialect::One).waiting();
    assert_eq!(attempt.verify_yes(), []);
    assert_eq!(attempt.login.phase(), Phase::TmpWait);
}

#[test]
fn the_life_does_not_cut_app_verify_short() {
    let mut attempt = Attempt::verifying(Dialect::One).waiting();
    attempt.pass_secs(60);
    attempt.push("ping", &ok());
    attempt.pass_secs(80);
    attempt.push("ping", &ok());
    attempt.pass_secs(39);
    attempt.approve("41", "7");
    attempt.pass_secs(5);
    assert_eq!(
        attempt.login.phase(),
        Phase::Authorized,
        "older than its life by now"
    );
    assert_eq!(attempt.verify_yes(), [Seen::Close(1000), done()]);
}

#[test]
fn nobody_approves() {
    let mut attempt = Attempt::new(Dialect::Two).waiting();
    for _ in 0..5 {
        attempt.pass_secs(30);
        attempt.push("ping", &ok());
    }
    let seen = attempt.pass(Duration::from_millis(29_999));
    assert_eq!(seen, []);
    let seen = attempt.pass(Duration::from_millis(1));
    assert_eq!(seen, [Seen::Close(1000), Seen::Expired]);
    assert_eq!(attempt.deadline, None);
}

#[test]
fn the_life_is_what_was_configured() {
    let mut attempt = Attempt::with(Dialect::Two, KeyLifetime::Fresh, |c| {
        c.with_life(Duration::from_secs(600))
    });
    assert_eq!(attempt.login.expires(), at(5600).elapsed);
    attempt.pass_secs(599);
    assert!(!attempt.login.phase().is_over());
    attempt.pass_secs(1);
    assert_eq!(attempt.end(), Some(&Seen::Expired));
}

#[test]
fn an_approval_at_the_very_end_is_too_late() {
    let mut attempt = Attempt::new(Dialect::Two).waiting();
    attempt.go_to(attempt.login.expires());
    assert_eq!(
        attempt.approve("41", "7"),
        [Seen::Close(1000), Seen::Expired]
    );
    assert!(attempt.done.is_none());
}

#[test]
fn a_ping_is_answered_once_the_service_has_greeted_us() {
    for dialect in Dialect::ALL {
        let mut attempt = Attempt::new(dialect).waiting();
        assert_eq!(attempt.push("ping", &ok()), [Seen::Send("pong".into())]);
        attempt.feed(Input::SocketClosed { code: None });
        attempt.pass_secs(2);
        attempt.feed(Input::SocketOpened);
        assert_eq!(
            attempt.push("ping", &ok()),
            [],
            "not greeted on this socket"
        );
        attempt.greet();
        assert_eq!(attempt.push("ping", &ok()), [Seen::Send("pong".into())]);
    }
}

#[test]
fn no_greeting_fails_appdata_after_15_s() {
    for dialect in [Dialect::One, Dialect::Two] {
        let mut attempt = Attempt::new(dialect).opened();
        assert_eq!(attempt.pass(Duration::from_millis(14_999)), []);
        let seen = attempt.pass(Duration::from_millis(1));
        assert_eq!(
            seen,
            [Seen::Close(1001), Seen::Failed("not_connected".into())]
        );
    }
}

#[test]
fn seed_goes_on_without_a_greeting_after_2_s() {
    for dialect in [Dialect::Seed, Dialect::SeedData] {
        let mut attempt = Attempt::new(dialect).opened();
        assert_eq!(attempt.pass(Duration::from_millis(1999)), []);
        let seen = attempt.pass(Duration::from_millis(1));
        assert_eq!(
            seen,
            [Seen::Connected(format!("keylockr://sso?tmp_id={TMP}"))]
        );
        assert_eq!(attempt.login.phase(), Phase::TmpWait);
        // The greeting comes late, and changes nothing.
        assert_eq!(attempt.greet(), []);
        assert_eq!(attempt.login.counters().strikes, 0);
    }
}

#[test]
fn the_code_is_shown_once_and_stays_good() {
    let mut attempt = Attempt::new(Dialect::Two)
        .waiting()
        .reconnected()
        .reconnected();
    let shown = attempt
        .seen
        .iter()
        .filter(|s| matches!(s, Seen::Connected(_)))
        .count();
    assert_eq!(shown, 1);
    assert_eq!(attempt.approve("41", "7").last(), Some(&done()));
}

#[test]
fn second_result_must_agree() {
    for dialect in Dialect::ALL {
        let mut attempt = Attempt::authorized(dialect);
        assert_eq!(attempt.approve("41", "7"), [], "{dialect:?}: equal");
        assert_eq!(attempt.login.counters().repeated, 1);
        assert_eq!(attempt.login.phase(), Phase::Authorized);
        for (app_id, safe_id) in [("42", "7"), ("41", "8")] {
            let mut attempt = Attempt::authorized(dialect);
            let seen = attempt.approve(app_id, safe_id);
            let end = Seen::Failed("results_disagree".into());
            assert_eq!(seen, [Seen::Close(1000), end], "{dialect:?}");
        }
        let mut attempt = Attempt::authorized(dialect);
        attempt.push("app_auth_result", &dialect.denial(TMP));
        assert_eq!(
            attempt.end().cloned(),
            Some(failed("results_disagree")),
            "{dialect:?}: a no"
        );
    }
    // Also while the sender of filekeys is asked for.
    let mut attempt = Attempt::new(Dialect::SeedData).waiting();
    attempt.approve("41", "7");
    attempt.approve("41", "7");
    assert_eq!(attempt.login.counters().repeated, 1);
    attempt.approve("41", "9");
    assert_eq!(attempt.end().cloned(), Some(failed("results_disagree")));
}

#[test]
fn late_approval_ignored() {
    for dialect in Dialect::ALL {
        // Cancelled in every phase; then everything is said that could still sign somebody in.
        for state in 0..4 {
            let mut attempt = match state {
                0 => Attempt::verifying(dialect).handshaken(),
                1 => Attempt::verifying(dialect).opened(),
                2 => Attempt::verifying(dialect).waiting(),
                _ => Attempt::authorized(dialect),
            };
            let seen = attempt.feed(Input::Cancel);
            assert_eq!(
                seen,
                [Seen::Close(1001), Seen::Cancelled],
                "{dialect:?} {state}"
            );
            attempt.feed(Input::SocketOpened);
            attempt.greet();
            attempt.approve("41", "7");
            let returned = dialect.approval(TMP, "41", "7");
            let frame = attempt.frame("app_auth_result", &returned);
            attempt.feed(Input::Returned(&frame));
            attempt.push("app_connect_req", &polled("41", "7"));
            attempt.verify_yes();
            attempt.pass_secs(1000);
            assert_eq!(attempt.end(), Some(&Seen::Cancelled), "{dialect:?} {state}");
            assert!(attempt.done.is_none());
        }
    }
}

#[test]
fn wall_clock_jump() {
    for jump in [-3600_i64, 3600] {
        let mut attempt = Attempt::new(Dialect::Two).waiting();
        attempt.pass_secs(30);
        let jumped = attempt.now.unix.as_secs().checked_add_signed(jump).unwrap();
        attempt.now = Now::new(attempt.now.elapsed, UnixTime::from_secs(jumped));
        // Neither ended nor longer.
        assert_eq!(attempt.feed(Input::Tick), [], "{jump}");
        assert_eq!(attempt.login.expires(), at(5180).elapsed);
        attempt.push("ping", &ok());
        attempt.pass_secs(60);
        attempt.push("ping", &ok());
        assert_eq!(attempt.pass(Duration::from_millis(89_999)), [], "{jump}");
        assert_eq!(
            attempt.pass(Duration::from_millis(1)),
            [Seen::Close(1000), Seen::Expired]
        );

        // And an approval is taken by the clock as it is now.
        let mut attempt = Attempt::new(Dialect::Two).waiting();
        let jumped = attempt.now.unix.as_secs().checked_add_signed(jump).unwrap();
        attempt.now = Now::new(attempt.now.elapsed, UnixTime::from_secs(jumped));
        assert_eq!(attempt.approve("41", "7").last(), Some(&done()), "{jump}");
    }
    // The monotonic axis never runs backwards, even when the driver's does.
    let mut attempt = Attempt::new(Dialect::Two).waiting();
    attempt.pass_secs(100);
    attempt.now = Now::new(Duration::ZERO, UnixTime::from_secs(START));
    attempt.feed(Input::Tick);
    attempt.now = Now::new(at(5180).elapsed, UnixTime::from_secs(START));
    attempt.feed(Input::Tick);
    assert_eq!(attempt.end(), Some(&Seen::Expired));
}

#[test]
fn clock_lies() {
    // Frames from outside the window do nothing; the next good one signs in.
    for (ts, good) in [
        (START - 600, true),
        (START - 601, false),
        (START + 180, true),
        (START + 181, false),
        (0, false),
        (u64::MAX, false),
        (u64::MAX >> 1, false),
    ] {
        let mut attempt = Attempt::new(Dialect::Two).waiting();
        let body = Dialect::Two.approval(TMP, "41", "7");
        let frame = attempt.peer.seal(
            &attempt.keys,
            "app_auth_result",
            UnixTime::from_secs(ts),
            &body,
        );
        attempt.feed(Input::SocketMessage(&frame));
        assert_eq!(attempt.done.is_some(), good, "{ts}");
        if !good {
            assert_eq!(attempt.login.counters().untimely, 1);
            assert_eq!(
                attempt.login.phase(),
                Phase::TmpWait,
                "the attempt survives"
            );
            // A new connection is told again.
            attempt.pass_secs(2);
            attempt.feed(Input::SocketOpened);
            attempt.greet();
            assert_eq!(attempt.approve("41", "7").last(), Some(&done()));
        }
    }
}

#[test]
fn a_window_can_be_narrower_and_not_wider() {
    for (window, oldest) in [(Window::new(5, 5), 5), (Window::new(6_000, 6_000), 600)] {
        for age in [oldest, oldest + 1] {
            let mut attempt = Attempt::with(Dialect::Two, KeyLifetime::Fresh, |config| {
                config.with_window(window)
            })
            .waiting();
            let written = UnixTime::from_secs(START - age);
            let body = Dialect::Two.approval(TMP, "41", "7");
            let frame = attempt
                .peer
                .seal(&attempt.keys, "app_auth_result", written, &body);
            attempt.feed(Input::SocketMessage(&frame));
            assert_eq!(attempt.done.is_some(), age == oldest, "{window:?} {age}");
        }
    }
}

#[test]
fn our_time_is_refused() {
    // Once: the clock is fetched once, the question repeated once.
    for answer in [Input::ClockSynced, Input::ClockUnavailable] {
        let mut attempt = Attempt::new(Dialect::Seed).waiting();
        attempt.pass_secs(2);
        assert_eq!(
            attempt.push("app_connect_req", &refusal("ts_invalid")),
            [Seen::SyncClock]
        );
        assert_eq!(
            attempt.pass_secs(5),
            [],
            "nothing is asked until the clock is right"
        );
        assert_eq!(attempt.feed(answer), [Seen::Send("app_connect_req".into())]);
        // Twice: final.
        attempt.push("app_connect_req", &refusal("ts_invalid"));
        assert_eq!(attempt.end().cloned(), Some(failed("clock")));
        assert_eq!(attempt.login.counters().clock_syncs, 1);
    }
    let mut attempt = Attempt::new(Dialect::Seed).waiting();
    attempt.pass_secs(2);
    attempt.push("app_connect_req", &refusal("ts_invalid"));
    attempt.feed(Input::ClockSynced);
    attempt.push("app_connect_req", &polled("41", "7"));
    assert_eq!(attempt.login.phase(), Phase::Authorized);
}

#[test]
fn a_sign_in_without_app_data_takes_none() {
    let service = Service::AppData {
        app_tag: AppTag::parse("acme-web").unwrap(),
        app_data: false,
        minimum: Revision::One,
    };
    for dialect in [Dialect::One, Dialect::Two] {
        let plain = with(
            &dialect.approval(TMP, "41", "7"),
            "capabilities",
            list(["sso"]),
        );
        let service = service.clone();
        let mut attempt = Attempt::with(dialect, KeyLifetime::Fresh, |_| {
            LoginConfig::new(service, name()).with_verify(VerifyPolicy::Auto)
        })
        .waiting();
        let body = match dialect {
            Dialect::Two => with(&plain, "data_filekey", Value::Bin(vec![1; 100])),
            _ => plain,
        };
        attempt.push("app_auth_result", &body);
        attempt.verify_yes();
        let done = attempt.done.unwrap();
        assert_eq!(done.data, DataState::Absent);
        assert!(done.filekey.is_none());
    }
}

#[test]
fn data_and_filekey_come_along() {
    let body = with(
        &Dialect::Two.approval(TMP, "41", "7"),
        "data_filekey",
        Value::Bin(vec![1; 99]),
    );
    let body = with(&body, "data_encrypted", Value::Bin(vec![2; 50]));
    let mut attempt = Attempt::new(Dialect::Two).waiting();
    attempt.push("app_auth_result", &body);
    let done = attempt.done.unwrap();
    assert_eq!(
        done.filekey.map(|blob| blob.as_bytes().to_vec()),
        Some(vec![1; 99])
    );
    assert_eq!(
        done.data,
        DataState::Here {
            plain: None,
            encrypted: Some(vec![2; 50])
        }
    );

    let body = with(
        &Dialect::Two.approval(TMP, "41", "7"),
        "data_deferred",
        true.into(),
    );
    let mut attempt = Attempt::new(Dialect::Two).waiting();
    attempt.push("app_auth_result", &body);
    assert_eq!(attempt.done.unwrap().data, DataState::Deferred);
}
