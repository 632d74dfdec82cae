//! What repeats itself with a seed, what survives a restart, what the service never sees.

use std::{
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use super::{
    peer::{Peer, get},
    secrets::{open_blob, open_record, seal_record},
};
use crate::{Emulator, NewService, wire::value::Map};

static NEXT: AtomicU32 = AtomicU32::new(0);

/// A file in the temporary directory that is removed at the end.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> Self {
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("keylockr-emulator-test-{}-{number}", std::process::id());
        Self(std::env::temp_dir().join(name))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

async fn facts(emulator: &Emulator) -> (Vec<u8>, Vec<u8>, String, [u8; 32], String) {
    let peer = Peer::new(1);
    let tmp_id = peer.seed(emulator, "demo-data").await;
    let app_id = emulator.approve(tmp_id.as_str()).unwrap().app_id;
    let mut socket = peer.connect(emulator, &format!("app.{app_id}")).await;
    socket.expect("connected").await;
    let body = socket.ask("app_req_filekey", Map::new()).await;
    let mut tmp = peer.connect(emulator, &format!("tmp.{tmp_id}")).await;
    tmp.expect("connected").await;
    tmp.expect("app_auth_result").await;
    let poll = tmp.ask("app_connect_req", Map::new()).await;
    let sender = poll.bin("user_enc_pk").unwrap().try_into().unwrap();
    let key = open_blob(
        body.bin("data_filekey").unwrap(),
        &peer.enc_secret,
        Some(sender),
    )
    .unwrap();
    let (enc, sign) = (
        get(emulator, "/v3/key_enc").await.1,
        get(emulator, "/v3/key_sign").await.1,
    );
    (enc, sign, tmp_id, key.filekey, app_id)
}

#[tokio::test(start_paused = true)]
async fn a_seed_repeats_keys_and_ids() {
    let start = async |seed| {
        let builder = Emulator::builder().in_process();
        let builder = match seed {
            Some(seed) => builder.seed(seed),
            None => builder,
        };
        facts(&builder.start().await.unwrap()).await
    };
    let first = start(Some(42)).await;
    assert_eq!(start(Some(42)).await, first);
    let other = start(Some(43)).await;
    assert!(other.0 != first.0 && other.1 != first.1 && other.2 != first.2 && other.3 != first.3);
    assert_ne!(start(None).await.0, start(None).await.0);
    // After a reset the ids start again, too.
    let emulator = Emulator::builder()
        .in_process()
        .seed(42)
        .start()
        .await
        .unwrap();
    facts(&emulator).await;
    emulator.reset();
    assert_eq!(facts(&emulator).await, first);
}

#[tokio::test]
async fn a_restart_keeps_what_matters() {
    let file = Scratch::new();
    let start = || {
        Emulator::builder()
            .in_process()
            .seed(5)
            .state(&file.0)
            .start()
    };
    let peer = Peer::new(1);
    let (app_id, filekey, nonce) = {
        let emulator = start().await.unwrap();
        emulator
            .create_service(NewService::appdata("own", "Own", 2))
            .unwrap();
        emulator.create_user("carol", Some("Caro")).unwrap();
        emulator.lock("bob").unwrap();
        let tmp_id = peer.appdata(&emulator, "own").await;
        let app_id = emulator.approve(tmp_id.as_str()).unwrap().app_id;
        let mut socket = peer.connect(&emulator, &format!("app.{app_id}")).await;
        socket.expect("connected").await;
        let nonce = socket.frame_nonce;
        let body = socket.ask("app_req_filekey", Map::new()).await;
        let key = open_blob(body.bin("data_filekey").unwrap(), &peer.enc_secret, None).unwrap();
        let record = seal_record(true, b"kept", &key.filekey, &[1; 24]);
        socket
            .ask(
                "app_set_data",
                Map::new().with("data_enc", record).with("ver", "1"),
            )
            .await;
        drop(socket);
        emulator.stop().await;
        (app_id, key.filekey, nonce)
    };
    let emulator = start().await.unwrap();
    assert!(
        emulator
            .services()
            .iter()
            .any(|service| service.app_tag == "own")
    );
    let users = emulator.users();
    assert_eq!(
        users
            .iter()
            .map(|user| user.user.as_str())
            .collect::<Vec<_>>(),
        ["alice", "bob", "carol"]
    );
    assert!(users[1].locked && users[2].nickname == "Caro");
    let mut socket = peer.connect(&emulator, &format!("app.{app_id}")).await;
    socket.expect("connected").await;
    assert_ne!(
        socket.frame_nonce, nonce,
        "a seeded start does not use its nonces again"
    );
    let read = socket.ask("app_get_data", Map::new()).await;
    let record = read.bin("data_encrypted").unwrap();
    assert_eq!(
        open_record(true, record, &filekey, None),
        Ok(Some(b"kept".to_vec()))
    );
    assert_eq!(read.text("ver"), Some("2"));
    let body = socket.ask("app_req_filekey", Map::new()).await;
    let key = open_blob(body.bin("data_filekey").unwrap(), &peer.enc_secret, None).unwrap();
    assert_eq!(key.filekey, filekey);
    // The same key signs in again: the same connection.
    let tmp_id = peer.appdata(&emulator, "own").await;
    assert_eq!(emulator.approve(tmp_id.as_str()).unwrap().app_id, app_id);
    let other = Peer::new(2).seed(&emulator, "demo").await;
    assert_ne!(
        emulator.approve(other).unwrap().app_id,
        app_id,
        "numbers go on"
    );
}

#[tokio::test]
async fn the_file_follows_each_change() {
    let file = Scratch::new();
    let emulator = Emulator::builder()
        .in_process()
        .state(&file.0)
        .start()
        .await
        .unwrap();
    let holds = |name: &str| std::fs::read_to_string(&file.0).unwrap().contains(name);
    assert!(holds("alice") && !holds("carol"));
    emulator.create_user("carol", None).unwrap();
    let followed = async {
        while !holds("carol") {
            tokio::task::yield_now().await;
        }
    };
    let followed = tokio::time::timeout(Duration::from_secs(20), followed).await;
    followed.expect("nobody has to ask for it");
    drop(emulator);
    let emulator = Emulator::builder()
        .in_process()
        .state(&file.0)
        .start()
        .await
        .unwrap();
    emulator.create_user("dave", None).unwrap();
    drop(emulator);
    assert!(holds("dave"), "also when it is dropped");
}

#[tokio::test]
async fn a_save_that_is_given_up_is_in_nobodys_way() {
    let file = Scratch::new();
    let builder = Emulator::builder().in_process().state(&file.0);
    let emulator = builder.start().await.unwrap();
    for number in 0..20 {
        let user = format!("user-{number}");
        emulator.create_user(&user, None).unwrap();
        // Its future is gone at once, and a thread writes for it.
        let given_up = futures_util::FutureExt::now_or_never(emulator.shared().save());
        assert!(given_up.is_none(), "a thread does it");
        emulator.shared().save_here().unwrap();
        let kept = std::fs::read_to_string(&file.0).unwrap();
        assert!(kept.contains(&user), "and not an older state after it");
    }
}

#[tokio::test]
async fn a_dropped_emulator_leaves_its_file_to_the_next() {
    let file = Scratch::new();
    let start = || Emulator::builder().in_process().state(&file.0).start();
    let first = start().await.unwrap();
    // What is still under way, as a thread that was not quick enough.
    let late = Arc::clone(first.shared());
    drop(first);
    let next = start().await.unwrap();
    next.create_user("carol", None).unwrap();
    next.shared().save_here().unwrap();
    late.save_here().unwrap();
    let kept = std::fs::read_to_string(&file.0).unwrap();
    assert!(kept.contains("carol"));
}

#[tokio::test]
async fn the_state_does_not_show_its_keys() {
    let emulator = super::peer::emulator().await;
    let saved = emulator.shared().world().save();
    let json = serde_json::to_value(&saved).unwrap();
    let shown = format!("{saved:?}");
    assert!(shown.contains("demo-data"), "{shown}");
    for name in ["enc_secret", "sign_seed"] {
        let bytes: Vec<u8> = serde_json::from_value(json["server"][name].clone()).unwrap();
        assert_eq!(bytes.len(), 32);
        assert!(!shown.contains(&format!("{bytes:?}")), "{name}");
    }
}

#[tokio::test]
async fn damaged_files_are_named_and_full_disks_survived() {
    let file = Scratch::new();
    let name = file.0.file_name().unwrap().to_str().unwrap().to_owned();
    for text in ["", "{", "{}", "{\"format\":\"other\"}"] {
        std::fs::write(&file.0, text).unwrap();
        let error = Emulator::builder()
            .in_process()
            .state(&file.0)
            .start()
            .await
            .unwrap_err();
        assert!(error.to_string().contains(&name), "{error}");
        assert_eq!(
            std::fs::read_to_string(&file.0).unwrap(),
            text,
            "left as it was"
        );
    }
    // The directory goes away while it runs: no change can be written any more.
    let folder = Scratch::new();
    std::fs::create_dir(&folder.0).unwrap();
    let state = folder.0.join("state");
    let emulator = Emulator::builder()
        .in_process()
        .state(&state)
        .start()
        .await
        .unwrap();
    std::fs::remove_dir_all(&folder.0).unwrap();
    emulator.create_user("carol", None).unwrap();
    emulator.shared().save().await;
    assert_eq!(emulator.users().len(), 3);
}

/// keylockr.md 12.1: the service's whole state holds neither a filekey nor plaintext.
#[tokio::test(start_paused = true)]
async fn the_service_sees_neither_filekeys_nor_plaintext() {
    let emulator = super::peer::emulator().await;
    let peer = Peer::new(1);
    let plain = b"my very own diary, read by nobody";
    let mut secrets = vec![plain.to_vec()];
    let mut public = Vec::new();
    for tag in ["demo-data", "demo-app"] {
        let seed = tag == "demo-data";
        let tmp_id = match seed {
            true => peer.seed(&emulator, tag).await,
            false => peer.appdata(&emulator, tag).await,
        };
        let app_id = emulator.approve(tmp_id.as_str()).unwrap().app_id;
        let mut tmp = peer.connect(&emulator, &format!("tmp.{tmp_id}")).await;
        tmp.expect("connected").await;
        tmp.expect("app_auth_result").await;
        let poll = tmp.ask("app_connect_req", Map::new()).await;
        let sender = poll.bin("user_enc_pk").map(|key| key.try_into().unwrap());
        let mut socket = peer.connect(&emulator, &format!("app.{app_id}")).await;
        socket.expect("connected").await;
        let body = socket.ask("app_req_filekey", Map::new()).await;
        let blob = body.bin("data_filekey").unwrap().to_vec();
        let key = open_blob(&blob, &peer.enc_secret, sender).unwrap();
        let nonce = key.data_nonce.unwrap_or([7; 24]);
        let record = seal_record(!seed, plain, &key.filekey, &nonce);
        let write = Map::new().with("data_enc", record.clone()).with("ver", "1");
        assert_eq!(
            socket.ask("app_set_data", write).await.text("_res"),
            Some("ok")
        );
        secrets.push(key.filekey.to_vec());
        public.extend([blob, record]);
    }
    let world = emulator.shared().world();
    let state = format!("{:?}", world.server);
    let shown = |bytes: &[u8]| {
        let list = format!("{bytes:?}");
        let text = String::from_utf8(bytes.to_vec()).unwrap_or_default();
        let hex = crate::wire::text::to_hex(bytes);
        let base64 = crate::wire::text::to_base64(bytes);
        let list = list.trim_matches(['[', ']']);
        state.contains(list)
            || state.contains(&hex)
            || state.contains(&base64)
            || (!text.is_empty() && state.contains(&text))
    };
    for bytes in public {
        assert!(shown(&bytes), "the search finds what is there");
    }
    for bytes in secrets {
        assert!(!shown(&bytes));
    }
}
