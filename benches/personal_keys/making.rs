//! Making pairs, ours and openssl's in turn.

use keylockr_benches::{Effort, Figures, Plan, Subject, Table, interleave};
use unloq_client::{KeyPair, KeySize, Padding};

use crate::{openssl, spread};

/// Of all sizes.
pub(crate) fn table(sizes: &[(KeySize, u32, u32)], effort: Effort) -> Table {
    let headings = ["milliseconds", "p10", "median", "p90", "mean"];
    let mut table = Table::new("Making an RSA pair", &headings);
    let peer = openssl::version();
    for (size, bits, rounds) in sizes {
        let make = || drop(KeyPair::generate(*size, Padding::Pkcs1V15).expect("a pair"));
        let mut names = vec![format!("{bits} bits")];
        let mut subjects: Vec<Box<dyn Subject>> = vec![Box::new(make)];
        if let Some(peer) = &peer {
            names.push(format!("{bits} bits, {peer}, a process each"));
            subjects.push(Box::new(|| openssl::make(*bits)));
        }
        let plan = Plan {
            rounds: effort.pick(*rounds, 2),
            warm_up: 1,
            iterations: 1,
        };
        for (name, figures) in names.into_iter().zip(interleave(&mut subjects, plan)) {
            row(&mut table, name, &figures);
        }
    }
    if peer.is_some() {
        let start: Box<dyn Subject> = Box::new(|| drop(openssl::version()));
        let plan = Plan {
            rounds: effort.pick(50, 2),
            warm_up: 1,
            iterations: 1,
        };
        for figures in interleave(&mut [start], plan) {
            row(&mut table, "starting such a process".to_owned(), &figures);
        }
    }
    table
}

fn row(table: &mut Table, name: String, nanoseconds: &Figures) {
    let figures = nanoseconds.scaled(1e-6);
    let mean = format!("{:.0}", figures.mean());
    table.row([name].into_iter().chain(spread(&figures)).chain([mean]));
}
