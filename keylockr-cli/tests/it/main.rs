//! The command as a process, against an emulator in this one.
#![cfg(unix)]
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test fails by panicking, and says aloud what it skips"
)]

#[path = "../../../keylockr-client/tests/tls/mod.rs"]
mod certificates;
mod command;
mod doctor;
mod frames;
mod hooks;
mod login;
mod shell;
mod site;
mod terminal;
mod tls;
mod vectors;
