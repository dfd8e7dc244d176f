//! From a canonical request on a configured route to an [`Admitted`], or a refusal.
//!
//! known token ─▶ (else) failure budget ─▶ full validation ─▶ method ─▶ scopes and operation ─▶
//! rules in code ─▶ rates ─▶ body's length ─▶ for whom the caller speaks

use std::sync::Arc;

use http::HeaderValue;

use super::canonical::Canonical;
use super::route::{Route, Table};
use super::serve::Asked;
use super::spoken::{self, Halted};
use super::{Admitted, CanonicalRequest, log, possession};
use crate::bearer::{self, Judging, Principal, Scheme};
use crate::body::{Arriving, RequestBody};
use crate::config::{Access, RouteSettings};
use crate::policy::{self, HookRequest, Source, Speaks};
use crate::refusal::{Reason, Refusal};

/// A request on a configured route.
pub(super) struct Arrived<'a> {
    pub(super) canonical: Canonical,
    pub(super) incoming: Arriving,
    pub(super) table: &'a Table,
    pub(super) request_id: &'a HeaderValue,
}

pub(super) async fn admit(
    asked: &mut Asked<'_>,
    arrived: Arrived<'_>,
    route: &RouteSettings,
) -> Result<Admitted, Refusal> {
    let Arrived {
        mut canonical,
        incoming,
        table,
        request_id,
    } = arrived;
    let principal = judge(asked, &canonical, route, table, request_id)?;
    let mut body =
        RequestBody::new(incoming, &asked.snapshot.limits).map_err(|_| Reason::BodyTooLarge)?;
    if let Some(speaks) = speaks(principal.as_deref(), route) {
        let verdict = Verdict {
            asked,
            request_id,
            shadow: route.shadow,
        };
        // Boxed: few callers are bound, and every connection keeps room for this future.
        Box::pin(bound(&verdict, &mut canonical, &mut body, speaks)).await?;
    }
    Ok(Admitted {
        request: CanonicalRequest {
            head: canonical.head,
            body,
            host: canonical.host,
            operation: canonical.operation,
            request_id: request_id.clone(),
            client_address: asked.address,
            tls: asked.connection.tls,
            proof: canonical.proof,
        },
        principal,
        snapshot: Arc::clone(asked.snapshot),
    })
}

/// For whom the caller may speak, where that matters: under the Workflow API. `None`: for anybody.
pub(super) fn speaks<'p>(
    principal: Option<&'p Principal>,
    route: &RouteSettings,
) -> Option<&'p Speaks> {
    principal
        .filter(|_| route.workflow_api)
        .and_then(|principal| principal.speaks.as_deref())
}

/// Whether the request may pass, by all that its head says; who calls, unless nobody has to say.
pub(super) fn judge(
    asked: &mut Asked<'_>,
    canonical: &Canonical,
    route: &RouteSettings,
    table: &Table,
    request_id: &HeaderValue,
) -> Result<Option<Arc<Principal>>, Refusal> {
    let principal = match route.access {
        Access::Public => None,
        Access::Scopes(_) | Access::AnyScope(_) => {
            let principal = authenticate(asked, canonical)?;
            asked.client = principal.label;
            Some(principal)
        }
    };
    let operation = canonical.operation;
    if let Route::Closed(index) = canonical.route {
        let allow = table.allow(index, operation);
        return Err(Refusal::new(Reason::MethodNotAllowed).allows(allow));
    }
    let verdict = Verdict {
        asked,
        request_id,
        shadow: route.shadow,
    };
    if let Some(principal) = &principal {
        policy::accepted(principal)?;
        verdict.of(canonical, policy::scopes(principal, route))?;
        verdict.of(canonical, policy::operation(principal, route, operation))?;
    }
    policy::switched_on(route, operation, asked.snapshot)?;
    if !asked.snapshot.hooks.is_empty() {
        verdict.of(canonical, hooks(asked, canonical, principal.as_deref()))?;
    }
    let source = Source::from(asked.address);
    let (limits, arrived) = (&asked.snapshot.limits, asked.arrived);
    let rates = &asked.worker.shared.rates;
    rates.request(principal.as_deref(), source, route, limits, arrived)?;
    Ok(principal)
}

/// What policy says of this request.
fn hooks(
    asked: &Asked<'_>,
    canonical: &Canonical,
    principal: Option<&Principal>,
) -> Result<(), Refusal> {
    asked.snapshot.hooks.judge(&HookRequest {
        principal,
        method: &canonical.head.method,
        path: canonical.head.uri.path(),
        query: canonical.head.uri.query(),
        operation: canonical.operation,
        client_address: asked.address,
    })
}

/// For whom a bound caller speaks.
async fn bound(
    verdict: &Verdict<'_, '_>,
    canonical: &mut Canonical,
    body: &mut RequestBody,
    speaks: &Speaks,
) -> Result<(), Refusal> {
    let limits = &verdict.asked.snapshot.limits;
    let operation = canonical.operation;
    match spoken::judge(&canonical.head, operation, body, speaks, limits).await {
        // What is only reported changes nothing.
        Ok(Some(target)) if !verdict.shadow => canonical.head.uri = target,
        Ok(_) => {}
        Err(Halted::Broken(refusal)) => return Err(refusal),
        Err(Halted::Refused(refusal)) => verdict.of(canonical, Err(refusal))?,
    }
    Ok(())
}

/// Makes what policy says count, or only reports it.
struct Verdict<'v, 'a> {
    asked: &'v Asked<'a>,
    request_id: &'v HeaderValue,
    shadow: bool,
}

impl Verdict<'_, '_> {
    fn of(&self, canonical: &Canonical, judged: Result<(), Refusal>) -> Result<(), Refusal> {
        let Err(refusal) = judged else {
            return Ok(());
        };
        if !self.shadow || refusal.reason == Reason::PolicyHookPanicked {
            return Err(refusal);
        }
        self.asked.counters.would_refuse(refusal.reason);
        log::would_refuse(&log::Passed {
            settings: &self.asked.snapshot.log,
            peer: self.asked.address,
            method: &canonical.head.method,
            path: canonical.head.uri.path(),
            request_id: self.request_id,
            refusal: &refusal,
        });
        Ok(())
    }
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
    Ok(bearer::learn(token, &shared.tokens, &judging)?)
}
