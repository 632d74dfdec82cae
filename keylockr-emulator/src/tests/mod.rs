//! The emulator from outside and inside, without a network and on a paused clock.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod codec;
mod control;
mod data;
mod frames;
mod handshake;
mod http;
mod login;
mod network;
mod peer;
mod properties;
mod result_faults;
mod secrets;
mod state;
mod vectors;
mod vectors_data;
mod wire_faults;
