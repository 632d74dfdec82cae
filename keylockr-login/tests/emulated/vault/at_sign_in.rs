//! The filekey before the session (status `unlock`), and the binding secret (K 8.7).

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use keylockr_login::{AccountUnavailable, BindingSecret, Bindings, Family, Refusal, VaultError};

use super::{FAMILIES, Notes, sent, signed_in, site, vault};
use crate::{sessions::app_id, sign_in::sign_in, stage::Stage};

async fn asking(family: Family) -> Stage {
    site(family, |builder| builder.filekey_at_sign_in(true)).await
}

#[tokio::test(start_paused = true)]
async fn a_locked_phone_holds_up_the_sign_in() {
    for family in FAMILIES {
        let stage = asking(family).await;
        stage.emulator.lock("alice").unwrap();
        let browser = stage.browser();
        let attempt = browser.start().await;
        browser.until(&attempt, "connected").await;
        stage.approve(&attempt.code);
        let status = browser.until(&attempt, "unlock").await;
        assert_eq!(status["next"], "/private");
        assert!(status["expires_in"].as_u64().unwrap() > 290, "{status}");
        assert_eq!(browser.finish(&attempt).await.status, 409);
        assert_eq!(
            browser
                .get(&format!("/qr.svg?attempt={}", attempt.id))
                .await
                .status,
            404
        );
        let page = browser.open(&format!("/?attempt={}", attempt.id)).await;
        assert!(
            page.text.contains("Unlock KeyLockr on your phone"),
            "{}",
            page.text
        );
        tokio::time::sleep(Duration::from_secs(250)).await;
        stage.emulator.unlock("alice").unwrap();
        browser.until(&attempt, "done").await;
        assert_eq!(browser.finish(&attempt).await.status, 200);
        // The session begins with the key, over the link that it came by.
        stage.emulator.lock("alice").unwrap();
        let notes = vault(&stage, &browser).await;
        assert_eq!(notes.get::<Notes>().await, Ok(None), "{family:?}");
        assert_eq!(stage.network.open_sockets(), 1);
        let app_id = app_id(&browser).await;
        assert_eq!(sent(&stage, &app_id), ["app_req_filekey", "app_get_data"]);
    }
}

#[tokio::test(start_paused = true)]
async fn an_unlocked_phone_is_not_seen_to_be_asked() {
    for family in FAMILIES {
        let stage = asking(family).await;
        let browser = stage.browser();
        let attempt = browser.start().await;
        let got = browser
            .get(&format!("/events?attempt={}", attempt.id))
            .await;
        let mut events = got.events.unwrap();
        browser.until(&attempt, "connected").await;
        stage.approve(&attempt.code);
        browser.until(&attempt, "done").await;
        use futures_util::StreamExt as _;
        while let Some(event) = events.next().await {
            assert!(!String::from_utf8_lossy(&event).contains("unlock"));
        }
        assert_eq!(browser.finish(&attempt).await.status, 200);
    }
}

#[tokio::test(start_paused = true)]
async fn who_declines_to_release_the_key_is_not_signed_in() {
    let stage = asking(Family::Seed).await;
    stage.emulator.standing("alice", false).unwrap();
    let browser = stage.browser();
    let attempt = browser.start().await;
    browser.until(&attempt, "connected").await;
    stage.approve(&attempt.code);
    browser.until(&attempt, "unlock").await;
    let asked = stage.emulator.connections();
    let asked = asked.iter().find(|own| own.filekey_asked).unwrap();
    stage.emulator.filekey_deny(&asked.app_id).unwrap();
    browser.until(&attempt, "denied").await;
    assert_eq!(browser.finish(&attempt).await.status, 410);
    assert_eq!(browser.safe_id().await, None);
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(stage.network.open_sockets(), 0);
}

#[tokio::test(start_paused = true)]
async fn nobody_waits_longer_than_300_seconds_for_a_phone() {
    let stage = asking(Family::AppData).await;
    stage.emulator.lock("alice").unwrap();
    let browser = stage.browser();
    let attempt = browser.start().await;
    browser.until(&attempt, "connected").await;
    stage.approve(&attempt.code);
    browser.until(&attempt, "unlock").await;
    tokio::time::sleep(Duration::from_secs(310)).await;
    assert_eq!(browser.status(&attempt).await["status"], "expired");
    stage.emulator.unlock("alice").unwrap();
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(browser.finish(&attempt).await.status, 410);
    assert_eq!(stage.network.open_sockets(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_cancel_while_the_phone_is_locked_holds() {
    let stage = asking(Family::Seed).await;
    stage.emulator.lock("alice").unwrap();
    let browser = stage.browser();
    let attempt = browser.start().await;
    browser.until(&attempt, "connected").await;
    stage.approve(&attempt.code);
    browser.until(&attempt, "unlock").await;
    assert_eq!(browser.cancel(&attempt).await.status, 204);
    stage.emulator.unlock("alice").unwrap();
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(browser.status(&attempt).await["status"], "cancelled");
    assert_eq!(browser.finish(&attempt).await.status, 410);
    assert_eq!(stage.network.open_sockets(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_revocation_while_the_phone_is_locked_ends_the_attempt() {
    let stage = asking(Family::Seed).await;
    stage.emulator.lock("alice").unwrap();
    let browser = stage.browser();
    let attempt = browser.start().await;
    browser.until(&attempt, "connected").await;
    stage.approve(&attempt.code);
    browser.until(&attempt, "unlock").await;
    let connections = stage.emulator.connections();
    stage.emulator.revoke(&connections[0].app_id).unwrap();
    let failed = browser.until(&attempt, "failed").await;
    assert_eq!(failed["error"]["code"], "not_verified");
    assert_eq!(browser.finish(&attempt).await.status, 410);
}

/// The site's half of the secrets.
#[derive(Clone, Default)]
struct Accounts(Arc<Mutex<HashMap<String, [u8; 32]>>>);

impl Accounts {
    fn secret(&self, safe_id: &str) -> Option<[u8; 32]> {
        self.0.lock().unwrap().get(safe_id).copied()
    }

    fn set(&self, safe_id: &str, secret: Option<[u8; 32]>) {
        let mut accounts = self.0.lock().unwrap();
        match secret {
            Some(secret) => accounts.insert(safe_id.to_owned(), secret),
            None => accounts.remove(safe_id),
        };
    }
}

impl Bindings for Accounts {
    async fn recall(&self, safe_id: &str) -> Result<Option<BindingSecret>, AccountUnavailable> {
        let secret = self.secret(safe_id);
        Ok(secret.map(|secret| BindingSecret::from_bytes(&secret)))
    }

    async fn keep(&self, safe_id: &str, secret: &BindingSecret) -> Result<(), AccountUnavailable> {
        self.set(safe_id, Some(*secret.as_bytes()));
        Ok(())
    }
}

/// The attempt's end, as far as it is none that signs in.
async fn refused(stage: &Stage) -> String {
    let browser = stage.browser();
    let attempt = browser.start().await;
    browser.until(&attempt, "connected").await;
    stage.approve(&attempt.code);
    let failed = browser.until(&attempt, "failed").await;
    assert_eq!(browser.finish(&attempt).await.status, 410);
    assert_eq!(browser.safe_id().await, None);
    failed["error"]["code"].as_str().unwrap().to_owned()
}

#[tokio::test(start_paused = true)]
async fn binding_secret_required_when_on() {
    let accounts = Accounts::default();
    let stage = site(Family::Seed, |builder| builder.bindings(accounts.clone())).await;
    let alice = stage.safe_id("alice");

    // Missing: the account is older than the record, or somebody else answers for her.
    accounts.set(&alice, Some([1; 32]));
    assert_eq!(refused(&stage).await, "not_verified");

    // New here: a secret is made, and found again at the next sign-in, beside her data.
    accounts.set(&alice, None);
    let browser = stage.browser();
    let notes = signed_in(&stage, &browser).await;
    notes.put(&Notes::of("milk")).await.unwrap();
    let secret = accounts.secret(&alice).unwrap();
    let other = stage.browser();
    let notes = signed_in(&stage, &other).await;
    assert_eq!(notes.get().await, Ok(Some(Notes::of("milk"))));
    assert_eq!(accounts.secret(&alice), Some(secret), "the same one");

    // Wrong, by one bit.
    let mut wrong = secret;
    wrong[31] ^= 1;
    accounts.set(&alice, Some(wrong));
    assert_eq!(refused(&stage).await, "not_verified");

    // Whoever is signed in still can have it repaired.
    let user = browser.user().await.unwrap().unwrap();
    stage.keylockr.renew_binding(&user).await.unwrap();
    assert_ne!(accounts.secret(&alice), Some(wrong));
    let again = stage.browser();
    let notes = signed_in(&stage, &again).await;
    assert_eq!(
        notes.get().await,
        Ok(Some(Notes::of("milk"))),
        "her data is still there"
    );

    // A locked phone shows no secret: she has to unlock it first.
    stage.emulator.lock("alice").unwrap();
    let attempt = browser.start().await;
    browser.until(&attempt, "connected").await;
    stage.approve(&attempt.code);
    browser.until(&attempt, "unlock").await;
    assert_eq!(browser.finish(&attempt).await.status, 409);
}

/// The site cannot say what the secret is: nobody is signed in, and no new one is made.
#[tokio::test(start_paused = true)]
async fn bindings_that_cannot_be_asked_sign_nobody_in() {
    struct Away;
    impl Bindings for Away {
        async fn recall(&self, _: &str) -> Result<Option<BindingSecret>, AccountUnavailable> {
            Err(AccountUnavailable)
        }

        async fn keep(&self, _: &str, _: &BindingSecret) -> Result<(), AccountUnavailable> {
            panic!("there is nothing to keep");
        }
    }
    let stage = site(Family::AppData, |builder| builder.bindings(Away)).await;
    assert_eq!(refused(&stage).await, "site");
    let plain = site(Family::Seed, |builder| builder).await;
    let browser = plain.browser();
    sign_in(&plain, &browser, "alice").await;
    let user = browser.user().await.unwrap().unwrap();
    let renewed = plain.keylockr.renew_binding(&user).await;
    assert_eq!(renewed, Err(Refusal::VaultMisconfigured));
    assert_eq!(
        Refusal::from(&VaultError::Binding(keylockr_login::BindingError::Wrong)).status(),
        403
    );
}
