//! A request becomes an [`Admitted`], or a refusal.
//!
//! canonical request ─▶ route ─▶ failure budget ─▶ authenticate ─▶ authorise. What was authorised
//! is what is forwarded: later stages see only the canonical request.

use std::sync::Arc;

use hyper::body::Incoming;

use crate::Worker;
use crate::bearer::Principal;
use crate::body::{RequestBody, ResponseBody};
use crate::config::Snapshot;
use crate::listener::Connection;

/// A request in the one form that is judged and forwarded.
pub struct CanonicalRequest {
    /// Hop-by-hop and identity headers removed, exactly one Host (kept apart, in `host`).
    pub(crate) head: http::request::Parts,
    pub(crate) body: RequestBody,
    /// As the client named us.
    pub(crate) host: http::HeaderValue,
    /// The table's entry, when the path lies under the Workflow API and names a known one.
    pub(crate) operation: Option<&'static workflow_api::Operation>,
    pub(crate) request_id: http::HeaderValue,
    /// The client's address as far as trusted.
    pub(crate) client_address: std::net::IpAddr,
    pub(crate) tls: bool,
}

/// Only the gate makes one: nothing unchecked leaves through `upstream`.
pub struct Admitted {
    pub(crate) request: CanonicalRequest,
    /// `None` on a public route.
    pub(crate) principal: Option<Arc<Principal>>,
    pub(crate) snapshot: Arc<Snapshot>,
}

/// Answers one request; never fails, and a panic inside is a 500 for this request only.
pub async fn serve(
    _worker: &Worker,
    _connection: &Connection,
    request: http::Request<Incoming>,
) -> http::Response<ResponseBody> {
    use http_body_util::BodyExt;
    let _ = request.into_body().collect().await;
    let mut response = http::Response::new(ResponseBody::Full(bytes::Bytes::from_static(b"none")));
    *response.status_mut() = http::StatusCode::NOT_FOUND;
    response
}
