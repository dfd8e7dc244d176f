//! When two values are equal, and which comes first, for conditions.
//!
//! Numbers compare by value whatever their type, as soon as one is a Double as Doubles. Texts
//! compare by code point, with case. A text beside a moment or a UUID is read as one. `null`
//! equals only `null` and has no order.

use std::cmp::Ordering;

use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;

use super::{Value, parse_date_time, parse_guid};

/// Two numbers brought to one type.
pub(crate) enum Numbers {
    Integers(i64, i64),
    Decimals(Decimal, Decimal),
    Doubles(f64, f64),
}

impl Value {
    /// Both as numbers of one type; `None` when either is no number.
    pub(crate) fn numbers(&self, other: &Self) -> Option<Numbers> {
        match (self, other) {
            (Self::Integer(a), Self::Integer(b)) => Some(Numbers::Integers(*a, *b)),
            (Self::Double(_), _) | (_, Self::Double(_)) => {
                Some(Numbers::Doubles(self.as_double()?, other.as_double()?))
            }
            (_, _) => Some(Numbers::Decimals(self.as_decimal()?, other.as_decimal()?)),
        }
    }

    fn as_double(&self) -> Option<f64> {
        match self {
            // Rounds beyond 53 bits, as comparing with a Double always does.
            #[expect(clippy::cast_precision_loss, reason = "the other side is a Double")]
            Self::Integer(number) => Some(*number as f64),
            Self::Decimal(number) => number.to_f64(),
            Self::Double(number) => Some(*number),
            _ => None,
        }
    }

    fn as_decimal(&self) -> Option<Decimal> {
        match self {
            Self::Integer(number) => Some(Decimal::from(*number)),
            Self::Decimal(number) => Some(*number),
            _ => None,
        }
    }

    /// Whether both stand for the same; values of different kinds never do.
    ///
    /// Unlike `==`, which compares representation (`1` and `1.0` differ there).
    pub fn same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Json(a), Self::Json(b)) => a == b,
            (Self::Null, Self::Null) => true,
            (Self::Boolean(a), Self::Boolean(b)) => a == b,
            (Self::Guid(a), Self::Guid(b)) => a == b,
            (Self::Guid(id), Self::String(text)) | (Self::String(text), Self::Guid(id)) => {
                parse_guid(text) == Some(*id)
            }
            (_, _) => self.order(other) == Some(Ordering::Equal),
        }
    }

    /// Which comes first; `None` where there is no order: `null`, Booleans, UUIDs, JSON, and
    /// values of different kinds.
    pub fn order(&self, other: &Self) -> Option<Ordering> {
        match (self, other) {
            (Self::String(a), Self::String(b)) => Some(a.cmp(b)),
            (Self::DateTime(a), Self::DateTime(b)) => Some(a.cmp(b)),
            (Self::DateTime(at), Self::String(text)) => Some(at.cmp(&parse_date_time(text)?)),
            (Self::String(text), Self::DateTime(at)) => Some(parse_date_time(text)?.cmp(at)),
            (_, _) => match self.numbers(other)? {
                Numbers::Integers(a, b) => Some(a.cmp(&b)),
                Numbers::Decimals(a, b) => Some(a.cmp(&b)),
                Numbers::Doubles(a, b) => a.partial_cmp(&b),
            },
        }
    }
}
