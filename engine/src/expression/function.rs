//! The functions that an expression may call: these and no others.

use std::fmt;
use std::sync::Arc;

use super::Kind;
use super::evaluate::Problem;
use crate::parameter::Value;

/// A function that expressions may call. Names have no case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Function {
    /// `Length(text)`: characters of a text, items of a JSON array; 0 for `null`.
    Length,
    /// `Lower(text)`: in lower case.
    Lower,
    /// `Upper(text)`: in upper case.
    Upper,
    /// `Trim(text)`: without white space at both ends.
    Trim,
    /// `Contains(text, part)`: whether a text has that part, or a JSON array that item.
    Contains,
    /// `StartsWith(text, part)`.
    StartsWith,
    /// `EndsWith(text, part)`.
    EndsWith,
    /// `IsNull(value)`: whether there is no value.
    IsNull,
    /// `IsEmpty(text)`: whether there is no value, or a text or JSON array without content.
    IsEmpty,
    /// `Coalesce(value, other)`: the value, or the other where it is `null`.
    Coalesce,
}

/// Every function with its name.
pub const FUNCTIONS: &[(&str, Function)] = &[
    ("Length", Function::Length),
    ("Lower", Function::Lower),
    ("Upper", Function::Upper),
    ("Trim", Function::Trim),
    ("Contains", Function::Contains),
    ("StartsWith", Function::StartsWith),
    ("EndsWith", Function::EndsWith),
    ("IsNull", Function::IsNull),
    ("IsEmpty", Function::IsEmpty),
    ("Coalesce", Function::Coalesce),
];

impl fmt::Display for Function {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Function {
    pub(super) fn find(name: &str) -> Option<Self> {
        FUNCTIONS
            .iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(name))
            .map(|&(_, function)| function)
    }

    pub(super) fn name(self) -> &'static str {
        FUNCTIONS
            .iter()
            .find(|&&(_, function)| function == self)
            .map_or("", |&(name, _)| name)
    }

    pub(super) fn arguments(self) -> usize {
        match self {
            Self::Length
            | Self::Lower
            | Self::Upper
            | Self::Trim
            | Self::IsNull
            | Self::IsEmpty => 1,
            Self::Contains | Self::StartsWith | Self::EndsWith | Self::Coalesce => 2,
        }
    }

    /// Whether an argument of that kind may stand at that place; `in_text` tells that the first
    /// one is a text, not JSON.
    pub(super) fn takes(self, place: usize, kind: Kind, in_text: bool) -> bool {
        match self {
            Self::IsNull | Self::Coalesce => true,
            // An item of a JSON array may be of any kind.
            Self::Contains if place == 1 && !in_text => true,
            Self::Length
            | Self::Lower
            | Self::Upper
            | Self::Trim
            | Self::Contains
            | Self::StartsWith
            | Self::EndsWith
            | Self::IsEmpty => matches!(kind, Kind::String | Kind::Any | Kind::Null),
        }
    }

    pub(super) fn result(self, arguments: &[Kind]) -> Kind {
        match self {
            Self::Length => Kind::Number,
            Self::Lower | Self::Upper | Self::Trim => Kind::String,
            Self::Contains | Self::StartsWith | Self::EndsWith | Self::IsNull | Self::IsEmpty => {
                Kind::Boolean
            }
            Self::Coalesce => match arguments {
                [a, b] if a == b => *a,
                [Kind::Null, kind] | [kind, Kind::Null] => *kind,
                _ => Kind::Any,
            },
        }
    }

    /// The result for as many arguments as [`Function::arguments`] says.
    pub(super) fn call(self, arguments: &[Value]) -> Result<Value, Problem> {
        let first = arguments.first().unwrap_or(&Value::Null);
        let second = arguments.get(1).unwrap_or(&Value::Null);
        Ok(match self {
            Self::Length => count(first.length(self)?),
            Self::Lower => mapped(first.text(self)?, str::to_lowercase),
            Self::Upper => mapped(first.text(self)?, str::to_uppercase),
            Self::Trim => mapped(first.text(self)?, |text| text.trim().to_owned()),
            Self::Contains => match first {
                Value::Json(tree) => Value::Boolean(tree.as_array().is_some_and(|items| {
                    items.iter().any(|item| Value::from_tree(item).same(second))
                })),
                _ => self.compare(first, second, |text, part| text.contains(part))?,
            },
            Self::StartsWith => self.compare(first, second, |text, part| text.starts_with(part))?,
            Self::EndsWith => self.compare(first, second, |text, part| text.ends_with(part))?,
            Self::IsNull => Value::Boolean(*first == Value::Null),
            Self::IsEmpty => Value::Boolean(first.length(self)? == 0),
            Self::Coalesce if *first == Value::Null => second.clone(),
            Self::Coalesce => first.clone(),
        })
    }

    /// False as soon as one side is `null`.
    fn compare(
        self,
        text: &Value,
        part: &Value,
        holds: impl Fn(&str, &str) -> bool,
    ) -> Result<Value, Problem> {
        Ok(Value::Boolean(match (text.text(self)?, part.text(self)?) {
            (Some(text), Some(part)) => holds(text, part),
            (_, _) => false,
        }))
    }
}

impl Value {
    /// The text; `None` for `null`.
    fn text(&self, function: Function) -> Result<Option<&str>, Problem> {
        match self {
            Self::Null => Ok(None),
            Self::String(text) => Ok(Some(text)),
            _ => Err(Problem::NotText {
                function,
                found: self.kind(),
            }),
        }
    }

    fn length(&self, function: Function) -> Result<usize, Problem> {
        match self {
            Self::Json(tree) => match &**tree {
                serde_json::Value::Array(items) => Ok(items.len()),
                _ => Err(Problem::NotText {
                    function,
                    found: Kind::Any,
                }),
            },
            _ => Ok(self.text(function)?.map_or(0, |text| text.chars().count())),
        }
    }
}

fn count(length: usize) -> Value {
    Value::Integer(i64::try_from(length).unwrap_or(i64::MAX))
}

fn mapped(text: Option<&str>, map: impl Fn(&str) -> String) -> Value {
    text.map_or(Value::Null, |text| Value::String(Arc::from(map(text))))
}
