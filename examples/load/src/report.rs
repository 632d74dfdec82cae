//! What came out, for people and for programs.

use std::fmt::Write as _;

use serde_json::{Value, json};

use crate::{
    Arguments,
    latency::{Latency, rounded},
    programs::Memory,
};

/// Everything that was measured.
#[derive(Debug, Default)]
pub(crate) struct Report {
    servers: u32,
    redis: bool,
    pending: u32,
    pub(crate) sign_ins: Latency,
    pub(crate) starts: Latency,
    pub(crate) healthz_starting: Latency,
    pub(crate) pages: Vec<(&'static str, Latency)>,
    pub(crate) empty: Memory,
    pub(crate) signed_in: Memory,
    pub(crate) full: Memory,
    pub(crate) peak: Memory,
    pub(crate) still_waiting: f64,
    /// Starts that were answered with 503 first.
    pub(crate) refused: usize,
    pub(crate) load_average: String,
}

impl Report {
    pub(crate) fn new(arguments: &Arguments) -> Self {
        Self {
            servers: arguments.servers,
            redis: arguments.redis,
            pending: arguments.pending,
            ..Self::default()
        }
    }

    /// What one who waits costs the site, in KiB.
    fn attempt(&self) -> f64 {
        let more = self.full.site().saturating_sub(self.signed_in.site());
        let more = u32::try_from(more).unwrap_or(u32::MAX);
        f64::from(more) / f64::from(self.pending.max(1))
    }

    fn rows(&self) -> Vec<(String, &Latency)> {
        let mut rows = vec![
            ("whole sign-ins".to_owned(), &self.sign_ins),
            (format!("{} starts", self.pending), &self.starts),
            ("GET /healthz meanwhile".to_owned(), &self.healthz_starting),
        ];
        let pages = self.pages.iter();
        rows.extend(pages.map(|(name, latency)| (format!("{name}, all waiting"), latency)));
        rows
    }

    /// In Markdown.
    pub(crate) fn table(&self) -> String {
        let redis = if self.redis { " and Redis" } else { "" };
        let mut out = format!(
            "{} server(s){redis}, load average {}\n\n\
             | | count | a second | p50, ms | p99, ms | longest, ms |\n|---|---:|---:|---:|---:|---:|\n",
            self.servers, self.load_average
        );
        for (name, latency) in self.rows() {
            // Writing to a text does not fail.
            let _ = writeln!(
                out,
                "| {name} | {} | {:.1} | {:.2} | {:.2} | {:.1} |",
                latency.count(),
                latency.a_second(),
                latency.of_thousand(500),
                latency.of_thousand(990),
                latency.longest(),
            );
        }
        let _ = writeln!(
            out,
            "\n| resident, MiB | site | emulator | Redis |\n|---|---:|---:|---:|"
        );
        for (name, memory) in [
            ("at first", &self.empty),
            ("after the sign-ins", &self.signed_in),
            ("all waiting", &self.full),
            ("the most it was", &self.peak),
        ] {
            let redis = memory.redis.map_or("-".to_owned(), mib);
            let (site, emulator) = (mib(memory.site()), mib(memory.emulator));
            let _ = writeln!(out, "| {name} | {site} | {emulator} | {redis} |");
        }
        let _ = writeln!(
            out,
            "\n{:.1} KiB for each who waits; {:.0} % still see their code; {} starts were refused first.\n",
            self.attempt(),
            self.still_waiting,
            self.refused
        );
        out
    }

    pub(crate) fn json(&self) -> Value {
        let pages = self.pages.iter();
        let pages: Value = pages
            .map(|(name, latency)| ((*name).to_owned(), latency.json()))
            .collect();
        json!({
            "servers": self.servers,
            "redis": self.redis,
            "pending": self.pending,
            "load_average": self.load_average,
            "sign_ins": self.sign_ins.json(),
            "starts": self.starts.json(),
            "healthz_while_starting": self.healthz_starting.json(),
            "while_waiting": pages,
            "resident_kib": {
                "empty": memory(&self.empty),
                "after_sign_ins": memory(&self.signed_in),
                "all_waiting": memory(&self.full),
                "most": memory(&self.peak),
            },
            "kib_per_attempt": rounded(self.attempt()),
            "refused_starts": self.refused,
            "still_waiting_percent": rounded(self.still_waiting),
        })
    }
}

fn memory(memory: &Memory) -> Value {
    json!({ "sites": memory.sites, "emulator": memory.emulator, "redis": memory.redis })
}

fn mib(kib: u64) -> String {
    format!("{}.{}", kib / 1_024, kib % 1_024 * 10 / 1_024)
}
