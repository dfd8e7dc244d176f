//! A value to JSON, digit for digit, and what it weighs.

use std::sync::Arc;

use serde::ser::Error as _;
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;

use super::{Iso8601, Value};

impl Serialize for Value {
    /// As JSON: a Decimal is a number with exactly its digits, a moment is ISO 8601 in UTC, a
    /// UUID is in form `D`.
    ///
    /// # Errors
    /// None with `serde_json`, which alone knows how to pass a number's digits on.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Null => serializer.serialize_unit(),
            Self::Boolean(value) => serializer.serialize_bool(*value),
            Self::Integer(value) => serializer.serialize_i64(*value),
            // An f64 on the way would lose what does not fit 53 bits.
            Self::Decimal(value) => RawValue::from_string(value.to_string())
                .map_err(S::Error::custom)?
                .serialize(serializer),
            Self::Double(value) => serializer.serialize_f64(*value),
            Self::String(text) => serializer.serialize_str(text),
            Self::DateTime(at) => serializer.collect_str(&Iso8601(*at)),
            Self::Guid(id) => serializer.collect_str(&id.hyphenated()),
            Self::Json(tree) => tree.serialize(serializer),
        }
    }
}

impl Value {
    /// What the value takes in memory, near enough for limits: the enum itself and what it points
    /// to, in bytes.
    pub fn size_bytes(&self) -> usize {
        size_of::<Self>()
            + match self {
                Self::Null
                | Self::Boolean(_)
                | Self::Integer(_)
                | Self::Decimal(_)
                | Self::Double(_)
                | Self::DateTime(_)
                | Self::Guid(_) => 0,
                Self::String(text) => text.len(),
                Self::Json(tree) => tree_bytes(tree),
            }
    }

    /// The value of a member of a JSON tree.
    pub(crate) fn from_tree(tree: &serde_json::Value) -> Self {
        match tree {
            serde_json::Value::Null => Self::Null,
            serde_json::Value::Bool(value) => Self::Boolean(*value),
            serde_json::Value::String(text) => Self::String(Arc::from(text.as_str())),
            serde_json::Value::Number(number) => match number.as_i64() {
                Some(number) => Self::Integer(number),
                None => number.as_f64().map_or(Self::Null, Self::Double),
            },
            serde_json::Value::Array(_) | serde_json::Value::Object(_) => {
                Self::Json(Arc::new(tree.clone()))
            }
        }
    }
}

/// The parser bounds the depth of a tree (128), so this recursion is bounded too.
fn tree_bytes(tree: &serde_json::Value) -> usize {
    size_of::<serde_json::Value>()
        + match tree {
            serde_json::Value::Null | serde_json::Value::Bool(_) | serde_json::Value::Number(_) => {
                0
            }
            serde_json::Value::String(text) => text.len(),
            serde_json::Value::Array(items) => items.iter().map(tree_bytes).sum(),
            serde_json::Value::Object(members) => members
                .iter()
                .map(|(name, member)| size_of::<String>() + name.len() + tree_bytes(member))
                .sum(),
        }
}
