//! Whether whoever presents a bound token is the one it was issued to: on every request, whether
//! the token was known already or not.
//!
//! In: a token that is good, the scheme it came in, the request. Out: nothing, or a refusal.
//! Rules: RFC 9449 §7.1 and §7.2 (a bound token comes in the scheme `DPoP` with a proof, an unbound
//! one does not), RFC 8705 §3 (over a connection with that certificate).
//! Elsewhere: what a proof has to be (`bearer`); the certificate (`listener`).

use super::canonical::Canonical;
use super::serve::Asked;
use crate::bearer::{Binding, Presented, Principal, Scheme, Wanted};
use crate::config::NonceDemand;
use crate::policy::Source;
use crate::refusal::{Reason, Refusal};

/// Checks what `principal`'s token is bound to. A bearer token as such passes without a look at the
/// request.
pub(super) fn check(
    asked: &mut Asked<'_>,
    canonical: &Canonical,
    presented: &Presented<'_>,
    principal: &Principal,
) -> Result<(), Refusal> {
    match (&principal.binding, presented.scheme) {
        (None, Scheme::Bearer) if !asked.snapshot.dpop.required => Ok(()),
        (None, Scheme::Bearer | Scheme::Dpop) => Err(Reason::TokenUnbound.into()),
        (Some(binding), _) => bound(asked, canonical, presented, principal, binding),
    }
}

#[cold]
fn bound(
    asked: &mut Asked<'_>,
    canonical: &Canonical,
    presented: &Presented<'_>,
    principal: &Principal,
    binding: &Binding,
) -> Result<(), Refusal> {
    if let Some(thumbprint) = &binding.certificate {
        match asked.connection.certificate() {
            None => return Err(Reason::CertificateMissing.into()),
            Some(own) if own.thumbprint != *thumbprint => {
                return Err(Reason::CertificateWrong.into());
            }
            Some(_) => {}
        }
    }
    let key = match (&binding.key, presented.scheme) {
        (Some(_), Scheme::Bearer) => return Err(Reason::TokenBound.into()),
        (None, Scheme::Bearer) if !asked.snapshot.dpop.required => return Ok(()),
        (None, Scheme::Bearer | Scheme::Dpop) => return Err(Reason::TokenUnbound.into()),
        (Some(key), Scheme::Dpop) => key,
    };
    let shared = &asked.worker.shared;
    // No signature is checked for an address whose budget is spent, a proof's neither.
    let budget = asked.snapshot.limits.bearer_failures;
    let source = Source::from(asked.address);
    if let Err(wait) = shared.failures.check(source, budget, asked.arrived) {
        return Err(Refusal::new(Reason::BearerFailuresSpent).retry_after(wait));
    }
    let wanted = Wanted {
        snapshot: asked.snapshot,
        method: &canonical.head.method,
        path: canonical.sent.path(),
        token: Some((presented.token, key)),
        client: &principal.client_id,
        nonce: asked.snapshot.dpop.nonce == NonceDemand::Always,
        now: asked.unix_time,
    };
    let proven = shared.proofs.verify(&canonical.head.headers, &wanted)?;
    asked.next_nonce = proven.next_nonce;
    Ok(())
}
