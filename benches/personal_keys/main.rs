//! What a personal key costs: making RSA pairs, waiting for one, opening what came under it, and
//! what all that does to the runtime beside it.
//!
//! Times of generation are random by nature, so it has quantiles and no single figure. The peer is
//! the program openssl, where there is one on the PATH, for no crate that we would install does
//! PKCS#1 v1.5 decryption by other code; the floor of opening is the call of aws-lc-rs alone.
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    reason = "a bench fails by panicking"
)]

mod device;
mod making;
mod opening;
mod openssl;
mod pool;
mod ticker;

use std::io::{self, Write};

use keylockr_benches::{Effort, Figures};
use unloq_client::KeySize;

/// The sizes, with how often each can be made in a bench.
const SIZES: [(KeySize, u32, u32); 3] = [
    (KeySize::Rsa2048, 2_048, 100),
    (KeySize::Rsa3072, 3_072, 50),
    (KeySize::Rsa4096, 4_096, 25),
];

fn main() -> io::Result<()> {
    let effort = Effort::from_args();
    // Larger pairs take seconds.
    let sizes = &SIZES[..effort.pick(SIZES.len(), 1)];
    if wanted("making") {
        write!(io::stdout(), "{}", making::table(sizes, effort))?;
    }
    if wanted("pool") {
        for table in pool::tables(effort) {
            write!(io::stdout(), "{table}")?;
        }
    }
    if wanted("opening") {
        for size in sizes {
            write!(io::stdout(), "{}", opening::table(*size, effort))?;
        }
    }
    if wanted("ticker") {
        write!(io::stdout(), "{}", ticker::table(effort))?;
    }
    Ok(())
}

/// Whether the command line names this part, or none at all: the whole takes minutes.
fn wanted(part: &str) -> bool {
    let mut named = std::env::args()
        .skip(1)
        .filter(|arg| !arg.starts_with('-'))
        .peekable();
    named.peek().is_none() || named.any(|name| name == part)
}

/// p10, median and p90 of milliseconds or microseconds.
fn spread(figures: &Figures) -> [String; 3] {
    let digits = if figures.median() < 10.0 { 2 } else { 0 };
    [10, 50, 90].map(|percent| format!("{:.digits$}", figures.quantile(percent)))
}
