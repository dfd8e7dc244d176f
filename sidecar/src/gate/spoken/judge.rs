//! Whatever a request names, held against what its caller may name.
//!
//! In: names and values, decoded, from path, query and body, in any order. Out: the first refusal;
//! in the end what was missing, and what is to be filled in.
//! Rules: the OAuth reference §5.9. An empty text, and null, name nobody.

use std::borrow::Cow;

use workflow_api::{Id, Kind, Operation};

use super::names::{Bound, Named, Watched};
use crate::gate::query::{Deciding, Found};
use crate::policy::{Absent, Allowed, Speaks};
use crate::refusal::{Reason, Refusal};

/// Where something stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Path,
    Query,
    Body,
    /// Below the top of a JSON value.
    Nested,
}

impl Place {
    fn words(self) -> &'static str {
        match self {
            Self::Path => "in the path",
            Self::Query => "in the query",
            Self::Body => "in the body",
            Self::Nested => "inside a JSON value",
        }
    }
}

/// A value as far as it matters.
#[derive(Clone, Copy, Debug)]
pub(super) enum Given<'v> {
    Text(&'v str),
    Null,
    /// A number, a Boolean, a list, an object.
    Other,
}

/// What has been named of one kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Seen {
    #[default]
    Nothing,
    Empty,
    Value,
}

/// What is to be set in the query.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Fill<'s> {
    pub(super) identity: Option<&'s str>,
    pub(super) tenant: Option<&'s str>,
}

pub(super) struct Judge<'s> {
    identities: Option<Allowed<'s>>,
    tenants: Option<Allowed<'s>>,
    operation: Option<&'static Operation>,
    watched: Watched,
    found: Found<'static>,
    identity: Seen,
    tenant: Seen,
    user: Seen,
}

impl<'s> Judge<'s> {
    pub(super) fn new(speaks: &'s Speaks, operation: Option<&'static Operation>) -> Self {
        let (identities, tenants) = (speaks.identities(), speaks.tenants());
        Self {
            watched: Watched {
                identity: identities.is_some(),
                tenant: tenants.is_some(),
                user: identities.is_some() && operation.is_some_and(names_a_user),
            },
            identities,
            tenants,
            operation,
            found: Found::default(),
            identity: Seen::default(),
            tenant: Seen::default(),
            user: Seen::default(),
        }
    }

    /// What `name` is to this request.
    pub(super) fn read(&self, name: &str) -> Named {
        self.watched.read(name)
    }

    /// Whether the operation has a parameter of that name whose value is JSON.
    pub(super) fn is_json(&self, name: &str) -> bool {
        let parameter = self.operation.and_then(|one| one.parameter(name));
        parameter.is_some_and(|(_, parameter)| parameter.kind == Kind::Json)
    }

    /// The segment after the operation, decoded.
    pub(super) fn path_id(&mut self, id: &str) -> Result<(), Refusal> {
        match self.operation.and_then(|operation| operation.path_id) {
            Some(name) => self.member(Place::Path, name, Given::Text(id)),
            None => Ok(()),
        }
    }

    /// A name and its value.
    pub(super) fn member(
        &mut self,
        place: Place,
        name: &str,
        value: Given<'_>,
    ) -> Result<(), Refusal> {
        if place != Place::Nested {
            self.contradicts(place, name, value)?;
        }
        let bound = match self.read(name) {
            Named::Other => return Ok(()),
            Named::Alike(bound) => {
                return Err(refused(Reason::BoundParameterAmbiguous, bound, place));
            }
            Named::Exactly(bound) => bound,
        };
        let seen = match value {
            Given::Null | Given::Text("") => Seen::Empty,
            Given::Text(text) => {
                self.may_name(bound, text)
                    .map_err(|reason| refused(reason, bound, place))?;
                Seen::Value
            }
            Given::Other => return Err(refused(Reason::BoundValueNotText, bound, place)),
        };
        if place != Place::Nested {
            self.note(bound, seen);
        }
        Ok(())
    }

    /// Given twice, with different values: two servers could take different ones.
    fn contradicts(&mut self, place: Place, name: &str, value: Given<'_>) -> Result<(), Refusal> {
        let Some(deciding) = Deciding::named(name.as_bytes()) else {
            return Ok(());
        };
        let value = match value {
            Given::Text(text) => text.as_bytes().to_vec(),
            Given::Null => match deciding {
                Deciding::Operation | Deciding::ProcessId => return Ok(()),
                Deciding::IdentityId | Deciding::ImpersonatedIdentityId | Deciding::TenantId => {
                    Vec::new()
                }
            },
            // Equal to no text.
            Given::Other => vec![0xff],
        };
        self.found
            .add(deciding, Cow::Owned(value))
            .map_err(|reason| {
                Refusal::new(reason).with_detail(format!("the second one stands {}", place.words()))
            })
    }

    fn may_name(&self, bound: Bound, value: &str) -> Result<(), Reason> {
        let (allowed, reason) = match bound {
            Bound::Tenant => (self.tenants, Reason::TenantNotAllowed),
            Bound::Identity | Bound::Impersonated | Bound::User => {
                (self.identities, Reason::IdentityNotAllowed)
            }
        };
        let Some(allowed) = allowed else {
            return Ok(());
        };
        let holds = match bound {
            Bound::Impersonated => allowed.may_act_for(value),
            Bound::Identity | Bound::Tenant | Bound::User => allowed.holds(value),
        };
        // Some servers end a text at the first NUL, or at a line's end.
        if holds && !value.chars().any(char::is_control) {
            Ok(())
        } else if allowed.lacks_claim() {
            Err(Reason::BoundClaimMissing)
        } else {
            Err(reason)
        }
    }

    fn note(&mut self, bound: Bound, seen: Seen) {
        let slot = match bound {
            Bound::Identity => &mut self.identity,
            Bound::Tenant => &mut self.tenant,
            Bound::User => &mut self.user,
            // Who acts for nobody else acts for itself.
            Bound::Impersonated => return,
        };
        if *slot != Seen::Value {
            *slot = seen;
        }
    }

    /// Everything has been seen.
    pub(super) fn end(self) -> Result<Fill<'s>, Refusal> {
        let takes = |bound: Bound| {
            self.operation
                .is_none_or(|operation| operation.parameter(bound.name()).is_some())
        };
        let absent = |allowed: Option<Allowed<'s>>, bound, seen, missing| {
            let Some(allowed) = allowed.filter(|_| takes(bound)) else {
                return Ok(None);
            };
            match (allowed.absent(), seen) {
                (_, Seen::Value) | (Absent::Allow, Seen::Nothing | Seen::Empty) => Ok(None),
                // Named, and as nobody: what is filled in beside it would contradict it.
                (Absent::Refuse, Seen::Nothing | Seen::Empty) | (Absent::Fill, Seen::Empty) => {
                    Err(Refusal::new(missing).with_detail(bound.name()))
                }
                (Absent::Fill, Seen::Nothing) => allowed
                    .filling()
                    .map(Some)
                    .map_err(|_| Refusal::new(Reason::BoundClaimMissing).with_detail(bound.name())),
            }
        };
        let identity = absent(
            self.identities,
            Bound::Identity,
            self.identity,
            Reason::IdentityMissing,
        )?;
        let tenant = absent(
            self.tenants,
            Bound::Tenant,
            self.tenant,
            Reason::TenantMissing,
        )?;
        let allows = |allowed: Allowed<'_>| allowed.absent() == Absent::Allow;
        if self.watched.user && self.user != Seen::Value && !self.identities.is_some_and(allows) {
            return Err(Refusal::new(Reason::IdentityMissing).with_detail(Bound::User.name()));
        }
        Ok(Fill { identity, tenant })
    }
}

fn refused(reason: Reason, bound: Bound, place: Place) -> Refusal {
    Refusal::new(reason).with_detail(format!("{} {}", bound.name(), place.words()))
}

/// The operations whose `id` is a user's.
fn names_a_user(operation: &Operation) -> bool {
    matches!(
        operation.id,
        Id::GetUser | Id::CreateUser | Id::UpdateUser | Id::DeleteUser
    )
}
