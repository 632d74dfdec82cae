//! What a sign-in of the seed family asks while no push comes (K 7.3).

use std::time::Duration;

use keylockr_proto::login::{Input, Phase};
use keylockr_proto::{BoxSecret, Value};

use super::attempt::{Attempt, Seen, done, failed, polled};
use crate::peer::{Dialect, Seq, map, refusal, with};

#[test]
fn seed_is_polled_every_2_s_and_every_5_after_a_minute() {
    let mut attempt = Attempt::new(Dialect::Seed).waiting();
    let pending = map([("_res", "ok".into()), ("status", "pending".into())]);
    let start = attempt.now.elapsed;
    let mut times = Vec::new();
    while attempt.now.elapsed < start + Duration::from_secs(80) {
        if attempt
            .pass_secs(1)
            .contains(&Seen::Send("app_connect_req".into()))
        {
            times.push((attempt.now.elapsed - start).as_secs());
            attempt.push("app_connect_req", &pending);
        }
    }
    let expected: Vec<u64> = (1..=30).map(|n| n * 2).chain([65, 70, 75, 80]).collect();
    assert_eq!(times, expected);
    // Appdata has no such question.
    let mut attempt = Attempt::new(Dialect::Two).waiting();
    assert_eq!(attempt.pass_secs(80), []);
}

#[test]
fn one_poll_at_a_time_and_an_unanswered_one_costs_the_socket() {
    let mut attempt = Attempt::new(Dialect::Seed).waiting();
    assert_eq!(
        attempt.pass_secs(16),
        [Seen::Send("app_connect_req".into())]
    );
    assert_eq!(attempt.pass_secs(1), [Seen::Close(1001)]);
    assert_eq!(attempt.login.phase(), Phase::TmpWait);
}

#[test]
fn the_poll_alone_signs_in_seed() {
    let mut attempt = Attempt::new(Dialect::Seed).waiting();
    attempt.pass_secs(2);
    assert_eq!(
        attempt.push("app_connect_req", &polled("41", "7")),
        [Seen::Authorized, Seen::Verify]
    );
    assert_eq!(attempt.verify_yes(), [Seen::Close(1000), done()]);
}

#[test]
fn poll_and_push_must_agree_on_both_ids() {
    for (app_id, user_id, agrees) in [("41", "7", true), ("42", "7", false), ("41", "8", false)] {
        // The poll is on its way when the push comes.
        let mut attempt = Attempt::new(Dialect::Seed).waiting();
        attempt.pass_secs(2);
        attempt.approve("41", "7");
        attempt.push("app_connect_req", &polled(app_id, user_id));
        if agrees {
            assert_eq!(attempt.login.phase(), Phase::Authorized);
        } else {
            assert_eq!(attempt.end().cloned(), Some(failed("results_disagree")));
        }
        // The poll was first, the push is second.
        let mut attempt = Attempt::new(Dialect::Seed).waiting();
        attempt.pass_secs(2);
        attempt.push("app_connect_req", &polled("41", "7"));
        attempt.approve(app_id, user_id);
        if agrees {
            assert_eq!(attempt.login.phase(), Phase::Authorized);
        } else {
            assert_eq!(attempt.end().cloned(), Some(failed("results_disagree")));
        }
    }
}

#[test]
fn what_the_poll_can_say() {
    let say = |status: &str| map([("_res", "ok".into()), ("status", status.into())]);
    let cases: [(Value, Option<Seen>); 9] = [
        (say("pending"), None),
        (say("scanned"), None),
        (say("denied"), Some(Seen::Denied("denied".into()))),
        (say("expired"), Some(Seen::Expired)),
        (
            refusal("authorization_denied"),
            Some(Seen::Denied("authorization_denied".into())),
        ),
        (
            refusal("sso_service_invalid"),
            Some(failed("sso_service_invalid")),
        ),
        (map([("status", "pending".into())]), Some(failed("E_SHAPE"))),
        (
            with(&polled("41", "7"), "user_enc_pk", Value::Bin(vec![0; 32])),
            Some(failed("E_KEY")),
        ),
        (
            with(&polled("4.1", "7"), "x", Value::Nil),
            Some(failed("E_SHAPE")),
        ),
    ];
    for (body, end) in cases {
        let mut attempt = Attempt::new(Dialect::Seed).waiting();
        attempt.pass_secs(2);
        attempt.push("app_connect_req", &body);
        assert_eq!(attempt.end().cloned(), end, "{body:?}");
    }
}

#[test]
fn a_poll_without_ids_waits_for_the_push() {
    let mut attempt = Attempt::new(Dialect::Seed).waiting();
    attempt.pass_secs(2);
    let bare = map([("_res", "ok".into()), ("status", "done".into())]);
    attempt.push("app_connect_req", &bare);
    assert_eq!(attempt.login.phase(), Phase::TmpWait);
    attempt.approve("41", "7");
    assert_eq!(attempt.login.phase(), Phase::Authorized);
}

#[test]
fn seed_data_mode_asks_for_the_sender_before_it_leaves() {
    let phone = BoxSecret::generate(&mut Seq(9)).unwrap().public();
    let mut attempt = Attempt::new(Dialect::SeedData).waiting();
    assert_eq!(
        attempt.approve("41", "7"),
        [Seen::Send("app_connect_req".into())]
    );
    assert_eq!(attempt.login.phase(), Phase::TmpWait);
    let body = with(
        &polled("41", "7"),
        "user_enc_pk",
        phone.as_bytes().as_slice().into(),
    );
    assert_eq!(
        attempt.push("app_connect_req", &body),
        [Seen::Authorized, Seen::Verify]
    );
    attempt.verify_yes();
    assert_eq!(attempt.done.unwrap().sender, Some(phone));

    // Another connection in the poll, and a no in the poll, are contradictions.
    for body in [
        polled("42", "7"),
        map([("_res", "ok".into()), ("status", "denied".into())]),
        map([("_res", "ok".into()), ("status", "expired".into())]),
    ] {
        let mut attempt = Attempt::new(Dialect::SeedData).waiting();
        attempt.approve("41", "7");
        attempt.push("app_connect_req", &body);
        assert_eq!(attempt.end().cloned(), Some(failed("results_disagree")));
    }
}

#[test]
fn seed_data_mode_goes_on_without_a_sender_after_15_s() {
    let pending = map([("_res", "ok".into()), ("status", "pending".into())]);
    let mut attempt = Attempt::new(Dialect::SeedData).waiting();
    attempt.approve("41", "7");
    let start = attempt.now.elapsed;
    while attempt.login.phase() == Phase::TmpWait {
        attempt.push("app_connect_req", &pending);
        attempt.pass_secs(1);
    }
    assert_eq!(attempt.now.elapsed - start, Duration::from_secs(15));
    attempt.verify_yes();
    assert_eq!(attempt.done.unwrap().sender, None);
}

#[test]
fn a_poll_on_its_way_does_not_hold_up_app_verify() {
    let mut attempt = Attempt::new(Dialect::Seed).waiting();
    attempt.pass_secs(2);
    assert_eq!(attempt.approve("41", "7"), [Seen::Authorized, Seen::Verify]);
    assert_eq!(
        attempt.pass_secs(25),
        [],
        "the poll is never answered, and nobody cares"
    );
    attempt.feed(Input::VerifyFailed);
    assert_eq!(attempt.pass_secs(1), [Seen::Verify]);
    assert_eq!(attempt.verify_yes(), [Seen::Close(1000), done()]);
}
