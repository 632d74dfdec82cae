//! The data faults of K 12.4, one by one.

use std::sync::Arc;
use std::time::Duration;

use keylockr_client::proto::{ErrorKind, Ver};
use keylockr_client::{Rollback, SenderPin, VaultConfig, VaultError, WriteOutcome};
use keylockr_emulator::{DropWhen, FaultKind, NewService, RecordScope};
use tokio::time::sleep;

use super::{Stage, Way, bytes};
use crate::captured::Log;
use crate::logs::start;

fn ver(text: &str) -> Ver {
    Ver::parse(text).unwrap()
}

#[tokio::test(start_paused = true)]
async fn filekeys_that_do_not_open() {
    for way in Way::ALL {
        for (fault, kinds) in [
            (FaultKind::BadFilekey, [ErrorKind::Filekey].as_slice()),
            (FaultKind::ShortFilekey, &[ErrorKind::FilekeyShape]),
        ] {
            let stage = Stage::new().await;
            stage.fault(fault.clone(), 1);
            let user = stage.user(way).await;
            match user.vault.get_bytes().await {
                Err(VaultError::Filekey(kind)) => {
                    assert!(kinds.contains(&kind), "{way:?} {fault:?} {kind}");
                }
                other => panic!("{way:?} {fault:?}: {other:?}"),
            }
            // Nothing is kept of it: the phone is asked again.
            user.vault.put_bytes(b"x").await.unwrap();
            assert_eq!(user.content().await, Some(b"x".to_vec()));
        }
    }
}

/// K 8.1: a changed sender is observed by default, and refused where that is asked for, over the
/// end of the connection and of the vault.
#[tokio::test(start_paused = true)]
async fn sender_change_enforced() {
    for way in Way::APPDATA {
        let stage = Stage::new().await;
        let config = VaultConfig::new().with_sender_pin(SenderPin::Enforce);
        let first = stage.user_with(way, &config).await;
        first.vault.put_bytes(b"mine").await.unwrap();
        assert_eq!(first.vault.accept_sender().await, Ok(false));

        stage.fault(FaultKind::SenderSwap, 2);
        let user = stage.user_with(way, &config).await;
        for _ in 0..2 {
            let refused = user.vault.get_bytes().await;
            assert_eq!(refused, Err(VaultError::SenderChanged), "{way:?}");
        }
        // The known sender is still good.
        assert_eq!(user.vault.get_bytes().await, Ok(bytes(b"mine")), "{way:?}");

        // The user has linked the account anew: now it is the other that is good.
        user.vault.forget_key();
        stage.fault(FaultKind::SenderSwap, 2);
        let refused = user.vault.put_bytes(b"x").await;
        assert_eq!(refused, Err(VaultError::SenderChanged));
        assert_eq!(user.vault.accept_sender().await, Ok(true));
        assert_eq!(user.vault.get_bytes().await, Ok(bytes(b"mine")));
        first.vault.forget_key();
        let old = stage.user_with(way, &config).await;
        let refused = old.vault.get_bytes().await;
        assert_eq!(refused, Err(VaultError::SenderChanged), "{way:?}");
    }
    // The short layout names no sender: its box does not open under another.
    let stage = Stage::new().await;
    let config = VaultConfig::new().with_sender_pin(SenderPin::Enforce);
    let user = stage.user_with(Way::Seed, &config).await;
    stage.fault(FaultKind::SenderSwap, 1);
    let refused = user.vault.get_bytes().await;
    assert_eq!(refused, Err(VaultError::Filekey(ErrorKind::Filekey)));
}

#[tokio::test(start_paused = true)]
async fn sender_change_observed() {
    for way in Way::APPDATA {
        let capture = Log::default();
        let guard = start(&capture);
        let stage = Stage::new().await;
        let config = VaultConfig::new();
        let user = stage.user_with(way, &config).await;
        user.vault.put_bytes(b"mine").await.unwrap();
        assert!(!capture.text().contains("another phone key"));
        stage.fault(FaultKind::SenderSwap, 1);
        let user = stage.user_with(way, &config).await;
        assert_eq!(user.vault.get_bytes().await, Ok(bytes(b"mine")), "{way:?}");
        drop(guard);
        assert!(capture.text().contains("another phone key"), "{way:?}");
    }
}

/// B16: another user's record fails its tag, and nothing overwrites it.
#[tokio::test(start_paused = true)]
async fn record_swap_refused() {
    for way in Way::ALL {
        let stage = Stage::new().await;
        let user = stage.user(way).await;
        user.vault.put_bytes(b"mine").await.unwrap();
        let record = user.record().await;
        stage.fault(FaultKind::RecordSwap, 3);
        assert_eq!(user.vault.get_bytes().await, Err(VaultError::Damaged));
        let refused = user.vault.put_bytes(b"over it").await;
        assert_eq!(refused, Err(VaultError::Damaged), "{way:?}");
        let refused = user.vault.update_bytes(|_| b"over it".to_vec()).await;
        assert_eq!(refused, Err(VaultError::Damaged), "{way:?}");
        assert_eq!(user.record().await, record, "nothing else has changed");
        assert_eq!(user.vault.get_bytes().await, Ok(bytes(b"mine")), "{way:?}");
    }
}

/// A record that is damaged for good can be given up, that one and no other.
#[tokio::test(start_paused = true)]
async fn damage_is_given_up_with_consent() {
    for way in Way::ALL {
        let stage = Stage::new().await;
        let user = stage.user(way).await;
        assert!(!user.vault.accept_damage(), "nothing is damaged");
        user.vault.put_bytes(b"mine").await.unwrap();
        let spoil = async |byte: u8| {
            let ver = user.signed_in.read().await.ver;
            user.signed_in.write(vec![byte; 100], ver).await.unwrap();
        };
        spoil(1).await;
        assert_eq!(user.vault.get_bytes().await, Err(VaultError::Damaged));
        assert!(user.vault.accept_damage());
        // Another one came in its place meanwhile: that was not given up.
        spoil(2).await;
        assert_eq!(user.vault.put_bytes(b"new").await, Err(VaultError::Damaged));
        assert!(user.vault.accept_damage());
        user.vault
            .update_bytes(|old| {
                assert_eq!(old, None);
                b"new".to_vec()
            })
            .await
            .unwrap();
        assert_eq!(user.vault.get_bytes().await, Ok(bytes(b"new")), "{way:?}");
    }
}

/// Consent is for the damage that was told of, and is used up with it: after a repair, by us or by
/// somebody else, the same bytes shown again are damage anew.
#[tokio::test(start_paused = true)]
async fn consent_to_damage_ends_with_the_repair() {
    for way in Way::ALL {
        let stage = Stage::new().await;
        let user = stage.user(way).await;
        user.vault.put_bytes(b"mine").await.unwrap();
        let good = user.signed_in.read().await.data_encrypted.unwrap();
        let set = async |record: Vec<u8>| {
            let ver = user.signed_in.read().await.ver;
            user.signed_in.write(record, ver).await.unwrap();
        };
        let damage = async || {
            set(vec![1; 100]).await;
            assert_eq!(user.vault.get_bytes().await, Err(VaultError::Damaged));
        };
        for ours in [true, false] {
            damage().await;
            assert!(user.vault.accept_damage(), "{way:?}");
            if ours {
                user.vault.put_bytes(b"new").await.unwrap();
            } else {
                set(good.clone()).await;
                assert_eq!(user.vault.get_bytes().await, Ok(bytes(b"mine")));
            }
            assert!(!user.vault.accept_damage(), "{way:?}: it is past");
            set(vec![1; 100]).await;
            let refused = user.vault.update_bytes(|_| b"over it".to_vec()).await;
            assert_eq!(refused, Err(VaultError::Damaged), "{way:?} {ours}");
        }
    }
}

/// B16: an older version is shown with a warning, and nothing is written.
#[tokio::test(start_paused = true)]
async fn rollback_detected() {
    for way in Way::APPDATA {
        let capture = Log::default();
        let guard = start(&capture);
        let stage = Stage::new().await;
        let user = stage.user(way).await;
        user.vault.put_bytes(b"one").await.unwrap();
        user.vault.put_bytes(b"two").await.unwrap();
        let record = user.record().await;
        stage
            .world
            .emulator
            .fault(FaultKind::RecordRollback)
            .unwrap();
        let old = user.vault.read().await.unwrap();
        assert_eq!(old.content(), Some(&b"one"[..]), "{way:?}");
        let rollback = Rollback {
            known: ver("3"),
            found: ver("2"),
        };
        assert_eq!(old.rollback(), Some(&rollback));
        assert_eq!(user.vault.rollback(), Some(rollback.clone()));
        let refused = Err(VaultError::RolledBack(rollback));
        assert_eq!(user.vault.put_bytes(b"three").await, refused);
        let update = user.vault.update_bytes(|_| b"three".to_vec()).await;
        assert_eq!(update, refused);
        let write = user.vault.write_if(b"three", old.version()).await;
        assert_eq!(write, refused);
        stage.world.emulator.clear_faults();
        assert_eq!(user.record().await, record, "{way:?}: nothing was written");
        // It was the service's mistake, and is over.
        let now = user.vault.read().await.unwrap();
        assert_eq!((now.content(), now.rollback()), (Some(&b"two"[..]), None));
        user.vault.put_bytes(b"three").await.unwrap();
        drop(guard);
        assert!(capture.text().contains("an older record than before"));
    }
}

/// The memory outlives the connection: the next vault of the user notices, and goes on with
/// consent alone.
#[tokio::test(start_paused = true)]
async fn rollback_detected_later() {
    let stage = Stage::new().await;
    let mut service = NewService::appdata("other", "Other", 2);
    // Each signing key has a record of its own: a new sign-in finds an empty one (K 8.8).
    service.record_scope = RecordScope::Connection;
    stage.world.emulator.create_service(service).unwrap();
    let config = VaultConfig::new();
    let login = crate::world::appdata("other", true, keylockr_client::proto::Revision::Two);
    let sign_in = async || {
        let user = stage.world.sign_in(login.clone()).await;
        let grant = keylockr_client::VaultGrant::from_authorized(
            login.service().clone(),
            Arc::clone(&user.keys),
            &user.who,
        );
        let vault = stage
            .world
            .client
            .vault(config.clone(), user.link.clone(), grant);
        (user, vault)
    };
    let (_kept, vault) = sign_in().await;
    vault.put_bytes(b"a year of notes").await.unwrap();
    let (_kept, vault) = sign_in().await;
    assert_eq!(vault.get_bytes().await, Ok(None));
    let refused = vault.put_bytes(b"x").await;
    let rollback = Rollback {
        known: ver("2"),
        found: ver("1"),
    };
    assert_eq!(refused, Err(VaultError::RolledBack(rollback)));
    assert_eq!(vault.accept_rollback().await, Ok(true));
    assert_eq!(vault.accept_rollback().await, Ok(false), "once");
    vault.put_bytes(b"x").await.unwrap();
    assert_eq!(vault.get_bytes().await, Ok(bytes(b"x")));
}

/// For the developer, not for the user; and nothing is written.
#[tokio::test(start_paused = true)]
async fn app_file_not_found_is_configuration() {
    for way in Way::ALL {
        let stage = Stage::new().await;
        let user = stage.user(way).await;
        let missing = VaultError::NotConfigured {
            code: "app_file_not_found".into(),
        };
        if way != Way::Direct {
            stage.fault(FaultKind::AppFileNotFound, 1);
            let asked = user.vault.get_bytes().await;
            assert_eq!(asked, Err(missing.clone()), "{way:?}: asking for the key");
        }
        user.vault.put_bytes(b"x").await.unwrap();
        stage.fault(FaultKind::AppFileNotFound, 1);
        let read = user.vault.get_bytes().await;
        assert_eq!(read, Err(missing.clone()), "{way:?}: reading");
        let written = user
            .vault
            .update_bytes(|_| {
                stage.fault(FaultKind::AppFileNotFound, 1);
                b"y".to_vec()
            })
            .await;
        assert_eq!(written, Err(missing), "{way:?}: writing");
        assert_eq!(user.content().await, Some(b"x".to_vec()));
    }
    // A sign-in without app data has no record at all.
    let stage = Stage::new().await;
    let user = stage.world.sign_in(crate::world::seed("demo", None)).await;
    let service = crate::world::seed("demo", None).service().clone();
    let grant = keylockr_client::VaultGrant::from_authorized(service, user.keys, &user.who);
    let vault = stage
        .world
        .client
        .vault(VaultConfig::new(), user.link, grant);
    assert!(matches!(
        vault.get_bytes().await,
        Err(VaultError::NotConfigured { .. })
    ));
}

/// An acknowledgement that leaves the version alone is a failure; what became of the write is read.
#[tokio::test(start_paused = true)]
async fn ver_same_is_a_failure() {
    for way in Way::APPDATA {
        let stage = Stage::new().await;
        let user = stage.user(way).await;
        user.vault.put_bytes(b"one").await.unwrap();
        stage.fault(FaultKind::VerSame, 1);
        let failed = user.vault.put_bytes(b"two").await;
        assert_eq!(
            failed,
            Err(VaultError::Malformed {
                kind: ErrorKind::Shape,
                outcome: WriteOutcome::Written
            }),
            "{way:?}"
        );
        assert_eq!(user.content().await, Some(b"two".to_vec()), "as it said");
        user.vault.put_bytes(b"three").await.unwrap();
        assert_eq!(user.content().await, Some(b"three".to_vec()));
    }
}

/// Every fault of single frames, met by a read or by a write: none costs content.
#[tokio::test(start_paused = true)]
async fn bad_frames_cost_no_content() {
    for kind in [
        FaultKind::StaleTs { seconds: 5000 },
        FaultKind::FutureTs { seconds: 5000 },
        FaultKind::BadSeal,
        FaultKind::SealWrongKey,
        FaultKind::BadBox,
        FaultKind::WrongRecipient,
        FaultKind::Truncated,
        FaultKind::DupKey,
        FaultKind::LengthBomb,
        FaultKind::Oversized { bytes: 70_000 },
        FaultKind::RawBadIndex,
        FaultKind::RawCollision,
        FaultKind::ReplaySame,
        FaultKind::ReplayReencoded,
        FaultKind::ClientClockBad,
        FaultKind::WrongPhase {
            event: "app_auth_result".into(),
        },
    ] {
        for way in [Way::Seed, Way::Appdata2] {
            let case = format!("{kind:?} {way:?}");
            let stage = Stage::new().await;
            let user = stage.user(way).await;
            user.vault.put_bytes(b"before").await.unwrap();
            stage.fault(kind.clone(), 1);
            match user.vault.get_bytes().await {
                Ok(content) => assert_eq!(content, bytes(b"before"), "{case}"),
                Err(VaultError::Unavailable | VaultError::Malformed { .. }) => {}
                Err(other) => panic!("{case}: {other:?}"),
            }
            sleep(Duration::from_secs(30)).await;
            let written = user
                .vault
                .update_bytes(|old| {
                    assert_eq!(old, Some(&b"before"[..]), "{case}");
                    stage.fault(kind.clone(), 1);
                    b"after".to_vec()
                })
                .await;
            let expected = match written.map_err(|error| error.outcome()) {
                Ok(_) | Err(WriteOutcome::Written) => &b"after"[..],
                Err(WriteOutcome::NotWritten) => b"before",
                Err(other) => panic!("{case}: {other:?}"),
            };
            sleep(Duration::from_secs(30)).await;
            assert_eq!(user.content().await.as_deref(), Some(expected), "{case}");
        }
    }
}

/// The line drops around a read.
#[tokio::test(start_paused = true)]
async fn reads_survive_a_lost_line() {
    for way in Way::ALL {
        for when in [
            DropWhen::Now,
            DropWhen::Request,
            DropWhen::Before("app_get_data".into()),
            DropWhen::After("app_get_data".into()),
        ] {
            let stage = Stage::new().await;
            let user = stage.user(way).await;
            user.vault.put_bytes(b"x").await.unwrap();
            stage.fault(FaultKind::DropSocket { when }, 1);
            assert_eq!(user.vault.get_bytes().await, Ok(bytes(b"x")), "{way:?}");
        }
    }
}
