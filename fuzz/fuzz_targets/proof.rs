//! DPoP proofs: nothing unsigned proves anything.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| sidecar::bearer::fuzz::proof(data));
