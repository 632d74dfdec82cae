//! The seeds of the fuzz targets, through the same functions.

use std::{fs, path::Path};

#[path = "../corpus_checks/hooks.rs"]
mod hooks;

fn replay(target: &str, check: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/corpus")
        .join(target);
    let mut seen = 0;
    for entry in fs::read_dir(folder).unwrap() {
        check(&fs::read(entry.unwrap().path()).unwrap());
        seen += 1;
    }
    assert!(seen >= 50, "{seen} seeds for {target}");
}

#[test]
fn corpus_hook_params() {
    replay("hook_params", hooks::hook_params);
}

#[test]
fn corpus_hook_verify() {
    replay("hook_verify", hooks::hook_verify);
}
