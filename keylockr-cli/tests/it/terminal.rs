//! On a terminal, which `script` plays.

use std::process::Stdio;

use keylockr_emulator::Emulator;
use tokio::{io::AsyncReadExt, process::Command};

/// The fixed black and white of the code's plate.
const PLATE: &str = "\x1b[38;5;16;48;5;231m";
const OVER: &str = "\r\x1b[K";

/// What a terminal would show of a sign-in that is approved.
async fn watched(env: &[(&str, &str)]) -> Option<String> {
    let found = Command::new("script")
        .arg("--version")
        .stdout(Stdio::null())
        .status();
    if found.await.is_err() {
        let required = std::env::var_os("KEYLOCKR_REQUIRE_SYSTEM").is_some_and(|set| set == "1");
        assert!(!required, "`script` is missing");
        eprintln!("SKIPPED: `script` of util-linux is not here to play a terminal");
        return None;
    }
    let emulator = Emulator::start().await.unwrap();
    let line = format!(
        "{} login --api {} --service demo",
        env!("CARGO_BIN_EXE_keylockr"),
        emulator.api()
    );
    let mut child = Command::new("script")
        .args(["--quiet", "--return", "--command", &line, "/dev/null"])
        .env_remove("NO_COLOR")
        .env("TERM", "xterm-256color")
        .envs(env.iter().copied())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    emulator
        .approve(emulator.next_pending().await.tmp_id)
        .unwrap();
    let mut seen = String::new();
    child
        .stdout
        .take()
        .unwrap()
        .read_to_string(&mut seen)
        .await
        .unwrap();
    assert!(child.wait().await.unwrap().success(), "{seen}");
    assert!(seen.contains("\"safe_id\""), "{seen}");
    Some(seen)
}

#[tokio::test]
async fn the_code_brings_its_own_colours_and_the_status_moves() {
    if let Some(seen) = watched(&[]).await {
        assert!(seen.contains(PLATE) && seen.contains("█"), "{seen}");
        assert!(seen.contains(OVER) && seen.contains(" left)"), "{seen}");
    }
}

#[tokio::test]
async fn no_color_means_none() {
    if let Some(seen) = watched(&[("NO_COLOR", "1")]).await {
        assert!(!seen.contains(PLATE) && seen.contains("█"), "{seen}");
        assert!(!seen.contains("\x1b[3"), "{seen}");
        assert!(seen.contains(OVER), "moving is no colour: {seen}");
    }
    if let Some(seen) = watched(&[("TERM", "dumb")]).await {
        assert!(!seen.contains('\x1b'), "{seen}");
    }
}
