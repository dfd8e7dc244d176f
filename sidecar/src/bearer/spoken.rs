//! What a token says of whom its bearer may speak for.
//!
//! In: a mandate that may ask for claims, the claims of a good token. Out: [`Speaks`].

use std::sync::Arc;

use super::external::find;
use super::json::{Object, Value};
use super::{Origin, Principal};

use crate::config::{ClaimPath, Snapshot};
use crate::policy::{Mandate, Speaks};

impl Principal {
    /// With what the configuration says of whom it may speak for; `claims` are its token's.
    pub(super) fn bound_by(mut self, snapshot: &Snapshot, claims: &Object) -> Self {
        let mandate = self.mandate_in(snapshot);
        self.speaks = mandate.map(|mandate| {
            let claimed = |claim: &ClaimPath| texts(find(claims, claim));
            Box::new(Speaks::new(mandate, claimed))
        });
        self
    }

    /// Whether it would be bound by `snapshot` as it is.
    pub(super) fn is_bound_as_in(&self, snapshot: &Snapshot) -> bool {
        let mandate = self.speaks.as_ref().map(|speaks| &**speaks.mandate());
        mandate == self.mandate_in(snapshot).as_deref()
    }

    fn mandate_in(&self, snapshot: &Snapshot) -> Option<Arc<Mandate>> {
        let general = match &self.origin {
            Origin::Registered(client) => client.mandate.as_ref(),
            Origin::External(issuer) => issuer.mandate.as_ref(),
        };
        snapshot
            .policy
            .mandate(&self.token.issuer, &self.subject, general)
    }
}

/// A text, a number, or a list of them; whatever else there may be names nobody.
fn texts(value: Option<&Value>) -> Box<[Box<str>]> {
    let one = |value: &Value| match value {
        Value::String(text) => Some(text.as_str())
            .filter(|text| !text.is_empty())
            .map(Into::into),
        Value::Integer(number) => Some(number.to_string().into()),
        _ => None,
    };
    match value {
        Some(Value::Array(items)) => items.iter().filter_map(one).collect(),
        Some(value) => one(value).into_iter().collect(),
        None => Box::default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_claim_is_a_text_a_number_or_a_list_and_may_be_nested() {
        let claims = br#"{"sub": "alice", "uid": 7, "groups": ["a", "", 1, null, {}], "no": true,
            "empty": "", "realm": {"tenant": {"id": "t1"}}, "https://x.example/t": "t2"}"#;
        let claims = Object::parse(claims).unwrap();
        for (name, want) in [
            ("sub", &["alice"][..]),
            ("uid", &["7"]),
            ("groups", &["a", "1"]),
            ("no", &[]),
            ("empty", &[]),
            ("realm", &[]),
            ("realm.tenant.id", &["t1"]),
            ("realm.tenant.no", &[]),
            ("sub.x", &[]),
            ("https://x.example/t", &["t2"]),
            ("Sub", &[]),
            ("absent", &[]),
        ] {
            let found = texts(find(&claims, &ClaimPath::parse(name).unwrap()));
            assert_eq!(
                found.iter().map(|one| &**one).collect::<Vec<_>>(),
                want,
                "{name}"
            );
        }
    }
}
