//! The programs as their users see them: one module for each area.

#![allow(
    clippy::too_many_lines,
    reason = "a table of cases is as long as its rule has cases"
)]

mod admin;
mod bearer;
mod broken_config;
mod canonical;
mod clients;
mod commands;
mod discovery;
mod forwarding;
mod life_cycle;
mod reload;
mod six_steps;
mod token_endpoint;
