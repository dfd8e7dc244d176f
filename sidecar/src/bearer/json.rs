//! JSON as security needs it: no name twice in an object, at any level; nothing after the value.
//!
//! RFC 7515 §4 and RFC 7519 §4 let a verifier take the last of two equal names; two verifiers that
//! choose differently are an attack. `serde_json` keeps the syntax, UTF-8, number range and depth
//! (128 levels).

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};

/// Most members of one object. Tokens have about ten; the comparison of names is quadratic.
const MEMBERS_MAX: usize = 64;

/// A JSON value whose objects have no name twice.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value {
    Null,
    Bool(bool),
    Integer(i64),
    /// Finite, because JSON has no other: a fraction, or beyond `i64`.
    Float(f64),
    String(String),
    Array(Vec<Self>),
    Object(Object),
}

/// Members in their order.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Object(Vec<(String, Value)>);

impl Object {
    /// The whole of `json` is one object.
    pub(crate) fn parse(json: &[u8]) -> Option<Self> {
        match serde_json::from_slice(json) {
            Ok(Value::Object(object)) => Some(object),
            Ok(_) | Err(_) => None,
        }
    }

    /// Every name, each once.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(name, _)| name.as_str())
    }

    pub(crate) fn find(&self, name: &str) -> Option<&Value> {
        self.0
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, value)| value)
    }
}

impl Value {
    /// The same, for whoever writes it out again.
    pub(crate) fn to_json(&self) -> serde_json::Value {
        use serde_json::Value as Json;

        match self {
            Self::Null => Json::Null,
            Self::Bool(value) => Json::from(*value),
            Self::Integer(value) => Json::from(*value),
            Self::Float(value) => Json::from(*value),
            Self::String(value) => Json::from(value.as_str()),
            Self::Array(items) => items.iter().map(Self::to_json).collect(),
            Self::Object(Object(members)) => members
                .iter()
                .map(|(name, value)| (name.clone(), value.to_json()))
                .collect(),
        }
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Strict)
    }
}

struct Strict;

impl<'de> Visitor<'de> for Strict {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON without a repeated name")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Integer(value))
    }

    #[expect(
        clippy::cast_precision_loss,
        reason = "beyond i64 no claim of ours is in range, however precise"
    )]
    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(i64::try_from(value).map_or(Value::Float(value as f64), Value::Integer))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Value::Float(value))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut array = Vec::new();
        while let Some(item) = items.next_element()? {
            array.push(item);
        }
        Ok(Value::Array(array))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let mut object = Vec::new();
        while let Some((name, value)) = members.next_entry::<String, Value>()? {
            if object.len() == MEMBERS_MAX {
                return Err(A::Error::custom("too many members"));
            }
            if object.iter().any(|(known, _)| *known == name) {
                return Err(A::Error::custom("a name stands twice"));
            }
            object.push((name, value));
        }
        Ok(Value::Object(Object(object)))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn no_name_stands_twice_at_any_level() {
        for (json, good) in [
            (r#"{"a":1,"b":[1,2.5,"x",null,true]}"#, true),
            (r#"{"a":1,"a":1}"#, false),
            // Written differently, read the same.
            (r#"{"a":1,"\u0061":1}"#, false),
            (r#"{"a":{"b":1,"b":2}}"#, false),
            (r#"{"a":[{"b":1,"b":2}]}"#, false),
            (r#"{"a":{"b":1},"c":{"b":1}}"#, true),
            (r#"{"a":1} "#, true),
            (r#"{"a":1}x"#, false),
            (r#"{"a":1}{}"#, false),
            (r#"{"a":NaN}"#, false),
            (r#"{"a":1e999}"#, false),
            (r#"{"a":"\ud800"}"#, false),
            ("{\"a\":\"\n\"}", false),
            ("\u{feff}{}", false),
            ("[]", false),
            ("", false),
        ] {
            assert_eq!(Object::parse(json.as_bytes()).is_some(), good, "{json}");
        }
        assert!(Object::parse(b"{\"a\":\"\xff\"}").is_none());
        let deep = format!("{{\"a\":{}{}}}", "[".repeat(200), "]".repeat(200));
        assert!(Object::parse(deep.as_bytes()).is_none());
        let many: Vec<_> = (0..65).map(|n| format!("\"{n}\":0")).collect();
        assert!(Object::parse(format!("{{{}}}", many.join(",")).as_bytes()).is_none());
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(json in proptest::collection::vec(any::<u8>(), 0..256)) {
            let _ = Object::parse(&json);
        }
    }
}
