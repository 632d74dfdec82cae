//! The emulator's own msgpack and envelope: a second opinion on the protocol crate's, on other
//! primitives.

pub(crate) mod crypto;
pub(crate) mod envelope;
pub(crate) mod error;
pub(crate) mod json;
pub(crate) mod reader;
pub(crate) mod text;
pub(crate) mod value;
pub(crate) mod writer;
pub(crate) mod ws_sig;
