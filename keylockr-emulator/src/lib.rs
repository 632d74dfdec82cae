//! keylockr-emulator

#[cfg(feature = "conformance")]
pub mod conformance;
