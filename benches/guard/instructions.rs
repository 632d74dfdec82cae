//! What each site costs in instructions, counted by valgrind: the same at every run, however much else
//! the machine has to do.
//!
//! The counted process is this binary again, once for each site with a few requests and once with
//! more; what both do besides cancels out.

use std::{
    env, io,
    process::{Command, Stdio},
};

use keylockr_benches::{Subject, Table};
use tokio::runtime::Runtime;

use crate::site::{Group, Kind};

/// Asks for the tables.
const FLAG: &str = "--instructions";
/// Asks for one site's requests: its group, its place there, how many requests.
const COUNTED: &str = "--counted";

const FEW: u32 = 100;
const MANY: u32 = 1_100;

/// What the command line wants.
pub(crate) enum Wanted {
    /// Times, as usual.
    Times,
    /// A table of instructions.
    Table,
    /// To be counted.
    Requests {
        group: usize,
        site: usize,
        requests: u32,
    },
}

impl Wanted {
    pub(crate) fn from_args() -> Self {
        let args: Vec<_> = env::args().collect();
        let mut after = args.iter().skip_while(|arg| *arg != COUNTED).skip(1);
        let mut number = || after.next().and_then(|arg| arg.parse::<u32>().ok());
        if let (Some(group), Some(site), Some(requests)) = (number(), number(), number()) {
            return Self::Requests {
                group: group as usize,
                site: site as usize,
                requests,
            };
        }
        match args.iter().any(|arg| arg == FLAG) {
            true => Self::Table,
            false => Self::Times,
        }
    }
}

/// Serves the requests of one site, the ones before those that count left out.
pub(crate) fn run(runtime: &Runtime, group: &Group, site: usize, requests: u32) {
    let site = group.sites.get(site).expect("a site");
    let mut subject = site.host.in_process(runtime, &site.cookie);
    subject.settle();
    subject.run(FEW);
    collected_by_callgrind(&mut *subject, requests);
}

/// The only function that is counted; the name stands in the call of valgrind.
#[inline(never)]
fn collected_by_callgrind(subject: &mut dyn Subject, requests: u32) {
    subject.run(requests);
}

/// Counts the instructions of a request at every site.
pub(crate) fn tables(groups: &[Group]) -> io::Result<Vec<Table>> {
    let mut tables = Vec::new();
    for (index, group) in groups.iter().enumerate() {
        let headings = ["instructions", "in all", "over bare", "over our record"];
        let mut table = Table::new(group.title, &headings);
        let mut counts = Vec::new();
        for (place, site) in group.sites.iter().enumerate() {
            let counted = count(index, place, MANY)?.saturating_sub(count(index, place, FEW)?);
            counts.push((site.kind, counted / u64::from(MANY - FEW)));
        }
        let of = |kind| {
            let mut counts = counts.iter();
            let (_, count) = counts.find(|(each, _)| *each == kind).expect("every kind");
            i128::from(*count)
        };
        for (kind, count) in &counts {
            let over = |base| (i128::from(*count) - of(base)).to_string();
            table.row([
                group.name(*kind).to_owned(),
                count.to_string(),
                over(Kind::Bare),
                over(Kind::Record),
            ]);
        }
        tables.push(table);
    }
    Ok(tables)
}

/// Instructions of so many requests, and a little besides.
fn count(group: usize, site: usize, requests: u32) -> io::Result<u64> {
    let told = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg("--toggle-collect=*collected_by_callgrind*")
        .arg(env::current_exe()?)
        .args([COUNTED.to_owned(), group.to_string()])
        .args([site.to_string(), requests.to_string()])
        .stdout(Stdio::null())
        .output()?;
    let told = String::from_utf8_lossy(&told.stderr);
    let mut lines = told.lines();
    let count = lines.find_map(|line| line.split_once("Collected :")?.1.trim().parse().ok());
    count.ok_or_else(|| io::Error::other(format!("valgrind counted nothing: {told}")))
}
