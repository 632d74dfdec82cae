//! The signed-in person's record: through the service, in both families.

mod at_sign_in;
mod keys;
mod lifecycle;

use std::time::Duration;

use keylockr_emulator::{Direction, NewService};
use keylockr_login::{Family, KeyLockrBuilder, KeyPolicy, Refusal, Vault, VaultConfig, VaultError};
use serde::{Deserialize, Serialize};

use crate::{browser::Browser, sessions::app_id, sign_in::sign_in, stage::Stage};

#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
struct Notes {
    lines: Vec<String>,
}

impl Notes {
    fn of(line: &str) -> Self {
        Self {
            lines: vec![line.to_owned()],
        }
    }
}

/// A site of this family that has vaults.
async fn site(family: Family, settings: impl FnOnce(KeyLockrBuilder) -> KeyLockrBuilder) -> Stage {
    let service = match family {
        Family::Seed => "demo-data",
        Family::AppData => "demo-app",
    };
    Stage::of(service, |builder| {
        settings(with_data(builder, family).vault(VaultConfig::new()))
    })
    .await
}

fn with_data(builder: KeyLockrBuilder, family: Family) -> KeyLockrBuilder {
    match family {
        Family::Seed => builder.app_tag("notes"),
        Family::AppData => builder.family(family).ask_app_data(true),
    }
}

const FAMILIES: [Family; 2] = [Family::Seed, Family::AppData];

/// The vault of whoever is signed in.
async fn vault(stage: &Stage, browser: &Browser) -> Vault {
    let user = browser.user().await.unwrap().unwrap();
    stage.keylockr.vault(&user).unwrap()
}

/// Signs alice in, and gives her vault.
async fn signed_in(stage: &Stage, browser: &Browser) -> Vault {
    sign_in(stage, browser, "alice").await;
    vault(stage, browser).await
}

/// The actions that we sent over a connection, in order.
fn sent(stage: &Stage, app_id: &str) -> Vec<String> {
    let frames = stage.emulator.frames(&format!("app.{app_id}"));
    let sent = frames.unwrap_or_default().into_iter();
    sent.filter(|frame| frame.dir == Direction::C2s)
        .filter_map(|frame| frame.name)
        .filter(|name| name != "pong")
        .collect()
}

#[tokio::test(start_paused = true)]
async fn a_record_is_written_and_read_in_both_families() {
    for family in FAMILIES {
        let stage = site(family, |builder| builder).await;
        let browser = stage.browser();
        let vault = signed_in(&stage, &browser).await;
        assert_eq!(vault.get::<Notes>().await, Ok(None), "{family:?}");
        vault.put(&Notes::of("milk")).await.unwrap();
        vault
            .update(|notes: Option<Notes>| {
                let mut notes = notes.unwrap_or_default();
                notes.lines.push("eggs".to_owned());
                notes
            })
            .await
            .unwrap();
        let both = Notes {
            lines: vec!["milk".to_owned(), "eggs".to_owned()],
        };
        assert_eq!(vault.get().await, Ok(Some(both)), "{family:?}");
        // KeyLockr keeps something else.
        let sealed = vault.sealed().await.unwrap().unwrap();
        assert!(!sealed.windows(4).any(|bytes| bytes == b"milk"));
        let bob = stage.browser();
        sign_in(&stage, &bob, "bob").await;
        let bobs = self::vault(&stage, &bob).await;
        assert_eq!(bobs.get::<Notes>().await, Ok(None), "{family:?}");
    }
}

/// In the seed family the record is the person's, whichever connection it is read over.
#[tokio::test(start_paused = true)]
async fn another_browser_of_the_same_person_reads_it_too() {
    let stage = site(Family::Seed, |builder| builder).await;
    let (first, second) = (stage.browser(), stage.browser());
    let notes = signed_in(&stage, &first).await;
    notes.put(&Notes::of("milk")).await.unwrap();
    let notes = signed_in(&stage, &second).await;
    assert_eq!(notes.get().await, Ok(Some(Notes::of("milk"))));
}

#[tokio::test(start_paused = true)]
async fn a_guarded_request_costs_no_round_trip() {
    for family in FAMILIES {
        let stage = site(family, |builder| builder.keep_connection(true)).await;
        let browser = stage.browser();
        sign_in(&stage, &browser, "alice").await;
        let app_id = app_id(&browser).await;
        let handshakes = stage.network.asked("/handshake") + stage.network.asked("/app_verify");
        for _ in 0..10 {
            assert!(browser.safe_id().await.is_some());
            // Taking the vault in hand is not using it.
            drop(vault(&stage, &browser).await);
            tokio::time::sleep(Duration::from_secs(30)).await;
        }
        assert_eq!(sent(&stage, &app_id), [""; 0], "{family:?}");
        let asked = stage.network.asked("/handshake") + stage.network.asked("/app_verify");
        assert_eq!(asked, handshakes);
    }
}

#[tokio::test(start_paused = true)]
async fn a_read_costs_one() {
    for family in FAMILIES {
        let stage = site(family, |builder| builder).await;
        let browser = stage.browser();
        let notes = signed_in(&stage, &browser).await;
        notes.put(&Notes::of("milk")).await.unwrap();
        let app_id = app_id(&browser).await;
        for _ in 0..5 {
            let before = sent(&stage, &app_id).len();
            let notes = vault(&stage, &browser).await;
            assert_eq!(notes.get().await, Ok(Some(Notes::of("milk"))));
            assert_eq!(
                sent(&stage, &app_id)[before..],
                ["app_get_data"],
                "{family:?}"
            );
        }
        assert_eq!(stage.network.open_sockets(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_locked_phone_is_asked_once_and_released_when_unlocked() {
    for family in FAMILIES {
        let stage = site(family, |builder| builder).await;
        let browser = stage.browser();
        let notes = signed_in(&stage, &browser).await;
        stage.emulator.lock("alice").unwrap();
        for _ in 0..3 {
            assert_eq!(notes.get::<Notes>().await, Err(VaultError::Locked));
            let write = notes.put(&Notes::of("milk")).await;
            assert_eq!(write, Err(VaultError::Locked));
        }
        let app_id = app_id(&browser).await;
        assert_eq!(sent(&stage, &app_id), ["app_req_filekey"], "{family:?}");
        stage.emulator.unlock("alice").unwrap();
        notes.unlock().await.unwrap();
        notes.put(&Notes::of("milk")).await.unwrap();
        assert_eq!(notes.get().await, Ok(Some(Notes::of("milk"))));
    }
}

#[tokio::test(start_paused = true)]
async fn a_denial_is_told_once_and_the_next_use_asks_again() {
    let stage = site(Family::Seed, |builder| builder).await;
    let browser = stage.browser();
    let notes = signed_in(&stage, &browser).await;
    stage.emulator.standing("alice", false).unwrap();
    assert_eq!(notes.get::<Notes>().await, Err(VaultError::Locked));
    let app_id = app_id(&browser).await;
    stage.emulator.filekey_deny(&app_id).unwrap();
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(notes.get::<Notes>().await, Err(VaultError::Denied));
    assert_eq!(Refusal::from(&VaultError::Denied).status(), 403);
    assert!(browser.safe_id().await.is_some(), "and is signed in still");
    assert_eq!(notes.get::<Notes>().await, Err(VaultError::Locked));
    stage.emulator.filekey_approve(&app_id).unwrap();
    notes.unlock().await.unwrap();
    assert_eq!(notes.get::<Notes>().await, Ok(None));
}

/// Two people write to records of their own, and one person from two connections that share a
/// record: every line is there in the end.
#[tokio::test(start_paused = true)]
async fn two_connections_lose_nothing() {
    let stage = Stage::of("shared", |builder| {
        with_data(builder, Family::AppData).vault(VaultConfig::new())
    })
    .await;
    let mut service = NewService::seed("shared", "Shared", keylockr_emulator::Mode::Data);
    service.family = keylockr_emulator::Family::AppData;
    service.app_tag = Some("shared".to_owned());
    service.record_scope = keylockr_emulator::RecordScope::Service;
    stage.emulator.create_service(service).unwrap();
    let (first, second) = (stage.browser(), stage.browser());
    let (first, second) = (
        signed_in(&stage, &first).await,
        signed_in(&stage, &second).await,
    );
    first.unlock().await.unwrap();
    second.unlock().await.unwrap();
    let add = |vault: Vault, name: &'static str| async move {
        for line in 0..10 {
            let line = format!("{name} {line}");
            loop {
                let written = vault.update(|notes: Option<Notes>| {
                    let mut notes = notes.unwrap_or_default();
                    notes.lines.push(line.clone());
                    notes
                });
                match written.await {
                    Ok(_) => break,
                    Err(VaultError::Conflict) => {}
                    Err(error) => panic!("{error}"),
                }
            }
        }
    };
    tokio::join!(add(first.clone(), "first"), add(second, "second"));
    let notes: Notes = first.get().await.unwrap().unwrap();
    assert_eq!(notes.lines.len(), 20, "{notes:?}");
    for name in ["first", "second"] {
        let own = notes.lines.iter().filter(|line| line.starts_with(name));
        let expected: Vec<_> = (0..10).map(|line| format!("{name} {line}")).collect();
        assert_eq!(own.cloned().collect::<Vec<_>>(), expected);
    }
}

/// A service of the appdata family whose connections outlive a sign-in: the signing key is fixed.
fn fixed_sign(builder: KeyLockrBuilder) -> KeyLockrBuilder {
    builder.keys(KeyPolicy::FixedSign(
        keylockr_login::SignSecret::from_bytes(&[7; 32]),
    ))
}
