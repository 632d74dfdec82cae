//! What the emulator says over HTTP: KeyLockr's API, the control API, the phone page.

pub(crate) mod answer;
pub(crate) mod api;
pub(crate) mod calls;
pub(crate) mod control;
pub(crate) mod listen;
mod stream;
pub(crate) mod ws;
