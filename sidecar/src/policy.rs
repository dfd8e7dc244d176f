//! What a principal may do: scopes, operations, for whom it speaks, rules in code, failure budgets.
//!
//! In: a [`Principal`], the route and operation of a canonical request. Out: nothing, or a
//! [`Refusal`]. Rules: RFC 6750 §3.1 (403), the configuration's `Scopes` and `Operations`.
//! Elsewhere: who calls (`bearer`); which operation a request names (`gate`).

mod failures;
mod hook;
mod mandate;
mod operations;
mod rates;

use workflow_api::{Id, Operation};

pub use failures::Failures;
pub use hook::{Denial, HookRequest, Hooks, PolicyHook};
pub use mandate::{Absent, Mandate, Pattern, Speaks, StarInside, Terms};
pub use operations::{Operations, UnknownOperation};
pub use rates::Rates;

pub(crate) use failures::{Budgets, Source};
pub(crate) use mandate::Allowed;
pub(crate) use rates::Caller;

use crate::bearer::{Origin, Principal};
use crate::config::{Access, RouteSettings, Snapshot};
use crate::refusal::{Reason, Refusal};

/// Whether the token has the scopes that `route` asks for.
pub(crate) fn scopes(principal: &Principal, route: &RouteSettings) -> Result<(), Refusal> {
    let has = |scope| principal.scopes.contains(scope);
    let (enough, named) = match &route.access {
        Access::Public => return Ok(()),
        Access::Scopes(all) => (all.iter().all(has), all),
        Access::AnyScope(any) => (any.iter().any(has), any),
    };
    if enough {
        return Ok(());
    }
    Err(Refusal::new(Reason::ScopeInsufficient).needs_scope(named.join(" ")))
}

/// Whether the caller may call `operation`, where `route` is of the Workflow API.
pub(crate) fn operation(
    principal: &Principal,
    route: &RouteSettings,
    operation: Option<&'static Operation>,
) -> Result<(), Refusal> {
    if route.workflow_api && !principal.operations.allow(operation) {
        return Err(Reason::OperationNotAllowed.into());
    }
    Ok(())
}

/// Whether `operation` is served at all, whoever calls.
pub(crate) fn switched_on(
    route: &RouteSettings,
    operation: Option<&'static Operation>,
    snapshot: &Snapshot,
) -> Result<(), Refusal> {
    if snapshot.block_user_api && route.workflow_api && operation.is_some_and(works_with_users) {
        return Err(Reason::UserApiBlocked.into());
    }
    Ok(())
}

/// Whether a token has what its issuer's tokens must have to pass anywhere.
pub(crate) fn accepted(principal: &Principal) -> Result<(), Refusal> {
    let needed = match &principal.origin {
        Origin::Registered(_) => return Ok(()),
        Origin::External(issuer) => &issuer.required_scopes,
    };
    if needed.iter().all(|scope| principal.scopes.contains(scope)) {
        return Ok(());
    }
    let scope = needed.join(" ");
    Err(Refusal::new(Reason::ScopeInsufficient).needs_scope(scope))
}

/// What `WorkflowApi.BlockUserApi` switches off.
fn works_with_users(operation: &Operation) -> bool {
    matches!(
        operation.id,
        Id::GetUsers | Id::GetUser | Id::CreateUser | Id::UpdateUser | Id::DeleteUser
    )
}

#[cfg(test)]
mod tests;
