//! A JSON body: one object, read once, its values kept as they were written.
//!
//! In: the bytes. Out: its members in order, each value as the text that stands there, so that
//! decimals stay exact until a parameter's type is known. Nesting is bounded, and a key given
//! twice in one object, at whatever depth, is an error: two readers could take different ones.

use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt;

use serde::de::{self, DeserializeSeed, Deserializer as _, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::refusal::Unreadable;

/// How deep objects and arrays may be nested, the body's own object included.
pub(crate) const DEPTH_MAX: usize = 128;

/// Up to here keys are compared pair by pair, which is quicker than a set.
const COMPARED_BY_PAIRS: usize = 16;

/// The members of the object in `body`.
pub(super) fn members(body: &[u8]) -> Result<Vec<(Cow<'_, str>, &RawValue)>, Unreadable> {
    let text = std::str::from_utf8(body).map_err(|_| Unreadable::Utf8)?;
    if deeper_than(text, DEPTH_MAX) {
        return Err(Unreadable::JsonTooDeep);
    }
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let members = deserializer
        .deserialize_map(Members)
        .map_err(Unreadable::Json)?;
    deserializer.end().map_err(Unreadable::Json)?;
    if let Some(twice) = first_twice(members.iter().map(|(name, _)| name.as_ref())) {
        return Err(Unreadable::Twice(twice.into()));
    }
    for (_, value) in &members {
        // Scalars but strings were checked when they were skipped.
        if value.get().starts_with(['"', '{', '[']) {
            let mut deserializer = serde_json::Deserializer::from_str(value.get());
            Strict
                .deserialize(&mut deserializer)
                .map_err(Unreadable::Json)?;
        }
    }
    Ok(members)
}

/// Counts brackets outside strings; what else is wrong with the text is for the parser to say.
fn deeper_than(text: &str, max: usize) -> bool {
    let mut depth = 0usize;
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        match byte {
            b'"' => loop {
                match bytes.next() {
                    Some(b'\\') => {
                        bytes.next();
                    }
                    Some(b'"') | None => break,
                    Some(_) => {}
                }
            },
            b'{' | b'[' => {
                depth += 1;
                if depth > max {
                    return true;
                }
            }
            b'}' | b']' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    false
}

fn first_twice<'n>(names: impl ExactSizeIterator<Item = &'n str> + Clone) -> Option<&'n str> {
    if names.len() <= COMPARED_BY_PAIRS {
        let mut rest = names;
        while let Some(name) = rest.next() {
            if rest.clone().any(|other| other == name) {
                return Some(name);
            }
        }
        None
    } else {
        let mut seen = HashSet::with_capacity(names.len());
        let mut names = names;
        names.find(|name| !seen.insert(*name))
    }
}

struct Members;

impl<'de> Visitor<'de> for Members {
    type Value = Vec<(Cow<'de, str>, &'de RawValue)>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut members = Vec::new();
        while let Some(Text(name)) = map.next_key::<Text<'de>>()? {
            members.push((name, map.next_value()?));
        }
        Ok(members)
    }
}

/// A string, borrowed where it has no escape.
pub(super) struct Text<'de>(pub(super) Cow<'de, str>);

impl<'de> de::Deserialize<'de> for Text<'de> {
    fn deserialize<D: de::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TextVisitor;
        impl<'de> Visitor<'de> for TextVisitor {
            type Value = Text<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }

            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(Text(Cow::Borrowed(text)))
            }

            fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Text(Cow::Owned(text.to_owned())))
            }
        }
        deserializer.deserialize_str(TextVisitor)
    }
}

/// Reads a value to the end and keeps nothing: escapes, numbers and keys are right.
struct Strict;

impl<'de> DeserializeSeed<'de> for Strict {
    type Value = ();

    fn deserialize<D: de::Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        while seq.next_element_seed(Strict)?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let mut names: Vec<Cow<'de, str>> = Vec::new();
        while let Some(Text(name)) = map.next_key::<Text<'de>>()? {
            names.push(name);
            map.next_value_seed(Strict)?;
        }
        match first_twice(names.iter().map(AsRef::as_ref)) {
            Some(twice) => Err(de::Error::custom(format_args!("`{twice}` stands twice"))),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Map, Value};

    use super::*;

    #[test]
    fn a_body_is_one_object_without_ambiguity() {
        let deep = |depth: usize| {
            format!(
                "{{\"a\":{}{}}}",
                "[".repeat(depth - 1),
                "]".repeat(depth - 1)
            )
        };
        for (body, good) in [
            ("{}".to_owned(), true),
            (
                r#" {"a": 1.10, "b": null, "c": [{"a": 1}, {"a": 2}]} "#.to_owned(),
                true,
            ),
            (r#"{"a": 1e400}"#.to_owned(), true), // a number, if a parameter can hold it
            (r#"{"a": "\ud83d\ude00"}"#.to_owned(), true),
            (String::new(), false),
            ("[]".to_owned(), false),
            ("null".to_owned(), false),
            ("\"a\"".to_owned(), false),
            ("{} {}".to_owned(), false),
            ("{\"a\": 01}".to_owned(), false),
            ("{\"a\": 1,}".to_owned(), false),
            ("{'a': 1}".to_owned(), false),
            ("{\"a\": NaN}".to_owned(), false),
            ("{\"a\": 1".to_owned(), false),
            ("{\"a\": \"\u{1}\"}".to_owned(), false),
            (r#"{"a": "\ud800"}"#.to_owned(), false),
            (r#"{"a": 1, "a": 1}"#.to_owned(), false),
            (r#"{"a": 1, "\u0061": 1}"#.to_owned(), false),
            (r#"{"x": {"a": 1, "a": 1}}"#.to_owned(), false),
            (r#"{"x": [{"a": 1, "a": 1}]}"#.to_owned(), false),
            ("\u{feff}{}".to_owned(), false),
            (deep(DEPTH_MAX), true),
            (deep(DEPTH_MAX + 1), false),
            (deep(100_000), false),
        ] {
            let shown: String = body.chars().take(60).collect();
            assert_eq!(members(body.as_bytes()).is_ok(), good, "{shown}");
        }
        assert!(matches!(
            members(b"{\"a\": \"\xff\"}"),
            Err(Unreadable::Utf8)
        ));
        assert!(matches!(
            members(deep(DEPTH_MAX + 1).as_bytes()),
            Err(Unreadable::JsonTooDeep)
        ));
    }

    #[test]
    fn brackets_in_strings_do_not_nest() {
        let body = format!("{{\"a\": \"\\\"{}\"}}", "[".repeat(300));
        assert!(members(body.as_bytes()).is_ok());
    }

    #[test]
    fn values_stay_as_they_were_written() {
        let members = members(br#"{"Sum": 100.0100, "T": "x"}"#).expect("an object");
        assert_eq!(members[0].1.get(), "100.0100");
        assert_eq!(members[1].1.get(), "\"x\"");
    }

    #[test]
    fn many_keys_are_checked_in_time() {
        let body: Vec<String> = (0..50_000).map(|i| format!("\"k{i}\":0")).collect();
        assert_eq!(
            members(format!("{{{}}}", body.join(",")).as_bytes()).map(|m| m.len()),
            Ok(50_000)
        );
        let twice = format!("{{{},\"k7\":0}}", body.join(","));
        assert!(
            matches!(members(twice.as_bytes()), Err(Unreadable::Twice(name)) if &*name == "k7")
        );
    }

    fn json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::Bool),
            any::<i64>().prop_map(Into::into),
            "\\PC{0,6}".prop_map(Value::String),
        ];
        leaf.prop_recursive(4, 24, 4, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::Array),
                proptest::collection::vec(("\\PC{0,4}", inner), 0..4)
                    .prop_map(|members| Value::Object(members.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn what_was_written_is_read(given in proptest::collection::vec(("\\PC{0,4}", json()), 0..20)) {
            let given: Map<String, Value> = given.into_iter().collect();
            let text = serde_json::to_string(&given).expect("JSON");
            let read: Map<String, Value> = members(text.as_bytes())
                .expect("an object")
                .into_iter()
                .map(|(name, raw)| (name.into_owned(), serde_json::from_str(raw.get()).expect("JSON")))
                .collect();
            prop_assert_eq!(read, given);
        }

        #[test]
        fn any_bytes_are_judged_without_a_panic(body in proptest::collection::vec(any::<u8>(), 0..60)) {
            let _ = members(&body);
        }

        #[test]
        fn any_brackets_are_judged_without_a_panic(body in "[\\[\\]{}\":,0a\\\\]{0,60}") {
            if let Ok(members) = members(body.as_bytes()) {
                for (_, raw) in members {
                    prop_assert!(serde_json::from_str::<Value>(raw.get()).is_ok() );
                }
            }
        }
    }
}
