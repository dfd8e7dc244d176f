//! Parameters of a process: their types, their values, and how JSON and text become either.
//!
//! In: a CLR type name from scheme XML; JSON or text from a request or a scheme. Out: a [`Value`]
//! of the declared [`Type`], or a [`Mismatch`] that says what was found and what would be right.
//! Rules: numbers and Booleans may also come as strings in invariant form, a Boolean is never a
//! number, a Decimal keeps every one of its digits on the way in and out, `null` fits every type.
//! Elsewhere: which parameters a scheme declares (`scheme`), which are stored (`interpreter`).

use std::sync::Arc;

use rust_decimal::Decimal;
use uuid::Uuid;

mod clr;
mod compare;
mod date_time;
mod guid;
mod json;
mod number;
mod parse;
mod system;
#[cfg(test)]
mod tests;

pub(crate) use compare::Numbers;
pub use date_time::{Iso8601, parse_date_time};
pub use guid::parse_guid;
pub use parse::{Found, Mismatch};
pub use system::{SYSTEM, SystemParameter, system_type};

/// The declared type of a parameter (by its CLR name in scheme XML, long or short form).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Type {
    /// Text.
    String,
    /// A whole number of 32 bits.
    Int32,
    /// A whole number of 64 bits.
    Int64,
    /// A decimal number, exact to 28 digits.
    Decimal,
    /// A binary floating-point number of 64 bits, always finite.
    Double,
    /// `true` or `false`.
    Boolean,
    /// A moment, kept in UTC.
    DateTime,
    /// A UUID.
    Guid,
    /// Any JSON; `clr` is the name as written, for the API's `TypeName`.
    Json {
        /// The CLR name as written.
        clr: Arc<str>,
    },
}

/// How long a value lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// For one operation.
    Temporary,
    /// With the instance.
    Persistence,
    /// Read-only, set by the engine.
    System,
}

/// A value of a parameter. Cheap to clone: what is long is shared.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// No value; fits every type.
    Null,
    /// `true` or `false`.
    Boolean(bool),
    /// A whole number, of either width.
    Integer(i64),
    /// A decimal number with its digits, trailing zeros included.
    Decimal(Decimal),
    /// Always finite: NaN and the infinities have no JSON form and are refused on the way in.
    Double(f64),
    /// Text.
    String(Arc<str>),
    /// UTC.
    DateTime(time::OffsetDateTime),
    /// A UUID.
    Guid(Uuid),
    /// Arrays, objects, and what has no declared type.
    Json(Arc<serde_json::Value>),
}
