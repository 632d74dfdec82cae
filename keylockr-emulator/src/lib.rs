//! keylockr-emulator
