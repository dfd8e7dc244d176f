//! Entries of the deny list.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| sidecar::bearer::fuzz::denial(data));
