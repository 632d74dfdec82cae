//! What it costs to know who is signed in.
//!
//! A page that says "ok" is served bare, over a session, behind our guard and our extractor, and
//! behind the other login library of its framework: axum with axum-login on `tower-sessions`'
//! memory store, actix-web with actix-identity on `actix-session`'s cookie store and on our memory
//! store. In every case somebody is signed in.
//!
//! - *In process* the services are called directly, in turn, in hundreds of rounds of a millisecond
//!   or less. What counts are the nanoseconds added to bare, and to the session layer underneath.
//! - *On loopback* one client with a handful of connections asks one server after the other for a
//!   moment, again and again. What counts is the ratio to bare in the same round.
//! - *By instructions*, where `--instructions` asks for them, valgrind counts what a request executes.
//!
//! The samples are not criterion's: it would finish one subject before it begins the next, and
//! on a shared machine the spell in between is larger than what is looked for here.
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    reason = "a bench fails by panicking"
)]

mod actix_host;
mod actix_sites;
mod axum_sites;
mod client;
mod in_process;
mod instructions;
mod loopback;
mod sign_in;
mod site;

use std::io::{self, Write};

use keylockr_benches::Effort;
use keylockr_emulator::Emulator;

use crate::instructions::Wanted;

fn main() -> io::Result<()> {
    let effort = Effort::from_args();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let emulator = runtime.block_on(Emulator::start())?;
    let groups = runtime.block_on(async {
        [
            axum_sites::group(&emulator).await,
            actix_sites::over_cookies(&emulator).await,
            actix_sites::in_memory(&emulator).await,
        ]
    });
    runtime.block_on(emulator.stop());
    match Wanted::from_args() {
        Wanted::Times => {}
        Wanted::Requests {
            group,
            site,
            requests,
        } => {
            let group = groups.get(group).expect("a group");
            instructions::run(&runtime, group, site, requests);
            return Ok(());
        }
        Wanted::Table => {
            for table in instructions::tables(&groups)? {
                write!(io::stdout(), "{table}")?;
            }
            return Ok(());
        }
    }
    for table in in_process::tables(&runtime, &groups, effort) {
        write!(io::stdout(), "{table}")?;
    }
    for table in runtime.block_on(loopback::tables(&groups, effort))? {
        write!(io::stdout(), "{table}")?;
    }
    Ok(())
}
