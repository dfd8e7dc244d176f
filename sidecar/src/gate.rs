//! A request becomes an [`Admitted`], or a refusal.
//!
//! canonical request ─▶ route ─▶ failure budget ─▶ authenticate ─▶ authorise. What was authorised
//! is what is forwarded: later stages see only the canonical request.
//!
//! In: a request as hyper read it, the snapshot in force. Out: what `upstream` answers to an
//! [`Admitted`], what `oauth` answers, or a refusal in its form. Rules: RFC 9110 and 9112 as far as
//! a proxy keeps them, the OAuth reference §5. Elsewhere: tokens (`bearer`), rights (`policy`).

mod admit;
mod canonical;
mod check;
mod cors;
mod headers;
mod host;
mod log;
mod path;
mod pause;
mod possession;
mod prepared;
mod proxies;
mod query;
mod route;
mod serve;
mod spoken;
mod trace;

use std::sync::Arc;

use http::Method;

pub use pause::Pauses;
pub use prepared::Prepared;
pub use serve::serve;

use crate::bearer::Principal;
use crate::body::RequestBody;
use crate::config::Snapshot;

/// The methods that a route without a list of its own takes.
pub(crate) const METHODS: [Method; 7] = [
    Method::GET,
    Method::HEAD,
    Method::POST,
    Method::PUT,
    Method::PATCH,
    Method::DELETE,
    Method::OPTIONS,
];

/// A request in the one form that is judged and forwarded.
pub struct CanonicalRequest {
    /// The target is path and query; hop-by-hop and identity headers are gone, Host is apart.
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
    /// There is a `DPoP` header, which is not for the engine.
    pub(crate) proof: bool,
}

/// Only the gate makes one: nothing unchecked leaves through `upstream`.
pub struct Admitted {
    pub(crate) request: CanonicalRequest,
    /// `None` on a public route.
    pub(crate) principal: Option<Arc<Principal>>,
    pub(crate) snapshot: Arc<Snapshot>,
}

#[cfg(any(test, fuzzing))]
pub mod fuzz;
#[cfg(test)]
pub(crate) mod rig;
#[cfg(test)]
mod tests;
