//! What nobody but the site and the phone may see, over a whole visit: neither the service's state,
//! nor its log, nor a line of ours has the note or its key.

use std::{
    io,
    sync::{Arc, Mutex},
};

use base64::{Engine, prelude::*};
use keylockr_emulator::{Emulator, conformance::agent::Browser};
use serde_json::{Value, json};
use tokio::io::AsyncReadExt;
use tracing_subscriber::fmt::MakeWriter;

const NOTE: &str = "what nobody else may read";
const LATER: &str = "nor the words of later on";

#[tokio::test]
async fn neither_note_nor_filekey_is_anywhere_else() {
    // The emulator's own log: its tasks run on this thread.
    let emulators = Log::default();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_writer(emulators.clone())
        .finish();
    let _guard = tracing::subscriber::set_default(subscriber);
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
        let mut errors = site.child.stderr.take().unwrap();
        let log = tokio::spawn(async move {
            let mut log = Vec::new();
            errors.read_to_end(&mut log).await.unwrap();
            String::from_utf8(log).unwrap()
        });
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

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().unwrap()).into_owned()
    }
}

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}
