//! `Authorization` headers: nothing unsigned is let in.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| sidecar::bearer::fuzz::credentials(data));
