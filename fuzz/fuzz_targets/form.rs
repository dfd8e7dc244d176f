//! Forms of the token endpoint.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| sidecar::oauth::fuzz::form(data));
