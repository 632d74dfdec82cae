//! The binding secret (K 8.7): the client's half of `binding_secret_required_when_on`.

use keylockr_client::{BindingError, BindingSecret, VaultConfig, VaultError};
use keylockr_emulator::FaultKind;

use super::{Notes, Stage, Way, bytes};

const SITE: &str = "example.com";

fn secret(byte: u8) -> BindingSecret {
    BindingSecret::from_bytes(&[byte; 32])
}

#[tokio::test(start_paused = true)]
async fn a_binding_is_written_read_back_and_checked() {
    for way in Way::ALL {
        let stage = Stage::new().await;
        let config = VaultConfig::new().with_binding(true);
        let user = stage.user_with(way, &config).await;
        let missing = Err(VaultError::Binding(BindingError::Missing));
        let wrong = Err(VaultError::Binding(BindingError::Wrong));
        assert_eq!(user.vault.check_binding(&secret(1), SITE).await, missing);
        user.vault.bind(&secret(1), SITE).await.unwrap();
        assert_eq!(user.vault.get_bytes().await, Ok(None), "no content yet");

        // It survives every kind of write of the application, which sees its own content alone.
        user.vault.put(&Notes::with(None, "milk")).await.unwrap();
        user.vault
            .update(|old| Notes::with(old, "bread"))
            .await
            .unwrap();
        let read = user.vault.read().await.unwrap();
        let content = read.content().unwrap().to_vec();
        user.vault.write_if(&content, read.version()).await.unwrap();

        let later = stage.user_with(way, &config).await;
        let notes: Notes = later.vault.get().await.unwrap().unwrap();
        assert_eq!(notes.lines, ["milk", "bread"], "{way:?}");
        assert_eq!(later.vault.check_binding(&secret(1), SITE).await, Ok(()));
        assert_eq!(later.vault.check_binding(&secret(2), SITE).await, wrong);
        let elsewhere = later.vault.check_binding(&secret(1), "example.org").await;
        assert_eq!(elsewhere, wrong);

        // Repair: another secret, the same content.
        later.vault.bind(&secret(2), SITE).await.unwrap();
        assert_eq!(later.vault.check_binding(&secret(2), SITE).await, Ok(()));
        assert_eq!(later.vault.check_binding(&secret(1), SITE).await, wrong);
        assert_eq!(later.vault.get().await, Ok(Some(notes)), "{way:?}");
    }
}

/// Whatever is not a yes is an error: a record gone, swapped, damaged, or not to be had.
#[tokio::test(start_paused = true)]
async fn nothing_but_the_secret_is_a_yes() {
    for way in Way::ALL {
        let stage = Stage::new().await;
        let config = VaultConfig::new().with_binding(true);
        let user = stage.user_with(way, &config).await;
        user.vault.bind(&secret(1), SITE).await.unwrap();
        for fault in [FaultKind::RecordSwap, FaultKind::AppFileNotFound] {
            stage.fault(fault, 1);
            assert!(user.vault.check_binding(&secret(1), SITE).await.is_err());
        }
        // Content that an application without the setting wrote over it.
        let plain = stage.user_of(&user, way);
        plain.put_bytes(b"over it").await.unwrap();
        assert_eq!(
            user.vault.check_binding(&secret(1), SITE).await,
            Err(VaultError::Binding(BindingError::Missing)),
            "{way:?}"
        );
        // Linking again keeps it.
        user.vault.bind(&secret(1), SITE).await.unwrap();
        assert_eq!(user.vault.get_bytes().await, Ok(bytes(b"over it")));
        user.vault.forget_key();
        stage.world.emulator.lock("alice").unwrap();
        assert_eq!(
            user.vault.check_binding(&secret(1), SITE).await,
            Err(VaultError::Locked),
            "{way:?}"
        );
    }
}

/// Asked for where it is not configured, it is neither written nor taken for missing.
#[tokio::test(start_paused = true)]
async fn off_means_off() {
    let stage = Stage::new().await;
    let user = stage.user(Way::Seed).await;
    for refused in [
        user.vault.bind(&secret(1), SITE).await,
        user.vault.check_binding(&secret(1), SITE).await,
    ] {
        assert!(matches!(refused, Err(VaultError::NotConfigured { .. })));
    }
    assert_eq!(user.vault.get_bytes().await, Ok(None));
}

/// The secret takes its room, and says so.
#[tokio::test(start_paused = true)]
async fn a_bound_record_has_less_room() {
    let stage = Stage::new().await;
    let config = VaultConfig::new().with_binding(true);
    let user = stage.user_with(Way::Appdata2, &config).await;
    user.vault.bind(&secret(1), SITE).await.unwrap();
    let length = user.vault.capacity();
    let refused = user.vault.put_bytes(&vec![0; length]).await;
    let Err(VaultError::TooLarge { limit, .. }) = refused else {
        panic!("{refused:?}")
    };
    assert!((length - 120..length).contains(&limit), "{limit}");
    user.vault.put_bytes(&vec![0; limit]).await.unwrap();
    assert_eq!(user.vault.check_binding(&secret(1), SITE).await, Ok(()));
}
