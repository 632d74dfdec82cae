//! The emulator from outside and inside, without a network and on a paused clock.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod chaos;
mod codec;
mod control;
mod data;
mod data_faults;
mod frames;
mod handshake;
mod http;
#[path = "../../../keylockr-client/tests/emulated/captured.rs"]
mod log;
mod login;
mod network;
mod peer;
mod properties;
mod result_faults;
mod secrets;
mod state;
mod unloq_api;
mod unloq_approvals;
mod unloq_calls;
mod unloq_control;
mod unloq_hooks;
mod unloq_keys;
mod unloq_peer;
mod unloq_rsa;
mod unloq_state;
mod unloq_tokens;
mod unloq_widget;
mod vectors;
mod vectors_data;
mod wire_faults;
