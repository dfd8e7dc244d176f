//! Reads `config.json`: JSON with comments becomes typed values, and every fault has its place.
//!
//! ```text
//! file ─▶ guard ─▶ parse (spans kept) ─▶ --set ─▶ names checked ─▶ Object readers ─▶ the program's types
//!                     every step adds to one list of Faults, drawn at the end, values masked
//! ```
//!
//! In: a file, `--set` overrides, the environment. Out: a [`Document`] whose [`Object`]s read
//! typed values, and a [`Reading`] that collects faults, warnings and the files that were read.
//! Rules: one table of keys ([`keys::ROOT`]) says which names there are, their kinds, bounds,
//! defaults, and whose values may be shown.
//! Elsewhere: what the values mean together (the programs' `config` rooms).

mod document;
mod excerpt;
mod faults;
mod guard;
pub mod keys;
mod markdown;
mod mask;
mod names;
mod object;
mod overrides;
mod reading;
pub mod scalar;
mod schema;
mod table;
#[cfg(test)]
mod tests;
mod tree;
pub mod url;
pub mod watch;

pub use document::{Document, Input};
pub use faults::{Fault, Faults, Mark, Severity};
pub use markdown::{REGION_BEGIN, REGION_END, markdown, replace_region};
pub use object::{Either, Entry, Free, Object};
pub use reading::{Origin, Reading, Spanned, Text};
pub use schema::schema;
pub use table::{Change, Key, Keys, Kind, Owner, Program, Support};
