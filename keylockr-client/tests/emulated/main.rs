//! Whole flows and every fault of K 12.4, against the emulator in the same process, time paused.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod captured;
mod connection;
mod faults;
mod logs;
#[cfg(feature = "metrics")]
mod metered;
mod network;
#[cfg(feature = "metrics")]
mod recorded;
mod sign_in;
mod vault;
mod world;
