//! Axum, tower and actix-web: the same promises, tested from the same source.
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod abuse;
mod answers;
mod devices;
#[path = "../../../keylockr-client/tests/emulated/captured.rs"]
mod log;
#[cfg(feature = "metrics")]
mod metered;
mod pace;
#[cfg(feature = "metrics")]
#[path = "../../../keylockr-client/tests/emulated/recorded.rs"]
#[allow(dead_code, reason = "made for more")]
mod recorded;
mod refusals;
mod remote;
mod setup;
mod stage;
