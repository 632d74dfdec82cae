//! What each site adds to a request, in nanoseconds: services called directly, without a socket.

use keylockr_benches::{Effort, Figures, Plan, Table, interleave};
use tokio::runtime::Runtime;

use crate::site::{Group, Kind};

/// Measures all sites of all groups in turn, and says what came of it.
pub(crate) fn tables(runtime: &Runtime, groups: &[Group], effort: Effort) -> Vec<Table> {
    let plan = effort.pick(
        Plan {
            rounds: 400,
            warm_up: 20,
            iterations: 250,
        },
        Plan {
            rounds: 2,
            warm_up: 0,
            iterations: 10,
        },
    );
    let sites = || groups.iter().flat_map(|group| &group.sites);
    let mut subjects: Vec<_> = sites()
        .map(|site| site.host.in_process(runtime, &site.cookie))
        .collect();
    let mut figures = interleave(&mut subjects, plan).into_iter();
    let mut tables = Vec::new();
    for group in groups {
        let kinds = group.sites.iter().map(|site| site.kind);
        let sites: Vec<_> = kinds.zip(figures.by_ref()).collect();
        tables.push(table(group, &sites));
    }
    tables
}

fn table(group: &Group, sites: &[(Kind, Figures)]) -> Table {
    let find = |kind| {
        let mut kinds = sites.iter();
        let (_, figures) = kinds.find(|(each, _)| *each == kind).expect("every kind");
        figures
    };
    let (bare, record, other) = (find(Kind::Bare), find(Kind::Record), find(Kind::Peer));
    let against = format!("{} / this", group.peer);
    let headings = [
        "in process: nanoseconds, p10 / median",
        "in all",
        "over bare",
        "over our record",
        &against,
    ];
    let mut table = Table::new(group.title, &headings);
    for (kind, figures) in sites {
        let over = |base: &Figures| {
            format!(
                "{:.0} / {:.0}",
                figures.p10() - base.p10(),
                figures.median() - base.median()
            )
        };
        let added = |of: &Figures| of.p10() - bare.p10();
        let cells = match kind {
            Kind::Bare => [String::new(), String::new(), String::new()],
            Kind::Session | Kind::Record | Kind::Stacked => {
                [over(bare), String::new(), String::new()]
            }
            _ => [
                over(bare),
                over(record),
                format!("{:.2}", added(other) / added(figures)),
            ],
        };
        let all = format!("{:.0} / {:.0}", figures.p10(), figures.median());
        table.row([group.name(*kind).to_owned(), all].into_iter().chain(cells));
    }
    table
}
