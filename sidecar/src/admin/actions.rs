//! What an administrator may do: look at the state of the process and at the deny list, and change
//! that.
//!
//! In: a request, from somebody who may act. Out: JSON.
//! Elsewhere: who may (`authority`); where entries are kept (`bearer::Revocations`).

use std::sync::Arc;

use bytes::Bytes;
use http::header::{ALLOW, CONTENT_TYPE};
use http::{HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use serde::Serialize;
use serde_json::json;
use tokio::time::{Duration, timeout};

use super::authority::Administrator;
use super::state;
use crate::Shared;
use crate::bearer::{Denial, Refused};

/// Bytes of a request.
const BODY_MAX: usize = 256 * 1024;

/// Entries of a request; whoever has more sends them in parts, or uses the watched file.
const ENTRIES_MAX: usize = 1000;

/// Beyond `Deny.Limit`: a client that revokes until the list is full must not keep an administrator
/// from denying that client.
const RESERVED: usize = 1000;

/// A request's body is in within this.
const BODY_TIMEOUT: Duration = Duration::from_secs(20);

/// Whether `path` is an administrator's.
pub(super) fn is_action(path: &str) -> bool {
    matches!(path, "/deny" | "/status" | "/clients")
}

/// Does or tells what is asked for.
pub(super) async fn answer(
    shared: &Arc<Shared>,
    who: &Administrator,
    request: Request<Incoming>,
) -> Response<Full<Bytes>> {
    match (request.uri().path(), request.method()) {
        ("/deny", &Method::GET | &Method::HEAD) => told(&state::deny(shared)),
        ("/deny", &Method::POST) => change(shared, who, Doing::Deny, request).await,
        ("/deny", &Method::DELETE) => change(shared, who, Doing::Allow, request).await,
        ("/deny", _) => not_allowed("GET, HEAD, POST, DELETE"),
        ("/status", &Method::GET | &Method::HEAD) => told(&state::status(shared)),
        ("/clients", &Method::GET | &Method::HEAD) => {
            response(StatusCode::OK, state::clients(shared))
        }
        (_, _) => not_allowed("GET, HEAD"),
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Doing {
    Deny,
    Allow,
}

impl Doing {
    /// For the log.
    fn name(self) -> &'static str {
        match self {
            Self::Deny => "deny",
            Self::Allow => "allow",
        }
    }
}

/// Every entry of the body. Of those that cannot be acknowledged the caller is told; it may send all
/// of them again.
async fn change(
    shared: &Arc<Shared>,
    who: &Administrator,
    doing: Doing,
    request: Request<Incoming>,
) -> Response<Full<Bytes>> {
    let body = Limited::new(request.into_body(), BODY_MAX).collect();
    let entries = match timeout(BODY_TIMEOUT, body).await {
        Ok(Ok(body)) => entries(&body.to_bytes()),
        Ok(Err(_)) => Err("the body broke off, or is larger than 256 KiB".to_owned()),
        Err(_) => Err("the body came too slowly".to_owned()),
    };
    let entries = match entries {
        Ok(entries) => entries,
        Err(what) => return refused(StatusCode::BAD_REQUEST, &what),
    };
    let revocations = &shared.revocations;
    let shown = entries.clone();
    let outcomes = match doing {
        Doing::Deny => {
            let limit = shared.live.snapshot().deny.limit;
            let limit = limit.saturating_add(RESERVED);
            revocations.deny_all(entries, limit).await
        }
        Doing::Allow => revocations.allow_all(entries).await,
    };
    let (mut changed, mut failed) = (0, None);
    for (entry, outcome) in shown.iter().zip(outcomes) {
        let entry = serde_json::to_string(entry).unwrap_or_default();
        match outcome {
            Ok(true) => {
                changed += 1;
                tracing::info!(
                    administrator = who.name(),
                    action = doing.name(),
                    entry,
                    "the deny list was changed"
                );
            }
            Ok(false) => {}
            Err(why @ (Refused::Full | Refused::Busy | Refused::NotKept(_))) => {
                tracing::error!(
                    administrator = who.name(), action = doing.name(), entry, error = %why,
                    "a change of the deny list is not acknowledged"
                );
                failed = Some(why.to_string());
            }
        }
    }
    match failed {
        Some(why) => refused(StatusCode::SERVICE_UNAVAILABLE, &why),
        None if changed == 0 && doing == Doing::Allow => refused(
            StatusCode::NOT_FOUND,
            "there is no such entry here; one of the configuration or of its file is taken back there",
        ),
        None => told(&json!({ "changed": changed })),
    }
}

/// One entry, or an array of them.
fn entries(body: &[u8]) -> Result<Vec<Denial>, String> {
    let is_array = body.trim_ascii_start().starts_with(b"[");
    let entries = if is_array {
        serde_json::from_slice(body)
    } else {
        serde_json::from_slice(body).map(|entry| vec![entry])
    };
    let entries: Vec<Denial> = entries.map_err(|error| error.to_string())?;
    if entries.is_empty() {
        return Err("there is no entry".to_owned());
    }
    if entries.len() > ENTRIES_MAX {
        return Err(format!("there are more than {ENTRIES_MAX} entries"));
    }
    if entries.iter().all(Denial::names_something) {
        Ok(entries)
    } else {
        Err("an entry names nothing, so it would refuse everybody".to_owned())
    }
}

fn told(what: &impl Serialize) -> Response<Full<Bytes>> {
    match serde_json::to_string(what) {
        Ok(json) => response(StatusCode::OK, json),
        Err(_) => refused(StatusCode::INTERNAL_SERVER_ERROR, "it cannot be shown"),
    }
}

fn refused(status: StatusCode, what: &str) -> Response<Full<Bytes>> {
    response(status, json!({ "error": what }).to_string())
}

fn not_allowed(methods: &'static str) -> Response<Full<Bytes>> {
    let mut response = refused(StatusCode::METHOD_NOT_ALLOWED, methods);
    let allowed = HeaderValue::from_static(methods);
    response.headers_mut().insert(ALLOW, allowed);
    response
}

fn response(status: StatusCode, mut json: String) -> Response<Full<Bytes>> {
    json.push('\n');
    let mut response = Response::new(Full::new(Bytes::from(json)));
    *response.status_mut() = status;
    let kind = HeaderValue::from_static("application/json");
    response.headers_mut().insert(CONTENT_TYPE, kind);
    response
}
