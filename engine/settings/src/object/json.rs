//! Reads a JSON document that stands in the file, or that the file names.

use super::Object;
use crate::faults::Fault;
use crate::reading::{Reading, Spanned};
use crate::tree::{Data, Member, Node};

impl Object<'_> {
    /// The object under that key as JSON text: as it stands there, or the content of
    /// `{"File": …}` or `{"Env": …}` whatever that is.
    pub fn document(&self, reading: &mut Reading, name: &str) -> Option<Spanned<String>> {
        let (key, node) = self.field(reading, name)?;
        let node = node?;
        let path = self.name(key.name);
        let Data::Object(members) = &node.data else {
            let message = format!("`{path}` must be an object");
            reading.faults.push(
                Fault::error(node.mark, message).label(format!("found {}", node.data.kind())),
            );
            return None;
        };
        let mark = node.mark.head();
        if names_a_source(members) {
            let text = reading.resolve(members, node.mark, key.public, &path)?;
            let mark = text.mark;
            return Some(Spanned {
                value: text.value,
                mark,
            });
        }
        let mut value = String::new();
        write(node, &mut value);
        Some(Spanned { value, mark })
    }
}

fn names_a_source(members: &[Member]) -> bool {
    let [member] = members else {
        return false;
    };
    let name = &member.name;
    matches!(member.value.data, Data::Text(_))
        && (name.eq_ignore_ascii_case("File") || name.eq_ignore_ascii_case("Env"))
}

/// As RFC 8259 has it; the grammar of the file bounds the depth.
fn write(node: &Node, json: &mut String) {
    match &node.data {
        Data::Null => json.push_str("null"),
        Data::Bool(value) => json.push_str(if *value { "true" } else { "false" }),
        Data::Number(number) => json.push_str(number),
        Data::Text(text) => string(text, json),
        Data::List(items) => {
            json.push('[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    json.push(',');
                }
                write(item, json);
            }
            json.push(']');
        }
        Data::Object(members) => {
            json.push('{');
            for (index, member) in members.iter().enumerate() {
                if index > 0 {
                    json.push(',');
                }
                string(&member.name, json);
                json.push(':');
                write(&member.value, json);
            }
            json.push('}');
        }
    }
}

fn string(text: &str, json: &mut String) {
    json.push_str(&serde_json::Value::from(text).to_string());
}
