//! The stored parameters of an instance.
//!
//! In: names and values that an operation keeps. Out: an immutable list, sorted by name.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::parameter::Value;

/// Counted for each parameter on top of its name and value, so that many tiny ones count too.
const ENTRY_BYTES: usize = 32;

/// A name and its value.
type Entry = (Arc<str>, Value);

/// Values by name, sorted. A clone shares them.
#[derive(Clone, Debug, Default)]
pub struct Parameters {
    entries: Option<Arc<[Entry]>>,
    bytes: usize,
}

impl Parameters {
    /// The value of `name`, where one is stored.
    pub fn get(&self, name: &str) -> Option<&Value> {
        let entries = self.entries.as_deref()?;
        let place = entries.binary_search_by(|(known, _)| (**known).cmp(name));
        Some(&entries[place.ok()?].1)
    }

    /// Names and values in the order of the names.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.entries
            .as_deref()
            .unwrap_or_default()
            .iter()
            .map(|(name, value)| (&**name, value))
    }

    /// How many are stored.
    pub fn len(&self) -> usize {
        self.entries.as_deref().map_or(0, <[_]>::len)
    }

    /// Whether none is stored.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Roughly the memory that they take.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// The list after `edits`: a value is stored, `None` removes.
    pub(crate) fn with(&self, edits: BTreeMap<Arc<str>, Option<Value>>) -> Self {
        if edits.is_empty() {
            return self.clone();
        }
        let mut merged: BTreeMap<Arc<str>, Value> = self
            .entries
            .iter()
            .flat_map(|list| list.iter().cloned())
            .collect();
        for (name, value) in edits {
            match value {
                Some(value) => merged.insert(name, value),
                None => merged.remove(&name),
            };
        }
        Self {
            bytes: merged
                .iter()
                .map(|(name, value)| entry_bytes(name, value))
                .sum(),
            entries: (!merged.is_empty()).then(|| merged.into_iter().collect()),
        }
    }
}

fn entry_bytes(name: &str, value: &Value) -> usize {
    ENTRY_BYTES + name.len() + value.size_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edits_store_replace_and_remove_and_leave_the_old_list() {
        let edits = |list: &[(&str, Option<i64>)]| {
            list.iter()
                .map(|(name, value)| (Arc::from(*name), value.map(Value::Integer)))
                .collect::<BTreeMap<_, _>>()
        };
        let first = Parameters::default().with(edits(&[("b", Some(2)), ("a", Some(1))]));
        let second = first.with(edits(&[("a", None), ("b", Some(3)), ("c", Some(4))]));
        assert_eq!(first.get("a"), Some(&Value::Integer(1)));
        assert_eq!(first.get("b"), Some(&Value::Integer(2)));
        assert_eq!(second.get("a"), None);
        assert_eq!(
            second.iter().collect::<Vec<_>>(),
            [("b", &Value::Integer(3)), ("c", &Value::Integer(4))]
        );
        assert!(second.with(edits(&[("b", None), ("c", None)])).is_empty());
    }

    #[test]
    fn bytes_follow_what_is_stored() {
        let text = Value::String("x".repeat(1000).into());
        let list = Parameters::default().with([(Arc::from("t"), Some(text))].into());
        assert!((1000..1200).contains(&list.bytes()), "{}", list.bytes());
        assert_eq!(list.with([(Arc::from("t"), None)].into()).bytes(), 0);
    }
}
