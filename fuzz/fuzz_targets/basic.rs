//! Basic credentials.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| sidecar::oauth::fuzz::basic_credentials(data));
