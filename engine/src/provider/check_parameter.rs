//! The condition `CheckParameter` `{Name, CompareType, Value, Separator, ForRootProcess}`.
//!
//! In: a parameter's value and the value to compare with, both of the scheme. Out: whether the
//! comparison holds. A parameter without a value is `null`: equal to nothing else, contained in
//! nothing, and in no order, so only the negated comparisons and `IsNull` hold for it.

use std::cmp::Ordering;

use super::builtin::own_process;
use super::{Answer, Call, Condition, Error, Members};
use crate::failure::Known;
use crate::parameter::Value;

pub(super) struct CheckParameter;

impl Condition for CheckParameter {
    fn holds<'a>(&'a self, call: Call<'a>) -> Answer<'a, bool> {
        let holds = || {
            let members = Members::of(&call)?;
            own_process(&call, &members)?;
            let name = members.required("Name")?;
            let compare = Compare::of(&members)?;
            let value = call.process.parameter(&name).unwrap_or(Value::Null);
            compare.holds(&name, &value, &members)
        };
        holds().into()
    }
}

/// What a `CompareType` asks, apart from its `Not`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Test {
    Equal,
    Contains,
    StartWith,
    EndWith,
    StartAndEndWith,
    In,
    IsNull,
    Greater,
    Less,
    GreaterOrEqual,
    LessOrEqual,
}

struct Compare {
    test: Test,
    negated: bool,
}

const COMPARE_TYPES: [(&str, Test, bool); 18] = [
    ("Equal", Test::Equal, false),
    ("NotEqual", Test::Equal, true),
    ("Contains", Test::Contains, false),
    ("NotContains", Test::Contains, true),
    ("StartWith", Test::StartWith, false),
    ("NotStartWith", Test::StartWith, true),
    ("EndWith", Test::EndWith, false),
    ("NotEndWith", Test::EndWith, true),
    ("StartAndEndWith", Test::StartAndEndWith, false),
    ("NotStartAndEndWith", Test::StartAndEndWith, true),
    ("Greater", Test::Greater, false),
    ("Less", Test::Less, false),
    ("GreaterOrEqual", Test::GreaterOrEqual, false),
    ("LessOrEqual", Test::LessOrEqual, false),
    ("In", Test::In, false),
    ("NotIn", Test::In, true),
    ("IsNull", Test::IsNull, false),
    ("IsNotNull", Test::IsNull, true),
];

impl Compare {
    fn of(members: &Members<'_>) -> Result<Self, Error> {
        let found = members.required("CompareType")?;
        COMPARE_TYPES
            .iter()
            .find(|(name, ..)| name.eq_ignore_ascii_case(&found))
            .map(|&(_, test, negated)| Self { test, negated })
            .ok_or_else(|| Error::Unknown {
                member: "CompareType",
                known: Known::of(COMPARE_TYPES.map(|(name, ..)| name), &found),
                found,
            })
    }

    fn holds(&self, name: &str, value: &Value, members: &Members<'_>) -> Result<bool, Error> {
        if self.test == Test::IsNull {
            return Ok((*value == Value::Null) != self.negated);
        }
        let wanted = members.required("Value")?;
        let ordered = |allowed: fn(Ordering) -> bool| match value {
            Value::Null => Ok(false),
            value => order(value, &wanted)
                .map(allowed)
                .ok_or_else(|| Error::NoOrder {
                    parameter: name.into(),
                    value: wanted.clone(),
                }),
        };
        let holds = match self.test {
            Test::Equal => equal(value, &wanted),
            Test::Contains => contains(value, &wanted),
            Test::StartWith => text(value).is_some_and(|text| text.starts_with(&*wanted)),
            Test::EndWith => text(value).is_some_and(|text| text.ends_with(&*wanted)),
            Test::StartAndEndWith => text(value)
                .is_some_and(|text| text.starts_with(&*wanted) && text.ends_with(&*wanted)),
            Test::In => {
                let separator = members.text("Separator").filter(|text| !text.is_empty());
                let separator = separator.as_deref().unwrap_or(",");
                wanted.split(separator).any(|one| equal(value, one.trim()))
            }
            Test::Greater => ordered(Ordering::is_gt)?,
            Test::Less => ordered(Ordering::is_lt)?,
            Test::GreaterOrEqual => ordered(Ordering::is_ge)?,
            Test::LessOrEqual => ordered(Ordering::is_le)?,
            Test::IsNull => *value == Value::Null,
        };
        Ok(holds != self.negated)
    }
}

/// The scheme's text as a value of the same kind as the parameter's.
fn alike(value: &Value, wanted: &str) -> Option<Value> {
    use crate::parameter::Type;
    let kind = match value {
        Value::Null => return None,
        Value::Boolean(_) => Type::Boolean,
        // An Integer may well be compared with `2.5`.
        Value::Integer(_) | Value::Decimal(_) => Type::Decimal,
        Value::Double(_) => Type::Double,
        Value::String(_) => Type::String,
        Value::DateTime(_) => Type::DateTime,
        Value::Guid(_) => Type::Guid,
        Value::Json(_) => Type::Json {
            clr: "Object".into(),
        },
    };
    kind.parse_text(wanted).ok()
}

fn equal(value: &Value, wanted: &str) -> bool {
    alike(value, wanted).is_some_and(|wanted| value.same(&wanted))
}

fn order(value: &Value, wanted: &str) -> Option<Ordering> {
    value.order(&alike(value, wanted)?)
}

/// A text contains a part, an array an element.
fn contains(value: &Value, wanted: &str) -> bool {
    match value {
        Value::Json(json) => match json.as_array() {
            Some(items) => {
                let mut items = items.iter().map(Value::from_tree);
                items.any(|item| equal(&item, wanted))
            }
            None => json.to_string().contains(wanted),
        },
        value => text(value).is_some_and(|text| text.contains(wanted)),
    }
}

/// The value as the API writes it, without quotes.
fn text(value: &Value) -> Option<Box<str>> {
    match value {
        Value::Null => None,
        Value::String(text) => Some((&**text).into()),
        value => {
            let json = serde_json::to_string(value).ok()?;
            Some(json.trim_matches('"').into())
        }
    }
}
