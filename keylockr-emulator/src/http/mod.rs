//! What the emulator says over HTTP.

pub(crate) mod answer;
pub(crate) mod api;
