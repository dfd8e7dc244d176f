//! An in-memory workflow engine that speaks the Workflow API.
//!
//! ```text
//! request ─▶ operations (decode) ─▶ Command ─▶ instance cell ─▶ interpreter ─▶ Changes ─▶ store ─▶ publish ─▶ encode
//! ```

pub mod admin;
pub mod changes;
pub mod config;
pub mod environment;
pub mod expression;
pub mod failure;
pub mod instance;
pub mod interpreter;
mod operations;
pub mod parameter;
pub mod processes;
pub mod provider;
pub mod registry;
pub mod scheme;
pub mod server;
mod service;
pub mod store;
pub mod users;

pub use service::{Body, Builder, Engine, SchemesError, State};
