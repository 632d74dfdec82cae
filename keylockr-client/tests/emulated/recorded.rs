//! What a recorder was told, for tests that count.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use metrics::{
    Counter, CounterFn, Gauge, GaugeFn, Histogram, HistogramFn, Key, KeyName, LocalRecorderGuard,
    Metadata, Recorder, SharedString, Unit,
};

/// Every series by its text, `name{label=value,..}`.
#[derive(Clone, Default)]
pub(crate) struct Recorded(Arc<Mutex<BTreeMap<String, Number>>>);

#[derive(Clone, Debug, PartialEq)]
enum Number {
    Counter(u64),
    Gauge(f64),
    Samples(Vec<f64>),
}

/// A metric: its name, whether it is a (c)ounter, (g)auge or (h)istogram, and its labels with all their
/// values.
pub(crate) type Known = (
    &'static str,
    char,
    &'static [(&'static str, &'static [&'static str])],
);

/// Records what this thread counts until it is dropped.
pub(crate) struct Recording {
    _guard: LocalRecorderGuard<'static>,
}

impl Recorded {
    pub(crate) fn start() -> (Self, Recording) {
        let recorded = Self::default();
        let recorder: &'static Self = Box::leak(Box::new(recorded.clone()));
        let guard = metrics::set_default_local_recorder(recorder);
        (recorded, Recording { _guard: guard })
    }

    /// A counter; one that was never counted is 0.
    pub(crate) fn count(&self, series: &str) -> u64 {
        match self.number(series) {
            None => 0,
            Some(Number::Counter(count)) => count,
            Some(other) => panic!("{series} is no counter: {other:?}"),
        }
    }

    pub(crate) fn gauge(&self, series: &str) -> f64 {
        match self.number(series) {
            Some(Number::Gauge(value)) => value,
            other => panic!("{series} is no gauge: {other:?}"),
        }
    }

    /// What a histogram was given, in order.
    pub(crate) fn samples(&self, series: &str) -> Vec<f64> {
        match self.number(series) {
            None => Vec::new(),
            Some(Number::Samples(samples)) => samples,
            Some(other) => panic!("{series} is no histogram: {other:?}"),
        }
    }

    /// All counters of a metric with their numbers, as one text.
    pub(crate) fn counters(&self, name: &str) -> String {
        let all = self.0.lock().unwrap();
        let counted = all.iter().filter_map(|(series, number)| match number {
            Number::Counter(count) if *count > 0 && of(series) == name => {
                Some(format!("{} {count}", &series[name.len()..]))
            }
            _ => None,
        });
        counted.collect::<Vec<_>>().join("\n")
    }

    /// Every series is one of these, with nothing but its labels and their values.
    pub(crate) fn assert_known(&self, known: &[Known]) {
        for (series, number) in self.0.lock().unwrap().iter() {
            let kind = match number {
                Number::Counter(_) => 'c',
                Number::Gauge(_) => 'g',
                Number::Samples(_) => 'h',
            };
            let found = known.iter().find(|(name, _, _)| *name == of(series));
            let (name, expected, labels) = found.unwrap_or_else(|| panic!("unknown: {series}"));
            assert_eq!(kind, *expected, "{series}");
            let given: Vec<_> = series[name.len()..]
                .trim_matches(['{', '}'])
                .split(',')
                .filter(|label| !label.is_empty())
                .map(|label| label.split_once('=').unwrap())
                .collect();
            assert_eq!(given.len(), labels.len(), "{series}");
            for (label, value) in given {
                let values = labels.iter().find(|(name, _)| *name == label);
                let (_, values) = values.unwrap_or_else(|| panic!("unknown label: {series}"));
                assert!(values.contains(&value), "not in the closed set: {series}");
            }
        }
    }

    fn number(&self, series: &str) -> Option<Number> {
        self.0.lock().unwrap().get(series).cloned()
    }

    fn series(&self, key: &Key, zero: Number) -> Arc<Series> {
        let mut labels: Vec<String> = key
            .labels()
            .map(|label| format!("{}={}", label.key(), label.value()))
            .collect();
        labels.sort_unstable();
        let name = match labels.join(",") {
            none if none.is_empty() => key.name().to_owned(),
            labels => format!("{}{{{labels}}}", key.name()),
        };
        let mut all = self.0.lock().unwrap();
        all.entry(name.clone()).or_insert(zero);
        Arc::new(Series {
            all: self.clone(),
            name,
        })
    }
}

/// The name of a series without its labels.
fn of(series: &str) -> &str {
    series.split('{').next().unwrap_or_default()
}

struct Series {
    all: Recorded,
    name: String,
}

impl Series {
    fn with(&self, change: impl FnOnce(&mut Number)) {
        let mut all = self.all.0.lock().unwrap();
        change(all.get_mut(&self.name).unwrap());
    }

    fn move_by(&self, by: f64) {
        self.with(|number| match number {
            Number::Gauge(value) => *value += by,
            other => panic!("{} is {other:?}", self.name),
        });
    }
}

impl CounterFn for Series {
    fn increment(&self, by: u64) {
        self.with(|number| match number {
            Number::Counter(count) => *count += by,
            other => panic!("{} is {other:?}", self.name),
        });
    }

    fn absolute(&self, _: u64) {
        panic!("{} is set", self.name);
    }
}

impl GaugeFn for Series {
    fn increment(&self, by: f64) {
        self.move_by(by);
    }

    fn decrement(&self, by: f64) {
        self.move_by(-by);
    }

    fn set(&self, value: f64) {
        self.with(|number| *number = Number::Gauge(value));
    }
}

impl HistogramFn for Series {
    fn record(&self, value: f64) {
        self.with(|number| match number {
            Number::Samples(samples) => samples.push(value),
            other => panic!("{} is {other:?}", self.name),
        });
    }
}

impl Recorder for Recorded {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        Counter::from_arc(self.series(key, Number::Counter(0)))
    }

    fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> Gauge {
        Gauge::from_arc(self.series(key, Number::Gauge(0.0)))
    }

    fn register_histogram(&self, key: &Key, _: &Metadata<'_>) -> Histogram {
        Histogram::from_arc(self.series(key, Number::Samples(Vec::new())))
    }
}
