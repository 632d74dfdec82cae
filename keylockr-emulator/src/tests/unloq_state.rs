//! UNLOQ in seed, state file and reset.

use serde_json::{Value as Json, json};

use super::unloq_peer::{ALICE, ALICE_ID, BOB, KEY, configure, ok, post, refused, sign_in, start};
use crate::{
    Emulator,
    unloq::{AppSettings, FaultKind, KeyMode, Moment, Unloq},
};

#[tokio::test(start_paused = true)]
async fn a_seed_repeats_ids_keys_and_passwords() {
    let facts = async |seed: u64| {
        let emulator = Emulator::builder()
            .in_process()
            .seed(seed)
            .start()
            .await
            .unwrap();
        let unloq = emulator.unloq();
        configure(&unloq, |app| app.mode = KeyMode::Always);
        let first = sign_in(&unloq, json!({})).await;
        emulator.reset();
        configure(&unloq, |app| app.mode = KeyMode::Always);
        assert_eq!(
            sign_in(&unloq, json!({})).await,
            first,
            "after a reset, too"
        );
        first
    };
    let first = facts(1).await;
    assert_eq!(facts(1).await, first);
    let other = facts(2).await;
    for member in ["approval_id", "encryption_key"] {
        assert_ne!(other[member], first[member], "{member}");
    }
}

#[tokio::test]
async fn a_restart_keeps_users_applications_and_keys() {
    let name = format!("keylockr-emulator-unloq-{}", std::process::id());
    let file = std::env::temp_dir().join(name);
    let _ = std::fs::remove_file(&file);
    let begin = || Emulator::builder().in_process().state(&file).start();
    let of_alice = || json!({ "unloq_id": ALICE_ID });
    let ask = async |unloq: &Unloq| {
        let asked = ok(unloq, "/v1/encryption/user", of_alice());
        let (answer, _) = tokio::join!(asked, unloq.approve_next(ALICE));
        answer["encryption_key"].as_str().unwrap().to_owned()
    };
    let (key, otp) = {
        let emulator = begin().await.unwrap();
        let unloq = emulator.unloq();
        let app = AppSettings {
            secret: "kept".to_owned(),
            ..AppSettings::named("own")
        };
        unloq.add_app(app).unwrap();
        unloq.add_profile("carol@example.test", "Carol").unwrap();
        unloq.deactivate(BOB).await.unwrap();
        sign_in(&unloq, json!({ "sid": "gone" })).await;
        let key = ask(&unloq).await;
        let asked = post(&unloq, "/v1/authenticate", json!({ "email": ALICE }));
        let _ = tokio::time::timeout(std::time::Duration::from_millis(1), asked).await;
        let otp = otp_at(&emulator, 90);
        emulator.stop().await;
        (key, otp)
    };
    let emulator = begin().await.unwrap();
    let unloq = emulator.unloq();
    assert!(unloq.app("own-unloq-key").is_ok());
    assert_eq!(unloq.profiles().len(), 3);
    assert!(!unloq.profiles()[1].active, "bob left");
    assert!(unloq.approvals().is_empty() && unloq.sessions().is_empty());
    assert_eq!(otp_at(&emulator, 90), otp);
    assert_eq!(ask(&unloq).await, key, "known still, and the same key");
    assert_eq!(
        unloq.add_profile("dave@example.test", "").unwrap().unloq_id,
        7004
    );
    drop(emulator);

    // A file of the time before UNLOQ: everything as at the start.
    let text = std::fs::read_to_string(&file).unwrap();
    let mut saved: Json = serde_json::from_str(&text).unwrap();
    saved.as_object_mut().unwrap().remove("unloq");
    std::fs::write(&file, saved.to_string()).unwrap();
    let emulator = begin().await.unwrap();
    assert_eq!(emulator.unloq().profiles().len(), 2);
    drop(emulator);
    // A file that contradicts itself is refused.
    saved["unloq"] = json!({ "apps": [], "profiles": [{ "unloq_id": 9, "email": "A@b", "first_name": "",
        "last_name": "", "active": true, "paired": true, "push": true, "otp_due": false }],
        "known": [], "next_id": 10, "otp": [], "keys": [] });
    std::fs::write(&file, saved.to_string()).unwrap();
    assert!(begin().await.is_err());
    std::fs::remove_file(&file).unwrap();
}

/// Alice's one-time password at a time.
fn otp_at(emulator: &Emulator, unix: u64) -> String {
    let moment = Moment {
        elapsed: std::time::Duration::ZERO,
        unix,
    };
    emulator.shared().world().unloq.otp(ALICE, moment).unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_reset_brings_everything_back() {
    let (emulator, unloq) = start().await;
    unloq.add_app(AppSettings::named("own")).unwrap();
    unloq.add_profile("carol@example.test", "Carol").unwrap();
    unloq.fault(FaultKind::Blocked).unwrap();
    unloq.set_secret(KEY, "another").unwrap();
    emulator.reset();
    assert_eq!((unloq.apps().len(), unloq.profiles().len()), (1, 2));
    let early = refused(
        &unloq,
        "/v1/encryption/user",
        json!({ "unloq_id": ALICE_ID }),
    )
    .await;
    assert_eq!(early.1, "APPROVAL.ENCRYPTION", "nobody has logged in");
    sign_in(&unloq, json!({ "sid": "s" })).await;
    assert_eq!(unloq.sessions()[0].id, "1");
}
