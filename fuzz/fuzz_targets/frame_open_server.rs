#![no_main]

#[allow(dead_code)]
#[path = "../../keylockr-proto/tests/corpus_checks/protocol.rs"]
mod protocol;

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    protocol::frame_open_server(input, protocol::Ways::one_for(input));
});
