//! The second listener: probes, metrics, the state of reloads.
//!
//! In: events that the workers count. Out: plain HTTP for probes and scrapers.
//! Elsewhere: what makes the process ready (`server`).

mod actions;
mod authority;
mod counters;
mod exposition;
mod guard;
mod health;
mod issuers;
mod labels;
mod process;
mod readiness;
mod server;
mod state;

pub use counters::{Counters, Metrics};
pub use health::Health;
pub use labels::{ClientLabel, ConnectionLimit, RouteLabel, TokenOutcome, UpstreamOutcome};

pub(crate) use health::Stage;
pub(crate) use server::start;
