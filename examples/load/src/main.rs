//! How many sign-ins a second a site takes, and what those that wait cost it.
//!
//! Starts the emulator and one or more processes of an example, each a program of its own, signs people
//! in from the first request to the private page, then lets many wait in front of their codes and asks
//! the site for pages meanwhile. Prints a table, and the same as one line of JSON.
//!
//! ```sh
//! cargo build --release -p axum-login -p keylockr-emulator -p load
//! target/release/load                                # one server, in memory, 10,000 waiting
//! target/release/load --servers 3 --redis            # the same with three and a Redis of its own
//! ```
//!
//! Everything is on this machine, the people included, who take their part of its processors.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program that talks to people"
)]

mod clock;
mod latency;
mod people;
mod programs;
mod report;
mod web;

use std::{
    error::Error,
    path::PathBuf,
    process::ExitCode,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use clap::Parser;

use crate::{people::Site, programs::Programs, report::Report};

/// What may go wrong is told in a sentence.
pub(crate) type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

/// The whole run.
const LONGEST: Duration = Duration::from_secs(1_200);

/// Whole sign-ins against an example and the emulator.
#[derive(Parser)]
#[command(name = "load", version)]
pub(crate) struct Arguments {
    /// People who sign in, from the first request to the private page.
    #[arg(long, default_value_t = 2_000, value_parser = clap::value_parser!(u32).range(0..=1_000_000))]
    sign_ins: u32,
    /// People who wait in front of their codes.
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(0..=50_000))]
    pending: u32,
    /// People who act at the same time.
    #[arg(long, default_value_t = 32, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    at_once: u32,
    /// Requests of each kind while people wait.
    #[arg(long, default_value_t = 2_000, value_parser = clap::value_parser!(u32).range(100..=1_000_000))]
    requests: u32,
    /// Processes of the example. More than one need --redis.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=16))]
    servers: u32,
    /// Starts a redis-server, and the processes with it.
    #[arg(long)]
    redis: bool,
    /// `seed` or `appdata`. In the first, everybody who waits is asked about every two seconds, and
    /// every five after a minute (K 7.3): 10,000 of them keep two cores busy.
    #[arg(long, default_value = "appdata", value_parser = ["seed", "appdata"])]
    family: String,
    /// The example; beside this program unless told.
    #[arg(long)]
    site: Option<PathBuf>,
    /// The emulator; beside this program unless told.
    #[arg(long)]
    emulator: Option<PathBuf>,
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let run = tokio::time::timeout(LONGEST, run(&arguments));
    let ended = run
        .await
        .unwrap_or_else(|_| Err("it takes too long".into()));
    match ended {
        Ok(report) => {
            print!("{}", report.table());
            println!("{}", report.json());
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("load: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: &Arguments) -> Result<Report> {
    if arguments.servers > 1 && !arguments.redis {
        return Err("several servers are one site with --redis only".into());
    }
    programs::check_descriptors(arguments)?;
    let programs = Programs::start(arguments).await?;
    let site = Arc::new(Site::of(&programs));
    let mut report = Report::new(arguments);
    // One of everything, so that nothing is made for the first time below.
    people::sign_in(&site, arguments.servers * 4, arguments.at_once).await?;
    report.empty = programs.memory()?;

    eprintln!("load: {} sign in", arguments.sign_ins);
    report.sign_ins = people::sign_in(&site, arguments.sign_ins, arguments.at_once).await?;
    // Before the site is full.
    let session = people::somebody(&site).await?;
    report.signed_in = programs.memory()?;

    eprintln!("load: {} begin to wait", arguments.pending);
    let (waiting, started, healthz) =
        people::wait(&site, arguments.pending, arguments.at_once).await?;
    report.starts = started;
    report.healthz_starting = healthz;
    report.full = programs.memory()?;

    eprintln!(
        "load: they wait, and {} requests of each kind are asked",
        arguments.requests
    );
    report.pages = people::ask(&site, &waiting, &session, arguments.requests).await?;
    report.peak = programs.memory_peaks()?;
    let still = people::still_waiting(&site, &waiting).await?;
    report.still_waiting = still;
    report.refused = site.refused.load(Ordering::Relaxed);
    report.load_average = programs::load_average();
    programs.stop().await;
    Ok(report)
}
