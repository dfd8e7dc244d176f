//! The programs as their users see them: one module for each area.

#![allow(
    clippy::too_many_lines,
    reason = "a table of cases is as long as its rule has cases"
)]

mod admin;
mod attacks;
mod bearer;
mod both;
mod bound_tokens;
mod broken_config;
mod canonical;
mod client_authentication;
mod clients;
mod commands;
mod deny_list;
mod discovery;
mod embedding;
mod expense_claim;
mod forward_auth;
mod forwarding;
mod harness;
mod identity_binding;
mod issuers;
mod issuers_under_load;
mod life_cycle;
mod limits;
mod outbound;
mod policy;
mod proxies;
mod readme;
mod reload;
mod request_forms;
mod revocation;
mod rotation;
mod scheme_files;
mod six_steps;
mod streams;
mod test_scheme;
mod token_endpoint;
