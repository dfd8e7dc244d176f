//! What `cargo bench -p benches` is made of: a load generator, the peers it drives side by side,
//! and the clock that counts, which is the CPU time of each server process.
//!
//! Never asserts a time: it prints requests per CPU-second and their ratios, of one run on one
//! machine, where everything else is equal.

pub mod cpu;
pub mod flood;
pub mod haproxy;
pub mod issuing;
pub mod keys;
pub mod load;
pub mod memory;
pub mod peers;
pub mod program;
pub mod report;
pub mod serve;
pub mod sidecar;
pub mod tokens;
pub mod validation;

/// Whatever goes wrong ends the run with its text.
pub type Result<T> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;
