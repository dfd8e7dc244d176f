//! The second listener: probes, metrics, the state of reloads.

/// Counters of every worker, merged on scrape.
pub struct Metrics {}
