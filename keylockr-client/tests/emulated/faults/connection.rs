//! The faults of K 12.4 on the connection of somebody who is signed in.

use std::time::Duration;

use keylockr_client::proto::link::{LinkEvent, Reply, Request, RequestError};
use keylockr_client::proto::{ErrorKind, FilekeyStatus, Ver};
use keylockr_emulator::FaultKind;
use tokio::time::sleep;

use super::{Way, now, once, world};
use crate::world::{SignedIn, World};

async fn data_user(world: &World, way: Way) -> SignedIn {
    let mut user = world.sign_in(way.config()).await;
    user.up().await;
    user
}

const DATA: [Way; 3] = [Way::SeedData, Way::Appdata1, Way::Appdata2];

#[tokio::test(start_paused = true)]
async fn revoked_or_renamed_on_the_phone() {
    for way in DATA {
        let world = world().await;
        let mut user = data_user(&world, way).await;
        let name = "New name".to_owned();
        world
            .emulator
            .fault(once(FaultKind::Rename { name: name.clone() }))
            .unwrap();
        match user.event().await {
            LinkEvent::Updated { name: Some(got) } => assert_eq!(got.as_str(), name),
            other => panic!("{way:?}: {other:?}"),
        }
        let before = now();
        world.emulator.fault(once(FaultKind::Revoke)).unwrap();
        let event = user.event().await;
        assert!(event.ends_sessions(), "{way:?}: {event:?}");
        assert!(now() - before < Duration::from_secs(2));
    }
}

#[tokio::test(start_paused = true)]
async fn the_phone_asks_its_user_first() {
    for way in DATA {
        let world = world().await;
        let mut user = data_user(&world, way).await;
        world
            .emulator
            .fault(once(FaultKind::SafeAuthRequired { seconds: 30 }))
            .unwrap();
        let before = now();
        user.unlock().await;
        assert!(now() - before >= Duration::from_secs(30), "{way:?}");
    }
    for way in DATA {
        let world = world().await;
        let mut user = data_user(&world, way).await;
        world.emulator.fault(once(FaultKind::FilekeyDeny)).unwrap();
        let answer = user.link.request(Request::ReqFilekey).await.unwrap();
        let denied = match answer {
            Reply::Filekey(FilekeyStatus::SafeAuthRequired) => {
                user.event().await == LinkEvent::FilekeyResult(FilekeyStatus::Denied)
            }
            other => other == Reply::Filekey(FilekeyStatus::Denied),
        };
        assert!(denied, "{way:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn filekeys_that_do_not_open() {
    for way in DATA {
        for kind in [
            FaultKind::BadFilekey,
            FaultKind::ShortFilekey,
            FaultKind::SenderSwap,
        ] {
            let case = format!("{kind:?} {way:?}");
            let world = world().await;
            let user = data_user(&world, way).await;
            let good = user.link.request(Request::ReqFilekey).await.unwrap();
            let Reply::Filekey(FilekeyStatus::Done(good)) = good else {
                panic!("{good:?}")
            };
            let own = user.keys.box_secret();
            let known = good
                .data_filekey
                .open(own, user.who.sender.as_ref())
                .unwrap()
                .sender;

            world.emulator.fault(once(kind.clone())).unwrap();
            let grant = match user.link.request(Request::ReqFilekey).await {
                Ok(Reply::Filekey(FilekeyStatus::Done(grant))) => grant,
                // Some shapes are refused before they become a blob.
                Err(RequestError::Protocol(error)) => {
                    assert_eq!(
                        (kind, error),
                        (FaultKind::ShortFilekey, ErrorKind::FilekeyShape),
                        "{case}"
                    );
                    continue;
                }
                other => panic!("{case}: {other:?}"),
            };
            let observed = grant.data_filekey.open(own, user.who.sender.as_ref());
            let enforced = grant.data_filekey.open(own, Some(&known));
            match kind {
                FaultKind::BadFilekey => {
                    assert_eq!(observed.unwrap_err().kind(), ErrorKind::Filekey, "{case}");
                }
                FaultKind::ShortFilekey => {
                    assert_eq!(
                        observed.unwrap_err().kind(),
                        ErrorKind::FilekeyShape,
                        "{case}"
                    );
                }
                _ => {
                    // The short layout names no sender: the box under the known one fails.
                    let kinds = [ErrorKind::FilekeySender, ErrorKind::Filekey];
                    assert!(kinds.contains(&enforced.unwrap_err().kind()), "{case}");
                    if let Ok(opened) = observed {
                        assert_ne!(opened.sender, known, "{case}: the change can be seen");
                    }
                }
            }
        }
    }
}

/// A record with one write behind it.
async fn written(world: &World, way: Way) -> (SignedIn, Option<Ver>) {
    let mut user = data_user(world, way).await;
    let (filekey, mut codec) = user.unlock().await;
    let ver = user.read().await.ver;
    let sealed = codec
        .seal(&filekey, b"first", &mut world.client.entropy())
        .unwrap();
    let ver = user.write(sealed, ver).await.unwrap().ver;
    (user, ver)
}

#[tokio::test(start_paused = true)]
async fn writes_that_go_wrong() {
    for way in Way::APPDATA {
        let world = world().await;
        let (user, ver) = written(&world, way).await;

        world
            .emulator
            .fault(FaultKind::VerConflict { writes: 2 })
            .unwrap();
        for _ in 0..2 {
            match user.write(vec![0; 64], ver.clone()).await {
                Err(RequestError::Refused(refusal)) => {
                    assert_eq!(refusal.code(), "file_ver_conflict");
                }
                other => panic!("{way:?}: {other:?}"),
            }
        }
        let ver = user.read().await.ver;

        world.emulator.fault(once(FaultKind::VerSame)).unwrap();
        let same = user.write(vec![1; 64], ver).await;
        assert!(
            matches!(same, Err(RequestError::Protocol(ErrorKind::Shape))),
            "{same:?}"
        );

        let ver = user.read().await.ver;
        world
            .emulator
            .fault(once(FaultKind::AppFileNotFound))
            .unwrap();
        match user.write(vec![2; 64], ver).await {
            Err(RequestError::Refused(refusal)) => {
                assert_eq!(refusal.code(), "app_file_not_found");
            }
            other => panic!("{way:?}: {other:?}"),
        }
    }
}

/// Stored, but the line drops before we hear of it: unknown, so it is read again.
#[tokio::test(start_paused = true)]
async fn a_lost_answer_is_unknown() {
    for way in DATA {
        let world = world().await;
        let (user, ver) = written(&world, way).await;
        world.emulator.fault(once(FaultKind::SetLostAck)).unwrap();
        let lost = user.write(vec![7; 64], ver.clone()).await.unwrap_err();
        assert!(lost.effect_is_unknown(), "{way:?}: {lost:?}");
        let read = user.read().await;
        assert_eq!(
            read.data_encrypted,
            Some(vec![7; 64]),
            "{way:?}: it was stored"
        );
        assert!(ver.is_none() || read.ver != ver);
    }
}

#[tokio::test(start_paused = true)]
async fn records_that_are_not_ours_or_not_the_latest() {
    for way in Way::APPDATA {
        let world = world().await;
        let (user, ver) = written(&world, way).await;
        world
            .emulator
            .fault(once(FaultKind::RecordRollback))
            .unwrap();
        let back = user.read().await;
        assert!(
            back.ver.unwrap().is_older_than(&ver.unwrap()),
            "{way:?}: it can be seen"
        );
    }
    for way in DATA {
        let world = world().await;
        let mut user = data_user(&world, way).await;
        let (filekey, mut codec) = user.unlock().await;
        let ver = user.read().await.ver;
        let sealed = codec
            .seal(&filekey, b"mine", &mut world.client.entropy())
            .unwrap();
        user.write(sealed, ver).await.unwrap();
        world.emulator.fault(once(FaultKind::RecordSwap)).unwrap();
        let foreign = user.read().await.data_encrypted.unwrap_or_default();
        let refused = codec.open(&filekey, &foreign);
        assert_eq!(refused.unwrap_err().kind(), ErrorKind::Record, "{way:?}");
        // And nothing else has changed.
        let own = user.read().await.data_encrypted.unwrap();
        assert_eq!(
            **codec.open(&filekey, &own).unwrap().as_ref().unwrap(),
            *b"mine"
        );
    }
}

/// The faults of single frames, on a connection that is in use.
#[tokio::test(start_paused = true)]
async fn a_connection_survives_bad_frames() {
    for kind in [
        FaultKind::StaleTs { seconds: 5000 },
        FaultKind::FutureTs { seconds: 5000 },
        FaultKind::BadSeal,
        FaultKind::BadBox,
        FaultKind::Truncated,
        FaultKind::LengthBomb,
        FaultKind::Oversized { bytes: 70_000 },
        FaultKind::RawBadIndex,
        FaultKind::WrongPhase {
            event: "app_auth_result".into(),
        },
        FaultKind::ReplaySame,
        FaultKind::ReplayReencoded,
        FaultKind::ClientClockBad,
        FaultKind::RotateKeys,
    ] {
        for way in DATA {
            let case = format!("{kind:?} {way:?}");
            let world = world().await;
            let user = data_user(&world, way).await;
            world.emulator.fault(once(kind.clone())).unwrap();
            // This one may be lost; what follows is not.
            let _ = user.link.request(Request::GetData).await;
            sleep(Duration::from_secs(30)).await;
            let answer = user.link.request(Request::GetData).await;
            assert!(matches!(answer, Ok(Reply::Data(_))), "{case}: {answer:?}");
        }
    }
}
