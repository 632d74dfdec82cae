//! What a log at its most talkative level holds of a login: no secret (security.md D3).

use std::cell::RefCell;
use std::fmt::Write as _;
use std::sync::{Arc, Once};

use base64::Engine;
use base64::prelude::{
    BASE64_STANDARD_NO_PAD as STANDARD_NO_PAD, BASE64_URL_SAFE_NO_PAD as URL_SAFE_NO_PAD,
};
use keylockr_client::proto::link::Request;
use keylockr_client::proto::{KeyLifetime, Revision};
use keylockr_emulator::{FaultKind, NewService};
use tracing_subscriber::fmt::{MakeWriter, format::FmtSpan};

use crate::captured::Log;
use crate::world::{SignedIn, World, appdata, done, seed};

thread_local! {
    static CURRENT: RefCell<Option<Log>> = const { RefCell::new(None) };
}

/// Hands each record to the capture of the thread that it comes from.
struct Router;

impl MakeWriter<'_> for Router {
    type Writer = Log;

    fn make_writer(&self) -> Log {
        CURRENT.with_borrow(Clone::clone).unwrap_or_default()
    }
}

/// One subscriber for all tests, there before the first of them logs: with one a test, what a
/// test beside it happened to log first could stay switched off for good.
pub(crate) fn install() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        tracing_subscriber::fmt()
            .with_max_level(tracing::Level::TRACE)
            .with_ansi(false)
            // Every span with all its fields, whether or not something is said in it.
            .with_span_events(FmtSpan::FULL)
            .with_writer(Router)
            .init();
    });
}

/// Captures until it is dropped.
pub(crate) struct Capturing;

impl Drop for Capturing {
    fn drop(&mut self) {
        CURRENT.set(None);
    }
}

pub(crate) fn start(capture: &Log) -> Capturing {
    install();
    CURRENT.set(Some(capture.clone()));
    Capturing
}

/// The ways in which bytes get into a log by accident.
pub(crate) fn spellings(bytes: &[u8]) -> Vec<String> {
    let mut hex = String::new();
    for byte in bytes {
        write!(hex, "{byte:02x}").unwrap();
    }
    let list = format!("{bytes:?}");
    vec![
        hex.clone(),
        hex.to_ascii_uppercase(),
        list.trim_matches(['[', ']']).to_owned(),
        bytes.escape_ascii().to_string(),
        STANDARD_NO_PAD.encode(bytes),
        URL_SAFE_NO_PAD.encode(bytes),
    ]
}

pub(crate) fn assert_absent(text: &str, what: &str, bytes: &[u8]) {
    // A part is as bad as the whole.
    for part in [bytes, &bytes[..bytes.len() / 2], &bytes[bytes.len() / 2..]] {
        for spelling in spellings(part) {
            assert!(!text.contains(&spelling), "{what} is in the log:\n{text}");
        }
    }
}

fn assert_clean(text: &str, world: &World, user: &SignedIn) {
    assert_absent(text, "the signing key", user.keys.sign_secret().as_bytes());
    assert_absent(text, "the box key", user.keys.box_secret().as_bytes());
    let sigs = world.wire.sigs();
    assert!(!sigs.is_empty());
    for sig in sigs {
        assert!(
            !text.contains(&sig) && !text.contains(&sig[..40]),
            "sig is in the log:\n{text}"
        );
    }
    assert!(!text.contains("sig="), "{text}");
    let frames = world.wire.frames();
    assert!(!frames.is_empty());
    for frame in frames {
        // The nonce is 24 bytes of binary behind the text `n`.
        let at = frame
            .windows(4)
            .position(|window| window == b"\xa1n\xc4\x18");
        let at = at.expect("a frame has a nonce") + 4;
        assert_absent(text, "a nonce", &frame[at..at + 24]);
    }
}

#[tokio::test(start_paused = true)]
async fn log_capture_has_no_secrets() {
    let capture = Log::default();
    let guard = start(&capture);
    let world = World::new().await;
    world.wire.record();
    for (config, lifetime) in [
        (seed("demo-data", Some("notes")), KeyLifetime::Fresh),
        (appdata("demo-app", true, Revision::Two), KeyLifetime::Fixed),
    ] {
        let keys = world.keys(lifetime);
        let mut user = world.sign_in_with(config, keys).await;
        user.up().await;
        let (filekey, mut codec) = user.unlock().await;
        let ver = user.read().await.ver;
        let content = b"the content of a record, which is nobody's business";
        let sealed = codec
            .seal(&filekey, content, &mut world.client.entropy())
            .unwrap();
        user.write(sealed, ver).await.unwrap();
        world.emulator.revoke(user.app_id()).unwrap();
        user.link.ended().await;
        let text = capture.text();
        assert_clean(&text, &world, &user);
        assert_absent(&text, "the filekey", filekey.as_bytes());
        assert!(!text.contains("nobody's business"));
        assert!(
            !text.contains("Alice"),
            "the nickname is nobody's business either"
        );
    }
    drop(guard);
    // The capture works: the events that are promised are there.
    let text = capture.text();
    for promised in [
        "asked the service for the time",
        "the service answered",
        "the socket is open",
        "the login has ended",
        "closing the socket",
        "keylockr.login: keylockr_client",
        "keylockr.connection{app_id=",
    ] {
        assert!(text.contains(promised), "{promised}");
    }
}

/// Trouble is where logs grow long.
#[tokio::test(start_paused = true)]
async fn trouble_is_logged_without_secrets() {
    for kind in [
        FaultKind::BadSeal,
        FaultKind::WrongRecipient,
        FaultKind::Truncated,
        FaultKind::VerifyGarbage,
        FaultKind::Http500,
        FaultKind::RotateKeys,
        FaultKind::ErrorCode {
            code: "\u{1b}[31mred\u{202e}".into(),
        },
    ] {
        let capture = Log::default();
        let guard = start(&capture);
        let world = World::new().await;
        world.wire.record();
        world.emulator.fault(kind).unwrap();
        let mut login = world.start(seed("demo", None));
        let keys = Arc::clone(&login.keys);
        if let Some(tmp_id) = login.try_code().await {
            let _ = world.emulator.approve(tmp_id.as_str());
        }
        let _ = login.end().await;
        drop(guard);
        let text = capture.text();
        assert_absent(&text, "the signing key", keys.sign_secret().as_bytes());
        assert_absent(&text, "the box key", keys.box_secret().as_bytes());
        for sig in world.wire.sigs() {
            assert!(!text.contains(&sig[..40]), "{text}");
        }
        assert!(
            !text.contains(['\u{1b}', '\u{202e}']),
            "control characters: {text:?}"
        );
    }
}

/// A replay leaves its trace in the counters, which are logged at the end.
#[tokio::test(start_paused = true)]
async fn replays_are_counted() {
    for kind in [FaultKind::ReplaySame, FaultKind::ReplayReencoded] {
        let capture = Log::default();
        let guard = start(&capture);
        let world = World::new().await;
        world.emulator.fault(kind).unwrap();
        let mut login = world.start(seed("demo", None));
        let tmp_id = login.code().await;
        world.emulator.approve(tmp_id.as_str()).unwrap();
        done(login.end().await);
        drop(guard);
        let text = capture.text();
        assert!(
            text.contains("replayed: ") && !text.contains("replayed: 0"),
            "{text}"
        );
    }
}

/// A link says where it stands, and a refused request nothing of the peer's words.
#[tokio::test(start_paused = true)]
async fn links_are_logged_by_status() {
    let capture = Log::default();
    let guard = start(&capture);
    let world = World::new().await;
    world
        .emulator
        .create_service(NewService::appdata("shop", "Shop", 1))
        .unwrap();
    let mut user = world.sign_in(appdata("shop", true, Revision::One)).await;
    user.up().await;
    world.emulator.fault(FaultKind::AppFileNotFound).unwrap();
    user.link.request(Request::GetData).await.unwrap_err();
    user.link.stop().await;
    drop(guard);
    assert!(capture.text().contains("status=Up"));
}
