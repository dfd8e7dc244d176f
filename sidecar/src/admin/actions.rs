//! What an administrator may do: look at the deny list and change it, see who uses what.
//!
//! In: a request at `/deny` or `/clients` that came through the socket under the data folder, or carries a token
//! with the scope `WorkflowAdmin`. Out: JSON. To anybody else the path is not there.

use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use serde_json::json;

use crate::Shared;
use crate::bearer::{Denial, Refused, Scheme, Validator, find};
use crate::policy::Source;

/// The scope that lets a token act here.
const SCOPE: &str = "WorkflowAdmin";

/// Bytes of an entry; ids are shorter.
const BODY_MAX: usize = 64 * 1024;

/// How a request came.
#[derive(Clone, Copy)]
pub(super) enum Door {
    /// Over the socket that only the owner of the data folder can open.
    Socket,
    /// Over the network.
    Network(Source),
}

/// `None`: whoever asks may not know that there is anything.
pub(super) async fn answer(
    shared: &std::sync::Arc<Shared>,
    door: Door,
    request: Request<Incoming>,
) -> Option<Response<Full<Bytes>>> {
    if !may_act(shared, door, request.headers()) {
        return None;
    }
    let adds = match *request.method() {
        Method::GET => return Some(list(shared)),
        Method::POST => true,
        Method::DELETE => false,
        _ => {
            let told = json!({ "error": "GET, POST or DELETE" });
            return Some(response(StatusCode::METHOD_NOT_ALLOWED, &told));
        }
    };
    let body = Limited::new(request.into_body(), BODY_MAX).collect().await;
    let entry = body
        .map_err(|_| "the body broke off, or is larger than 64 KiB".to_owned())
        .and_then(|body| entry(&body.to_bytes()));
    let entry = match entry {
        Ok(entry) => entry,
        Err(what) => return Some(response(StatusCode::BAD_REQUEST, &json!({ "error": what }))),
    };
    tracing::info!(adds, "an administrator changes the deny list");
    let changes = &shared.changes;
    let done = if adds {
        shared
            .revocations
            .deny(entry, changes, now())
            .await
            .map(|()| true)
    } else {
        shared.revocations.allow(entry, changes).await
    };
    Some(match done {
        Ok(true) => response(StatusCode::OK, &json!({ "done": true })),
        Ok(false) => response(StatusCode::NOT_FOUND, &json!({ "error": "no such entry" })),
        Err(refused @ (Refused::Full | Refused::NotKept(_))) => {
            let told = json!({ "error": refused.to_string() });
            response(StatusCode::SERVICE_UNAVAILABLE, &told)
        }
    })
}

/// When each client and each of its secrets last authenticated. `None` as for [`answer`].
pub(super) fn clients(
    shared: &std::sync::Arc<Shared>,
    door: Door,
    request: &Request<Incoming>,
) -> Option<Response<Full<Bytes>>> {
    if !may_act(shared, door, request.headers()) {
        return None;
    }
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        let told = json!({ "error": "GET" });
        return Some(response(StatusCode::METHOD_NOT_ALLOWED, &told));
    }
    let snapshot = shared.live.snapshot();
    let server = snapshot.token_server.as_ref()?;
    let told = shared.last_used.told(&server.clients);
    Some(response(StatusCode::OK, &told))
}

fn may_act(shared: &std::sync::Arc<Shared>, door: Door, headers: &HeaderMap) -> bool {
    let Door::Network(source) = door else {
        return true;
    };
    if !headers.contains_key(AUTHORIZATION) {
        return false;
    }
    let limits = shared.live.snapshot().limits.clone();
    let (budget, arrived) = (limits.bearer_failures, std::time::Instant::now());
    if shared.failures.check(source, budget, arrived).is_err() {
        return false;
    }
    let judged = find(headers, limits.token).and_then(|presented| match presented.scheme {
        Scheme::Bearer => {
            let token = std::str::from_utf8(presented.token);
            let token = token.map_err(|_| crate::refusal::Reason::TokenMalformed)?;
            Validator::new(std::sync::Arc::clone(shared)).check(token)
        }
        Scheme::Dpop => Err(crate::refusal::Reason::SchemeUnsupported),
    });
    let Ok(principal) = judged else {
        shared.failures.spend(source, budget, arrived);
        return false;
    };
    principal.scopes.iter().any(|scope| **scope == *SCOPE)
}

fn entry(body: &[u8]) -> Result<Denial, String> {
    let entry: Denial = serde_json::from_slice(body).map_err(|error| error.to_string())?;
    if entry.names_something() {
        Ok(entry)
    } else {
        Err("the entry names nothing, so it would refuse everybody".to_owned())
    }
}

fn list(shared: &Shared) -> Response<Full<Bytes>> {
    let (tokens, entries) = shared.revocations.listed();
    let snapshot = shared.live.snapshot();
    let told = json!({
        "revokedTokens": tokens,
        "entries": entries,
        "configured": snapshot.deny.entries(),
    });
    response(StatusCode::OK, &told)
}

fn response(status: StatusCode, told: &serde_json::Value) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(format!("{told}\n"))));
    *response.status_mut() = status;
    let kind = HeaderValue::from_static("application/json");
    response.headers_mut().insert(CONTENT_TYPE, kind);
    response
}

fn now() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
}
