//! The programs as their users see them: one module for each area.

mod six_steps;
