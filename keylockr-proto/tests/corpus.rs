//! The seeds of the fuzz targets, through the same functions, with every allocation counted: none of
//! them makes the crate ask for more than four times their size and 64 KiB.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "corpus_checks/answers.rs"]
mod answers;
#[allow(dead_code, reason = "some of it is the fuzzer's")]
#[path = "corpus_checks/protocol.rs"]
mod protocol;

use std::alloc::System;
use std::fs;
use std::path::Path;
use std::sync::Mutex;

use keylockr_proto::{Document, FilekeyBlob, VerifyOutcome, Window, handshake_reply};
use protocol::Ways;
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// The count is the whole process's, so one test at a time.
static ALONE: Mutex<()> = Mutex::new(());

fn replay(target: &str, check: fn(&[u8])) {
    let _alone = ALONE
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner);
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/corpus")
        .join(target);
    let mut seen = 0;
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let input = fs::read(&path).unwrap();
        check(&input);
        assert_bounded(&input, &path);
        seen += 1;
    }
    assert!(seen >= 20, "{seen} seeds for {target}");
}

const NO_ANSWER: VerifyOutcome = VerifyOutcome::Failed { refusal: None };

/// What it is, what it is read from, and how.
type Way<'a> = (&'a str, &'a [u8], &'a mut dyn FnMut());

/// Reading an input, in all the ways there are, each by itself.
fn assert_bounded(input: &[u8], path: &Path) {
    let around = protocol::around(input).unwrap_or_default();
    // Made ready by whoever comes first, once for the process.
    protocol::open_both(&around, Window::CLIENT);
    let mut ways: [Way<'_>; 7] = [
        ("a document", input, &mut || {
            if let Ok(document) = Document::parse(input) {
                std::hint::black_box(document.canonical());
            }
        }),
        ("a frame", input, &mut || {
            protocol::open_both(input, Window::CLIENT);
        }),
        ("a filekey", input, &mut || {
            std::hint::black_box(FilekeyBlob::from_bytes(input).is_ok());
        }),
        ("a handshake", input, &mut || {
            let reply = handshake_reply(keylockr_proto::Family::Seed, input);
            std::hint::black_box(reply.is_ok());
        }),
        ("an address", input, &mut || protocol::address(input)),
        ("an answer", input, &mut || {
            std::hint::black_box(VerifyOutcome::from_response(200, input) == NO_ANSWER);
        }),
        ("a box", &around, &mut || {
            protocol::open_both(&around, Window::CLIENT);
        }),
    ];
    for (way, read_from, read) in &mut ways {
        let bound = 4 * read_from.len() + 65_536;
        let region = Region::new(ALLOCATOR);
        read();
        let asked = region.change().bytes_allocated;
        assert!(
            asked <= bound,
            "{asked} bytes for {way}: {}",
            path.display()
        );
    }
}

#[test]
fn corpus_msgpack() {
    replay("msgpack", protocol::msgpack);
}

#[test]
fn corpus_frame_open_client() {
    replay("frame_open_client", |input| {
        protocol::frame_open_client(input, Ways::All);
    });
}

#[test]
fn corpus_frame_open_server() {
    replay("frame_open_server", |input| {
        protocol::frame_open_server(input, Ways::All);
    });
}

#[test]
fn corpus_inner() {
    replay("inner", |input| {
        let mut input = input.to_vec();
        for _end in 0..2 {
            protocol::inner(&input, Ways::All);
            if let Some(first) = input.first_mut() {
                *first ^= protocol::AT_SERVICE;
            }
        }
    });
}

#[test]
fn corpus_filekey() {
    replay("filekey", protocol::filekey);
}

#[test]
fn corpus_ws_sig() {
    replay("ws_sig", protocol::ws_sig);
}

#[test]
fn corpus_handshake_reply() {
    replay("handshake_reply", protocol::handshake_answer);
}

#[test]
fn corpus_app_verify() {
    replay("app_verify", answers::app_verify);
}
