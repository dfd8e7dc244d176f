//! Configurations: read to the end, whatever is wrong.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| sidecar::config::fuzz::file(data));
