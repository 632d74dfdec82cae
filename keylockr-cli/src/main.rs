//! `keylockr`: the emulator, a sign-in from a terminal, a doctor, web hook signatures and a look into
//! frames, in one command. Each noun is a file, thin over the crates that know how.
//!
//! Exit codes: 0 fine, 1 refused or unhealthy, 2 usage. What a program wants to read goes to stdout,
//! everything else to stderr; a reader that goes away ends the command quietly.

mod advice;
mod clock;
mod command;
mod completions;
mod console;
mod doctor;
mod frame;
mod hook;
mod login;
mod outcome;
mod service;
mod source;

use std::{
    io::{IsTerminal as _, stderr},
    process::ExitCode,
};

use clap::Parser as _;
use tracing_subscriber::EnvFilter;

use crate::{
    command::{Arguments, Command},
    console::Console,
    outcome::{Failure, Outcome},
};

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    // The emulator's log is what its user looks at; the others tell what there is to tell themselves.
    let quiet = match arguments.command {
        Command::Emulator(_) => "info",
        _ => "off",
    };
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(quiet));
    let console = Console::new(arguments.output);
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(stderr)
        .with_ansi(stderr().is_terminal() && !console::no_color())
        .init();
    let outcome = match arguments.command {
        Command::Emulator(options) => return keylockr_emulator::cli::run(options).await,
        Command::Login(options) => login::run(options, &console).await,
        Command::Doctor(options) => doctor::run(options, &console).await,
        Command::Hook(options) => hook::run(options, &console).await,
        Command::Frame(options) => frame::run(options, &console),
        Command::Completions(options) => completions::run(&options, &console),
    };
    match outcome {
        Ok(outcome) => outcome.into(),
        Err(Failure::Gone) => Outcome::Fine.into(),
        Err(Failure::Trouble(trouble)) => {
            console.trouble(&trouble);
            trouble.outcome().into()
        }
    }
}
