//! Key sets of external issuers and of clients.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| sidecar::keys::fuzz::key_set(data));
