//! Request heads: what is let through has one meaning.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| sidecar::gate::fuzz::request(data));
