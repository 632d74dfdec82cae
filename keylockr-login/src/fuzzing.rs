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
mod session;
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

    use super::inputs::{Did, every_route_keeps_its_promises};

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
    fn an_honest_request_signs_in_and_out() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus/api_inputs");
        for (seed, did) in [
            ("finish", Did::SignIn),
            ("finish_newest", Did::SignIn),
            ("finish_form", Did::SignIn),
            ("finish_fetch", Did::SignIn),
            ("finish_signed_in", Did::SignIn),
            ("finish_early", Did::Nothing),
            ("finish_no_cookie", Did::Nothing),
            ("finish_planted", Did::Nothing),
            ("finish_cross", Did::Nothing),
            ("finish_two_origins", Did::Nothing),
            ("verify", Did::Nothing),
            ("logout", Did::Nothing),
            ("logout_signed_in", Did::SignOut),
            ("logout_signed_in_form", Did::SignOut),
            ("logout_signed_in_cross", Did::Nothing),
            ("page_signed_in", Did::Nothing),
            ("page_signed_in_unseen", Did::Nothing),
            ("page_signed_in_idle", Did::SignOut),
            ("page_signed_in_old", Did::SignOut),
        ] {
            let given = super::Given::read(&fs::read(folder.join(seed)).unwrap()).unwrap();
            assert_eq!(every_route_keeps_its_promises(&given), did, "{seed}");
        }
    }
}
