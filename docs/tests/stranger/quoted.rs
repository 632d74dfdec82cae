//! What the page on troubleshooting quotes is what the programs say.

use std::{fs, path::Path};

const PAGE: &str = include_str!("../../troubleshooting.md");
const CRATES: [&str; 6] = [
    "keylockr-client",
    "keylockr-login",
    "keylockr-tower",
    "keylockr-actix",
    "keylockr-cli",
    "unloq-webhooks",
];

/// Each line of a fenced text is a message; `…` stands for what differs from case to case.
#[test]
fn quoted_messages_are_in_the_source() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut source = String::new();
    for name in CRATES {
        read(&root.join(name).join("src"), &mut source);
    }
    let quoted: Vec<_> = PAGE
        .split("```text\n")
        .skip(1)
        .flat_map(|rest| rest.split("```").next().unwrap().lines())
        .collect();
    assert!(quoted.len() >= 9, "nine mistakes are told: {quoted:?}");
    for line in quoted {
        for part in line
            .split('…')
            .map(str::trim)
            .filter(|part| !part.is_empty())
        {
            assert!(source.contains(part), "nothing says {part:?}");
        }
    }
}

/// All Rust under `directory`, with the lines of a broken string joined.
fn read(directory: &Path, source: &mut String) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            read(&path, source);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            for line in fs::read_to_string(&path).unwrap().lines() {
                match line.strip_suffix('\\') {
                    Some(begun) => source.push_str(begun.trim_start()),
                    None => {
                        source.push_str(line.trim_start());
                        source.push('\n');
                    }
                }
            }
        }
    }
}
