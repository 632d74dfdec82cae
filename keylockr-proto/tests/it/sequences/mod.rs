//! All orders of events, and the seeds of the fuzz target that takes them at random.

mod login;

use std::fs;
use std::path::Path;

use crate::login_events::login_events;

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
