//! Every fault of K 12.4: what the emulator does wrong, and what a correct client makes of it.
//! What a vault makes of the data faults (merging, pinning of senders, consent) is in `vault/`; here
//! they go as far as the protocol and the connection do.

mod answers;
mod connection;
mod frames;

use std::time::Duration;

use keylockr_client::proto::login::{LoginConfig, LoginEnd, LoginFailure};
use keylockr_client::proto::{ErrorKind, Revision};
use keylockr_emulator::{DropWhen, Fault, FaultKind, NewService};
use tokio::time::{Instant, sleep};

use crate::world::{World, appdata, seed};

/// All names of K 12.4, so that none is forgotten below.
const NAMES: &[&str] = &[
    "clock_skew",
    "stale_ts",
    "future_ts",
    "client_clock_bad",
    "bad_seal",
    "seal_wrong_key",
    "seal_noncanonical",
    "bad_box",
    "wrong_recipient",
    "noncanonical_wire",
    "go_int64",
    "embed_nonce",
    "extra_members",
    "replay_same",
    "replay_reencoded",
    "replay_cross_attempt",
    "truncated",
    "trailing",
    "deep",
    "dup_key",
    "length_bomb",
    "oversized",
    "raw_bad_index",
    "raw_collision",
    "wrong_phase",
    "no_connected",
    "slow_phone",
    "no_phone",
    "deny",
    "deny_as_err",
    "error_code",
    "safe_auth_required",
    "filekey_deny",
    "wrong_tmp_id",
    "missing_tmp_id",
    "extra_capability",
    "missing_capability",
    "bad_id",
    "sender_swap",
    "bad_filekey",
    "short_filekey",
    "ver_conflict",
    "ver_same",
    "set_lost_ack",
    "record_rollback",
    "record_swap",
    "app_file_not_found",
    "sso_data_not_approved",
    "app_tag_invalid",
    "sso_service_invalid",
    "ip_not_allowed",
    "verify_false",
    "verify_garbage",
    "verify_timeout",
    "http_500",
    "foreign_service",
    "drop_socket",
    "duplicate_push",
    "push_before_answer",
    "revoke",
    "rename",
    "rotate_keys",
    "weak_server_key",
];

/// The four ways to sign in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Seed,
    SeedData,
    Appdata1,
    Appdata2,
}

impl Way {
    const ALL: [Way; 4] = [Way::Seed, Way::SeedData, Way::Appdata1, Way::Appdata2];
    const APPDATA: [Way; 2] = [Way::Appdata1, Way::Appdata2];
    const VERIFIED: [Way; 3] = [Way::Seed, Way::SeedData, Way::Appdata1];

    fn config(self) -> LoginConfig {
        match self {
            Way::Seed => seed("demo", None),
            Way::SeedData => seed("demo-data", Some("notes")),
            Way::Appdata1 => appdata("shop", true, Revision::One),
            Way::Appdata2 => appdata("demo-app", true, Revision::Two),
        }
    }

    /// Whether a result that was lost is asked for again by itself.
    fn polls(self) -> bool {
        matches!(self, Way::Seed | Way::SeedData)
    }
}

/// When the fault is set.
#[derive(Clone, Copy, PartialEq, Eq)]
enum When {
    /// Before anything: it meets the first frame or call that it fits.
    First,
    /// When the code is shown: it meets the result.
    Result,
}

fn now() -> Instant {
    #[expect(clippy::disallowed_methods, reason = "tokio's clock, paused")]
    Instant::now()
}

async fn world() -> World {
    let world = World::new().await;
    world
        .emulator
        .create_service(NewService::appdata("shop", "Shop", 1))
        .unwrap();
    world
}

/// One login in a world of its own, approved by alice.
async fn sign_in(way: Way, when: When, fault: impl Into<Fault>) -> (LoginEnd, World) {
    let world = world().await;
    let end = sign_in_to(&world, way, when, fault).await;
    (end, world)
}

async fn sign_in_to(world: &World, way: Way, when: When, fault: impl Into<Fault>) -> LoginEnd {
    let fault = fault.into();
    if when == When::First {
        world.emulator.fault(fault.clone()).unwrap();
    }
    let mut login = world.start(way.config());
    let Some(tmp_id) = login.try_code().await else {
        return login.end().await;
    };
    if when == When::Result {
        world.emulator.fault(fault).unwrap();
    }
    // Refused when the fault has decided the attempt already.
    let _ = world.emulator.approve(tmp_id.as_str());
    login.end().await
}

fn once(kind: FaultKind) -> Fault {
    Fault::from(kind).times(1)
}

/// Signed in, and as nobody else.
#[track_caller]
fn assert_alice(end: LoginEnd, world: &World, case: &str) {
    match end {
        LoginEnd::Done(who) => {
            let alice = &world.emulator.users()[0];
            assert_eq!(who.safe_id.as_str(), alice.safe_id, "{case}");
        }
        other => panic!("{case}: {other:?}"),
    }
}

#[test]
fn every_fault_has_a_test() {
    let (_, here) = include_str!("faults.rs")
        .split_once("every_fault_has_a_test")
        .unwrap();
    let tests = [
        here,
        include_str!("faults/answers.rs"),
        include_str!("faults/connection.rs"),
        include_str!("faults/frames.rs"),
    ]
    .concat();
    for name in NAMES {
        let variant: String = name
            .split('_')
            .map(|word| word[..1].to_ascii_uppercase() + &word[1..])
            .collect();
        let variant = format!("FaultKind::{variant}");
        let used = tests.match_indices(&variant).any(|(at, _)| {
            !tests[at + variant.len()..].starts_with(|next: char| next.is_alphanumeric())
        });
        assert!(used, "{name}");
    }
}

#[tokio::test(start_paused = true)]
async fn our_time_is_refused_once() {
    let world = world().await;
    let mut login = world.start(Way::Seed.config());
    let tmp_id = login.code().await;
    let asked = world.wire.count("/clock");
    world
        .emulator
        .fault(once(FaultKind::ClientClockBad))
        .unwrap();
    // The poll comes after two seconds.
    sleep(Duration::from_secs(10)).await;
    assert_eq!(world.wire.count("/clock"), asked + 1);
    world.emulator.approve(tmp_id.as_str()).unwrap();
    assert_alice(login.end().await, &world, "the second try counts");
}

#[tokio::test(start_paused = true)]
async fn our_time_is_refused_for_ever() {
    for when in [When::First, When::Result] {
        let world = world().await;
        world.emulator.fault(once(FaultKind::NoPhone)).unwrap();
        let end = sign_in_to(&world, Way::Seed, when, FaultKind::ClientClockBad).await;
        assert!(
            matches!(
                end,
                LoginEnd::Failed(LoginFailure::Clock | LoginFailure::Unauthorised)
                    | LoginEnd::Expired
            ),
            "{end:?}"
        );
        assert!(
            world.wire.count("/clock") <= 4,
            "no storm: {}",
            world.wire.count("/clock")
        );
    }
}

#[tokio::test(start_paused = true)]
async fn nobody_says_hello() {
    for way in Way::ALL {
        let before = now();
        let (end, world) = sign_in(way, When::First, FaultKind::NoConnected).await;
        if way.polls() {
            assert_alice(end, &world, "seed goes on after two seconds");
            assert!(now() - before >= Duration::from_secs(2));
        } else {
            assert!(
                matches!(end, LoginEnd::Failed(LoginFailure::NotConnected)),
                "{end:?}"
            );
            assert_eq!((now() - before).as_secs(), 15);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn phones_take_their_time() {
    for way in Way::ALL {
        let before = now();
        let (end, world) = sign_in(way, When::First, FaultKind::SlowPhone { seconds: 60 }).await;
        assert_alice(end, &world, "slow");
        assert!(now() - before >= Duration::from_secs(60));

        let before = now();
        let (end, _) = sign_in(way, When::First, FaultKind::NoPhone).await;
        assert!(matches!(end, LoginEnd::Expired), "{end:?}");
        assert_eq!((now() - before).as_secs(), 180);
    }
}

#[tokio::test(start_paused = true)]
async fn the_line_drops() {
    for (name, when) in [
        ("before connected", DropWhen::Before("connected".into())),
        ("after connected", DropWhen::After("connected".into())),
        (
            "before the result",
            DropWhen::Before("app_auth_result".into()),
        ),
        (
            "after the result",
            DropWhen::After("app_auth_result".into()),
        ),
        ("on a request", DropWhen::Request),
    ] {
        for way in Way::ALL {
            let fault = once(FaultKind::DropSocket { when: when.clone() });
            let (end, world) = sign_in(way, When::First, fault).await;
            assert_alice(end, &world, &format!("{name} {way:?}"));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn service_keys_change_during_a_login() {
    for way in Way::ALL {
        let (end, world) = sign_in(way, When::First, once(FaultKind::RotateKeys)).await;
        assert_alice(end, &world, &format!("{way:?}"));
        assert!(world.wire.count("/key_sign") <= 2, "one refetch");
    }
}

#[tokio::test(start_paused = true)]
async fn a_weak_service_key_signs_nobody_in() {
    for way in Way::ALL {
        let (end, world) = sign_in(way, When::First, FaultKind::WeakServerKey).await;
        assert!(
            matches!(
                end,
                LoginEnd::Failed(LoginFailure::Protocol(ErrorKind::Key))
            ),
            "{way:?}: {end:?}"
        );
        assert_eq!(world.wire.count("/handshake"), 0);
    }
    // Served in the middle of an attempt, as an answer to the refetch.
    let world = world().await;
    let mut login = world.start(Way::Seed.config());
    let tmp_id = login.code().await;
    world.emulator.fault(FaultKind::WeakServerKey).unwrap();
    world.emulator.fault(FaultKind::BadSeal).unwrap();
    world.emulator.approve(tmp_id.as_str()).unwrap();
    let end = login.end().await;
    assert!(
        matches!(end, LoginEnd::Failed(LoginFailure::Protocol(_))),
        "{end:?}"
    );
}
