//! JSON or text, and a declared type, to a value.

use std::fmt;
use std::sync::Arc;

use serde_json::value::RawValue;

use super::number::{self, Reading};
use super::{Type, Value, parse_date_time, parse_guid};

/// Why a value does not fit a type. Its text says what was found and what would be right.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Mismatch {
    /// Of another kind, or text of another form.
    #[error("expected {expected}, found {found}")]
    Kind {
        /// What would be right, in words.
        expected: &'static str,
        /// What was there.
        found: Found,
    },
    /// A number, but one that the type cannot hold.
    #[error("{found} does not fit {expected}")]
    Range {
        /// What would be right, in words.
        expected: &'static str,
        /// What was there.
        found: Found,
    },
    /// Not JSON that can be kept, such as a number beyond every type.
    #[error("{found} is not JSON that can be kept")]
    Json {
        /// What was there.
        found: Found,
    },
}

/// A value as found, cut short for messages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found(Box<str>);

impl Found {
    const CHARS_MAX: usize = 60;

    fn new(text: &str) -> Self {
        let mut shown: String = text
            .chars()
            .take(Self::CHARS_MAX)
            .map(|c| if c.is_control() { ' ' } else { c })
            .collect();
        if shown.len() < text.len() && text.chars().nth(Self::CHARS_MAX).is_some() {
            shown.push('…');
        }
        Self(shown.into())
    }
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}`", self.0)
    }
}

/// What a piece of JSON is, with what it takes to convert it.
enum Json<'a> {
    Null,
    Boolean(bool),
    Number(&'a str),
    String(String),
    Tree,
}

impl<'a> Json<'a> {
    fn of(raw: &'a RawValue) -> Result<Self, Mismatch> {
        let text = raw.get().trim();
        Ok(match text.as_bytes().first() {
            Some(b'n') => Self::Null,
            Some(b't') => Self::Boolean(true),
            Some(b'f') => Self::Boolean(false),
            Some(b'"') => Self::String(serde_json::from_str(text).map_err(|_| Mismatch::Json {
                found: Found::new(text),
            })?),
            Some(b'[' | b'{') => Self::Tree,
            _ => Self::Number(text),
        })
    }
}

impl Type {
    /// What a value of this type looks like, for messages.
    fn expectation(&self) -> &'static str {
        match self {
            Self::String => "a string",
            Self::Int32 => "an Int32, a whole number from -2147483648 to 2147483647",
            Self::Int64 => "an Int64, a whole number of 64 bits",
            Self::Decimal => "a Decimal, a number of at most 28 digits",
            Self::Double => "a Double, a finite number",
            Self::Boolean => "a Boolean, true or false",
            Self::DateTime => "a DateTime in ISO 8601, such as 2026-01-31T10:20:30Z",
            Self::Guid => "a Guid, such as 6f9619ff-8b86-d011-b42d-00cf4fc964ff",
            Self::Json { .. } => "JSON",
        }
    }

    /// The value of this type that a piece of JSON stands for.
    ///
    /// `null` fits every type. A number may also stand in a string; a string never becomes a
    /// number of another meaning, a Boolean never a number, a number never a string.
    pub fn parse(&self, raw: &RawValue) -> Result<Value, Mismatch> {
        match (self, Json::of(raw)?) {
            (_, Json::Null) => Ok(Value::Null),
            (Self::Json { .. }, _) => Value::from_json(raw),
            (Self::Boolean, Json::Boolean(value)) => Ok(Value::Boolean(value)),
            (Self::Int32 | Self::Int64 | Self::Decimal | Self::Double, Json::Number(text)) => {
                self.parse_text(text)
            }
            // A string may hold any of the scalars, each in its own form.
            (_, Json::String(text)) => self.parse_text(&text),
            (_, Json::Boolean(_) | Json::Number(_) | Json::Tree) => Err(Mismatch::Kind {
                expected: self.expectation(),
                found: Found::new(raw.get()),
            }),
        }
    }

    /// The value of this type that a text stands for, as form fields and query parameters have it.
    ///
    /// Numbers are in invariant form, Booleans `true` or `false` in any case, moments ISO 8601,
    /// UUIDs in the .NET forms. [`Type::Json`] takes JSON, and what is not JSON as a string.
    pub fn parse_text(&self, text: &str) -> Result<Value, Mismatch> {
        match self {
            Self::String => Ok(Value::String(Arc::from(text))),
            Self::Int32 => self
                .number(text, number::integer(text), Value::Integer)
                .and_then(|value| match value {
                    Value::Integer(number) if i32::try_from(number).is_err() => {
                        Err(self.range(text))
                    }
                    value => Ok(value),
                }),
            Self::Int64 => self.number(text, number::integer(text), Value::Integer),
            Self::Decimal => self.number(text, number::decimal(text), Value::Decimal),
            Self::Double => self.number(text, number::double(text), Value::Double),
            Self::Boolean if text.eq_ignore_ascii_case("true") => Ok(Value::Boolean(true)),
            Self::Boolean if text.eq_ignore_ascii_case("false") => Ok(Value::Boolean(false)),
            Self::Boolean => Err(self.kind(text)),
            Self::DateTime => parse_date_time(text)
                .map(Value::DateTime)
                .ok_or_else(|| self.kind(text)),
            Self::Guid => parse_guid(text)
                .map(Value::Guid)
                .ok_or_else(|| self.kind(text)),
            Self::Json { .. } => match serde_json::from_str::<&RawValue>(text) {
                Ok(raw) => Value::from_json(raw),
                Err(_) => Ok(Value::String(Arc::from(text))),
            },
        }
    }

    /// The value that `InitialValue` or `DefaultValue` in a scheme stands for: JSON if it is JSON,
    /// else text; `None` when it is empty or `null`.
    ///
    /// For a String, JSON other than a string is taken as the text that it is: `InitialValue="007"`
    /// and `InitialValue="7"` are both texts.
    pub fn parse_default(&self, text: &str) -> Result<Option<Value>, Mismatch> {
        if text.trim().is_empty() {
            return Ok(None);
        }
        let value = match serde_json::from_str::<&RawValue>(text) {
            Ok(raw) => match (self, Json::of(raw)?) {
                (Self::String, Json::Boolean(_) | Json::Number(_) | Json::Tree) => {
                    self.parse_text(text)?
                }
                (_, _) => self.parse(raw)?,
            },
            Err(_) => self.parse_text(text)?,
        };
        Ok((value != Value::Null).then_some(value))
    }

    fn number<T>(
        &self,
        text: &str,
        reading: Reading<T>,
        value: impl Fn(T) -> Value,
    ) -> Result<Value, Mismatch> {
        match reading {
            Reading::Exact(number) => Ok(value(number)),
            Reading::OutOfRange => Err(self.range(text)),
            Reading::NotANumber => Err(self.kind(text)),
        }
    }

    fn kind(&self, text: &str) -> Mismatch {
        Mismatch::Kind {
            expected: self.expectation(),
            found: Found::new(text),
        }
    }

    fn range(&self, text: &str) -> Mismatch {
        Mismatch::Range {
            expected: self.expectation(),
            found: Found::new(text),
        }
    }
}

impl Value {
    /// The value of a parameter without a declared type.
    ///
    /// A whole number that fits 64 bits is an Integer; another number that a Decimal holds
    /// exactly is a Decimal, else the nearest finite Double. Inside arrays and objects numbers are
    /// 64-bit integers or Doubles.
    pub fn from_json(raw: &RawValue) -> Result<Self, Mismatch> {
        let refused = || Mismatch::Json {
            found: Found::new(raw.get()),
        };
        Ok(match Json::of(raw)? {
            Json::Null => Self::Null,
            Json::Boolean(value) => Self::Boolean(value),
            Json::String(text) => Self::String(text.into()),
            Json::Tree => serde_json::from_str(raw.get())
                .map(|tree| Self::Json(Arc::new(tree)))
                .map_err(|_| refused())?,
            Json::Number(text) => match text.parse() {
                Ok(number) => Self::Integer(number),
                Err(_) => match (number::decimal(text), number::double(text)) {
                    (Reading::Exact(number), _) => Self::Decimal(number),
                    (_, Reading::Exact(number)) => Self::Double(number),
                    (_, _) => return Err(refused()),
                },
            },
        })
    }
}
