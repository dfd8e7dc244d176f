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

/// A bench's `main`: does a job as one of the bare hyper programs when told so, else `run`.
#[must_use]
#[expect(clippy::print_stderr, reason = "a bench is run from a terminal")]
pub fn main(run: impl Fn(&[String]) -> Result<()>) -> std::process::ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let done = match arguments.split_first() {
        Some((first, rest)) if first == "serve" => peers::serve(rest),
        _ => run(&arguments),
    };
    match done {
        Ok(()) => std::process::ExitCode::SUCCESS,
        Err(cause) => {
            eprintln!("error: {cause}");
            std::process::ExitCode::FAILURE
        }
    }
}
