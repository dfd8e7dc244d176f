//! Claims under a good signature: what is let in keeps every rule.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| sidecar::bearer::fuzz::claims(data));
