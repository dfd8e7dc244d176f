//! Parameters of a process: their types, their values, and how JSON becomes either.

use std::sync::Arc;

use rust_decimal::Decimal;
use uuid::Uuid;

/// The declared type of a parameter (by its CLR name in scheme XML, long or short form).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Type {
    String,
    Int32,
    Int64,
    Decimal,
    Double,
    Boolean,
    DateTime,
    Guid,
    /// Any JSON; `clr` is the name as written, for the API's `TypeName`.
    Json {
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
    Null,
    Boolean(bool),
    Integer(i64),
    Decimal(Decimal),
    Double(f64),
    String(Arc<str>),
    /// UTC.
    DateTime(time::OffsetDateTime),
    Guid(Uuid),
    /// Arrays, objects, and what has no declared type.
    Json(Arc<serde_json::Value>),
}
