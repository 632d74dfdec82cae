//! How long things took.

use std::time::Duration;

use serde_json::{Value, json};

/// What was asked for, how often, and how long it took.
#[derive(Debug, Default)]
pub(crate) struct Latency {
    times: Vec<Duration>,
    /// From the first question to the last answer.
    pub(crate) over: Duration,
}

impl Latency {
    pub(crate) fn new(mut times: Vec<Duration>, over: Duration) -> Self {
        times.sort_unstable();
        Self { times, over }
    }

    pub(crate) fn count(&self) -> usize {
        self.times.len()
    }

    /// In milliseconds; so many of a thousand are quicker.
    pub(crate) fn of_thousand(&self, part: usize) -> f64 {
        let at = (self.times.len() * part / 1_000).min(self.times.len().saturating_sub(1));
        self.times.get(at).map_or(0.0, |time| millis(*time))
    }

    pub(crate) fn longest(&self) -> f64 {
        self.times.last().map_or(0.0, |time| millis(*time))
    }

    pub(crate) fn a_second(&self) -> f64 {
        let count = u32::try_from(self.times.len()).unwrap_or(u32::MAX);
        match self.over.as_secs_f64() {
            0.0 => 0.0,
            over => f64::from(count) / over,
        }
    }

    pub(crate) fn json(&self) -> Value {
        json!({
            "count": self.count(),
            "a_second": rounded(self.a_second()),
            "p50_ms": rounded(self.of_thousand(500)),
            "p99_ms": rounded(self.of_thousand(990)),
            "longest_ms": rounded(self.longest()),
        })
    }
}

pub(crate) fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

/// To two digits behind the point.
pub(crate) fn rounded(number: f64) -> f64 {
    (number * 100.0).round() / 100.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_of_all_that_was_measured() {
        let times = (1..=1_000).rev().map(Duration::from_millis).collect();
        let latency = Latency::new(times, Duration::from_secs(10));
        assert!((latency.of_thousand(500) - 501.0).abs() < 0.01);
        assert!((latency.of_thousand(990) - 991.0).abs() < 0.01);
        assert!((latency.longest() - 1_000.0).abs() < 0.01);
        assert!((latency.a_second() - 100.0).abs() < 0.01);
        assert!(Latency::default().of_thousand(990).abs() < 0.01);
    }
}
