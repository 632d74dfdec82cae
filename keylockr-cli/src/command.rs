//! What can be typed.

use clap::{Parser, Subcommand};

use crate::{completions, console::Output, doctor, frame, hook, login};

/// KeyLockr and UNLOQ from the command line.
///
/// Exit codes: 0 fine, 1 refused or unhealthy, 2 usage.
#[derive(Parser)]
#[command(
    name = "keylockr",
    version,
    about,
    long_about,
    propagate_version = true
)]
pub(crate) struct Arguments {
    /// Text for people, or JSON for programs. Results go to stdout, everything else to stderr.
    #[arg(
        long,
        value_enum,
        default_value = "text",
        global = true,
        value_name = "FORM"
    )]
    pub(crate) output: Output,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Play KeyLockr's and UNLOQ's services and phones on loopback.
    ///
    /// The first line on stdout, once ready, holds both addresses as JSON. Ends on SIGTERM or Ctrl-C.
    Emulator(keylockr_emulator::cli::Options),
    /// Sign in from this terminal: draw the code, wait for the phone, print who it was.
    ///
    /// Stdout is `{"safe_id","nickname","app_id"}` and nothing else.
    Login(login::Options),
    /// Check that this machine can sign people in, and say what to do where it cannot.
    Doctor(doctor::Options),
    /// Sign, verify and send UNLOQ web hooks.
    Hook(hook::Options),
    /// Look into a KPS frame, or make one, given the keys.
    Frame(frame::Options),
    /// Print a completion script for a shell.
    Completions(completions::Options),
}
