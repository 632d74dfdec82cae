//! What verifying a web hook allocates, call by call. Nothing here measures time.
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    reason = "a bench fails by panicking"
)]

mod clock;
mod payload;
mod subjects;

use std::io::{self, Write};

use keylockr_benches::{
    Table,
    allocations::{COUNTING, Counting, count},
};

use crate::{
    payload::payloads,
    subjects::{Kind, Subject, subjects},
};

#[global_allocator]
static ALLOCATOR: Counting = COUNTING;

fn main() -> io::Result<()> {
    for payload in payloads() {
        let mut table = Table::new(
            payload.to_string(),
            &["for each call", "allocations", "bytes"],
        );
        let verifiers = |subject: &Subject<'_>| subject.kind != Kind::Floor;
        for subject in subjects(&payload).into_iter().filter(verifiers) {
            // Once before, for what is only made once.
            (subject.run)();
            let counted = count(&subject.run);
            table.row([
                subject.name.to_owned(),
                counted.allocations.to_string(),
                counted.bytes.to_string(),
            ]);
        }
        write!(io::stdout(), "{table}")?;
    }
    Ok(())
}
