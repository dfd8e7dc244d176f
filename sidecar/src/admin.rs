//! The second listener: probes, metrics, the state of reloads.
//!
//! In: events that the workers count. Out: plain HTTP for probes and scrapers.
//! Elsewhere: what makes the process ready (`lib`, life cycle).

mod counters;
mod labels;

pub use counters::{Counters, Metrics};
pub use labels::{ClientLabel, ConnectionLimit, RouteLabel, TokenOutcome, UpstreamOutcome};
