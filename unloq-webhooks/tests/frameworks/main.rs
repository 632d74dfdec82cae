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
mod refusals;
mod remote;
mod setup;
mod stage;
