//! Finding a name for people.

use std::sync::Arc;

use super::model::{Localization, Localized, LocalizedKind};

impl Localization {
    /// The name of a command, state or parameter for readers of a culture.
    ///
    /// The culture itself is sought first, then its parents (`de-DE`, then `de`), then the entry
    /// that `IsDefault` marks, which also serves where no culture is given. Cultures have no case.
    /// `None`: the object's own name is all there is.
    pub fn name(&self, kind: LocalizedKind, object: &str, culture: Option<&str>) -> Option<&str> {
        let places = self.places[kind as usize].get(object)?;
        let entries = || {
            let entries = places.iter();
            entries.filter_map(|&place| self.entries.get(place as usize))
        };
        let mut culture = culture.unwrap_or_default();
        while !culture.is_empty() {
            let exact = entries().find(|entry| entry.culture.eq_ignore_ascii_case(culture));
            if let Some(entry) = exact {
                return Some(&entry.value);
            }
            culture = culture.rsplit_once('-').map_or("", |(parent, _)| parent);
        }
        let default = entries().find(|entry| entry.is_default);
        default.map(|entry| &*entry.value)
    }

    pub(super) fn push(&mut self, kind: LocalizedKind, object: &str, entry: Localized) {
        let place = u32::try_from(self.entries.len()).unwrap_or(u32::MAX);
        self.entries.push(entry);
        let places = &mut self.places[kind as usize];
        places.entry(object.into()).or_default().push(place);
    }
}

impl Localized {
    pub(super) fn new(is_default: bool, culture: &str, value: &str) -> Self {
        Self {
            is_default,
            culture: culture.into(),
            value: Arc::from(value),
        }
    }
}
