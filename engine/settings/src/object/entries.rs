//! Reads an object whose names are free: each name with what stands for it.

use super::{Object, mismatch, text};
use crate::faults::{Fault, Mark};
use crate::reading::{Reading, Text};
use crate::table::Kind;
use crate::tree::{Data, Node};

/// One member of such an object.
#[derive(Debug)]
pub struct Entry {
    /// As written.
    pub name: String,
    /// The place of the name.
    pub mark: Mark,
    /// What stands for it.
    pub value: Free,
}

/// A value that may be of several kinds.
#[derive(Debug)]
pub enum Free {
    /// `true` or `false`.
    Bool(bool),
    /// A whole number.
    Integer(i64),
    /// A string.
    Text(Text),
    /// A list of strings.
    List(Vec<Text>),
}

impl Object<'_> {
    /// The members of the object under that key, in their order; absent, none. A null is absence.
    pub fn entries(&self, reading: &mut Reading, name: &str) -> Vec<Entry> {
        let Some((key, Some(node))) = self.field(reading, name) else {
            return Vec::new();
        };
        let path = self.name(key.name);
        let (Data::Object(members), Some(kind)) = (&node.data, key.kind.value()) else {
            let message = format!("`{path}` must be {}", key.kind.expected());
            let label = format!("found {}", node.data.kind());
            reading
                .faults
                .push(Fault::error(node.mark.head(), message).label(label));
            return Vec::new();
        };
        let mut entries = Vec::with_capacity(members.len());
        for member in members {
            let path = format!("{path}.{}", member.name);
            if let Some(value) = value(reading, &member.value, kind, key.public, &path) {
                entries.push(Entry {
                    name: member.name.to_string(),
                    mark: member.mark,
                    value,
                });
            }
        }
        entries
    }
}

fn value(
    reading: &mut Reading,
    node: &Node,
    kind: &Kind,
    public: bool,
    path: &str,
) -> Option<Free> {
    match &node.data {
        Data::Null => None,
        Data::Bool(value) => Some(Free::Bool(*value)),
        Data::Number(number) => {
            let number = number.parse().ok().map(Free::Integer);
            if number.is_none() {
                mismatch(reading, node, kind, public, path);
            }
            number
        }
        Data::List(items) => {
            let item = kind.item()?;
            let texts = items.iter().enumerate().filter_map(|(index, node)| {
                text(reading, node, item, public, &format!("{path}[{index}]"))
            });
            Some(Free::List(texts.collect()))
        }
        Data::Text(_) | Data::Object(_) => text(reading, node, kind, public, path).map(Free::Text),
    }
}
