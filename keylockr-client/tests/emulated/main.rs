//! Whole flows and every fault of K 12.4, against the emulator in the same process, time paused.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod connection;
mod faults;
mod logs;
mod network;
mod sign_in;
mod vault;
mod world;
