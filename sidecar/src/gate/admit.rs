//! From a canonical request on a configured route to an [`Admitted`], or a refusal.
//!
//! known token ─▶ (else) failure budget ─▶ full validation ─▶ scopes and operation ─▶ rates ─▶
//! body's length

use std::sync::Arc;

use http::{HeaderValue, Method};

use super::canonical::Canonical;
use super::serve::Asked;
use super::{Admitted, CanonicalRequest, possession};
use crate::bearer::{self, Judging, Principal, Scheme};
use crate::body::{Arriving, RequestBody};
use crate::config::{Access, RouteSettings};
use crate::policy::{self, Source};
use crate::refusal::{Reason, Refusal};

/// The methods that a route without a list of its own takes.
const METHODS: [Method; 7] = [
    Method::GET,
    Method::HEAD,
    Method::POST,
    Method::PUT,
    Method::PATCH,
    Method::DELETE,
    Method::OPTIONS,
];

pub(super) fn admit(
    asked: &mut Asked<'_>,
    canonical: Canonical,
    incoming: Arriving,
    route: &RouteSettings,
    request_id: HeaderValue,
) -> Result<Admitted, Refusal> {
    let principal = judge(asked, &canonical, route)?;
    let body =
        RequestBody::new(incoming, &asked.snapshot.limits).map_err(|_| Reason::BodyTooLarge)?;
    Ok(Admitted {
        request: CanonicalRequest {
            head: canonical.head,
            body,
            host: canonical.host,
            operation: canonical.operation,
            request_id,
            client_address: asked.address,
            tls: asked.connection.tls,
            proof: canonical.proof,
        },
        principal,
        snapshot: Arc::clone(asked.snapshot),
    })
}

/// Whether the request may pass, by all that its head says; who calls, unless nobody has to say.
pub(super) fn judge(
    asked: &mut Asked<'_>,
    canonical: &Canonical,
    route: &RouteSettings,
) -> Result<Option<Arc<Principal>>, Refusal> {
    let principal = match route.access {
        Access::Public => None,
        Access::Scopes(_) => {
            let principal = authenticate(asked, canonical)?;
            asked.client = principal.label;
            Some(principal)
        }
    };
    method(route, &canonical.head.method)?;
    if let Some(principal) = &principal {
        let (operation, snapshot) = (canonical.operation, asked.snapshot);
        policy::authorise(principal, route, operation, snapshot)?;
    }
    let source = Source::from(asked.address);
    let (limits, arrived) = (&asked.snapshot.limits, asked.arrived);
    let rates = &asked.worker.shared.rates;
    rates.request(principal.as_deref(), source, route, limits, arrived)?;
    Ok(principal)
}

/// Who calls. A token that is known already costs neither budget nor signature, so that an address
/// which others share with an attacker goes on working for them.
fn authenticate(asked: &mut Asked<'_>, canonical: &Canonical) -> Result<Arc<Principal>, Refusal> {
    let longest = asked.snapshot.limits.token;
    let presented = bearer::find(&canonical.head.headers, longest);
    let scheme = presented.as_ref().map_or(Scheme::Bearer, |one| one.scheme);
    let judged = presented.map_err(Refusal::new).and_then(|presented| {
        let principal = identify(asked, presented.token)?;
        possession::check(asked, canonical, &presented, &principal)?;
        Ok(principal)
    });
    judged.map_err(|refusal| {
        let failed = match refusal.reason {
            // Whoever sends no token of ours has not failed with one; whoever has no nonce yet is
            // about to get one; who was not looked at has not failed again.
            Reason::CredentialsMissing
            | Reason::SchemeUnsupported
            | Reason::ProofNonceNeeded
            | Reason::ProofsTooMany
            // Nobody could have done better while we lack the keys.
            | Reason::IssuerKeysMissing
            | Reason::BearerFailuresSpent => false,
            _ => true,
        };
        if failed {
            let budget = asked.snapshot.limits.bearer_failures;
            let source = Source::from(asked.address);
            let failures = &asked.worker.shared.failures;
            failures.spend(source, budget, asked.arrived);
        }
        refusal.in_scheme(scheme)
    })
}

/// Whose token it is, by itself.
fn identify(asked: &Asked<'_>, token: &[u8]) -> Result<Arc<Principal>, Refusal> {
    let shared = &asked.worker.shared;
    let snapshot = asked.snapshot;
    let judging = Judging::new(shared, snapshot, asked.unix_time);
    if let Some(principal) = shared.tokens.find(token, &judging) {
        asked.counters.cache_hit();
        return Ok(principal);
    }
    let budget = snapshot.limits.bearer_failures;
    let source = Source::from(asked.address);
    if let Err(wait) = shared.failures.check(source, budget, asked.arrived) {
        return Err(Refusal::new(Reason::BearerFailuresSpent).retry_after(wait));
    }
    asked.counters.cache_miss();
    let validated = bearer::validate(token, &judging)?;
    let principal = Arc::clone(&validated.principal);
    shared.tokens.insert(token, validated, &judging);
    Ok(principal)
}

fn method(route: &RouteSettings, method: &Method) -> Result<(), Refusal> {
    let allowed: &[Method] = if route.methods.is_empty() {
        &METHODS
    } else {
        &route.methods
    };
    if allowed.contains(method) {
        return Ok(());
    }
    let names: Vec<_> = allowed.iter().map(Method::as_str).collect();
    Err(Refusal::new(Reason::MethodNotAllowed).allows(names.join(", ")))
}
