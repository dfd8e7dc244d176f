//! Reads what is written as one number or word, within the table's bounds.

use std::time::Duration;

use super::{Object, expected, here, mismatch};
use crate::faults::Fault;
use crate::names::is_reference;
use crate::reading::{Origin, Reading, Spanned, Text};
use crate::scalar::{self, Flow, Rate};
use crate::table::{Bare, Kind};
use crate::tree::Data;

/// A scalar after references were followed.
enum Scalar {
    Bool(bool),
    Number(String),
    Text(Text),
}

impl Object<'_> {
    /// `true` or `false`.
    pub fn bool(&self, reading: &mut Reading, name: &str) -> Spanned<bool> {
        let found = self.optional_bool(reading, name);
        found.unwrap_or_else(|| self.default(name, |text| text.parse().ok()))
    }

    /// `true` or `false`, where the default depends on other keys.
    pub fn optional_bool(&self, reading: &mut Reading, name: &str) -> Option<Spanned<bool>> {
        self.read(reading, name, |scalar, _| match scalar {
            Scalar::Bool(value) => Some(*value),
            // A variable or file can hold nothing but text.
            Scalar::Text(text) if text.origin != Origin::Here => {
                text.value.trim().to_ascii_lowercase().parse().ok()
            }
            _ => None,
        })
    }

    /// A whole number within the table's bounds; `T` must hold them.
    pub fn integer<T: TryFrom<u64> + Default>(
        &self,
        reading: &mut Reading,
        name: &str,
    ) -> Spanned<T> {
        let found = self.optional_integer(reading, name);
        found.unwrap_or_else(|| {
            self.default(name, |text| T::try_from(text.parse::<u64>().ok()?).ok())
        })
    }

    /// A whole number, where the default is not a number.
    pub fn optional_integer<T: TryFrom<u64>>(
        &self,
        reading: &mut Reading,
        name: &str,
    ) -> Option<Spanned<T>> {
        self.read(reading, name, |scalar, kind| {
            let value = match scalar {
                Scalar::Number(number) => number.parse::<u64>().ok()?,
                Scalar::Text(text) if text.origin != Origin::Here => {
                    text.value.trim().parse().ok()?
                }
                _ => return None,
            };
            let Kind::Integer { min, max } = kind else {
                return None;
            };
            if (*min..=*max).contains(&value) {
                T::try_from(value).ok()
            } else {
                None
            }
        })
    }

    /// A duration within the table's bounds.
    pub fn duration(&self, reading: &mut Reading, name: &str) -> Spanned<Duration> {
        let found = self.optional_duration(reading, name);
        found.unwrap_or_else(|| {
            self.default(name, |text| {
                scalar::duration(text).or_else(|| bare_duration(text, Bare::Milliseconds))
            })
        })
    }

    /// A duration, where the default depends on other keys.
    pub fn optional_duration(
        &self,
        reading: &mut Reading,
        name: &str,
    ) -> Option<Spanned<Duration>> {
        self.read(reading, name, |scalar, kind| {
            let Kind::Duration { min, max, bare } = kind else {
                return None;
            };
            let value = match scalar {
                Scalar::Number(number) => bare_duration(number, *bare)?,
                Scalar::Text(text) => scalar::duration(&text.value).or_else(|| {
                    let referenced = text.origin != Origin::Here;
                    referenced.then(|| bare_duration(text.value.trim(), *bare))?
                })?,
                Scalar::Bool(_) => return None,
            };
            let (min, max) = (scalar::duration(min)?, scalar::duration(max)?);
            (min..=max).contains(&value).then_some(value)
        })
    }

    /// A number of bytes within the table's bounds; `T` must hold them.
    pub fn size<T: TryFrom<u64> + Default>(&self, reading: &mut Reading, name: &str) -> Spanned<T> {
        let found = self.read(reading, name, |scalar, kind| {
            let Kind::Size { min, max } = kind else {
                return None;
            };
            let value = match scalar {
                Scalar::Number(number) => number.parse::<u64>().ok()?,
                Scalar::Text(text) => scalar::size(&text.value)?,
                Scalar::Bool(_) => return None,
            };
            if (*min..=*max).contains(&value) {
                T::try_from(value).ok()
            } else {
                None
            }
        });
        found.unwrap_or_else(|| self.default(name, |text| T::try_from(scalar::size(text)?).ok()))
    }

    /// A token bucket.
    pub fn rate(&self, reading: &mut Reading, name: &str) -> Spanned<Rate> {
        let found = self.read(reading, name, |scalar, _| match scalar {
            Scalar::Text(text) => scalar::rate(&text.value),
            Scalar::Number(number) => scalar::rate(&format!("{number}/s")),
            Scalar::Bool(_) => None,
        });
        found.unwrap_or_else(|| {
            let least = Rate {
                per_second: 1,
                burst: 1,
            };
            self.default_or(name, least, scalar::rate)
        })
    }

    /// A rate where none is the default.
    pub fn optional_rate(&self, reading: &mut Reading, name: &str) -> Option<Spanned<Rate>> {
        self.key_mark(name).map(|_| self.rate(reading, name))
    }

    /// A least flow of bytes; without a time of its own it has the default's.
    pub fn flow(&self, reading: &mut Reading, name: &str) -> Spanned<Flow> {
        let none = Flow {
            per_second: 0,
            after: None,
        };
        let default = self.default_or(name, none, scalar::flow);
        let found = self.read(reading, name, |scalar, _| match scalar {
            Scalar::Text(text) => scalar::flow(&text.value),
            Scalar::Number(number) => scalar::flow(&format!("{number}/s")),
            Scalar::Bool(_) => None,
        });
        match found {
            Some(mut found) => {
                found.value.after = found.value.after.or(default.value.after);
                found
            }
            None => default,
        }
    }

    /// One of the table's words, in the table's spelling.
    pub fn choice(&self, reading: &mut Reading, name: &str) -> Option<Spanned<&'static str>> {
        let default = self.keys.find(name).and_then(|key| key.default);
        let found = self.read(reading, name, |scalar, kind| match (scalar, kind) {
            (Scalar::Text(text), Kind::Choice(words)) => words
                .iter()
                .find(|word| word.eq_ignore_ascii_case(&text.value))
                .copied(),
            _ => None,
        });
        found.or_else(|| {
            default.map(|value| Spanned {
                value,
                mark: self.mark(),
            })
        })
    }

    /// The value as `parse` sees it; a fault when it sees none.
    fn read<T>(
        &self,
        reading: &mut Reading,
        name: &str,
        parse: impl Fn(&Scalar, &Kind) -> Option<T>,
    ) -> Option<Spanned<T>> {
        let (key, node) = self.field(reading, name)?;
        let node = node?;
        let path = self.name(key.name);
        let scalar = match &node.data {
            Data::Bool(value) => Scalar::Bool(*value),
            Data::Number(number) => Scalar::Number(number.to_string()),
            Data::Text(_) => Scalar::Text(here(node, key.public)?),
            Data::Object(members) if is_reference(&key.kind, members) => {
                Scalar::Text(reading.resolve(members, node.mark, key.public, &path)?)
            }
            Data::Null | Data::List(_) | Data::Object(_) => {
                mismatch(reading, node, &key.kind, key.public, &path);
                return None;
            }
        };
        if let Some(value) = parse(&scalar, &key.kind) {
            return Some(Spanned {
                value,
                mark: node.mark,
            });
        }
        if let Scalar::Text(text) = &scalar
            && text.origin != Origin::Here
        {
            let fault = Fault::error(text.mark, expected(&path, &key.kind))
                .label(format!("{} is something else", text.shown()));
            reading.faults.push(fault);
        } else {
            mismatch(reading, node, &key.kind, key.public, &path);
        }
        None
    }

    fn default<T: Default>(&self, name: &str, parse: impl Fn(&str) -> Option<T>) -> Spanned<T> {
        self.default_or(name, T::default(), parse)
    }

    /// The table's default; `other` only when that does not parse, which a test rules out.
    fn default_or<T>(&self, name: &str, other: T, parse: impl Fn(&str) -> Option<T>) -> Spanned<T> {
        let text = self.keys.find(name).and_then(|key| key.default);
        Spanned {
            value: text.and_then(parse).unwrap_or(other),
            mark: self.mark(),
        }
    }
}

/// A JSON number as a duration; fractions are taken where the unit is seconds.
fn bare_duration(number: &str, unit: Bare) -> Option<Duration> {
    match unit {
        Bare::Milliseconds => number.parse().ok().map(Duration::from_millis),
        Bare::Seconds => Duration::try_from_secs_f64(number.parse().ok()?).ok(),
    }
}
