//! Frames that are odd, damaged or somebody else's.

use std::sync::Arc;

use keylockr_client::proto::login::{LoginEnd, LoginFailure};
use keylockr_client::proto::{ErrorKind, KeyLifetime, Revision};
use keylockr_emulator::{DropWhen, FaultKind, NewService};

use super::{Way, When, assert_alice, once, sign_in, world};
use crate::world::{appdata, done};

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
