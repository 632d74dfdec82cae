//! Results that must not sign anybody in.

use std::sync::Arc;

use keylockr_proto::login::{ConfigError, Input, Login, LoginConfig, Phase};
use keylockr_proto::{
    ClientKeys, KeyLifetime, ReplayVerdict, Revision, Service, TmpId, UnixTime, Value,
};

use super::attempt::{Attempt, Seen, failed};
use crate::peer::{
    Dialect, OTHER_TMP, Peer, START, TMP, at, client_keys, greeting, handshake_answer, list, map,
    name, ok, refusal, with, without,
};

fn end_of(dialect: Dialect, body: &Value) -> Option<Seen> {
    let mut attempt = Attempt::new(dialect).waiting();
    attempt.push("app_auth_result", body);
    attempt.end().cloned()
}

/// A whole session of frames, recorded.
fn transcript(keys: &ClientKeys, peer: &mut Peer, dialect: Dialect, tmp_id: &str) -> Vec<Vec<u8>> {
    let ts = UnixTime::from_secs(START);
    [
        ("connected", greeting()),
        ("ping", ok()),
        ("app_auth_result", dialect.approval(tmp_id, "666", "666")),
    ]
    .into_iter()
    .map(|(event, body)| peer.seal(keys, event, ts, &body))
    .collect()
}

#[test]
fn transcript_of_other_session_refused() {
    for dialect in Dialect::ALL {
        let mut peer = Peer::new(1);
        // Fresh keys: nothing of another session opens here, even if it names our attempt.
        for foreign in [
            client_keys(99, KeyLifetime::Fresh),
            // The signing pair is not what keeps sessions apart: the same one, another box pair.
            mixed_keys(2, 99),
        ] {
            let mut attempt = Attempt::new(dialect).opened();
            for frame in transcript(&foreign, &mut peer, dialect, TMP) {
                attempt.feed(Input::SocketMessage(&frame));
                assert!(attempt.done.is_none());
            }
            assert_eq!(attempt.login.phase(), Phase::TmpConnecting, "{dialect:?}");
            assert_eq!(attempt.login.counters().unauthentic, 3);
        }
        // The service's keys are others than those of the recording.
        let own = client_keys(2, KeyLifetime::Fresh);
        let mut attempt = Attempt::new(dialect).opened();
        for frame in transcript(&own, &mut Peer::new(55), dialect, TMP) {
            attempt.feed(Input::SocketMessage(&frame));
        }
        assert_eq!(attempt.login.counters().unauthentic, 3, "{dialect:?}");
        assert!(attempt.done.is_none());
    }
    // Fixed keys: it opens, and is refused because it names another attempt, or was seen before.
    for verdict in [ReplayVerdict::Fresh, ReplayVerdict::Seen] {
        let mut attempt = fixed().waiting_fixed();
        let keys = Arc::clone(&attempt.keys);
        let frames = transcript(&keys, &mut Peer::new(1), Dialect::Two, OTHER_TMP);
        attempt.feed(Input::SocketMessage(&frames[2]));
        attempt.feed(Input::ReplayVerdict(verdict));
        assert!(attempt.done.is_none());
        match verdict {
            ReplayVerdict::Fresh => assert_eq!(attempt.end(), Some(&failed("foreign_result"))),
            _ => assert_eq!(attempt.login.phase(), Phase::TmpWait),
        }
    }
}

fn mixed_keys(sign: u64, enc: u64) -> Arc<ClientKeys> {
    use keylockr_proto::{BoxSecret, SignSecret};
    let sign = client_keys(sign, KeyLifetime::Fresh);
    let enc = client_keys(enc, KeyLifetime::Fresh);
    Arc::new(ClientKeys::from_parts(
        SignSecret::from_bytes(sign.sign_secret().as_bytes()),
        BoxSecret::from_bytes(enc.box_secret().as_bytes()),
        KeyLifetime::Fresh,
    ))
}

#[test]
fn foreign_tmp_id_refused() {
    let good = Dialect::Two.approval(TMP, "41", "7");
    for tmp_id in [
        Some(Value::from(OTHER_TMP)),
        Some(Value::from(TMP.to_uppercase().as_str())),
        Some(Value::from("abc123")),
        Some(Value::from("")),
        Some(Value::Bin(TMP.as_bytes().to_vec())),
        Some(Value::Int(5)),
        Some(Value::Bool(true)),
        Some(list([TMP])),
        Some(Value::Nil),
        None,
    ] {
        let body = match &tmp_id {
            Some(tmp_id) => with(&good, "tmp_id", tmp_id.clone()),
            None => without(&good, "tmp_id"),
        };
        // Without the id it looks like revision 1, and revision 2 is the minimum.
        let end = end_of(Dialect::Two, &body);
        assert!(matches!(end, Some(Seen::Failed(_))), "{tmp_id:?}: {end:?}");
        // It does not help to look like revision 2 otherwise, where revision 1 is allowed.
        let body = with(&body, "data_filekey", Value::Bin(vec![1; 90]));
        let body = with(&body, "data_plain", Value::Bin(vec![1]));
        let end = end_of(Dialect::One, &body);
        assert!(matches!(end, Some(Seen::Failed(_))), "{tmp_id:?}: {end:?}");
        // A denial that names another attempt is no denial of ours.
        if let Some(tmp_id @ Value::Text(_)) = tmp_id {
            let end = end_of(
                Dialect::Two,
                &with(&Dialect::Two.denial(TMP), "tmp_id", tmp_id),
            );
            assert!(matches!(end, Some(Seen::Failed(_))), "{end:?}");
        }
    }
    let end = end_of(Dialect::Two, &with(&good, "tmp_id", OTHER_TMP.into()));
    assert_eq!(end, Some(failed("foreign_result")));
    let body = with(
        &without(&good, "tmp_id"),
        "data_filekey",
        Value::Bin(vec![1; 90]),
    );
    assert_eq!(end_of(Dialect::Two, &body), Some(failed("foreign_result")));
}

#[test]
fn fixed_keys_need_revision_2() {
    let fixed = client_keys(7, KeyLifetime::Fixed);
    let start = |dialect: Dialect, keys: &Arc<ClientKeys>| {
        let config = LoginConfig::new(dialect.service(), name());
        Login::new(config, Arc::clone(keys), Peer::new(1).keys(), at(0)).map(|_| ())
    };
    for dialect in [Dialect::Seed, Dialect::SeedData, Dialect::One] {
        assert_eq!(
            start(dialect, &fixed),
            Err(ConfigError::FixedKeys),
            "{dialect:?}"
        );
        for lifetime in [KeyLifetime::Fresh, KeyLifetime::FixedSign] {
            assert_eq!(
                start(dialect, &client_keys(7, lifetime)),
                Ok(()),
                "{dialect:?}"
            );
        }
    }
    assert_eq!(start(Dialect::Two, &fixed), Ok(()));
    // And a result of revision 1 does not get past the minimum, fixed keys or not.
    let one = Dialect::One.approval(TMP, "41", "7");
    assert_eq!(end_of(Dialect::Two, &one), Some(failed("revision_too_old")));
    let mut attempt = self::fixed().waiting_fixed();
    let frame = attempt.frame("app_auth_result", &one);
    attempt.feed(Input::SocketMessage(&frame));
    attempt.feed(Input::ReplayVerdict(ReplayVerdict::Fresh));
    assert_eq!(attempt.end(), Some(&failed("revision_too_old")));
}

#[test]
fn refusal_with_identity_refused() {
    for dialect in Dialect::ALL {
        let good = dialect.approval(TMP, "41", "7");
        for (name, value) in [
            ("_res", "err".into()),
            ("_res", "OK".into()),
            ("_res", true.into()),
            ("_res", Value::Int(1)),
            ("status", "error".into()),
            ("status", "denied".into()),
            ("status", "Done".into()),
            ("status", "done ".into()),
            ("status", "".into()),
            ("status", true.into()),
            ("status", Value::Int(0)),
            ("action", "connected".into()),
            ("action", Value::Int(0)),
        ] {
            let end = end_of(dialect, &with(&good, name, value.clone()));
            assert!(
                matches!(end, Some(Seen::Failed(_) | Seen::Denied(_))),
                "{dialect:?} {name} {value:?}: {end:?}"
            );
        }
        // A code next to an identity is a refusal as well, where the status says so.
        for code in [
            "authorization_denied",
            "app_auth_denied",
            "safe_auth_denied",
            "denied",
        ] {
            let body = with(&with(&good, "_res", "err".into()), "code", code.into());
            assert_eq!(
                end_of(dialect, &body),
                Some(Seen::Denied(code.into())),
                "{dialect:?}"
            );
        }
        // `_res` may be missing in the seed family's pushes and nowhere else.
        let end = end_of(dialect, &without(&good, "_res"));
        if dialect == Dialect::Seed {
            assert_eq!(end, None);
        } else if !dialect.is_seed() {
            assert_eq!(end, Some(failed("E_SHAPE")), "{dialect:?}");
        }
    }
}

#[test]
fn what_a_refusal_is_called() {
    for (code, denied) in [
        ("authorization_denied", true),
        ("app_auth_denied", true),
        ("safe_auth_denied", true),
        ("denied", true),
        ("Denied", false),
        ("app_auth_result_too_large", false),
        ("sso_data_not_approved", false),
        ("", false),
    ] {
        let expected = if denied {
            Seen::Denied(code.into())
        } else {
            Seen::Failed(code.into())
        };
        for dialect in Dialect::ALL {
            assert_eq!(
                end_of(dialect, &refusal(code)),
                Some(expected.clone()),
                "{dialect:?}"
            );
        }
        let body = with(&Dialect::Two.denial(TMP), "code", code.into());
        assert_eq!(end_of(Dialect::Two, &body), Some(expected));
    }
    // Foreign text is cut and cleaned.
    let long = "x\u{202e}\n".repeat(5000);
    let Some(Seen::Failed(code)) = end_of(Dialect::Two, &refusal(&long)) else {
        panic!()
    };
    assert_eq!(code, "x".repeat(64));
}

#[test]
fn only_a_no_and_a_wrong_identity_count_for_a_lockout() {
    use keylockr_proto::login::{LoginEnd, LoginFailure};
    assert!(
        LoginEnd::Denied {
            code: "denied".into()
        }
        .counts_for_lockout()
    );
    for (failure, counts) in [
        (LoginFailure::ForeignResult, true),
        (LoginFailure::Disagreement, true),
        (LoginFailure::NotVerified, true),
        (LoginFailure::VerifyUnavailable, false),
        (LoginFailure::Strikes, false),
        (LoginFailure::TooManyFrames, false),
        (LoginFailure::Unauthorised, false),
        (LoginFailure::NotConnected, false),
        (LoginFailure::Config(ConfigError::Life), false),
        (LoginFailure::Refused { code: "x".into() }, false),
    ] {
        assert_eq!(
            LoginEnd::Failed(failure.clone()).counts_for_lockout(),
            counts,
            "{failure}"
        );
    }
    assert!(!LoginEnd::Expired.counts_for_lockout());
}

#[test]
fn more_or_less_than_was_asked_for() {
    for dialect in [Dialect::One, Dialect::Two] {
        let good = dialect.approval(TMP, "41", "7");
        for (capabilities, fits) in [
            (list(["sso", "app_data"]), true),
            (list(["app_data", "sso", "sso"]), true),
            (list(["sso"]), false),
            (list(["app_data"]), false),
            (list([]), false),
            (list(["sso", "app_data", "files"]), false),
            (list(["sso", "app_data", ""]), false),
            (list(["sso,app_data"]), false),
            (Value::Array(vec!["sso".into(), Value::Int(1)]), false),
            ("sso app_data".into(), false),
            (Value::Nil, false),
        ] {
            let end = end_of(dialect, &with(&good, "capabilities", capabilities.clone()));
            let fine = matches!(end, None | Some(Seen::Done(..)));
            assert_eq!(fine, fits, "{dialect:?} {capabilities:?}: {end:?}");
        }
    }
}

#[test]
fn ids_by_family_and_revision() {
    let long = "9".repeat(129);
    for (dialect, text, fits) in [
        (Dialect::Two, "2147483647", true),
        (Dialect::Two, "2147483648", false),
        (Dialect::Two, "007", false),
        (Dialect::Two, "user-1", false),
        (Dialect::One, "user-1", true),
        (Dialect::One, "user.1", false),
        (Dialect::One, "a\nb", false),
        (Dialect::One, "", false),
        (Dialect::Seed, "00", true),
        (Dialect::Seed, &long, false),
    ] {
        let app_id = if dialect.is_seed() {
            "sso_client_id"
        } else {
            "app_id"
        };
        for member in [app_id, "safe_id"] {
            let body = with(&dialect.approval(TMP, "41", "7"), member, text.into());
            let end = end_of(dialect, &body);
            let fine = matches!(end, None | Some(Seen::Done(..)));
            assert_eq!(fine, fits, "{dialect:?} {member} {text:?}: {end:?}");
        }
    }
    // Integers are ids in the older dialects.
    for (dialect, fits) in [
        (Dialect::Seed, true),
        (Dialect::One, true),
        (Dialect::Two, false),
    ] {
        let body = with(&dialect.approval(TMP, "41", "7"), "safe_id", Value::Int(7));
        let end = end_of(dialect, &body);
        assert_eq!(
            matches!(end, None | Some(Seen::Done(..))),
            fits,
            "{dialect:?}: {end:?}"
        );
    }
}

#[test]
fn return_result_needs_its_attempt() {
    let good = Dialect::Two.approval(TMP, "41", "7");
    // The result comes back through the browser and signs in.
    let mut attempt = Attempt::new(Dialect::Two).waiting();
    let frame = attempt.frame("app_auth_result", &good);
    let seen = attempt.feed(Input::Returned(&frame));
    assert_eq!(seen.last(), Some(&Seen::Done("41".into(), "7".into())));

    // The socket may be away meanwhile.
    let mut attempt = Attempt::new(Dialect::Two).waiting();
    attempt.feed(Input::SocketClosed { code: None });
    let frame = attempt.frame("app_auth_result", &good);
    attempt.feed(Input::Returned(&frame));
    assert_eq!(attempt.end(), Some(&Seen::Done("41".into(), "7".into())));

    // Everything that is not this attempt's result does nothing, and asks the service nothing.
    let junk: [(&str, Value); 6] = [
        ("app_auth_result", with(&good, "tmp_id", OTHER_TMP.into())),
        ("app_auth_result", without(&good, "tmp_id")),
        (
            "app_auth_result",
            with(&Dialect::Two.denial(TMP), "tmp_id", OTHER_TMP.into()),
        ),
        ("app_auth_result", refusal("authorization_denied")),
        ("connected", greeting()),
        ("app_deleted", ok()),
    ];
    for (event, body) in &junk {
        let mut attempt = Attempt::new(Dialect::Two).waiting();
        let frame = attempt.frame(event, body);
        assert_eq!(
            attempt.feed(Input::Returned(&frame)),
            [],
            "{event} {body:?}"
        );
        assert_eq!(attempt.login.phase(), Phase::TmpWait);
        assert_eq!(attempt.login.counters().strikes, 1);
    }
    let mut foreign = Peer::new(9);
    let keys = client_keys(98, KeyLifetime::Fresh);
    let other = Peer::new(1).seal(&keys, "app_auth_result", UnixTime::from_secs(START), &good);
    let own = client_keys(2, KeyLifetime::Fresh);
    let forged = foreign.seal(&own, "app_auth_result", UnixTime::from_secs(START), &good);
    for frame in [
        other,
        forged,
        b"junk".to_vec(),
        Vec::new(),
        vec![0x80; 12_289],
    ] {
        let mut attempt = Attempt::new(Dialect::Two).waiting();
        assert_eq!(
            attempt.feed(Input::Returned(&frame)),
            [],
            "no refetch, no reconnect, no end"
        );
        assert_eq!(attempt.login.phase(), Phase::TmpWait);
        for _ in 0..7 {
            attempt.feed(Input::Returned(&frame));
        }
        assert_eq!(attempt.end(), Some(&failed("too_many_bad_frames")));
    }
    // It never starts an attempt, and has no effect before the code was shown.
    for (mut attempt, counted) in [
        (Attempt::new(Dialect::Two), 0),
        (Attempt::new(Dialect::Two).opened(), 1),
    ] {
        let phase = attempt.login.phase();
        let frame = attempt.frame("app_auth_result", &good);
        assert_eq!(attempt.feed(Input::Returned(&frame)), []);
        assert_eq!(attempt.login.phase(), phase);
        assert_eq!(attempt.login.counters().strikes, counted);
    }
    // The older dialects bind nothing to an attempt, so nothing comes back there.
    for dialect in [Dialect::Seed, Dialect::SeedData, Dialect::One] {
        let mut attempt = Attempt::new(dialect).waiting();
        let frame = attempt.frame("app_auth_result", &dialect.approval(TMP, "41", "7"));
        assert_eq!(attempt.feed(Input::Returned(&frame)), []);
        assert_eq!(attempt.login.phase(), Phase::TmpWait);
    }
    // Returned and pushed, it is the same result.
    let mut attempt = Attempt::authorized(Dialect::Two);
    let frame = attempt.frame("app_auth_result", &good);
    assert_eq!(attempt.feed(Input::Returned(&frame)), []);
    assert_eq!(attempt.login.counters().repeated, 1);
    assert_eq!(attempt.feed(Input::SocketMessage(&frame)), []);
    assert_eq!(attempt.login.counters().replayed, 1);
}

fn fixed() -> Attempt {
    Attempt::with(Dialect::Two, KeyLifetime::Fixed, |config| config)
}

impl Attempt {
    /// As `waiting`, where each frame is asked about.
    fn waiting_fixed(self) -> Self {
        let mut attempt = self.opened();
        assert_eq!(attempt.greet(), [Seen::CheckReplay]);
        attempt.feed(Input::ReplayVerdict(ReplayVerdict::Fresh));
        assert_eq!(attempt.login.phase(), Phase::TmpWait);
        attempt
    }
}

#[test]
fn fixed_keys_ask_the_shared_memory_about_each_frame() {
    let mut attempt = fixed().waiting_fixed();
    assert_eq!(
        attempt.push("ping", &ok()),
        [Seen::CheckReplay],
        "no pong before the verdict"
    );
    assert_eq!(
        attempt.feed(Input::ReplayVerdict(ReplayVerdict::Fresh)),
        [Seen::Send("pong".into())]
    );
    attempt.push("ping", &ok());
    assert_eq!(attempt.feed(Input::ReplayVerdict(ReplayVerdict::Seen)), []);
    assert_eq!(attempt.login.counters().replayed, 1);
    assert_eq!(
        attempt.login.counters().strikes,
        0,
        "redelivery may repeat bytes"
    );
    // A verdict that nobody asked for.
    assert_eq!(attempt.feed(Input::ReplayVerdict(ReplayVerdict::Fresh)), []);
    // Frames that come meanwhile wait for their turn, in order, up to a bound.
    attempt.push("ping", &ok());
    for _ in 0..3 {
        assert_eq!(attempt.push("ping", &ok()), []);
    }
    attempt.approve("41", "7");
    assert_eq!(attempt.push("ping", &ok()), []);
    assert_eq!(
        attempt.login.counters().dropped,
        2,
        "the last one finds no room"
    );
    for _ in 0..4 {
        let seen = attempt.feed(Input::ReplayVerdict(ReplayVerdict::Fresh));
        assert_eq!(seen.len(), 2, "a pong and the next question: {seen:?}");
    }
    let seen = attempt.feed(Input::ReplayVerdict(ReplayVerdict::Fresh));
    assert_eq!(seen.last(), Some(&Seen::Done("41".into(), "7".into())));
}

#[test]
fn replay_memory_full_refuses_attempts() {
    // The shared one.
    let mut attempt = fixed().opened();
    attempt.greet();
    attempt.feed(Input::ReplayVerdict(ReplayVerdict::Unavailable));
    assert_eq!(attempt.end(), Some(&failed("replay_memory")));
    // An attempt's own: what is in it stays in it, and when it is full nothing is accepted.
    let mut attempt = Attempt::new(Dialect::Two).waiting();
    let frame = attempt.frame("ping", &ok());
    attempt.feed(Input::SocketMessage(&frame));
    for _ in 0..2046 {
        attempt.push("ping", &ok());
    }
    assert!(!attempt.login.phase().is_over());
    attempt.feed(Input::SocketMessage(&frame));
    assert_eq!(
        attempt.login.counters().replayed,
        1,
        "the oldest is still known"
    );
    let seen = attempt.approve("41", "7");
    assert_eq!(seen, [Seen::Close(1000), failed("replay_memory")]);
    assert!(attempt.done.is_none());
}

/// A repeated message is no strike, for the service repeats itself; without end it would cost as
/// much as the sender likes.
#[test]
fn a_flood_of_repeated_messages_ends_the_attempt() {
    let mut attempt = Attempt::new(Dialect::Two).waiting();
    let frame = attempt.frame("ping", &ok());
    // The greeting was the first.
    for _ in 1..4096 {
        attempt.feed(Input::SocketMessage(&frame));
    }
    assert!(!attempt.login.phase().is_over());
    assert_eq!(attempt.login.counters().strikes, 0);
    let seen = attempt.feed(Input::SocketMessage(&frame));
    assert_eq!(seen, [Seen::Close(1000), failed("too_many_frames")]);
}

#[test]
fn a_handshake_that_is_refused_or_makes_no_sense() {
    for (answer, end) in [
        (
            refusal("sso_data_not_approved").encode(),
            "sso_data_not_approved",
        ),
        (handshake_answer("abc123"), "E_SHAPE"),
        (map([("tmp_id", TMP.into())]).encode(), "E_SHAPE"),
        (b"\xc1".to_vec(), "E_MSGPACK"),
        (Vec::new(), "E_MSGPACK"),
        (vec![0; 70_000], "E_SIZE"),
    ] {
        let mut attempt = Attempt::new(Dialect::Two);
        assert_eq!(attempt.feed(Input::HandshakeReply(&answer)), [failed(end)]);
    }
    let mut attempt = Attempt::new(Dialect::Two);
    assert_eq!(
        attempt.feed(Input::HandshakeFailed),
        [failed("unreachable")]
    );
    // Answers that nobody waits for.
    let mut attempt = Attempt::new(Dialect::Two).waiting();
    assert_eq!(
        attempt.feed(Input::HandshakeReply(&handshake_answer(OTHER_TMP))),
        []
    );
    assert_eq!(attempt.feed(Input::HandshakeFailed), []);
    assert_eq!(attempt.login.tmp_id().map(TmpId::as_str), Some(TMP));
}

#[test]
fn configurations_that_must_not_be() {
    use std::time::Duration;
    let start = |change: fn(LoginConfig) -> LoginConfig| {
        let config = change(LoginConfig::new(Dialect::Two.service(), name()));
        let keys = client_keys(1, KeyLifetime::Fresh);
        Login::new(config, keys, Peer::new(1).keys(), at(0)).map(|_| ())
    };
    assert_eq!(
        start(|c| c.with_life(Duration::ZERO)),
        Err(ConfigError::Life)
    );
    assert_eq!(
        start(|c| c.with_life(Duration::from_secs(601))),
        Err(ConfigError::Life)
    );
    assert_eq!(start(|c| c.with_life(Duration::from_secs(600))), Ok(()));
    assert_eq!(start(|c| c.with_strikes(0)), Err(ConfigError::Strikes));
    assert!(matches!(
        Dialect::Two.service(),
        Service::AppData {
            minimum: Revision::Two,
            ..
        }
    ));
}
