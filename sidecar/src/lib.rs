//! A reverse-proxy auth sidecar: it terminates TLS, issues and validates OAuth 2.0 tokens, and
//! forwards to the engine behind it exactly what it has checked.
//!
//! ```text
//! listener ─▶ gate: canonical request ─▶ route ─▶ authenticate ─▶ authorise ─▶ upstream ─▶ respond
//! config file ─▶ read ─▶ parse ─▶ validate ─▶ Snapshot ─▶ swap
//! ```

pub mod admin;
mod advice;
mod backoff;
pub mod bearer;
pub mod body;
mod clock;
pub mod config;
pub mod fetch;
pub mod gate;
pub mod keys;
pub mod listener;
pub mod logging;
pub mod oauth;
pub mod policy;
mod reason;
pub mod refusal;
mod running;
mod server;
mod sidecar;
mod signals;
pub mod upstream;
mod worker;

use std::sync::Arc;

pub use config::{ClientCredential, Issuer};
pub use running::Running;
pub use server::StartError;
pub use sidecar::{BuildError, Builder, Sidecar};
pub use signals::Signals;

/// What all workers share and what outlives snapshots.
pub struct Shared {
    /// The configuration in force.
    pub live: config::Live,
    /// Tokens that were fully validated.
    pub tokens: bearer::Cache,
    /// Keeps external issuers' keys up to date.
    pub(crate) issuers: bearer::Refresher,
    /// Counts and announces what may end a token.
    pub changes: Arc<bearer::Changes>,
    /// What was revoked while running, and before.
    pub revocations: bearer::Revocations,
    /// Proofs of possession that were used.
    pub proofs: bearer::Proofs,
    /// Secrets that have authenticated, and failures by client and address.
    pub secrets: oauth::SecretMemory,
    /// Client assertions that were used.
    pub assertions: oauth::UsedAssertions,
    /// When clients last authenticated.
    pub last_used: oauth::LastUsed,
    /// Bearer failures by address.
    pub failures: policy::Failures,
    /// Answers that are held back.
    pub pauses: gate::Pauses,
    /// What each client may still ask for.
    pub rates: policy::Rates,
    /// One set of counters for each worker.
    pub metrics: admin::Metrics,
    /// What probes are told.
    pub health: admin::Health,
}

impl Shared {
    /// Starts with `live`, nothing remembered, nothing counted.
    ///
    /// # Errors
    /// What was revoked before cannot be read.
    pub(crate) fn new(live: config::Live) -> std::io::Result<Self> {
        let snapshot = live.snapshot();
        let workers = snapshot.workers;
        let now = clock::unix_time();
        let changes = Arc::new(bearer::Changes::default());
        let revocations =
            bearer::Revocations::load(&snapshot.data_folder, Arc::clone(&changes), now)?;
        let (secrets, last_used) = (oauth::SecretMemory::new(), oauth::LastUsed::default());
        secrets.follow(&live);
        last_used.follow(&live);
        Ok(Self {
            live,
            tokens: bearer::Cache::new(),
            issuers: bearer::Refresher::default(),
            changes,
            revocations,
            proofs: bearer::Proofs::new(),
            secrets,
            assertions: oauth::UsedAssertions::default(),
            last_used,
            failures: policy::Failures::new(),
            pauses: gate::Pauses::default(),
            rates: policy::Rates::default(),
            metrics: admin::Metrics::new(workers),
            health: admin::Health::new(),
        })
    }
}

/// What one worker (a single-threaded runtime) has to itself.
pub struct Worker {
    /// The same for all workers.
    pub shared: Arc<Shared>,
    /// This worker's place in `shared.metrics`.
    pub index: usize,
    /// Its connections to the engine.
    pub upstream: upstream::Upstream,
}

impl Worker {
    /// Where this worker counts.
    pub fn counters(&self) -> &admin::Counters {
        self.shared.metrics.worker(self.index)
    }
}
