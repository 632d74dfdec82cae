//! Where filekey and content must not be: with the service, in its journal, in our logs.

use std::fmt::Write as _;

use keylockr_client::VaultConfig;
use keylockr_client::proto::Filekey;
use keylockr_emulator::FaultKind;
use tokio::time::{Duration, sleep};

use super::{Notes, Stage, Way};
use crate::captured::Log;
use crate::logs::{spellings, start};

/// Read by nobody but the user.
const DIARY: &str = "Dear diary, nobody but me will ever read these particular words";

/// What the service holds, and every frame that passed.
fn service_side(stage: &Stage) -> String {
    let emulator = &stage.world.emulator;
    let mut text = emulator.service_state();
    for connection in emulator.connections() {
        let frames = emulator
            .frames(&format!("app.{}", connection.app_id))
            .unwrap();
        write!(text, "{}", serde_json::to_string(&frames).unwrap()).unwrap();
    }
    text
}

fn holds(text: &str, bytes: &[u8]) -> bool {
    // A part is as bad as the whole.
    let half = bytes.len() / 2;
    [bytes, &bytes[..half], &bytes[half..]]
        .into_iter()
        .flat_map(spellings)
        .any(|spelling| text.contains(&spelling))
}

/// Everything a vault does, its troubles included.
async fn live(stage: &Stage, way: Way) -> Filekey {
    let config = VaultConfig::new().with_binding(true);
    let mut user = stage.user_with(way, &config).await;
    let secret = keylockr_client::BindingSecret::from_bytes(&[0xb1; 32]);
    user.vault.bind(&secret, "example.com").await.unwrap();
    user.vault.put(&Notes::with(None, DIARY)).await.unwrap();
    for fault in [
        FaultKind::VerConflict { writes: 1 },
        FaultKind::VerSame,
        FaultKind::SetLostAck,
        FaultKind::RecordRollback,
        FaultKind::RecordSwap,
        FaultKind::AppFileNotFound,
        FaultKind::BadSeal,
        FaultKind::Truncated,
    ] {
        stage.fault(fault, 1);
        let _ = user.vault.update(|old| Notes::with(old, DIARY)).await;
        sleep(Duration::from_secs(20)).await;
        stage.world.emulator.clear_faults();
    }
    for fault in [
        FaultKind::SenderSwap,
        FaultKind::BadFilekey,
        FaultKind::ShortFilekey,
        FaultKind::SafeAuthRequired { seconds: 10 },
    ] {
        user.vault.forget_key();
        stage.fault(fault, 1);
        let _ = user.vault.unlock().await;
        let _ = user.vault.get::<Notes>().await;
        let _ = format!("{:?} {:?}", user.vault, user.vault.read().await);
        stage.world.emulator.clear_faults();
    }
    // The wrong type: the error must not say what it found.
    let wrong = user.vault.get::<u64>().await.unwrap_err();
    assert!(!format!("{wrong} {wrong:?}").contains("diary"));
    tracing::info!(vault = ?user.vault, snapshot = ?user.vault.read().await, "as a program logs it");
    let (filekey, _) = user.signed_in.unlock().await;
    stage.world.emulator.revoke(user.app_id()).unwrap();
    user.signed_in.link.ended().await;
    filekey
}

/// K 12.1 with a real client, and security.md D3 with a vault.
#[tokio::test(start_paused = true)]
async fn neither_the_service_nor_a_log_sees_filekey_or_content() {
    let capture = Log::default();
    let guard = start(&capture);
    for way in Way::ALL {
        let stage = Stage::new().await;
        let filekey = live(&stage, way).await;
        let service = service_side(&stage);
        let log = capture.text();
        for (what, secret) in [
            ("the filekey", filekey.as_bytes().as_slice()),
            ("the content", DIARY.as_bytes()),
            ("the binding secret", &[0xb1; 32]),
        ] {
            assert!(!holds(&service, secret), "{way:?}: the service has {what}");
            assert!(!holds(&log, secret), "{way:?}: {what} is in the log");
        }
        assert!(!service.contains("diary") && !log.contains("diary"));
    }
    drop(guard);
    // The log was written at its most talkative level.
    let log = capture.text();
    for line in ["DEBUG", "as a program logs it", "the record does not open"] {
        assert!(log.contains(line), "{line}");
    }
}

/// The search finds what is there: the ciphertext, and content that a client gives away.
#[tokio::test(start_paused = true)]
async fn the_search_can_fail() {
    for way in Way::ALL {
        let stage = Stage::new().await;
        let mut user = stage.user(way).await;
        user.vault.put(&Notes::with(None, DIARY)).await.unwrap();
        let record = user.record().await.unwrap();
        let (filekey, _) = user.signed_in.unlock().await;
        assert!(holds(&service_side(&stage), &record), "{way:?}");
        assert!(!holds(&service_side(&stage), filekey.as_bytes()));
        let ver = user.signed_in.read().await.ver;
        let given_away = [DIARY.as_bytes(), filekey.as_bytes()].concat();
        user.signed_in.write(given_away, ver).await.unwrap();
        assert!(holds(&service_side(&stage), DIARY.as_bytes()), "{way:?}");
        assert!(holds(&service_side(&stage), filekey.as_bytes()), "{way:?}");
    }
}
