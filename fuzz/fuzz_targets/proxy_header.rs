//! What a proxy says before a connection's own bytes.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| sidecar::listener::fuzz::first_bytes(data));
