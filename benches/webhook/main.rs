//! What it costs to verify a web hook.
//!
//! Sign-outs of 100 B to 16 KiB are verified with everything that belongs to it, from the headers to
//! the event, beside two libraries that verify their own schemes on the same bytes without reading
//! them, and beside the floor: an HMAC of those bytes, by whichever implementation is quickest.
//!
//! All subjects of a payload take turns. `webhook-allocations` counts what they allocate, in a binary
//! of its own, for counting takes time.
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

use keylockr_benches::{Effort, Figures, Plan, Table, interleave};

use crate::{
    payload::{Payload, payloads},
    subjects::{Kind, subjects},
};

fn main() -> io::Result<()> {
    let effort = Effort::from_args();
    for payload in payloads() {
        write!(io::stdout(), "{}", table(&payload, effort))?;
    }
    Ok(())
}

fn table(payload: &Payload, effort: Effort) -> Table {
    let subjects = subjects(payload);
    let mut turns: Vec<_> = subjects
        .iter()
        .map(|subject| Box::new(&subject.run) as Box<dyn keylockr_benches::Subject + '_>)
        .collect();
    let figures = interleave(&mut turns, plan(payload, effort));
    let all: Vec<_> = subjects.iter().zip(figures).collect();
    let of = |kind| {
        all.iter()
            .filter(move |(subject, _)| subject.kind == kind)
            .map(|(_, figures)| figures)
    };
    let least = |least: f64, figures: &Figures| least.min(figures.p10());
    let floor = of(Kind::Floor).fold(f64::INFINITY, least);
    let ours = of(Kind::Whole).fold(f64::INFINITY, least);
    let mut table = Table::new(
        payload.to_string(),
        &[
            "nanoseconds, p10 / median",
            "in all",
            "over the floor",
            "over ours",
        ],
    );
    for (subject, figures) in &all {
        let times = |base: f64| format!("{:.2}", figures.p10() / base);
        let ns = format!("{:.0} / {:.0}", figures.p10(), figures.median());
        table.row([subject.name.to_owned(), ns, times(floor), times(ours)]);
    }
    table
}

/// Turns of a tenth of a millisecond or less: short enough to fit between two interruptions.
fn plan(payload: &Payload, effort: Effort) -> Plan {
    let kibibytes = u32::try_from(payload.body.len() / 1_024).expect("a short body");
    effort.pick(
        Plan {
            rounds: 2_000,
            warm_up: 50,
            iterations: 160 / (kibibytes + 1) + 1,
        },
        Plan {
            rounds: 2,
            warm_up: 0,
            iterations: 10,
        },
    )
}
