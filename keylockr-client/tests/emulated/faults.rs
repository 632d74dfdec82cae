//! Every fault of K 12.4: what the emulator does wrong, and what a correct client makes of it.
//! What a vault makes of the data faults (merging, pinning of senders, consent) is in `vault/`; here
//! they go as far as the protocol and the connection do.

mod connection;

use std::sync::Arc;
use std::time::Duration;

use keylockr_client::proto::login::{LoginConfig, LoginEnd, LoginFailure};
use keylockr_client::proto::{ErrorKind, KeyLifetime, Revision};
use keylockr_emulator::{DropWhen, Fault, FaultKind, NewService};
use tokio::time::{Instant, sleep};

use crate::world::{World, appdata, done, seed};

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
    let tests = [here, include_str!("faults/connection.rs")].concat();
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
async fn odd_but_valid_frames_are_accepted() {
    for kind in [
        FaultKind::NoncanonicalWire,
        FaultKind::GoInt64,
        FaultKind::EmbedNonce,
        FaultKind::ExtraMembers,
        FaultKind::ReplaySame,
        FaultKind::ReplayReencoded,
        FaultKind::DuplicatePush,
        FaultKind::PushBeforeAnswer,
        FaultKind::ClockSkew { seconds: 5000 },
        FaultKind::ClockSkew { seconds: -5000 },
        FaultKind::WrongPhase {
            event: "app_updated".into(),
        },
        FaultKind::WrongPhase {
            event: "app_get_data".into(),
        },
    ] {
        for way in Way::ALL {
            let (end, world) = sign_in(way, When::First, kind.clone()).await;
            assert_alice(end, &world, &format!("{kind:?} {way:?}"));
        }
    }
}

/// A frame that is dropped may have been the one that matters: with the next connection it comes
/// again.
#[tokio::test(start_paused = true)]
async fn bad_frames_are_dropped_and_the_attempt_goes_on() {
    for kind in [
        FaultKind::StaleTs { seconds: 5000 },
        FaultKind::FutureTs { seconds: 5000 },
        FaultKind::Truncated,
        FaultKind::Trailing,
        FaultKind::Deep,
        FaultKind::DupKey,
        FaultKind::LengthBomb,
        FaultKind::RawBadIndex,
        FaultKind::RawCollision,
    ] {
        for way in Way::ALL {
            let case = format!("{kind:?} {way:?}");
            let world = world().await;
            let mut login = world.start(way.config());
            let tmp_id = login.code().await;
            world.emulator.fault(once(kind.clone())).unwrap();
            world.emulator.approve(tmp_id.as_str()).unwrap();
            assert_alice(login.end().await, &world, &case);
        }
    }
}

/// The same frames in place of the first one: it is not greeted, and connects again.
#[tokio::test(start_paused = true)]
async fn a_bad_first_frame_is_survived_or_ends_in_time() {
    for kind in [
        FaultKind::StaleTs { seconds: 5000 },
        FaultKind::Truncated,
        FaultKind::LengthBomb,
        FaultKind::DropSocket {
            when: DropWhen::Before("connected".into()),
        },
        FaultKind::DropSocket {
            when: DropWhen::After("connected".into()),
        },
    ] {
        for way in Way::ALL {
            let case = format!("{kind:?} {way:?}");
            let (end, world) = sign_in(way, When::First, once(kind.clone())).await;
            match end {
                LoginEnd::Done(_) => assert_alice(end, &world, &case),
                LoginEnd::Failed(LoginFailure::NotConnected) => assert!(!way.polls(), "{case}"),
                other => panic!("{case}: {other:?}"),
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn forged_frames_cost_one_refetch_and_end_it() {
    for (kind, error) in [
        (FaultKind::BadSeal, ErrorKind::Seal),
        (FaultKind::SealWrongKey, ErrorKind::Seal),
        (FaultKind::SealNoncanonical, ErrorKind::Hash),
        (FaultKind::BadBox, ErrorKind::Box),
        (FaultKind::WrongRecipient, ErrorKind::Box),
    ] {
        for way in Way::ALL {
            for when in [When::First, When::Result] {
                let case = format!("{kind:?} {way:?}");
                let (end, world) = sign_in(way, when, kind.clone()).await;
                match end {
                    LoginEnd::Failed(LoginFailure::Protocol(got)) => {
                        assert_eq!(got, error, "{case}");
                    }
                    other => panic!("{case}: {other:?}"),
                }
                assert_eq!(world.wire.count("/key_sign"), 2, "{case}: asked again once");
                assert_eq!(world.wire.count("/key_enc"), 2, "{case}: both together");
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn oversized_is_closed_and_connected_again() {
    for way in Way::ALL {
        let fault = once(FaultKind::Oversized { bytes: 65_537 });
        let (end, world) = sign_in(way, When::Result, fault).await;
        assert_alice(end, &world, &format!("{way:?}"));
        assert!(
            world.wire.closed().contains(&1009),
            "{way:?}: {:?}",
            world.wire.closed()
        );
        assert!(world.wire.count("/ws") >= 2, "{way:?}");
    }
}

/// A frame of another attempt under fixed box keys: it opens, and names somebody else's login.
#[tokio::test(start_paused = true)]
async fn a_result_of_another_attempt_signs_nobody_in() {
    let world = world().await;
    let keys = world.keys(KeyLifetime::Fixed);
    let mut service = NewService::appdata("vault", "Vault", 2);
    service.service_key = Some(keys.box_public().to_base64());
    world.emulator.create_service(service).unwrap();
    let config = || appdata("vault", true, Revision::Two);
    // bob signs in first; his result is what the fault repeats.
    let mut login = world.start_with(config(), Arc::clone(&keys));
    let tmp_id = login.code().await;
    let bob = keylockr_emulator::Approve {
        user: Some("bob".into()),
        ..tmp_id.as_str().into()
    };
    world.emulator.approve(bob).unwrap();
    done(login.end().await);

    world.emulator.fault(FaultKind::ReplayCrossAttempt).unwrap();
    let mut login = world.start_with(config(), Arc::clone(&keys));
    let tmp_id = login.code().await;
    world.emulator.approve(tmp_id.as_str()).unwrap();
    match login.end().await {
        end @ LoginEnd::Done(_) => assert_alice(end, &world, "the replay was dropped"),
        LoginEnd::Failed(LoginFailure::ForeignResult) => {}
        other => panic!("{other:?}"),
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
async fn refusals_are_told_apart() {
    for way in Way::ALL {
        for kind in [
            FaultKind::Deny,
            FaultKind::DenyAsErr,
            FaultKind::ErrorCode {
                code: "authorization_denied".into(),
            },
            FaultKind::ErrorCode {
                code: "app_auth_denied".into(),
            },
            FaultKind::ErrorCode {
                code: "safe_auth_denied".into(),
            },
            FaultKind::ErrorCode {
                code: "denied".into(),
            },
        ] {
            let (end, _) = sign_in(way, When::First, kind.clone()).await;
            assert!(
                matches!(end, LoginEnd::Denied { .. }),
                "{kind:?} {way:?}: {end:?}"
            );
            assert!(end.counts_for_lockout());
        }
        for code in ["app_auth_result_too_large", "something_new"] {
            let kind = FaultKind::ErrorCode { code: code.into() };
            let (end, _) = sign_in(way, When::First, kind).await;
            assert!(!end.counts_for_lockout());
            match end {
                LoginEnd::Failed(LoginFailure::Refused { code: got }) => assert_eq!(got, code),
                other => panic!("{code} {way:?}: {other:?}"),
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn altered_results_sign_nobody_in() {
    let both = &Way::APPDATA[..];
    let second = &[Way::Appdata2][..];
    let all = &Way::ALL[..];
    for (kind, ways) in [
        (FaultKind::WrongTmpId, second),
        (FaultKind::MissingTmpId, second),
        (FaultKind::ExtraCapability, both),
        (FaultKind::MissingCapability, both),
        (FaultKind::BadId, all),
    ] {
        for way in ways {
            let (end, _) = sign_in(*way, When::First, kind.clone()).await;
            assert!(
                matches!(end, LoginEnd::Failed(_)),
                "{kind:?} {way:?}: {end:?}"
            );
        }
    }
}

#[tokio::test(start_paused = true)]
async fn handshakes_are_refused_with_a_code() {
    for (kind, way, code) in [
        (
            FaultKind::SsoServiceInvalid,
            Way::Seed,
            "sso_service_invalid",
        ),
        (FaultKind::AppTagInvalid, Way::Appdata2, "app_tag_invalid"),
        (
            FaultKind::SsoDataNotApproved,
            Way::Appdata2,
            "sso_data_not_approved",
        ),
    ] {
        let (end, _) = sign_in(way, When::First, kind).await;
        match end {
            LoginEnd::Failed(LoginFailure::Refused { code: got }) => assert_eq!(got, code),
            other => panic!("{code}: {other:?}"),
        }
    }
}

/// No answer is neither a yes nor a no: asked again three times, then failed, never signed in.
#[tokio::test(start_paused = true)]
async fn app_verify_gives_no_answer() {
    for kind in [
        FaultKind::IpNotAllowed,
        FaultKind::VerifyGarbage,
        FaultKind::VerifyTimeout { seconds: 60 },
        FaultKind::Http500,
    ] {
        for way in Way::VERIFIED {
            let case = format!("{kind:?} {way:?}");
            let (end, world) = sign_in(way, When::Result, kind.clone()).await;
            assert!(!end.counts_for_lockout(), "{case}");
            assert!(
                matches!(end, LoginEnd::Failed(LoginFailure::VerifyUnavailable)),
                "{case}: {end:?}"
            );
            assert_eq!(world.wire.count("/app_verify"), 4, "{case}");

            let (end, world) = sign_in(way, When::Result, once(kind.clone())).await;
            assert_alice(end, &world, &case);
            assert_eq!(world.wire.count("/app_verify"), 2, "{case}");
        }
        let (end, world) = sign_in(Way::Appdata2, When::Result, kind.clone()).await;
        assert_alice(end, &world, "revision 2 does not ask");
    }
}

#[tokio::test(start_paused = true)]
async fn app_verify_says_no() {
    for kind in [FaultKind::VerifyFalse, FaultKind::ForeignService] {
        for way in Way::VERIFIED {
            let (end, world) = sign_in(way, When::First, kind.clone()).await;
            assert!(
                matches!(end, LoginEnd::Failed(LoginFailure::NotVerified)),
                "{kind:?} {way:?}: {end:?}"
            );
            assert_eq!(world.wire.count("/app_verify"), 1, "a no is a no");
            assert!(end.counts_for_lockout());
        }
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
