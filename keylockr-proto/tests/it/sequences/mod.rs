//! All orders of events, and the seeds of the fuzz target that takes them at random.

mod link;
mod login;

use std::fs;
use std::path::Path;

use crate::login_events::login_events;

/// How many events after the beginning; each more takes about ten times as long.
fn depth() -> usize {
    let set = std::env::var("KEYLOCKR_EVENTS").ok();
    set.map_or(3, |text| text.parse().expect("a number of events"))
}

#[test]
fn corpus_login_events() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus/login_events");
    let mut seen = 0;
    for entry in fs::read_dir(folder).unwrap() {
        login_events(&fs::read(entry.unwrap().path()).unwrap());
        seen += 1;
    }
    assert!(seen >= 20, "{seen} seeds");
}
