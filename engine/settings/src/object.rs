//! Reads typed values out of an object, by the table.
//!
//! In: an object and a name. Out: the value within its bounds, or its default after a fault was
//! recorded, so that one run finds every fault.
//! Rules: null is absence; bounds and defaults are the table's.
//! Elsewhere: numbers, durations and words (`object::scalars`); what values mean together.

mod entries;
mod json;
mod scalars;

pub use entries::{Entry, Free};

use crate::faults::{Fault, Mark, quoted};
use crate::mask;
use crate::names::is_reference;
use crate::reading::{Origin, Reading, Text};
use crate::table::{Key, Keys, Kind};
use crate::tree::{Data, Member, Node};

/// An object with the keys that it may have. `Debug` shows no value.
#[derive(Clone)]
pub struct Object<'a> {
    members: &'a [Member],
    mark: Mark,
    keys: &'static Keys,
    path: String,
}

impl std::fmt::Debug for Object<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Object")
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}

/// A value that has more than one form.
#[derive(Debug)]
pub enum Either<'a> {
    /// A string.
    Text(Text),
    /// An object.
    Object(Object<'a>),
    /// A list of strings.
    List(Vec<Text>),
}

impl<'a> Object<'a> {
    pub(crate) fn root(node: &'a Node, keys: &'static Keys) -> Self {
        let members = match &node.data {
            Data::Object(members) => members.as_slice(),
            _ => &[],
        };
        Self {
            members,
            mark: node.mark,
            keys,
            path: String::new(),
        }
    }

    /// The opening brace: for faults about what is missing.
    pub fn mark(&self) -> Mark {
        self.mark.head()
    }

    /// Where it stands, such as `OpenIddictServerSettings.ClientCredentials[0]`.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The full name of a key of this object.
    pub fn name(&self, key: &str) -> String {
        if self.path.is_empty() {
            key.to_owned()
        } else {
            format!("{}.{key}", self.path)
        }
    }

    /// The place of that key's name, if it is there and not null.
    pub fn key_mark(&self, key: &str) -> Option<Mark> {
        self.member(key).map(|member| member.mark)
    }

    /// The place of that key's value, if it is there and not null.
    pub fn value_mark(&self, key: &str) -> Option<Mark> {
        self.member(key).map(|member| match member.value.data {
            Data::Object(_) | Data::List(_) => member.value.mark.head(),
            _ => member.value.mark,
        })
    }

    fn member(&self, name: &str) -> Option<&'a Member> {
        self.members
            .iter()
            .find(|member| member.name.eq_ignore_ascii_case(name))
            .filter(|member| !matches!(member.value.data, Data::Null))
    }

    /// The key and its value. A name that the table lacks is a mistake of this program, which
    /// shows as a fault and not as a panic; a test reads every key.
    fn field(&self, reading: &mut Reading, name: &str) -> Option<(&'static Key, Option<&'a Node>)> {
        let Some(key) = self.keys.find(name) else {
            let message = format!("`{}` is not in the table of keys", self.name(name));
            reading.faults.push(Fault::error(self.mark(), message));
            return None;
        };
        Some((key, self.member(name).map(|member| &member.value)))
    }

    /// A string: not empty, no control characters.
    pub fn text(&self, reading: &mut Reading, name: &str) -> Option<Text> {
        let (key, node) = self.field(reading, name)?;
        match node {
            Some(node) => {
                let path = self.name(key.name);
                text(reading, node, &key.kind, key.public, &path)
            }
            None => key.default.map(|value| Text {
                value: value.to_owned(),
                mark: self.mark(),
                origin: Origin::Here,
                public: true,
            }),
        }
    }

    /// A list of strings; absent, the table's default or `None`.
    pub fn texts(&self, reading: &mut Reading, name: &str) -> Option<Vec<Text>> {
        let (key, node) = self.field(reading, name)?;
        match node {
            Some(node) => self.list(reading, key, node),
            None => self.default_texts(key),
        }
    }

    /// An object; absent, an empty one with the same keys.
    #[must_use]
    pub fn object(&self, reading: &mut Reading, name: &str) -> Object<'a> {
        let node = self.field(reading, name).and_then(|(_, node)| node);
        let mut object = self.object_defaults(name);
        match node.map(|node| (node, &node.data)) {
            Some((node, Data::Object(members))) => {
                object.members = members;
                object.mark = node.mark;
            }
            Some((node, other)) => {
                let expected = format!("`{}` must be an object", object.path);
                reading.faults.push(
                    Fault::error(node.mark, expected).label(format!("found {}", other.kind())),
                );
            }
            None => {}
        }
        object
    }

    /// An object with the keys of `name` and no values: for one that was written as a string.
    #[must_use]
    pub fn object_defaults(&self, name: &str) -> Object<'a> {
        let keys = self.keys.find(name).and_then(|key| key.kind.keys());
        Object {
            members: &[],
            mark: self.mark,
            keys: keys.unwrap_or(self.keys),
            path: self.name(name),
        }
    }

    /// A list of objects; absent, an empty one.
    pub fn objects(&self, reading: &mut Reading, name: &str) -> Vec<Object<'a>> {
        let Some((key, Some(node))) = self.field(reading, name) else {
            return Vec::new();
        };
        let path = self.name(key.name);
        let Data::List(items) = &node.data else {
            reading.faults.push(
                Fault::error(node.mark, format!("`{path}` must be a list of objects"))
                    .label(format!("found {}", node.data.kind())),
            );
            return Vec::new();
        };
        let keys = key.kind.item().and_then(Kind::keys).unwrap_or(self.keys);
        let mut objects = Vec::with_capacity(items.len());
        for (index, item) in items.iter().enumerate() {
            let path = format!("{path}[{index}]");
            if let Data::Object(members) = &item.data {
                objects.push(Object {
                    members,
                    mark: item.mark,
                    keys,
                    path,
                });
            } else {
                reading.faults.push(
                    Fault::error(item.mark, format!("`{path}` must be an object"))
                        .label(format!("found {}", item.data.kind())),
                );
            }
        }
        objects
    }

    /// A string, an object or a list of strings, as far as the table allows it.
    pub fn either(&self, reading: &mut Reading, name: &str) -> Option<Either<'a>> {
        let (key, node) = self.field(reading, name)?;
        let Some(node) = node else {
            if let Some(list) = self.default_texts(key) {
                return Some(Either::List(list));
            }
            return self.text(reading, name).map(Either::Text);
        };
        match &node.data {
            Data::Object(members) if !is_reference(&key.kind, members) => {
                let keys = key.kind.keys()?;
                Some(Either::Object(Object {
                    members,
                    mark: node.mark,
                    keys,
                    path: self.name(key.name),
                }))
            }
            Data::List(_) if key.kind.item().is_some() => {
                self.list(reading, key, node).map(Either::List)
            }
            _ => {
                let path = self.name(key.name);
                text(reading, node, &key.kind, key.public, &path).map(Either::Text)
            }
        }
    }

    fn list(&self, reading: &mut Reading, key: &'static Key, node: &Node) -> Option<Vec<Text>> {
        let path = self.name(key.name);
        let Data::List(items) = &node.data else {
            mismatch(reading, node, &key.kind, key.public, &path);
            return None;
        };
        let kind = key.kind.item()?;
        let texts = items.iter().enumerate().filter_map(|(index, item)| {
            text(reading, item, kind, key.public, &format!("{path}[{index}]"))
        });
        Some(texts.collect())
    }

    fn default_texts(&self, key: &Key) -> Option<Vec<Text>> {
        let words: Vec<String> = serde_json::from_str(key.default?).ok()?;
        let texts = words.into_iter().map(|value| Text {
            value,
            mark: self.mark(),
            origin: Origin::Here,
            public: true,
        });
        Some(texts.collect())
    }
}

/// A string of the file or behind a reference; a fault when there is none.
fn text(reading: &mut Reading, node: &Node, kind: &Kind, public: bool, path: &str) -> Option<Text> {
    let found = match &node.data {
        Data::Text(_) => here(node, public)?,
        Data::Object(members) if is_reference(kind, members) => {
            reading.resolve(members, node.mark, public, path)?
        }
        _ => {
            mismatch(reading, node, kind, public, path);
            return None;
        }
    };
    let what = match &found.origin {
        Origin::Here => format!("`{path}`"),
        _ => format!("`{path}`, {}", found.shown()),
    };
    if found.value.is_empty() {
        reading.faults.push(
            Fault::error(found.mark, format!("{what} is empty"))
                .label("found an empty string")
                .help("leave the key out, or make it null, for no value"),
        );
        return None;
    }
    if let Some(position) = found.value.chars().position(char::is_control) {
        reading.faults.push(
            Fault::error(found.mark, format!("{what} holds a control character"))
                .label(format!("at character {}", position + 1)),
        );
        return None;
    }
    Some(found)
}

fn here(node: &Node, public: bool) -> Option<Text> {
    let Data::Text(value) = &node.data else {
        return None;
    };
    Some(Text {
        value: value.to_string(),
        mark: node.mark,
        origin: Origin::Here,
        public,
    })
}

fn expected(path: &str, kind: &Kind) -> String {
    format!("`{path}` must be {}", kind.expected())
}

fn mismatch(reading: &mut Reading, node: &Node, kind: &Kind, public: bool, path: &str) {
    let found = match &node.data {
        Data::Text(value) if public && mask::fits(value, kind) => {
            quoted(&format!("\"{}\"", mask::presentable(value)))
        }
        Data::Number(number) if public => quoted(number),
        other => other.kind().to_owned(),
    };
    let mark = match node.data {
        Data::Object(_) | Data::List(_) => node.mark.head(),
        _ => node.mark,
    };
    reading
        .faults
        .push(Fault::error(mark, expected(path, kind)).label(format!("found {found}")));
}
