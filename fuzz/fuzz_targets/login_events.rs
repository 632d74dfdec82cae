#![no_main]

#[allow(dead_code)]
#[path = "../../keylockr-proto/tests/it/peer/mod.rs"]
mod peer;
#[allow(dead_code)]
#[path = "../../keylockr-proto/tests/corpus_checks/login_events.rs"]
mod login_events;

libfuzzer_sys::fuzz_target!(|input: &[u8]| login_events::login_events(input));
