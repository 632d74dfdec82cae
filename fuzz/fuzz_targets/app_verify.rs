#![no_main]

#[path = "../../keylockr-proto/tests/corpus_checks/answers.rs"]
mod answers;

libfuzzer_sys::fuzz_target!(|input: &[u8]| answers::app_verify(input));
