//! What has to hold for every input of a browser. Compiled for the fuzzer, which it is the door for, and for the
//! tests, which replay the seeds.
#![allow(
    clippy::panic,
    clippy::expect_used,
    reason = "a check fails by panicking"
)]

mod given;
mod inputs;
mod leads;
#[cfg(test)]
mod properties;
mod site;

use self::given::Given;

/// Where a sign-in leads, by any text.
pub fn next(input: &[u8]) {
    if let Ok(text) = std::str::from_utf8(input) {
        leads::check(text);
    }
}

/// A request to one of the login routes, as text: path and query, headers, an empty line, the body.
pub fn api_inputs(input: &[u8]) {
    let Some(given) = Given::read(input) else {
        return;
    };
    inputs::address_comes_from_whom_we_trust(&given);
    inputs::every_route_keeps_its_promises(&given);
}

#[cfg(test)]
mod tests {
    use std::{fs, path::Path};

    fn replay(target: &str, check: fn(&[u8])) {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("tests/corpus")
            .join(target);
        let mut seen = 0;
        for entry in fs::read_dir(folder).unwrap() {
            check(&fs::read(entry.unwrap().path()).unwrap());
            seen += 1;
        }
        assert!(seen >= 20, "{seen} seeds for {target}");
    }

    #[test]
    fn corpus_next() {
        replay("next", super::next);
    }

    #[test]
    fn corpus_api_inputs() {
        replay("api_inputs", super::api_inputs);
    }

    /// Otherwise nothing that the checks forbid could happen in any case.
    #[test]
    fn an_honest_request_signs_in() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus/api_inputs");
        for (seed, signs_in) in [
            ("finish", true),
            ("finish_newest", true),
            ("finish_form", true),
            ("finish_fetch", true),
            ("finish_early", false),
            ("finish_no_cookie", false),
            ("finish_planted", false),
            ("finish_cross", false),
            ("finish_two_origins", false),
            ("verify", false),
        ] {
            let given = super::Given::read(&fs::read(folder.join(seed)).unwrap()).unwrap();
            let signed_in = super::inputs::every_route_keeps_its_promises(&given);
            assert_eq!(signed_in, signs_in, "{seed}");
        }
    }
}
