//! Which tokens are refused though nothing is wrong with them.
//!
//! In: entries, from the configuration, a watched file or an administrator. Out: whether a token
//! falls under one of them. An entry is a conjunction: everything that it names must be the
//! token's. Pure; where entries are kept is `revocations`'.

mod file;

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use super::Principal;

pub use file::DenyFile;
pub(crate) use file::DenyWatcher;

/// One entry: what it names must all be the token's. At least one thing is named.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields, default)]
pub struct Denial {
    /// `jti`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token: Option<Box<str>>,
    /// The client's id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client: Option<Box<str>>,
    /// `sub`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subject: Option<Box<str>>,
    /// `kid`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<Box<str>>,
    /// `iss`; without it any issuer's, ours included.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub issuer: Option<Box<str>>,
    /// Tokens issued before it, and those that do not say when. RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none", with = "instant")]
    pub issued_before: Option<u64>,
    /// The entry itself ends then. RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none", with = "instant")]
    pub until: Option<u64>,
}

impl Denial {
    /// Whether it names anything; one that names nothing would refuse everybody.
    pub fn names_something(&self) -> bool {
        let named = [
            &self.token,
            &self.client,
            &self.subject,
            &self.key,
            &self.issuer,
        ];
        named.into_iter().any(Option::is_some) || self.issued_before.is_some()
    }

    /// Whether the entry is over at `now`, in seconds.
    pub fn is_over(&self, now: u64) -> bool {
        self.until.is_some_and(|until| until <= now)
    }

    /// The token of an entry that names nothing else.
    pub(super) fn lone_token(&self) -> Option<&str> {
        match self {
            Self {
                token: Some(token),
                client: None,
                subject: None,
                key: None,
                issuer: None,
                issued_before: None,
                until: _,
            } => Some(token),
            _ => None,
        }
    }

    fn covers(&self, principal: &Principal, now: u64) -> bool {
        let token = &principal.token;
        let is = |named: &Option<Box<str>>, own: Option<&str>| {
            named.as_deref().is_none_or(|named| own == Some(named))
        };
        !self.is_over(now)
            && is(&self.token, token.jti.as_deref())
            && is(&self.client, Some(&principal.client_id))
            && is(&self.subject, Some(&principal.subject))
            && is(&self.key, Some(&token.kid))
            && is(&self.issuer, Some(&token.issuer))
            && self
                .issued_before
                .is_none_or(|before| token.issued_at.is_none_or(|issued| issued < before))
    }
}

/// Entries, found without looking at all of them.
#[derive(Default)]
pub struct Denials {
    entries: Vec<Denial>,
    /// Places of entries, each by the first of these that it names.
    by_token: Places,
    by_subject: Places,
    by_client: Places,
    by_key: Places,
    /// Those that name no more than an issuer or an instant.
    wide: Vec<usize>,
}

type Places = HashMap<Box<str>, Vec<usize>>;

impl Denials {
    /// Of these entries. What names nothing must have been refused before.
    pub fn new(entries: Vec<Denial>) -> Self {
        let mut denials = Self::default();
        for (place, entry) in entries.iter().enumerate() {
            let (found_by, named) = match entry {
                Denial {
                    token: Some(named), ..
                } => (&mut denials.by_token, named),
                Denial {
                    subject: Some(named),
                    ..
                } => (&mut denials.by_subject, named),
                Denial {
                    client: Some(named),
                    ..
                } => (&mut denials.by_client, named),
                Denial {
                    key: Some(named), ..
                } => (&mut denials.by_key, named),
                _ => {
                    denials.wide.push(place);
                    continue;
                }
            };
            found_by.entry(named.clone()).or_default().push(place);
        }
        denials.entries = entries;
        denials
    }

    /// Every entry.
    pub fn entries(&self) -> &[Denial] {
        &self.entries
    }

    /// Whether a token of `principal` is refused at `now`, in seconds.
    pub(crate) fn cover(&self, principal: &Principal, now: u64) -> bool {
        if self.entries.is_empty() {
            return false;
        }
        let covers = |place: &usize| self.entries[*place].covers(principal, now);
        let token = &principal.token;
        let mut found = [
            (&self.by_token, token.jti.as_deref()),
            (&self.by_subject, Some(&*principal.subject)),
            (&self.by_client, Some(&*principal.client_id)),
            (&self.by_key, Some(&*token.kid)),
        ]
        .into_iter()
        .filter_map(|(places, value)| places.get(value?))
        .flatten();
        found.any(covers) || self.wide.iter().any(covers)
    }
}

impl std::fmt::Debug for Denials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Denials({})", self.entries.len())
    }
}

impl PartialEq for Denials {
    fn eq(&self, other: &Self) -> bool {
        self.entries == other.entries
    }
}

/// An instant as RFC 3339 text, kept in seconds since the epoch.
pub(crate) mod instant {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};
    use time::OffsetDateTime;
    use time::format_description::well_known::Rfc3339;

    /// The last second that can be written again: an offset may lie beyond it.
    const LAST: u64 = 253_402_300_799;

    /// RFC 3339 to seconds since the epoch; what lies before it, or after year 9999, is none.
    pub(crate) fn parse(text: &str) -> Option<u64> {
        let time = OffsetDateTime::parse(text, &Rfc3339).ok()?;
        let seconds = u64::try_from(time.unix_timestamp()).ok()?;
        (seconds <= LAST).then_some(seconds)
    }

    #[expect(clippy::ref_option, reason = "serde's signature")]
    pub(super) fn serialize<S: Serializer>(
        seconds: &Option<u64>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        let time = seconds
            .and_then(|seconds| i64::try_from(seconds).ok())
            .and_then(|seconds| OffsetDateTime::from_unix_timestamp(seconds).ok())
            .and_then(|time| time.format(&Rfc3339).ok());
        match time {
            Some(text) => serializer.serialize_some(&text),
            None => serializer.serialize_none(),
        }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<u64>, D::Error> {
        let text = Option::<String>::deserialize(deserializer)?;
        text.map(|text| parse(&text).ok_or_else(|| D::Error::custom("not an RFC 3339 time")))
            .transpose()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::fixture::{NOW, judging, snapshot, token};
    use super::super::validate;
    use super::*;

    fn principal() -> std::sync::Arc<Principal> {
        let snapshot = snapshot();
        let validated = validate(token().as_bytes(), &judging(&snapshot, NOW)).unwrap();
        validated.principal
    }

    fn entry(json: &str) -> Denial {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn an_entry_covers_what_it_names_altogether() {
        let principal = principal();
        let at = |seconds: u64| {
            let time = time::OffsetDateTime::from_unix_timestamp(seconds.try_into().unwrap());
            let form = &time::format_description::well_known::Rfc3339;
            time.unwrap().format(form).unwrap()
        };
        for (json, covered) in [
            (r#"{"Token":"1"}"#.to_owned(), true),
            (r#"{"Token":"2"}"#.to_owned(), false),
            (r#"{"Client":"all"}"#.to_owned(), true),
            (r#"{"Client":"ALL"}"#.to_owned(), false),
            (r#"{"Subject":"all"}"#.to_owned(), true),
            (format!(r#"{{"Key":"{}"}}"#, principal.token.kid), true),
            (r#"{"Issuer":"https://sidecar.example/"}"#.to_owned(), true),
            (r#"{"Issuer":"https://other.example/"}"#.to_owned(), false),
            (r#"{"Token":"1","Client":"reader"}"#.to_owned(), false),
            (format!(r#"{{"IssuedBefore":"{}"}}"#, at(NOW)), false),
            (format!(r#"{{"IssuedBefore":"{}"}}"#, at(NOW + 1)), true),
            (
                format!(r#"{{"Client":"all","IssuedBefore":"{}"}}"#, at(NOW + 1)),
                true,
            ),
            (
                format!(r#"{{"Client":"reader","IssuedBefore":"{}"}}"#, at(NOW + 1)),
                false,
            ),
            (
                format!(r#"{{"Token":"1","Until":"{}"}}"#, at(NOW + 1)),
                true,
            ),
            (format!(r#"{{"Token":"1","Until":"{}"}}"#, at(NOW)), false),
        ] {
            let entry = entry(&json);
            assert!(entry.names_something());
            let written = serde_json::to_string(&entry).unwrap();
            assert_eq!(serde_json::from_str::<Denial>(&written).unwrap(), entry);
            assert_eq!(
                Denials::new(vec![entry]).cover(&principal, NOW),
                covered,
                "{json}"
            );
        }
    }

    #[test]
    fn an_entry_that_names_nothing_known_is_none() {
        assert!(serde_json::from_str::<Denial>(r#"{"Tokens":"1"}"#).is_err());
        for time in [
            "yesterday",
            "1969-12-31T23:59:59Z",
            "9999-12-31T23:59:59-01:00",
        ] {
            let json = format!(r#"{{"Client":"a","Until":"{time}"}}"#);
            assert!(serde_json::from_str::<Denial>(&json).is_err(), "{json}");
        }
        assert!(!entry("{}").names_something());
        assert!(!entry(r#"{"Until":"2031-01-01T00:00:00Z"}"#).names_something());
    }

    proptest! {
        #[test]
        fn the_index_finds_what_a_search_finds(
            seeds in proptest::collection::vec((0_u8..64, 0_u8..3), 0..12),
        ) {
            let principal = principal();
            let values = ["all", "1", "other"];
            let entries: Vec<_> = seeds
                .iter()
                .map(|(fields, value)| {
                    let value = values[usize::from(*value)];
                    let named = |bit: u8| (fields >> bit & 1 == 1).then(|| value.into());
                    Denial {
                        token: named(0),
                        client: named(1),
                        subject: named(2),
                        key: named(3),
                        issuer: named(4),
                        issued_before: (fields >> 5 & 1 == 1).then_some(NOW + 1),
                        until: None,
                    }
                })
                .filter(Denial::names_something)
                .collect();
            let want = entries.iter().any(|entry| entry.covers(&principal, NOW));
            prop_assert_eq!(Denials::new(entries).cover(&principal, NOW), want);
        }
    }
}
