//! Requests for each second on loopback: one thread serves, one asks, every site in turn.

use std::{io, time::Duration};

use keylockr_benches::{Effort, Figures, Table};

use crate::{
    client::Client,
    site::{Group, Kind},
};

/// Connections to each server.
const CONNECTIONS: usize = 16;

/// Loads all sites of all groups in turn, and says what came of it.
pub(crate) async fn tables(groups: &[Group], effort: Effort) -> io::Result<Vec<Table>> {
    let length = Duration::from_millis(effort.pick(200, 5));
    let mut tables = Vec::new();
    for group in groups {
        let mut clients = Vec::new();
        let sites = group.sites.iter();
        for site in sites.filter(|site| !site.kind.is_step()) {
            let mut client = Client::connect(site.host.serve()?, CONNECTIONS).await?;
            client.set_cookie(&site.cookie);
            client.load(length).await?; // warm-up
            clients.push((site.kind, client, Vec::new(), Vec::new()));
        }
        for _ in 0..effort.pick(12, 1) {
            let mut bare = f64::NAN;
            for (kind, client, rates, ratios) in &mut clients {
                client.settle().await?;
                let rate = client.load(length).await?;
                if *kind == Kind::Bare {
                    bare = rate;
                }
                rates.push(rate);
                ratios.push(rate / bare);
            }
        }
        let headings = ["on loopback", "requests/s, median", "to bare, median"];
        let mut table = Table::new(group.title, &headings);
        for (kind, _, rates, ratios) in clients {
            table.row([
                group.name(kind).to_owned(),
                format!("{:.0}", Figures::new(rates).median()),
                format!("{:.3}", Figures::new(ratios).median()),
            ]);
        }
        tables.push(table);
    }
    Ok(tables)
}
