//! All tests that need no process of their own. Those that do stand beside this folder: `in_place` and
//! `corpus` count what the whole process allocates, `bombs` caps its memory, and `strictness` needs
//! all of the few tables that a process has for services' keys.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod flips;
#[path = "../given/mod.rs"]
mod given;
mod handshake;
mod link_machine;
#[path = "../corpus_checks/login_events.rs"]
mod login_events;
mod login_machine;
mod msgpack;
mod nonces;
mod opening;
mod peer;
mod properties;
mod pushes;
mod raw;
mod records;
mod redaction;
mod replies;
mod runners;
mod sealing;
mod second_opinion;
mod sequences;
mod spelling;
mod vectors;
mod verify;
mod weak_keys;
mod wycheproof;
