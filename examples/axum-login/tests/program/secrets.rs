//! What nobody but the site and the phone may see, over a whole visit: neither the service's state,
//! nor its log, nor a line of ours has the note or its key.

use base64::{Engine, prelude::*};
use keylockr_emulator::{Emulator, conformance::agent::Browser, unloq::AppSettings};
use serde_json::{Value, json};
use tokio::{io::AsyncReadExt, process::Child, task::JoinHandle};

use super::{
    SECRET,
    log::Log,
    unloq::{ALICE, Stage},
};

const NOTE: &str = "what nobody else may read";
const LATER: &str = "nor the words of later on";

#[tokio::test]
async fn neither_note_nor_filekey_is_anywhere_else() {
    // The emulator's own log: its tasks run on this thread.
    let (emulators, _guard) = Log::capture_all();
    for (family, service) in [("seed", "demo-data"), ("appdata", "demo-app")] {
        let file = std::env::temp_dir().join(format!("note-{family}-{}", std::process::id()));
        let emulator = Emulator::builder().state(&file).start().await.unwrap();
        let mut site = super::start(&[
            ("KEYLOCKR_API", &emulator.api()),
            ("KEYLOCKR_FAMILY", family),
            ("KEYLOCKR_SERVICE", service),
            ("RUST_LOG", "trace"),
        ])
        .await;
        let log = log_of(&mut site.child);
        let browser = Browser::new(&format!("http://{}", site.address));
        visit(&browser, &emulator).await;
        assert_eq!(site.end("-TERM").await, Some(0));
        let log = log.await.unwrap();
        // All frames that the service has opened, both ways.
        let connections = emulator.connections().into_iter();
        let frames: Vec<_> = connections
            .map(|own| emulator.frames(&format!("app.{}", own.app_id)).unwrap())
            .collect();
        let frames = serde_json::to_string(&frames).unwrap();
        assert!(frames.contains("app_set_data"), "{frames}");
        emulator.stop().await;

        let state: Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
        std::fs::remove_file(&file).unwrap();
        let keys = state["phones"]["keys"].as_object().unwrap().values();
        let filekeys: Vec<Vec<u8>> = keys
            .map(|key| serde_json::from_value(key["filekey"].clone()).unwrap())
            .collect();
        assert!(!filekeys.is_empty(), "the check knows what to look for");
        let server = state["server"].to_string();
        assert!(
            server.contains("records") && server.len() > 1_000,
            "{server}"
        );
        assert!(
            log.contains("signed in") && log.contains("TRACE"),
            "the log was captured"
        );
        tracing::trace!("the check listens");
        let emulators = emulators.text();
        assert!(emulators.contains("the check listens"));
        let secrets = filekeys.iter().map(Vec::as_slice);
        let secrets = secrets.chain([NOTE.as_bytes(), LATER.as_bytes()]);
        for spelled in secrets.flat_map(spellings) {
            for (place, text) in [
                ("the service's state", &server),
                ("the service's log", &emulators),
                ("a frame", &frames),
                ("our log", &log),
            ] {
                assert!(
                    !text.contains(&spelled),
                    "{family}: {spelled} is in {place}"
                );
            }
        }
    }
}

/// The log of a program, once that has ended.
fn log_of(child: &mut Child) -> JoinHandle<String> {
    let mut errors = child.stderr.take().unwrap();
    tokio::spawn(async move {
        let mut log = Vec::new();
        errors.read_to_end(&mut log).await.unwrap();
        String::from_utf8(log).unwrap()
    })
}

/// With UNLOQ: neither the locked note nor the key to it, nor anything that signs in.
#[tokio::test]
async fn neither_locked_note_nor_personal_key_is_in_a_log() {
    let (emulators, _guard) = Log::capture_all();
    let file = std::env::temp_dir().join(format!("locked-{}", std::process::id()));
    let emulator = Emulator::builder().state(&file).start().await.unwrap();
    let mut stage = Stage::beside(emulator, &[("RUST_LOG", "trace")]).await;
    let log = log_of(&mut stage.site.child);
    let browser = stage.browser();
    browser.get("/unloq").page().send().await.expect(200);
    let pass = browser.cookies()["unloq_pass"].clone();
    let back = stage.leads_back(ALICE).await;
    browser.get(&back).page().send().await.expect(303);
    let session = browser.cookies()["session"].clone();
    for (version, text) in [("none", NOTE), ("other", LATER)] {
        let form = [("what", "save"), ("version", version), ("text", text)];
        let save = browser.post("/unloq/note").form(&form).send();
        if text == NOTE {
            let (saved, approved) = tokio::join!(save, stage.unloq.approve_next(ALICE));
            approved.unwrap();
            saved.expect(303);
        } else {
            save.await.expect_page(409);
        }
    }
    let show = browser.post("/unloq/note").form(&[("what", "show")]);
    let (shown, approved) = tokio::join!(show.send(), stage.unloq.approve_next(ALICE));
    approved.unwrap();
    assert!(shown.expect_page(200).contains(NOTE));
    // Refused ones, which are logged.
    browser.get(&back).page().send().await.expect_page(403);
    let push = [("email", ALICE), ("otp", "")];
    let push = browser.post("/unloq").form(&push);
    let (denied, asked) = tokio::join!(push.send(), stage.unloq.deny_next(ALICE));
    asked.unwrap();
    denied.expect_page(403);
    let otp = stage.unloq.otp(ALICE).unwrap();
    let push = [("email", ALICE), ("otp", otp.as_str())];
    let push = browser.post("/unloq").form(&push);
    let (pushed, asked) = tokio::join!(push.send(), stage.unloq.approve_next(ALICE));
    asked.unwrap();
    pushed.expect(303);
    let sid = stage.unloq.sessions()[0].sid.clone();
    let Stage { emulator, site, .. } = stage;
    assert_eq!(site.end("-TERM").await, Some(0));
    let log = log.await.unwrap();
    emulator.stop().await;

    let state: Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
    std::fs::remove_file(&file).unwrap();
    let keys = state["unloq"]["keys"].as_array().unwrap();
    assert_eq!(keys.len(), 1, "the check knows what to look for");
    let key = keys[0][2].as_str().unwrap();
    assert!(key.len() >= 32);
    assert!(log.contains("signed in with UNLOQ") && log.contains("TRACE"));
    tracing::trace!("the check listens");
    let emulators = emulators.text();
    assert!(emulators.contains("the check listens"));
    let token = back.split_once("token=").unwrap().1;
    let api_key = AppSettings::default().api_key;
    for (name, secret) in [
        ("the note", NOTE),
        ("what was typed", LATER),
        ("the key", key),
        ("the token", token),
        ("the pass", &pass),
        ("the session", &session),
        ("the handle", &sid),
        ("the API key", &api_key),
        ("the secret of the hooks", SECRET),
    ] {
        for spelled in spellings(secret.as_bytes()) {
            assert!(!log.contains(&spelled), "{name} is in our log");
            let theirs = matches!(name, "the note" | "what was typed" | "the key");
            assert!(!theirs || !emulators.contains(&spelled), "{name}");
        }
    }
    let code = format!("otp={otp}");
    assert!(!log.contains(&code) && !log.contains(&format!("\"{otp}\"")));
}

/// Signs in, keeps a note, reads it in every form there is, and leaves.
async fn visit(browser: &Browser, emulator: &Emulator) {
    let started = browser.post("/login/start").send().await.expect(201).json();
    let attempt = started["attempt"].as_str().unwrap();
    let pending = emulator.next_pending().await;
    emulator.approve(pending.tmp_id.as_str()).unwrap();
    let events = browser.get(&format!("/login/events?attempt={attempt}"));
    let opened = events.open().await;
    let mut events = opened.events();
    while let Some(status) = events.status().await {
        if status["status"] == "done" {
            break;
        }
    }
    let finish = format!("/login/finish?attempt={attempt}");
    browser.post(&finish).send().await.expect(200);
    let put = browser.put("/api/notes");
    put.json(&json!({ "text": NOTE })).send().await.expect(204);
    let read = browser.get("/api/notes").send().await.expect(200);
    assert_eq!(read.json()["text"], NOTE);
    let page = browser.get("/notes").page().send().await.expect(200);
    assert!(page.text().contains(NOTE));
    let saved = browser.post("/notes").form(&[("text", LATER)]).send().await;
    assert_eq!(saved.expect_see_other(), "/notes");
    let read = browser.get("/api/notes").send().await.expect(200);
    assert_eq!(read.json()["text"], LATER);
    let sealed = browser.get("/api/notes/sealed").send().await.expect(200);
    let sealed = sealed.json()["sealed"].as_str().unwrap().to_owned();
    assert!(BASE64_STANDARD.decode(sealed).unwrap().len() > LATER.len());
    browser.post("/login/logout").send().await.expect(204);
    browser.get("/api/notes").send().await.expect(401);
}

/// How bytes can look in a text.
fn spellings(bytes: &[u8]) -> Vec<String> {
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    let list = format!("{bytes:?}");
    let list = list.trim_matches(['[', ']']).to_owned();
    let mut spellings = vec![hex.to_uppercase(), hex, list.replace(", ", ","), list];
    if let Ok(text) = std::str::from_utf8(bytes) {
        spellings.push(text.to_owned());
    }
    // In base64 of something longer they may begin at any of three places.
    for skip in 0..3 {
        let rest = &bytes[skip..];
        let whole = &rest[..rest.len() / 3 * 3];
        spellings.push(BASE64_STANDARD.encode(whole));
        spellings.push(BASE64_URL_SAFE.encode(whole));
    }
    spellings
}
