#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| keylockr_login::fuzzing::next(input));
