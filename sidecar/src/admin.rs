//! The second listener: probes, metrics, the state of reloads.
//!
//! In: events that the workers count. Out: plain HTTP for probes and scrapers.
//! Elsewhere: what makes the process ready (`server`).

mod counters;
mod health;
mod labels;

pub use counters::{Counters, Metrics};
pub use health::Health;
pub use labels::{ClientLabel, ConnectionLimit, RouteLabel, TokenOutcome, UpstreamOutcome};
