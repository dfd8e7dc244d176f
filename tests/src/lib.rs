//! The harness of the black-box tests: it runs the built programs as a user would.
//!
//! In: what a test wants configured. Out: running programs on ports of the system's choice, clients
//! that speak TLS to them, peers that record what reached them. It knows nothing of the programs'
//! insides, and waits for states, never for time.

#![allow(
    missing_docs,
    reason = "fields and modules of a harness that only tests use are named, not explained"
)]
#![allow(
    clippy::missing_panics_doc,
    reason = "a harness reports its failures by panicking"
)]
#![allow(
    clippy::print_stderr,
    reason = "the test runner shows a test's stderr when it fails"
)]

pub mod api;
pub mod client;
pub mod components;
pub mod files;
pub mod forge;
pub mod issuer;
pub mod material;
pub mod process;
pub mod programs;
pub mod prover;
pub mod raw;
pub mod recorder;
pub mod secrets;
pub mod server;
pub mod wait;
