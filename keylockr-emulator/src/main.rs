//! `keylockr-emulator`: KeyLockr's service and phones on loopback.

use std::{
    io::{IsTerminal as _, stderr},
    process::ExitCode,
};

use clap::Parser;
use keylockr_emulator::cli;
use tracing_subscriber::EnvFilter;

/// Plays the KeyLockr service and the phones on loopback, for building and testing.
#[derive(Parser)]
#[command(name = "keylockr-emulator", version)]
struct Arguments {
    #[command(flatten)]
    options: cli::Options,
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(stderr)
        .with_ansi(stderr().is_terminal())
        .init();
    cli::run(arguments.options).await
}
