//! JSON of a bound caller: every name at every depth is looked at, nothing is kept.
//!
//! In: bytes. Out: nothing, or the refusal. Rules: RFC 8259; a name that stands twice in an object
//! is an error at any depth, for two readers could take different ones; so are a byte order mark,
//! other encodings than UTF-8, and what follows the value.

use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt;

use serde::de::{self, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};

use super::judge::{Given, Judge, Place};
use crate::refusal::{Reason, Refusal};

/// Up to here names are compared pair by pair, which is quicker than a set.
const COMPARED_BY_PAIRS: usize = 16;

/// The whole body: one object.
pub(super) fn body(judge: &mut Judge<'_>, bytes: &[u8]) -> Result<(), Refusal> {
    let mut walk = Walk {
        judge,
        in_text: false,
        refused: None,
    };
    let read = walk.read(bytes);
    match (walk.refused, read) {
        (Some(refusal), _) => Err(refusal),
        (None, true) => Ok(()),
        (None, false) => Err(Reason::BoundBodyAmbiguous.into()),
    }
}

/// A text that may be JSON: the value of a parameter `name`. What looks like JSON and is none is
/// a text, unless the operation takes JSON there.
pub(super) fn text(judge: &mut Judge<'_>, name: &str, text: &str) -> Result<(), Refusal> {
    let is_json = judge.is_json(name);
    if !is_json && !text.trim_start().starts_with(['{', '[']) {
        return Ok(());
    }
    let mut walk = Walk {
        judge,
        in_text: true,
        refused: None,
    };
    let read = walk.read(text.as_bytes());
    match (walk.refused, read) {
        (Some(refusal), _) => Err(refusal),
        (None, false) if is_json && !text.is_empty() => Err(Reason::BoundBodyAmbiguous.into()),
        (None, _) => Ok(()),
    }
}

struct Walk<'j, 's> {
    judge: &'j mut Judge<'s>,
    /// What is read is the text of a value.
    in_text: bool,
    refused: Option<Refusal>,
}

impl Walk<'_, '_> {
    /// Whether it is JSON; of a body, an object.
    fn read(&mut self, bytes: &[u8]) -> bool {
        let mut deserializer = serde_json::Deserializer::from_slice(bytes);
        let at = if self.in_text { At::Inside } else { At::Top };
        let value = Value { walk: self, at };
        value.deserialize(&mut deserializer).is_ok() && deserializer.end().is_ok()
    }

    /// Hands a value on; an error ends the walk.
    fn member<E: de::Error>(&mut self, at: &At<'_>, given: Given<'_>) -> Result<(), E> {
        let judged = match at {
            At::Top => return Err(E::custom("the body is not an object")),
            At::Inside => Ok(""),
            At::Member(place, name) => self.judge.member(*place, name, given).map(|()| *name),
        };
        let judged = judged.and_then(|name| match given {
            // A string that holds JSON again; not more than once.
            Given::Text(inner) if !self.in_text => text(self.judge, name, inner),
            Given::Text(_) | Given::Null | Given::Other => Ok(()),
        });
        judged.map_err(|refusal| {
            self.refused = Some(refusal);
            E::custom("refused")
        })
    }
}

/// Where a value stands.
enum At<'n> {
    /// It is the body.
    Top,
    /// In a list, or the beginning of a text.
    Inside,
    Member(Place, &'n str),
}

struct Value<'w, 'j, 's, 'n> {
    walk: &'w mut Walk<'j, 's>,
    at: At<'n>,
}

impl<'de> DeserializeSeed<'de> for Value<'_, '_, '_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Value<'_, '_, '_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E: de::Error>(self) -> Result<(), E> {
        self.walk.member(&self.at, Given::Null)
    }

    fn visit_bool<E: de::Error>(self, _: bool) -> Result<(), E> {
        self.walk.member(&self.at, Given::Other)
    }

    fn visit_i64<E: de::Error>(self, _: i64) -> Result<(), E> {
        self.walk.member(&self.at, Given::Other)
    }

    fn visit_u64<E: de::Error>(self, _: u64) -> Result<(), E> {
        self.walk.member(&self.at, Given::Other)
    }

    fn visit_f64<E: de::Error>(self, _: f64) -> Result<(), E> {
        self.walk.member(&self.at, Given::Other)
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<(), E> {
        self.walk.member(&self.at, Given::Text(text))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        self.walk.member(&self.at, Given::Other)?;
        loop {
            let item = Value {
                walk: &mut *self.walk,
                at: At::Inside,
            };
            if items.next_element_seed(item)?.is_none() {
                return Ok(());
            }
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<(), A::Error> {
        let place = match self.at {
            At::Top => Place::Body,
            At::Inside | At::Member(..) => {
                self.walk.member(&self.at, Given::Other)?;
                Place::Nested
            }
        };
        let mut names: Vec<Cow<'de, str>> = Vec::new();
        while let Some(Name(name)) = members.next_key()? {
            members.next_value_seed(Value {
                walk: &mut *self.walk,
                at: At::Member(place, &name),
            })?;
            names.push(name);
        }
        if has_twice(&names) {
            return Err(de::Error::custom("a name stands twice"));
        }
        Ok(())
    }
}

fn has_twice(names: &[Cow<'_, str>]) -> bool {
    if names.len() <= COMPARED_BY_PAIRS {
        let later = |place: usize| &names[place + 1..];
        return names
            .iter()
            .enumerate()
            .any(|(place, name)| later(place).contains(name));
    }
    let mut seen = HashSet::with_capacity(names.len());
    !names.iter().all(|name| seen.insert(name))
}

/// A member's name, borrowed where it has no escape.
struct Name<'de>(Cow<'de, str>);

impl<'de> de::Deserialize<'de> for Name<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct NameVisitor;
        impl<'de> Visitor<'de> for NameVisitor {
            type Value = Name<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a name")
            }

            fn visit_borrowed_str<E>(self, name: &'de str) -> Result<Name<'de>, E> {
                Ok(Name(Cow::Borrowed(name)))
            }

            fn visit_str<E>(self, name: &str) -> Result<Name<'de>, E> {
                Ok(Name(Cow::Owned(name.to_owned())))
            }
        }
        deserializer.deserialize_str(NameVisitor)
    }
}
