//! A stranger's first hour: the front page's code as it stands, beside an emulator, and the nine
//! mistakes that people make with it. Each must be met by a message that names what to write where.
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod hooks;
mod layers;
#[path = "../../../keylockr-client/tests/emulated/captured.rs"]
mod log;
mod program;
mod quoted;
mod secure_cookies;
mod start;
mod works;
