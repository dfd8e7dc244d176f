//! For whom a caller may speak: `BindIdentity` and `BindTenant`.
//!
//! In: what the configuration says ([`Mandate`]), the claims of a token. Out: [`Speaks`], which is
//! made once for each token and says of a value whether the caller may name it.
//! Rules: values are compared byte for byte; what is not allowed is refused.
//! Elsewhere: where a request names identities and tenants (`gate`).

use std::sync::Arc;

use crate::config::ClaimPath;

/// What the configuration says of one caller. At least one of the two is there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mandate {
    /// `BindIdentity`.
    pub identity: Option<Terms>,
    /// `BindTenant`.
    pub tenant: Option<Terms>,
}

/// Which values of one kind may be named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Terms {
    /// These,
    pub(crate) values: Vec<Pattern>,
    /// and those of this claim of the token.
    pub(crate) claim: Option<ClaimPath>,
    /// What becomes of a request that names none.
    pub(crate) absent: Absent,
    /// Whom such an identity may act for; `None`: whoever else it may be.
    pub(crate) impersonate: Option<Vec<Pattern>>,
}

/// A value, or the beginning of values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pattern {
    /// This one.
    Exactly(Box<str>),
    /// Every one that begins so; written with a `*` at the end.
    Beginning(Box<str>),
}

/// What becomes of a request that names nobody where it could.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Absent {
    /// It is refused.
    #[default]
    Refuse,
    /// It passes, and speaks for nobody.
    Allow,
    /// The one value that the caller may name is set in the query.
    Fill,
}

/// A `*` elsewhere than at the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a `*` stands for any ending, so only at the end")]
pub struct StarInside;

impl Pattern {
    /// As it is written in the configuration.
    ///
    /// # Errors
    /// A `*` stands elsewhere than at the end.
    pub fn parse(written: &str) -> Result<Self, StarInside> {
        match written.strip_suffix('*') {
            Some(beginning) if beginning.contains('*') => Err(StarInside),
            Some(beginning) => Ok(Self::Beginning(beginning.into())),
            None if written.contains('*') => Err(StarInside),
            None => Ok(Self::Exactly(written.into())),
        }
    }

    fn holds(&self, value: &str) -> bool {
        match self {
            Self::Exactly(one) => **one == *value,
            Self::Beginning(beginning) => value.starts_with(&**beginning),
        }
    }
}

impl Terms {
    /// The values of a list.
    ///
    /// # Errors
    /// A `*` stands elsewhere than at the end of a value.
    pub fn values<S: AsRef<str>>(values: impl IntoIterator<Item = S>) -> Result<Self, StarInside> {
        let values = values.into_iter();
        Ok(Self {
            values: values
                .map(|value| Pattern::parse(value.as_ref()))
                .collect::<Result<_, _>>()?,
            claim: None,
            absent: Absent::Refuse,
            impersonate: None,
        })
    }

    /// The value, or the values, of a claim of the token. A sidecar's own tokens have `sub` and
    /// `client_id`.
    #[must_use]
    pub fn claim(path: ClaimPath) -> Self {
        Self {
            values: Vec::new(),
            claim: Some(path),
            absent: Absent::Refuse,
            impersonate: None,
        }
    }

    /// What becomes of a request that names none.
    #[must_use]
    pub fn when_absent(mut self, absent: Absent) -> Self {
        self.absent = absent;
        self
    }

    /// Whether there is, or may be, one value to fill in.
    pub(crate) fn can_fill(&self) -> bool {
        self.claim.is_some() || matches!(&*self.values, [Pattern::Exactly(_)])
    }
}

impl Mandate {
    /// `None` where nothing is bound.
    pub(crate) fn new(identity: Option<Terms>, tenant: Option<Terms>) -> Option<Arc<Self>> {
        let mandate = Self { identity, tenant };
        (mandate != Self::default()).then(|| Arc::new(mandate))
    }

    /// Something is to be filled in, and it is not said what.
    pub(crate) fn cannot_fill(&self) -> bool {
        let cannot = |terms: &Terms| terms.absent == Absent::Fill && !terms.can_fill();
        [&self.identity, &self.tenant]
            .into_iter()
            .flatten()
            .any(cannot)
    }

    /// What holds when `special` says something of its own: of each kind the special word, else
    /// the general one.
    pub(crate) fn merged(special: &Self, general: Option<&Arc<Self>>) -> Self {
        let of = |part: fn(&Self) -> &Option<Terms>| {
            let general = general.and_then(|general| part(general).clone());
            part(special).clone().or(general)
        };
        Self {
            identity: of(|mandate| &mandate.identity),
            tenant: of(|mandate| &mandate.tenant),
        }
    }
}

/// For whom the bearer of one token may speak.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Speaks {
    mandate: Arc<Mandate>,
    /// Values of the claims, as far as the mandate asks for some.
    identities: Box<[Box<str>]>,
    tenants: Box<[Box<str>]>,
}

/// Terms together with the claim's values.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Allowed<'a> {
    terms: &'a Terms,
    claimed: &'a [Box<str>],
}

/// There is nothing to fill in: the token lacks the claim, or it has several values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NothingToFill;

impl Speaks {
    /// `claimed` gives the texts of a claim.
    pub(crate) fn new(
        mandate: Arc<Mandate>,
        claimed: impl Fn(&ClaimPath) -> Box<[Box<str>]>,
    ) -> Self {
        let of = |terms: &Option<Terms>| {
            let claim = terms.as_ref().and_then(|terms| terms.claim.as_ref());
            claim.map(&claimed).unwrap_or_default()
        };
        Self {
            identities: of(&mandate.identity),
            tenants: of(&mandate.tenant),
            mandate,
        }
    }

    /// By whose word.
    pub(crate) fn mandate(&self) -> &Arc<Mandate> {
        &self.mandate
    }

    /// `None`: any identity.
    pub(crate) fn identities(&self) -> Option<Allowed<'_>> {
        let terms = self.mandate.identity.as_ref()?;
        let claimed = &self.identities;
        Some(Allowed { terms, claimed })
    }

    /// `None`: any tenant.
    pub(crate) fn tenants(&self) -> Option<Allowed<'_>> {
        let terms = self.mandate.tenant.as_ref()?;
        let claimed = &self.tenants;
        Some(Allowed { terms, claimed })
    }
}

impl<'a> Allowed<'a> {
    /// Whether the caller may name `value`.
    pub(crate) fn holds(self, value: &str) -> bool {
        self.claimed.iter().any(|claimed| **claimed == *value)
            || self.terms.values.iter().any(|one| one.holds(value))
    }

    /// Whether an identity of these may act for `value`.
    pub(crate) fn may_act_for(self, value: &str) -> bool {
        match &self.terms.impersonate {
            Some(whom) => whom.iter().any(|one| one.holds(value)),
            None => self.holds(value),
        }
    }

    pub(crate) fn absent(self) -> Absent {
        self.terms.absent
    }

    /// A claim is asked for, and the token has no value of it.
    pub(crate) fn lacks_claim(self) -> bool {
        self.terms.claim.is_some() && self.claimed.is_empty()
    }

    /// The one value to fill in: of the claim where one is named, else the only one of the list.
    pub(crate) fn filling(self) -> Result<&'a str, NothingToFill> {
        match (&self.terms.claim, self.claimed, &*self.terms.values) {
            (Some(_), [one], _) | (None, _, [Pattern::Exactly(one)]) => Ok(one),
            _ => Err(NothingToFill),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claim(path: &str) -> Terms {
        Terms::claim(ClaimPath::parse(path).unwrap())
    }

    fn speaks(identity: Terms, claimed: &[&str]) -> Speaks {
        let mandate = Mandate::new(Some(identity), None).unwrap();
        Speaks::new(mandate, |_| {
            claimed.iter().map(|one| (*one).into()).collect()
        })
    }

    #[test]
    fn a_star_stands_at_the_end_only() {
        for (written, want) in [
            ("alice", Ok(Pattern::Exactly("alice".into()))),
            ("team-*", Ok(Pattern::Beginning("team-".into()))),
            ("*", Ok(Pattern::Beginning("".into()))),
            ("*a", Err(StarInside)),
            ("a*b", Err(StarInside)),
            ("a**", Err(StarInside)),
        ] {
            assert_eq!(Pattern::parse(written), want, "{written}");
        }
    }

    #[test]
    fn values_are_those_listed_and_those_of_the_claim() {
        let listed = Terms::values(["alice", "team-*"]).unwrap();
        let mut both = claim("sub");
        both.values.clone_from(&listed.values);
        for (terms, claimed, value, want) in [
            (&listed, &[][..], "alice", true),
            (&listed, &[], "Alice", false),
            (&listed, &[], "alice ", false),
            (&listed, &[], "team-red", true),
            (&listed, &[], "team", false),
            (&listed, &[], "", false),
            (&listed, &["bob"], "carol", false),
            (&both, &["bob"], "bob", true),
            (&both, &["bob"], "alice", true),
            (&both, &["b*"], "bob", false), // a claim has no patterns
            (&claim("sub"), &[], "bob", false),
        ] {
            let speaks = speaks(terms.clone(), claimed);
            assert_eq!(speaks.identities().unwrap().holds(value), want, "{value}");
            assert!(speaks.tenants().is_none());
        }
    }

    #[test]
    fn whom_to_act_for_is_whom_to_be_unless_it_is_said_apart() {
        let mut terms = Terms::values(["alice"]).unwrap();
        let may = |terms: &Terms, whom: &str| {
            let speaks = speaks(terms.clone(), &[]);
            speaks.identities().unwrap().may_act_for(whom)
        };
        assert!(may(&terms, "alice") && !may(&terms, "bob"));
        terms.impersonate = Some(vec![Pattern::parse("b*").unwrap()]);
        assert!(!may(&terms, "alice") && may(&terms, "bob"));
        terms.impersonate = Some(Vec::new());
        assert!(!may(&terms, "alice") && !may(&terms, "bob"));
    }

    #[test]
    fn what_is_filled_in_is_one_value() {
        for (terms, claimed, want) in [
            (claim("sub"), &["a"][..], Ok("a")),
            (claim("sub"), &["a", "b"], Err(NothingToFill)),
            (claim("sub"), &[], Err(NothingToFill)),
            (Terms::values(["a"]).unwrap(), &[], Ok("a")),
            (Terms::values(["a*"]).unwrap(), &[], Err(NothingToFill)),
            (Terms::values(["a", "b"]).unwrap(), &[], Err(NothingToFill)),
        ] {
            let speaks = speaks(terms, claimed);
            assert_eq!(speaks.identities().unwrap().filling(), want, "{claimed:?}");
        }
    }

    #[test]
    fn the_special_word_counts_for_its_kind_only() {
        let terms = |value: &str| Some(Terms::values([value]).unwrap());
        let general = Mandate::new(terms("a"), terms("t")).unwrap();
        let special = Mandate::new(terms("b"), None).unwrap();
        let merged = Mandate::merged(&special, Some(&general));
        assert_eq!((merged.identity, merged.tenant), (terms("b"), terms("t")));
        assert_eq!(Mandate::merged(&special, None), *special);
        assert_eq!(Mandate::new(None, None), None);
    }
}
