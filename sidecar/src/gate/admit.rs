//! From a canonical request on a configured route to an [`Admitted`], or a refusal.
//!
//! known token ─▶ (else) failure budget ─▶ full validation ─▶ scopes and operation ─▶ body's length

use std::sync::Arc;

use http::{HeaderValue, Method};

use super::canonical::Canonical;
use super::serve::Asked;
use super::{Admitted, CanonicalRequest};
use crate::bearer::{self, Judging, Principal};
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
    let principal = match route.access {
        Access::Public => None,
        Access::Scopes(_) => {
            let principal = authenticate(asked, &canonical)?;
            asked.client = principal.label;
            Some(principal)
        }
    };
    method(route, &canonical.head.method)?;
    if let Some(principal) = &principal {
        let (operation, snapshot) = (canonical.operation, asked.snapshot);
        policy::authorise(principal, route, operation, snapshot)?;
    }
    let body =
        RequestBody::new(incoming, &asked.snapshot.limits).map_err(|_| Reason::BodyTooLarge)?;
    Ok(Admitted {
        request: CanonicalRequest {
            head: canonical.head,
            body,
            host: canonical.host,
            operation: canonical.operation,
            request_id,
            client_address: asked.connection.peer.ip(),
            tls: asked.connection.tls,
        },
        principal,
        snapshot: Arc::clone(asked.snapshot),
    })
}

/// Who calls. A token that is known already costs neither budget nor signature, so that an address
/// which others share with an attacker goes on working for them.
fn authenticate(asked: &Asked<'_>, canonical: &Canonical) -> Result<Arc<Principal>, Refusal> {
    let shared = &asked.worker.shared;
    let snapshot = asked.snapshot;
    let judging = Judging::new(shared, snapshot, asked.unix_time);
    let budget = snapshot.limits.bearer_failures;
    let source = Source::from(asked.connection.peer.ip());
    let refuse = |reason: Reason| {
        // Whoever sends no token of ours has not failed with one.
        if !matches!(
            reason,
            Reason::CredentialsMissing | Reason::SchemeUnsupported
        ) {
            shared.failures.spend(source, budget, asked.arrived);
        }
        Refusal::new(reason)
    };
    let token = bearer::find(&canonical.head.headers, snapshot.limits.token).map_err(refuse)?;
    if let Some(principal) = shared.tokens.find(token, &judging) {
        asked.counters.cache_hit();
        return Ok(principal);
    }
    if let Err(wait) = shared.failures.check(source, budget, asked.arrived) {
        return Err(Refusal::new(Reason::BearerFailuresSpent).retry_after(wait));
    }
    asked.counters.cache_miss();
    let validated = bearer::validate(token, &judging).map_err(refuse)?;
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
