//! Names of one kind: declared once, then referred to.

use std::collections::HashMap;
use std::sync::Arc;

use foldhash::fast::RandomState;

use super::Problem;
use super::document::{Attribute, Element};
use super::reader::Reader;

/// The names of one kind, such as all activities.
pub(super) struct Names<'a> {
    /// The kind, for messages.
    kind: &'static str,
    places: HashMap<&'a str, (u32, usize), RandomState>,
    /// In document order, for hints.
    order: Vec<&'a str>,
}

impl<'a> Names<'a> {
    pub(super) fn new(kind: &'static str) -> Self {
        Self {
            kind,
            places: HashMap::default(),
            order: Vec::new(),
        }
    }

    /// Takes the `Name` of an element as the name of the item at `place` of its list.
    ///
    /// `None` when there is no name; a name that is taken is a fault, but gives a name all the
    /// same, so that the rest of the element is read too.
    pub(super) fn declare(
        &mut self,
        reader: &mut Reader<'_>,
        element: Element<'a>,
        place: usize,
    ) -> Option<Arc<str>> {
        let name = reader.required(element, "Name")?;
        let place = u32::try_from(place).unwrap_or(u32::MAX);
        match self.places.get(name.value) {
            None => {
                self.places.insert(name.value, (place, name.span.start));
                self.order.push(name.value);
            }
            Some(&(_, first)) => {
                let line = reader.line(first);
                let problem = Problem::Duplicate {
                    kind: self.kind,
                    name: name.value.into(),
                    line,
                };
                reader.fault(name.span.clone(), problem, None);
            }
        }
        Some(Arc::from(name.value))
    }

    /// The place of a name that something refers to; an unknown one is a fault with a hint.
    pub(super) fn resolve(&self, reader: &mut Reader<'_>, name: &Attribute<'_>) -> Option<u32> {
        let found = self.find(name.value);
        if found.is_none() {
            let problem = Problem::Dangling {
                kind: self.kind,
                name: name.value.into(),
            };
            let hint = reader.nearest(name.value, self.iter());
            reader.fault(name.span.clone(), problem, hint);
        }
        found
    }

    /// As [`Names::resolve`], for an attribute that must be there.
    pub(super) fn resolve_attribute(
        &self,
        reader: &mut Reader<'_>,
        element: Element<'_>,
        attribute: &'static str,
    ) -> Option<u32> {
        let name = reader.required(element, attribute)?;
        self.resolve(reader, &name)
    }

    pub(super) fn find(&self, name: &str) -> Option<u32> {
        self.places.get(name).map(|&(place, _)| place)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &'a str> + '_ {
        self.order.iter().copied()
    }
}
