#![no_main]

#[allow(dead_code)]
#[path = "../../unloq-webhooks/tests/corpus_checks/hooks.rs"]
mod hooks;

libfuzzer_sys::fuzz_target!(|input: &[u8]| hooks::hook_verify(input));
