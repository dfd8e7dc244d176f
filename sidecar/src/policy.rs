//! What a principal may do: scopes, operations, failure budgets.
//!
//! In: a [`Principal`], the route and operation of a canonical request. Out: nothing, or a
//! [`Refusal`]. Rules: RFC 6750 §3.1 (403), the configuration's `Scopes` and `Operations`.
//! Elsewhere: who calls (`bearer`); which operation a request names (`gate`).

mod failures;
mod hook;
mod operations;

use workflow_api::{Id, Operation};

pub use failures::Failures;
pub use hook::{Denial, HookRequest, Hooks, PolicyHook};
pub use operations::{Operations, UnknownOperation};

pub(crate) use failures::{Budgets, Source};

use crate::bearer::Principal;
use crate::config::{Access, RouteSettings, Snapshot};
use crate::refusal::{Reason, Refusal};

/// Whether `principal` may send this request on `route`. Under the Workflow API an operation that
/// the table does not know counts as `*`.
pub(crate) fn authorise(
    principal: &Principal,
    route: &RouteSettings,
    operation: Option<&'static Operation>,
    snapshot: &Snapshot,
) -> Result<(), Refusal> {
    if let Access::Scopes(needed) = &route.access {
        let has = |scope| principal.scopes.contains(scope);
        if !needed.iter().all(has) {
            let scope = needed.join(" ");
            return Err(Refusal::new(Reason::ScopeInsufficient).needs_scope(scope));
        }
    }
    if !route.workflow_api {
        return Ok(());
    }
    if !principal.operations.allow(operation) {
        return Err(Reason::OperationNotAllowed.into());
    }
    if snapshot.block_user_api && operation.is_some_and(works_with_users) {
        return Err(Reason::UserApiBlocked.into());
    }
    Ok(())
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
