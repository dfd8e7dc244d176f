//! What judging a token costs, in this process: one that is known, and one that nobody saw before.

use std::hint::black_box;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use aws_lc_rs::signature::ParsedPublicKey;
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use sidecar::ClientCredential;
use sidecar::bearer::Validator;

use crate::Result;
use crate::keys::Keys;
use crate::report::median;
use crate::sidecar::{CLIENT_ID, CLIENT_SECRET, token};
use crate::tokens::mint_like;

/// Looks-up in one round.
const HITS: u32 = 200_000;

/// New tokens in one round.
const FRESH: usize = 2000;

/// Hits under the eyes of the allocator's counter.
const COUNTED: u64 = 1000;

/// Medians, in nanoseconds.
#[derive(Clone, Copy, Debug)]
pub struct Found {
    /// Of the token, as it travels.
    pub bytes: usize,
    /// For a token that was validated before.
    pub cached: f64,
    /// Allocations for each of those.
    pub allocations: u64,
    /// For a token that nobody saw before.
    pub fresh: f64,
    /// For its signature alone.
    pub verification: f64,
}

/// Judges tokens of a sidecar in this process.
///
/// # Errors
/// It does not start, or refuses what is good.
pub fn run(keys: &Keys, rounds: usize) -> Result<Found> {
    let folder = tempfile::tempdir()?;
    let key = |file: PathBuf| file.display().to_string();
    let running = sidecar::Sidecar::builder()
        .set("Url=https://127.0.0.1:0")
        .set(format!("CertificateFile={}", key(keys.tls())))
        .set(format!("DataFolder={}", folder.path().display()))
        .set("DisableOpenIddictServer=false")
        .set(format!(
            "OpenIddictServerSettings.CertificateFile={}",
            key(keys.signing())
        ))
        .set("Upstream=http://127.0.0.1:1")
        .set("Admin.Url=http://127.0.0.1:0")
        .set("Workers=1")
        .register_client_credentials(ClientCredential::new(CLIENT_ID, CLIENT_SECRET))
        .build()?
        .start()?;
    let address = *running.addresses().first().ok_or("it listens nowhere")?;
    let known = token(address, keys)?;
    let validator = running.validator();
    let mut found = Vec::with_capacity(rounds);
    for _ in 0..rounds {
        // A token is new only once.
        let fresh = mint_like(&known, &keys.signing(), found.len() * FRESH, FRESH)?;
        found.push(round(&validator, &keys.verifying()?, &known, HITS, &fresh)?);
    }
    running.shutdown();
    running.wait();
    Ok(Found {
        bytes: known.len(),
        cached: median(found.iter().map(|round| nanos(round.cached))),
        allocations: found
            .iter()
            .map(|round| round.allocations)
            .max()
            .unwrap_or(0),
        fresh: median(found.iter().map(|round| nanos(round.fresh))),
        verification: median(found.iter().map(|round| nanos(round.verification))),
    })
}

fn nanos(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e9
}

/// What was measured in one round.
#[derive(Clone, Copy, Debug)]
struct Round {
    /// For a token that was validated before.
    cached: Duration,
    /// Allocations for each of those.
    allocations: u64,
    /// For a token that nobody saw before.
    fresh: Duration,
    /// For the signature of such a token alone, by the crypto library with a parsed key.
    verification: Duration,
}

/// Looks `known` up `hits` times, then judges each of `fresh`, then verifies their signatures.
///
/// # Errors
/// A token is refused.
fn round(
    validator: &Validator,
    key: &ParsedPublicKey,
    known: &str,
    hits: u32,
    fresh: &[String],
) -> Result<Round> {
    let refused = |reason: sidecar::refusal::Reason| reason.code();
    validator.check(known).map_err(refused)?;
    let start = Instant::now();
    for _ in 0..hits {
        black_box(validator.check(black_box(known)).map_err(refused)?);
    }
    let cached = start.elapsed() / hits;
    let allocated = allocation_counter::measure(|| {
        for _ in 0..COUNTED {
            let _ = black_box(validator.check(black_box(known)));
        }
    });

    let parts: Vec<_> = fresh
        .iter()
        .map(|token| {
            let (signed, signature) = token.rsplit_once('.').ok_or("no token")?;
            Ok((signed, BASE64_URL_SAFE_NO_PAD.decode(signature)?))
        })
        .collect::<Result<_>>()?;
    let count = u32::try_from(fresh.len())?;
    let start = Instant::now();
    for token in fresh {
        black_box(validator.check(black_box(token)).map_err(refused)?);
    }
    let judged = start.elapsed() / count;
    let start = Instant::now();
    for (signed, signature) in &parts {
        key.verify_sig(black_box(signed.as_bytes()), black_box(signature))?;
    }
    let verification = start.elapsed() / count;
    Ok(Round {
        cached,
        allocations: allocated.count_total / COUNTED,
        fresh: judged,
        verification,
    })
}
