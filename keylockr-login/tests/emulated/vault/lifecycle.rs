//! How long a vault lives, and its connection with it (K 8.6, 9).

use std::time::Duration;

use keylockr_login::{Family, Refusal, VaultConfig, VaultError};

use super::{FAMILIES, Notes, fixed_sign, sent, signed_in, site, vault, with_data};
use crate::{sessions::app_id, sign_in::sign_in, stage::Stage};

/// Whether the phone has been asked for the filekey since.
fn asked_for_key(stage: &Stage, app_id: &str, since: usize) -> bool {
    let sent = sent(stage, app_id);
    sent.iter()
        .skip(since)
        .any(|name| name == "app_req_filekey")
}

#[tokio::test(start_paused = true)]
async fn an_idle_filekey_is_dropped_and_asked_for_again() {
    let stage = site(Family::Seed, |builder| builder.keep_connection(true)).await;
    let browser = stage.browser();
    let notes = signed_in(&stage, &browser).await;
    notes.put(&Notes::of("milk")).await.unwrap();
    let app_id = app_id(&browser).await;
    stage.emulator.lock("alice").unwrap();
    for _ in 0..3 {
        tokio::time::sleep(Duration::from_secs(14 * 60)).await;
        assert!(browser.safe_id().await.is_some());
        assert!(notes.get::<Notes>().await.is_ok(), "used, so kept");
    }
    let before = sent(&stage, &app_id).len();
    tokio::time::sleep(Duration::from_secs(16 * 60)).await;
    assert!(browser.safe_id().await.is_some(), "the session goes on");
    assert_eq!(
        stage.network.open_sockets(),
        1,
        "and so does the connection"
    );
    assert_eq!(notes.get::<Notes>().await, Err(VaultError::Locked));
    assert!(asked_for_key(&stage, &app_id, before));
    stage.emulator.unlock("alice").unwrap();
    notes.unlock().await.unwrap();
    assert_eq!(notes.get().await, Ok(Some(Notes::of("milk"))));
}

/// Without `keep_connection` the link is there for the vault alone.
#[tokio::test(start_paused = true)]
async fn the_connection_is_kept_while_data_is_used() {
    for family in FAMILIES {
        let stage = site(family, |builder| builder).await;
        let browser = stage.browser();
        sign_in(&stage, &browser, "alice").await;
        tokio::time::sleep(Duration::from_secs(60)).await;
        assert_eq!(stage.network.open_sockets(), 0, "nobody needs it yet");
        let notes = vault(&stage, &browser).await;
        notes.put(&Notes::of("milk")).await.unwrap();
        drop(notes);
        for _ in 0..3 {
            tokio::time::sleep(Duration::from_secs(10 * 60)).await;
            let notes = vault(&stage, &browser).await;
            assert_eq!(notes.get().await, Ok(Some(Notes::of("milk"))));
            assert_eq!(stage.network.open_sockets(), 1);
        }
        for _ in 0..2 {
            tokio::time::sleep(Duration::from_secs(9 * 60)).await;
            assert!(browser.safe_id().await.is_some());
        }
        assert_eq!(stage.network.open_sockets(), 0, "{family:?}: out of use");
        let notes = vault(&stage, &browser).await;
        assert_eq!(notes.get().await, Ok(Some(Notes::of("milk"))), "and again");
        assert_eq!(stage.network.open_sockets(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn logout_erases_the_filekey_and_closes_the_connection() {
    for family in FAMILIES {
        let stage = site(family, |builder| builder.keep_connection(true)).await;
        let browser = stage.browser();
        // Held on to, as work in the background would.
        let notes = signed_in(&stage, &browser).await;
        notes.put(&Notes::of("milk")).await.unwrap();
        let app_id = app_id(&browser).await;
        let before = sent(&stage, &app_id).len();
        assert_eq!(browser.logout().await.status, 204);
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert_eq!(notes.get::<Notes>().await, Err(VaultError::Closed));
        assert_eq!(notes.sealed().await, Err(VaultError::Closed));
        assert_eq!(
            sent(&stage, &app_id).len(),
            before,
            "{family:?}: nothing was asked"
        );
        assert_eq!(stage.network.open_sockets(), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn revocation_while_reading_ends_vault_and_session() {
    for family in FAMILIES {
        // Without a permanent connection: the vault's own is enough.
        let stage = site(family, |builder| builder).await;
        let browser = stage.browser();
        let notes = signed_in(&stage, &browser).await;
        notes.put(&Notes::of("milk")).await.unwrap();
        let reading = tokio::spawn({
            let notes = notes.clone();
            async move {
                loop {
                    match notes.get::<Notes>().await {
                        Ok(read) => assert_eq!(read, Some(Notes::of("milk"))),
                        Err(error) => return error,
                    }
                    tokio::time::sleep(Duration::from_millis(10)).await;
                }
            }
        });
        tokio::time::sleep(Duration::from_millis(105)).await;
        stage.emulator.revoke(&app_id(&browser).await).unwrap();
        assert_eq!(reading.await.unwrap(), VaultError::Revoked, "{family:?}");
        tokio::time::sleep(Duration::from_secs(2)).await;
        assert_eq!(browser.safe_id().await, None);
        assert_eq!(notes.get::<Notes>().await, Err(VaultError::Revoked));
        assert_eq!(stage.network.open_sockets(), 0);
        // A new approval brings the record back where it belongs to the person.
        let notes = signed_in(&stage, &browser).await;
        let read = notes.get::<Notes>().await.unwrap();
        assert_eq!(read.is_some(), family == Family::Seed);
    }
}

#[tokio::test(start_paused = true)]
async fn two_sessions_of_one_connection_share_its_vault() {
    let stage = site(Family::AppData, |builder| {
        fixed_sign(builder.keep_connection(true))
    })
    .await;
    let (first, second) = (stage.browser(), stage.browser());
    let notes = signed_in(&stage, &first).await;
    notes.put(&Notes::of("milk")).await.unwrap();
    let notes = signed_in(&stage, &second).await;
    assert_eq!(app_id(&first).await, app_id(&second).await);
    notes.unlock().await.unwrap();
    assert_eq!(notes.get().await, Ok(Some(Notes::of("milk"))));
    assert_eq!(
        stage.network.open_sockets(),
        1,
        "one connection, one socket"
    );
    // The phone has been asked by one of them; the other reads without it.
    stage.emulator.lock("alice").unwrap();
    let other = vault(&stage, &first).await;
    assert_eq!(other.get().await, Ok(Some(Notes::of("milk"))));
    assert_eq!(first.logout().await.status, 204);
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(
        notes.get().await,
        Ok(Some(Notes::of("milk"))),
        "not the last one"
    );
    assert_eq!(stage.network.open_sockets(), 1);
    assert_eq!(second.logout().await.status, 204);
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(notes.get::<Notes>().await, Err(VaultError::Closed));
    assert_eq!(stage.network.open_sockets(), 0);
}

#[tokio::test(start_paused = true)]
async fn signing_out_everywhere_erases_filekeys_too() {
    let stage = site(Family::Seed, |builder| builder.keep_connection(true)).await;
    let (first, second, bob) = (stage.browser(), stage.browser(), stage.browser());
    let one = signed_in(&stage, &first).await;
    let two = signed_in(&stage, &second).await;
    sign_in(&stage, &bob, "bob").await;
    let bobs = vault(&stage, &bob).await;
    for notes in [&one, &two, &bobs] {
        notes.put(&Notes::of("milk")).await.unwrap();
    }
    let alice = stage.safe_id("alice");
    stage.keylockr.sign_out_everywhere(&alice).await.unwrap();
    tokio::time::sleep(Duration::from_secs(1)).await;
    for notes in [one, two] {
        assert_eq!(notes.get::<Notes>().await, Err(VaultError::Closed));
    }
    for browser in [&first, &second] {
        assert_eq!(browser.safe_id().await, None);
    }
    assert!(bob.safe_id().await.is_some());
    assert_eq!(bobs.get().await, Ok(Some(Notes::of("milk"))));
    assert_eq!(stage.network.open_sockets(), 1);
    // She may come back.
    tokio::time::sleep(Duration::from_millis(10)).await;
    let notes = signed_in(&stage, &first).await;
    assert_eq!(notes.get().await, Ok(Some(Notes::of("milk"))));
}

#[tokio::test(start_paused = true)]
async fn all_sessions_of_a_connection_end_without_a_list() {
    let stage = site(Family::AppData, |builder| {
        fixed_sign(builder.keep_connection(true))
    })
    .await;
    let (first, second) = (stage.browser(), stage.browser());
    let notes = signed_in(&stage, &first).await;
    sign_in(&stage, &second, "alice").await;
    let app_id = app_id(&first).await;
    stage.keylockr.sign_out_connection(&app_id).await.unwrap();
    tokio::time::sleep(Duration::from_secs(1)).await;
    for browser in [&first, &second] {
        assert_eq!(browser.safe_id().await, None);
    }
    assert_eq!(notes.get::<Notes>().await, Err(VaultError::Closed));
    let alive = stage.emulator.connections();
    assert!(alive.iter().any(|own| own.app_id == app_id && own.alive));
}

#[tokio::test(start_paused = true)]
async fn ending_one_session_by_its_handle_closes_its_connection() {
    let stage = site(Family::Seed, |builder| builder.keep_connection(true)).await;
    let browser = stage.browser();
    let notes = signed_in(&stage, &browser).await;
    notes.put(&Notes::of("milk")).await.unwrap();
    let user = browser.user().await.unwrap().unwrap();
    let handle = user.session_handle();
    stage.keylockr.end_session(handle).await.unwrap();
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(notes.get::<Notes>().await, Err(VaultError::Closed));
    assert_eq!(browser.safe_id().await, None);
}

/// K 9, `app_del`, over the link that the vault used; the record stays the person's.
#[tokio::test(start_paused = true)]
async fn signing_out_deletes_a_connection_whose_vault_was_used() {
    for keep in [false, true] {
        let stage = site(Family::Seed, |builder| {
            builder
                .keep_connection(keep)
                .delete_connection_on_logout(true)
        })
        .await;
        let browser = stage.browser();
        let notes = signed_in(&stage, &browser).await;
        notes.put(&Notes::of("milk")).await.unwrap();
        let deleted = app_id(&browser).await;
        assert_eq!(browser.logout().await.status, 204);
        tokio::time::sleep(Duration::from_secs(10)).await;
        assert_eq!(notes.get::<Notes>().await, Err(VaultError::Revoked));
        let connections = stage.emulator.connections();
        let mut alive = connections.iter().filter(|own| own.alive);
        assert!(alive.all(|own| own.app_id != deleted), "keep: {keep}");
        assert_eq!(sent(&stage, &deleted).last().unwrap(), "app_del");
        assert_eq!(stage.network.open_sockets(), 0);
        let notes = signed_in(&stage, &browser).await;
        assert_eq!(notes.get().await, Ok(Some(Notes::of("milk"))));
    }
}

/// K 9, `app_update` and `app_updated`.
#[tokio::test(start_paused = true)]
async fn a_connection_can_be_renamed_here_and_on_the_phone() {
    for family in FAMILIES {
        let stage = site(family, |builder| builder.keep_connection(true)).await;
        let browser = stage.browser();
        sign_in(&stage, &browser, "alice").await;
        let user = browser.user().await.unwrap().unwrap();
        let keylockr = &stage.keylockr;
        assert_eq!(keylockr.connection_name(&user), None, "nobody has said");
        let renamed = keylockr
            .rename_connection(&user, "Acme · laptop\u{202e}")
            .await;
        assert_eq!(renamed.unwrap().as_deref(), Some("Acme · laptop"));
        let connections = stage.emulator.connections();
        let own = connections.iter().find(|own| own.app_id == user.app_id());
        assert_eq!(own.unwrap().name, "Acme · laptop", "{family:?}");
        assert_eq!(
            keylockr.connection_name(&user).as_deref(),
            Some("Acme · laptop")
        );
        stage.emulator.rename(user.app_id(), "Work").unwrap();
        tokio::time::sleep(Duration::from_millis(100)).await;
        assert_eq!(keylockr.connection_name(&user).as_deref(), Some("Work"));
        assert_eq!(keylockr.rename_connection(&user, "\u{7}").await, Ok(None));
    }
}

/// Sessions outlive a restart and go to any process; the keys of their vaults do neither.
#[tokio::test(start_paused = true)]
async fn a_vault_whose_keys_are_elsewhere_says_so() {
    let stage = site(Family::Seed, |builder| builder).await;
    let browser = stage.browser();
    signed_in(&stage, &browser)
        .await
        .put(&Notes::of("milk"))
        .await
        .unwrap();
    let user = browser.user().await.unwrap().unwrap();
    let other = stage.process("demo-data", |builder| {
        with_data(builder, Family::Seed)
            .vault(VaultConfig::new())
            .delete_connection_on_logout(true)
    });
    let elsewhere = other.vault(&user).err();
    assert_eq!(elsewhere, Some(Refusal::VaultNotHere));
    assert_eq!(Refusal::VaultNotHere.status(), 403, "not signed out");
    let renamed = other.rename_connection(&user, "x").await;
    assert_eq!(renamed, Err(Refusal::VaultNotHere));
    let without = stage.process("demo-data", |builder| with_data(builder, Family::Seed));
    let misconfigured = without.vault(&user).err();
    assert_eq!(misconfigured, Some(Refusal::VaultMisconfigured));
}

#[test]
fn a_vault_needs_app_data() {
    use keylockr_login::{ConfigError, KeyLockr};
    let build = |family| {
        let builder = KeyLockr::builder("demo", "Acme Web").family(family);
        builder.vault(VaultConfig::new()).build()
    };
    for family in FAMILIES {
        let error = build(family).err();
        assert!(matches!(error, Some(ConfigError::VaultWithoutAppData)));
    }
}
