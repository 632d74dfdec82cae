//! The login service against the emulator, in one process and under paused time: what a browser
//! gets, route by route, with nothing between it and the service but a session in memory.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a test fails by panicking, and says what it has skipped or counted"
)]

mod admission;
mod altered;
mod attempts;
mod bad_days;
mod browser;
mod came_back;
mod cancelling;
#[cfg(feature = "net")]
mod chaos;
mod clock;
mod events;
mod faults;
mod flood;
mod from_outside;
mod listing;
#[cfg(feature = "metrics")]
mod metered;
mod network;
mod possession;
#[cfg(feature = "metrics")]
#[path = "../../../keylockr-client/tests/emulated/recorded.rs"]
mod recorded;
#[cfg(feature = "redis")]
mod redis_trouble;
mod revocation;
mod sessions;
mod shelf;
mod sign_in;
mod stage;
mod stopping;
mod takeover;
mod vault;
