//! The emulator's browser suite, against this example.

keylockr_emulator::browser_suite!(env!("CARGO_BIN_EXE_actix-login"));
