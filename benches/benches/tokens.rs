//! What tokens cost: judging one that is known and one that nobody saw before, issuing one, and
//! what a flood of worthless ones does to others.
//!
//! `cargo bench -p benches --bench tokens` takes about two minutes; `-- --quick` is shorter,
//! `-- --only NAME` runs one part of `validation`, `endpoint`, `flood`, `-- --save` keeps the
//! figures in `benches/results/`. Rounds are interleaved; each figure is a median.

#![expect(clippy::print_stdout, reason = "the report is for a terminal")]

use std::path::Path;
use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

use benches::issuing::{self, Issuing};
use benches::keys::Keys;
use benches::{Result, flood, validation};
use serde_json::{Value, json};

fn main() -> ExitCode {
    benches::main(run)
}

fn run(arguments: &[String]) -> Result<()> {
    let (mut quick, mut save, mut only) = (false, false, "");
    let mut rest = arguments.iter();
    while let Some(argument) = rest.next() {
        match argument.as_str() {
            "--only" => only = rest.next().ok_or("--only needs a part of a name")?,
            "--quick" => quick = true,
            "--save" => save = true,
            // Cargo says so to every bench.
            "--bench" => {}
            other => {
                let known = "--quick, --save and --only NAME";
                return Err(format!("unknown argument {other}; there are {known}").into());
            }
        }
    }
    let keys = Keys::make()?;
    let mut figures = json!({});
    if "validation".contains(only) {
        figures["validation"] = judge(&keys, if quick { 2 } else { 9 })?;
    }
    if "endpoint".contains(only) {
        figures["endpoint"] = issue(&keys, if quick { 2 } else { 5 })?;
    }
    if "flood".contains(only) {
        figures["flood"] = withstand(&keys, if quick { 1 } else { 5 })?;
    }
    if save {
        let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("results");
        let file = folder.join(format!("{now}-tokens.json"));
        std::fs::write(&file, format!("{figures:#}\n"))?;
        println!("saved as {}", file.display());
    }
    Ok(())
}

fn judge(keys: &Keys, rounds: usize) -> Result<Value> {
    let found = validation::run(keys, rounds)?;
    println!("\nJudging a token (RS256, {} bytes)", found.bytes);
    println!(
        "  known before: {:>8.0} ns, {} allocations",
        found.cached, found.allocations
    );
    println!("  never seen:   {:>8.0} ns", found.fresh);
    println!("  its signature alone: {:.0} ns", found.verification);
    println!(
        "  never seen, against the library's own rate: {:.2}",
        found.verification / found.fresh
    );
    Ok(json!({
        "tokenBytes": found.bytes,
        "cachedNanos": found.cached,
        "cachedAllocations": found.allocations,
        "freshNanos": found.fresh,
        "verificationNanos": found.verification,
    }))
}

fn issue(keys: &Keys, rounds: usize) -> Result<Value> {
    println!("\nIssuing a token (HTTP/1.1, 64 connections), microseconds of CPU");
    let mut all = Vec::new();
    for found in issuing::run(keys, rounds)? {
        let Issuing {
            name,
            request,
            signature,
            answer,
        } = found;
        let ratio = (signature + answer) / request;
        println!(
            "  {name:<24} {request:>7.1}, of it one signature {signature:>7.1}, one constant \
             answer {answer:>5.1}: {ratio:.2} of the best there is"
        );
        all.push(json!({
            "name": name, "micros": request, "signatureMicros": signature,
            "answerMicros": answer, "ratio": ratio,
        }));
    }
    Ok(all.into())
}

fn withstand(keys: &Keys, rounds: usize) -> Result<Value> {
    let found = flood::run(keys, rounds)?;
    println!("\nA flood of worthless tokens from another address");
    println!(
        "  requests a second {:.0}, or {:.2} of the rate at which signatures are verified",
        found.flood, found.against_verification
    );
    println!(
        "  honest requests, a second {:.0}: p50 {:.2} ms, p99 {:.2} ms; in the flood {:.2} ms, \
         {:.2} ms: {:.2} times",
        found.honest,
        found.quiet.p50,
        found.quiet.p99,
        found.flooded.p50,
        found.flooded.p99,
        found.flooded.p99 / found.quiet.p99
    );
    println!(
        "  known tokens that had to be validated again: {}",
        found.evicted
    );
    Ok(json!({
        "floodPerSecond": found.flood,
        "againstVerification": found.against_verification,
        "honestPerSecond": found.honest,
        "quietP99Millis": found.quiet.p99,
        "floodedP99Millis": found.flooded.p99,
        "evicted": found.evicted,
    }))
}
