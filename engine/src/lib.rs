//! An in-memory workflow engine that speaks the Workflow API.
//!
//! ```text
//! request ─▶ operations (decode) ─▶ Command ─▶ instance cell ─▶ interpreter ─▶ Changes ─▶ store ─▶ publish ─▶ encode
//! ```

pub mod config;
pub mod expression;
pub mod parameter;
pub mod scheme;

mod service;

pub use service::{Body, Engine, SchemesError, State};
