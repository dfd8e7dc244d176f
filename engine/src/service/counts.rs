//! Requests by operation and outcome.

use std::fmt::{self, Write};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use workflow_api::{ErrorName, OPERATIONS, Operation};

/// Outcomes of one operation: success, then each short name.
const OUTCOMES: usize = 1 + ErrorName::ALL.len();

/// One counter for each operation and outcome, and one row for requests that name no operation.
pub(crate) struct Counts {
    requests: Box<[AtomicU64]>,
    panics: AtomicU64,
}

impl Default for Counts {
    fn default() -> Self {
        Self {
            requests: (0..(OPERATIONS.len() + 1) * OUTCOMES)
                .map(|_| AtomicU64::new(0))
                .collect(),
            panics: AtomicU64::new(0),
        }
    }
}

impl Counts {
    /// One more answer; without `error` it was a success.
    pub(crate) fn answered(&self, operation: Option<&Operation>, error: Option<ErrorName>) {
        let row = operation.map_or(OPERATIONS.len(), Operation::index);
        let column = error.map_or(0, |name| 1 + name as usize);
        self.requests[row * OUTCOMES + column].fetch_add(1, Relaxed);
    }

    /// One more request that ended in a panic.
    pub(crate) fn panicked(&self) {
        self.panics.fetch_add(1, Relaxed);
    }

    /// Requests that ended in a panic.
    pub(crate) fn panics(&self) -> u64 {
        self.panics.load(Relaxed)
    }

    /// Writes what was counted, in the text format of Prometheus.
    pub(crate) fn write(&self, out: &mut String) -> fmt::Result {
        out.push_str("# HELP engine_requests_total Requests answered, by operation and outcome.\n");
        out.push_str("# TYPE engine_requests_total counter\n");
        for (row, counters) in self.requests.chunks(OUTCOMES).enumerate() {
            let operation = OPERATIONS
                .get(row)
                .map_or("none", |operation| operation.name);
            for (column, counter) in counters.iter().enumerate() {
                let count = counter.load(Relaxed);
                if count == 0 {
                    continue;
                }
                let outcome = match column {
                    0 => "Success",
                    error => ErrorName::ALL[error - 1].as_str(),
                };
                writeln!(
                    out,
                    "engine_requests_total{{operation=\"{operation}\",outcome=\"{outcome}\"}} {count}"
                )?;
            }
        }
        out.push_str("# HELP engine_panics_total Requests that ended in a panic.\n");
        out.push_str("# TYPE engine_panics_total counter\n");
        writeln!(out, "engine_panics_total {}", self.panics())
    }
}
