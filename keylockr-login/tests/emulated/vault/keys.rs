//! Where filekeys are, and where they are not.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use keylockr_client::proto::{
    BoxSecret as ProtoBox, ClientKeys, FilekeyBlob, KeyLifetime, SignSecret as ProtoSign,
};
use keylockr_emulator::{Direction, Mode, NewService};
use keylockr_login::{
    AttemptId, AttemptRecord, AttemptStore, BoxSecret, BrowserHash, Family, Inserted,
    KeyLockrBuilder, KeyPolicy, Moment, Orphan, Replaced, Revision, SignSecret, StoreFuture,
    VaultConfig, VaultError,
};

use super::{Notes, sent, signed_in, vault, with_data};
use crate::{
    sessions::app_id,
    sign_in::sign_in,
    stage::{Common, Stage},
};

const SIGN: [u8; 32] = [7; 32];
const ENC: [u8; 32] = [9; 32];

/// A site whose box key is registered with the service: filekeys come with the result (K 7.5).
async fn direct(settings: impl FnOnce(KeyLockrBuilder) -> KeyLockrBuilder) -> Stage {
    let stage = Stage::of("direct", |builder| {
        let keys = KeyPolicy::Fixed(SignSecret::from_bytes(&SIGN), BoxSecret::from_bytes(&ENC));
        let builder = with_data(builder, Family::AppData)
            .minimum_revision(Revision::Two)
            .keys(keys)
            .vault(VaultConfig::new());
        settings(builder)
    })
    .await;
    let mut service = NewService::seed("direct", "Direct", Mode::Data);
    service.family = keylockr_emulator::Family::AppData;
    service.app_tag = Some("direct".to_owned());
    service.service_key = Some(keys().box_public().to_base64());
    stage.emulator.create_service(service).unwrap();
    stage
}

fn keys() -> ClientKeys {
    let (sign, enc) = (ProtoSign::from_bytes(&SIGN), ProtoBox::from_bytes(&ENC));
    ClientKeys::from_parts(sign, enc, KeyLifetime::Fixed)
}

/// The filekeys that an identity was given.
fn filekeys(stage: &Stage, id: &str) -> Vec<[u8; 32]> {
    let frames = stage.emulator.frames(id).unwrap();
    let sent = frames
        .into_iter()
        .filter(|frame| frame.dir == Direction::S2c);
    let blobs = sent.filter_map(|frame| {
        let body = frame.body?;
        let hex = body["data_filekey"]["$bin"].as_str()?.to_owned();
        let bytes = (0..hex.len()).step_by(2);
        Some(
            bytes
                .map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap())
                .collect(),
        )
    });
    blobs
        .map(|blob: Vec<u8>| {
            let blob = FilekeyBlob::from_bytes(&blob).unwrap();
            let opened = blob.open(keys().box_secret(), None).unwrap();
            *opened.filekey.as_bytes()
        })
        .collect()
}

#[tokio::test(start_paused = true)]
async fn a_filekey_that_came_with_the_result_is_used_without_asking() {
    let stage = direct(|builder| builder).await;
    let browser = stage.browser();
    let notes = signed_in(&stage, &browser).await;
    stage.emulator.lock("alice").unwrap();
    notes.put(&Notes::of("milk")).await.unwrap();
    assert_eq!(notes.get().await, Ok(Some(Notes::of("milk"))));
    let app_id = app_id(&browser).await;
    assert!(!sent(&stage, &app_id).contains(&"app_req_filekey".to_owned()));
    // Once dropped it has to be asked for, as all others.
    notes.forget_key();
    assert_eq!(notes.get::<Notes>().await, Err(VaultError::Locked));
}

/// Nobody uses the vault: what came along is gone after 15 minutes all the same.
#[tokio::test(start_paused = true)]
async fn an_unused_filekey_does_not_outlive_its_time() {
    for keep in [false, true] {
        let stage = direct(|builder| builder.keep_connection(keep)).await;
        let browser = stage.browser();
        sign_in(&stage, &browser, "alice").await;
        stage.emulator.lock("alice").unwrap();
        for _ in 0..2 {
            tokio::time::sleep(Duration::from_secs(8 * 60 + 30)).await;
            assert!(browser.safe_id().await.is_some());
        }
        let notes = vault(&stage, &browser).await;
        assert_eq!(
            notes.get::<Notes>().await,
            Err(VaultError::Locked),
            "keep: {keep}"
        );
    }
}

/// A direct filekey makes `unlock` pointless, even for a phone that is locked by then.
#[tokio::test(start_paused = true)]
async fn a_filekey_that_came_along_holds_nothing_up() {
    let stage = direct(|builder| builder.filekey_at_sign_in(true)).await;
    let browser = stage.browser();
    let attempt = browser.start().await;
    browser.until(&attempt, "connected").await;
    stage.approve(&attempt.code);
    stage.emulator.lock("alice").unwrap();
    browser.until(&attempt, "done").await;
    assert_eq!(browser.finish(&attempt).await.status, 200);
    let notes = vault(&stage, &browser).await;
    assert_eq!(notes.get::<Notes>().await, Ok(None));
}

/// B19: what the stores of sessions and of attempts keep, at every step of a sign-in.
#[tokio::test(start_paused = true)]
async fn filekey_not_persisted() {
    let attempts = Noted::default();
    let stage = direct(|builder| {
        builder
            .attempts(Arc::new(attempts.clone()))
            .seal_key([5; 32])
            .filekey_at_sign_in(true)
    })
    .await;
    let browser = stage.browser();
    let attempt = stage.approved(&browser).await;
    assert_eq!(browser.finish(&attempt).await.status, 200);
    let mut kept = vec![stage.sessions.text()];
    let notes = vault(&stage, &browser).await;
    notes.put(&Notes::of("a plain secret")).await.unwrap();
    assert!(browser.safe_id().await.is_some());
    kept.push(stage.sessions.text());
    browser.logout().await;
    kept.push(stage.sessions.text());
    kept.push(attempts.1.lock().unwrap().clone());

    let tmp_id = attempt.code.split("tmp_id=").nth(1).unwrap();
    let tmp_id = tmp_id.split('&').next().unwrap();
    let filekeys = filekeys(&stage, &format!("tmp.{tmp_id}"));
    assert!(!filekeys.is_empty(), "the check knows what to look for");
    assert!(kept[0].contains("keylockr") && kept[3].contains("\"running\""));
    for (step, kept) in kept.iter().enumerate() {
        for secret in
            filekeys
                .iter()
                .map(|key| &key[..])
                .chain([&b"a plain secret"[..], &SIGN, &ENC])
        {
            for spelled in spellings(secret) {
                assert!(!kept.contains(&spelled), "step {step}: {spelled} in {kept}");
            }
        }
    }
}

/// A store as processes share it, with all that was ever written into it.
#[derive(Clone, Default)]
struct Noted(Arc<Common>, Arc<Mutex<String>>);

impl Noted {
    fn note(&self, record: &AttemptRecord) {
        let text = serde_json::to_string(record).unwrap();
        self.1.lock().unwrap().push_str(&text);
    }
}

impl AttemptStore for Noted {
    fn insert(&self, record: AttemptRecord, most: usize, now: Moment) -> StoreFuture<'_, Inserted> {
        self.note(&record);
        self.0.insert(record, most, now)
    }

    fn load<'a>(&'a self, id: &'a AttemptId) -> StoreFuture<'a, Option<AttemptRecord>> {
        self.0.load(id)
    }

    fn of_browser<'a>(&'a self, browser: &'a BrowserHash) -> StoreFuture<'a, Vec<AttemptRecord>> {
        self.0.of_browser(browser)
    }

    fn replace(&self, record: AttemptRecord) -> StoreFuture<'_, Replaced> {
        self.note(&record);
        self.0.replace(record)
    }

    fn changed<'a>(
        &'a self,
        id: &'a AttemptId,
        seen: u64,
        at_most: Duration,
    ) -> StoreFuture<'a, Option<AttemptRecord>> {
        self.0.changed(id, seen, at_most)
    }

    fn beat<'a>(&'a self, process: &'a str, life: Duration) -> StoreFuture<'a, Option<Moment>> {
        self.0.beat(process, life)
    }

    fn orphans(&self, most: usize) -> StoreFuture<'_, Vec<Orphan>> {
        self.0.orphans(most)
    }

    fn ping(&self) -> StoreFuture<'_, ()> {
        self.0.ping()
    }
}

/// How bytes can look in a text.
fn spellings(bytes: &[u8]) -> Vec<String> {
    use base64::{Engine, prelude::*};
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    let list = format!("{bytes:?}").replace(' ', "");
    let list = list.trim_matches(['[', ']']).to_owned();
    let mut spellings = vec![
        hex.to_uppercase(),
        hex,
        list.replace(',', ", "),
        list,
        String::from_utf8_lossy(bytes).into_owned(),
    ];
    // In base64 of something longer they may begin at any of three places.
    for skip in 0..3 {
        let rest = &bytes[skip..];
        let whole = &rest[..rest.len() / 3 * 3];
        spellings.push(BASE64_STANDARD.encode(whole));
        spellings.push(BASE64_URL_SAFE.encode(whole));
    }
    spellings
}
