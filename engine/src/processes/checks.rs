//! What is asked of every operation before it gets its turn, or as soon as it has it.

use super::{Caller, Target, Terms};
use crate::failure::{Failure, ParameterFault};
use crate::instance::Instance;

/// The longest identity or tenant, in bytes: longer than any issuer's subject (RFC 9068 names
/// no bound; 255 is common).
const IDENTITY_MAX: usize = 1024;

/// Execution rule 14.
pub(super) fn check_tenant(
    instance: &Instance,
    target: &Target,
    terms: &Terms,
) -> Result<(), Failure> {
    let given = present(target.tenant.as_deref());
    let matches = match given {
        None => !terms.assert_absent_tenant || instance.tenant().is_none(),
        Some(_) => instance.tenant() == given,
    };
    if matches {
        return Ok(());
    }
    Err(Failure::TenantMismatch {
        id: instance.id(),
        tenant: given.unwrap_or_default().into(),
    })
}

/// Identities and tenants are stored, with every step or instance: they must be short.
pub(super) fn check_lengths(caller: &Caller, tenant: Option<&str>) -> Result<(), Failure> {
    for (name, text) in [
        ("identityId", caller.identity.as_deref()),
        ("impersonatedIdentityId", caller.impersonated.as_deref()),
        ("tenantId", tenant),
    ] {
        if text.is_some_and(|text| text.len() > IDENTITY_MAX) {
            let fault = ParameterFault::TooLong { max: IDENTITY_MAX };
            let name = name.into();
            return Err(Failure::ParameterInvalid { name, fault });
        }
    }
    Ok(())
}

/// A blank tenant is none.
pub(super) fn present(tenant: Option<&str>) -> Option<&str> {
    tenant.filter(|tenant| !tenant.trim().is_empty())
}
