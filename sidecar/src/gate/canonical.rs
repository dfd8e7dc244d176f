//! The canonical request: the one form that is judged and forwarded.
//!
//! In: a request's head as hyper read it. Out: [`Canonical`], or the reason why there is no one
//! reading of it. Pure: no clock, no I/O, no snapshot beyond the routing table.

use std::borrow::Cow;

use http::request::Parts;
use http::uri::PathAndQuery;
use http::{HeaderValue, Method, Uri};
use workflow_api::Operation;

use super::query::Deciding;
use super::route::{Found, Route, Table};
use super::{headers, host, path, query};
use crate::refusal::Reason;

/// A head in canonical form, and where it leads.
#[derive(Debug)]
pub(super) struct Canonical {
    /// The target is a path; hop-by-hop and identity headers and Host are gone.
    pub(super) head: Parts,
    /// The target as the client sent it.
    pub(super) sent: Uri,
    /// There is a `DPoP` header.
    pub(super) proof: bool,
    pub(super) host: HeaderValue,
    pub(super) route: Route,
    /// The table's entry, under the Workflow API.
    pub(super) operation: Option<&'static Operation>,
}

/// Brings `head` into canonical form.
pub(super) fn canonical(mut head: Parts, table: &Table, tls: bool) -> Result<Canonical, Reason> {
    // RFC 9110 §9.3.6 and §9.3.8: CONNECT asks for a tunnel, TRACE echoes what only we should see.
    if matches!(head.method, Method::CONNECT | Method::TRACE) {
        return Err(Reason::MethodRefused);
    }
    let host = host::take(&mut head.headers, &head.uri, tls)?;
    let (target, route, operation) = target(&head.uri, &head.method, table)?;
    let sent = std::mem::replace(&mut head.uri, target);
    let proof = headers::clean(&mut head.headers)?;
    Ok(Canonical {
        head,
        sent,
        proof,
        host,
        route,
        operation,
    })
}

/// The target in origin form, its route, and the operation that it names.
fn target(
    uri: &Uri,
    method: &Method,
    table: &Table,
) -> Result<(Uri, Route, Option<&'static Operation>), Reason> {
    let target = uri.path_and_query().ok_or(Reason::TargetMalformed)?;
    let path = target.path();
    let judged = path::judge(path, table)?;
    let mut operation = None;
    if let Some(query) = target.query() {
        query::characters(query)?;
    }
    let route = match judged.found {
        None => Route::Unknown,
        Some(Found::Own(route)) => route,
        Some(Found::Pattern { group, .. }) => {
            if table.is_workflow_api(group) {
                operation = named_operation(path, &judged, target.query())?;
            }
            table.choose(group, method, operation)
        }
    };
    let rewritten = match judged.rewritten(path) {
        None => target.clone(),
        Some(mut rewritten) => {
            if let Some(query) = target.query() {
                rewritten.push('?');
                rewritten.push_str(query);
            }
            PathAndQuery::try_from(rewritten).map_err(|_| Reason::TargetMalformed)?
        }
    };
    Ok((Uri::from(rewritten), route, operation))
}

/// The operation by the path, else by the query; what both say must agree.
fn named_operation(
    path: &str,
    judged: &path::Judged,
    query: Option<&str>,
) -> Result<Option<&'static Operation>, Reason> {
    let of_path = judged.operation.clone().map(|range| &path[range]);
    let known = of_path.and_then(workflow_api::find);
    let Some(query) = query else {
        return Ok(known);
    };
    let mut found = query::Found::default();
    if let Some(name) = of_path {
        found.add(Deciding::Operation, Cow::Borrowed(name.as_bytes()))?;
    }
    if let Some(id) = judged.id.clone().map(|range| &path[range])
        && let Some(name) = known.and_then(|operation| operation.path_id)
        && let Some(deciding) = Deciding::named(name.as_bytes())
    {
        let id = percent_encoding::percent_decode(id.as_bytes()).into();
        found.add(deciding, id)?;
    }
    query::collect(query, &mut found)?;
    Ok(match of_path {
        Some(_) => known,
        None => found.operation().and_then(workflow_api::find),
    })
}
