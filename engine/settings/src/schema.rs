//! The table as a JSON schema, for editors.

use serde_json::{Map, Value, json};

use crate::keys::{REFERENCE, ROOT};
use crate::table::{Change, Key, Keys, Kind, Owner, Support};

/// The schema of `config.json`, as JSON text. Editors complete and check with it; the program
/// itself also takes names in any case, which a schema cannot say.
pub fn schema() -> String {
    let mut schema = json!({
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "config.json of sidecar and engine",
        "allowComments": true,
        "allowTrailingCommas": true,
        "definitions": { "reference": reference() },
    });
    merge(&mut schema, object(&ROOT));
    let mut text = serde_json::to_string_pretty(&schema).unwrap_or_default();
    text.push('\n');
    text
}

fn reference() -> Value {
    let one = |key: &Key| {
        json!({
            "type": "object",
            "description": key.doc,
            "properties": { key.name: { "type": "string", "minLength": 1 } },
            "required": [key.name],
            "additionalProperties": false,
        })
    };
    json!({ "oneOf": REFERENCE.keys.iter().map(one).collect::<Vec<_>>() })
}

fn object(keys: &Keys) -> Value {
    let mut properties = Map::new();
    for key in keys.keys {
        if key.support != Support::Later {
            properties.insert(key.name.to_owned(), property(key));
        }
    }
    json!({
        "type": "object",
        "properties": properties,
        "additionalProperties": keys.owner == Owner::Theirs,
    })
}

fn property(key: &Key) -> Value {
    let mut schema = nullable(kind(&key.kind));
    let mut doc = key.doc.to_owned();
    if key.change == Change::Restart {
        doc.push_str(" A change needs a restart.");
    }
    let mut notes = json!({ "description": doc });
    if let Some(default) = key.default {
        let default = match key.kind {
            Kind::Bool | Kind::Integer { .. } | Kind::List(_) => serde_json::from_str(default),
            Kind::Either(_) if default.starts_with('[') => serde_json::from_str(default),
            _ => Ok(Value::from(default)),
        };
        if let Ok(default) = default {
            merge(&mut notes, json!({ "default": default }));
        }
    }
    merge(&mut schema, notes);
    schema
}

fn kind(kind: &Kind) -> Value {
    let or_reference = |own: Vec<Value>| {
        let mut any = own;
        any.push(json!({ "$ref": "#/definitions/reference" }));
        json!({ "anyOf": any })
    };
    match kind {
        Kind::Bool => or_reference(vec![json!({ "type": "boolean" })]),
        Kind::Integer { min, max } => or_reference(vec![
            json!({ "type": "integer", "minimum": min, "maximum": max }),
        ]),
        Kind::Duration { .. } => or_reference(vec![
            json!({ "type": "number", "minimum": 0 }),
            json!({ "type": "string", "pattern": "^([0-9]+ ?(d|h|m|s|ms) ?)+$" }),
        ]),
        Kind::Size { min, max } => or_reference(vec![
            json!({ "type": "integer", "minimum": min, "maximum": max }),
            json!({ "type": "string", "pattern": "^[0-9]+ ?([KMG]i?)?B?$" }),
        ]),
        Kind::Rate => or_reference(vec![
            json!({ "type": "integer", "minimum": 1 }),
            json!({ "type": "string", "pattern": "^[0-9]+ ?/s( +burst +[0-9]+)?$" }),
        ]),
        Kind::Flow => or_reference(vec![
            json!({ "type": "integer", "minimum": 0 }),
            json!({ "type": "string", "pattern": "/s( +after .+)?$" }),
        ]),
        Kind::Text => or_reference(vec![json!({ "type": "string", "minLength": 1 })]),
        Kind::Choice(words) => or_reference(vec![json!({ "enum": words })]),
        Kind::List(item) => json!({ "type": "array", "items": self::kind(item) }),
        Kind::Object(keys) => object(keys),
        Kind::Map(value) => {
            json!({ "type": "object", "additionalProperties": self::kind(value) })
        }
        Kind::Either(kinds) => {
            json!({ "anyOf": kinds.iter().map(self::kind).collect::<Vec<_>>() })
        }
        Kind::Anything => json!({}),
    }
}

/// Null is absence, everywhere.
fn nullable(schema: Value) -> Value {
    if schema.as_object().is_some_and(Map::is_empty) {
        return schema;
    }
    json!({ "anyOf": [schema, { "type": "null" }] })
}

fn merge(into: &mut Value, other: Value) {
    if let (Some(into), Value::Object(other)) = (into.as_object_mut(), other) {
        into.extend(other);
    }
}
