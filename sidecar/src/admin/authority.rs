//! Who may act on the admin listener.
//!
//! In: how a request came, its header. Out: the name of who acts, for the log; or a refusal.
//! Rules: through the socket under the data folder, which only its owner can open, everything; over
//! the network a bearer token with the scope `WorkflowAdmin`, of ours or of an issuer that is
//! trusted. Failures spend the budget `Limits.BearerFailures` of their address, as at the gate. What
//! is refused says nothing of what there is.

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use http::header::{AUTHORIZATION, HeaderMap, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderValue, Response, StatusCode};
use http_body_util::Full;

use super::server::text;
use crate::Shared;
use crate::bearer::{Scheme, Validator, find};
use crate::policy::Source;
use crate::refusal::Reason;

/// The scope that lets a token act here.
const SCOPE: &str = "WorkflowAdmin";

/// How a request came.
#[derive(Clone, Copy)]
pub(super) enum Door {
    /// Over the socket that only the owner of the data folder can open.
    Socket,
    /// Over the network.
    Network(Source),
}

/// Who acts. Only [`authorise`] makes one: nothing is done or told without it.
pub(super) struct Administrator {
    /// The client's id; `None`: over the socket.
    client: Option<Arc<str>>,
}

impl Administrator {
    /// For the log.
    pub(super) fn name(&self) -> &str {
        self.client.as_deref().unwrap_or("admin.sock")
    }
}

/// Why somebody may not act.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refused {
    /// No credentials were sent.
    Unasked,
    /// They are no good.
    Invalid,
    /// They are somebody else's.
    Insufficient,
    /// The address has failed too often; seconds to wait.
    TooMany(u32),
}

/// Who acts, if they may.
pub(super) fn authorise(
    shared: &Arc<Shared>,
    door: Door,
    headers: &HeaderMap,
) -> Result<Administrator, Refused> {
    let Door::Network(source) = door else {
        return Ok(Administrator { client: None });
    };
    if !headers.contains_key(AUTHORIZATION) {
        return Err(Refused::Unasked);
    }
    let snapshot = shared.live.snapshot();
    let (budget, now) = (snapshot.limits.bearer_failures, Instant::now());
    shared
        .failures
        .check(source, budget, now)
        .map_err(Refused::TooMany)?;
    let judged = find(headers, snapshot.limits.token).and_then(|presented| {
        // Nothing is proved here, so a bound token is refused by the validator.
        if presented.scheme != Scheme::Bearer {
            return Err(Reason::SchemeUnsupported);
        }
        let token = std::str::from_utf8(presented.token).map_err(|_| Reason::TokenMalformed)?;
        Validator::new(Arc::clone(shared)).check(token)
    });
    let refused = match judged {
        Ok(principal) if principal.scopes.iter().any(|scope| **scope == *SCOPE) => {
            let client = Some(Arc::clone(&principal.client_id));
            return Ok(Administrator { client });
        }
        Ok(_) => Refused::Insufficient,
        Err(_) => Refused::Invalid,
    };
    shared.failures.spend(source, budget, now);
    Err(refused)
}

impl Refused {
    /// RFC 6750 §3: a challenge, with an error only where credentials were sent.
    pub(super) fn response(self) -> Response<Full<Bytes>> {
        let (status, challenge) = match self {
            Self::Unasked => (StatusCode::UNAUTHORIZED, r#"Bearer realm="admin""#),
            Self::Invalid => (
                StatusCode::UNAUTHORIZED,
                r#"Bearer realm="admin", error="invalid_token""#,
            ),
            Self::Insufficient => (
                StatusCode::FORBIDDEN,
                r#"Bearer realm="admin", error="insufficient_scope", scope="WorkflowAdmin""#,
            ),
            Self::TooMany(seconds) => {
                let mut response = text(
                    StatusCode::TOO_MANY_REQUESTS,
                    "Too many refused tokens from this address\n",
                );
                let wait = HeaderValue::from(seconds.max(1));
                response.headers_mut().insert(RETRY_AFTER, wait);
                return response;
            }
        };
        let mut response = text(
            status,
            "This takes a token with the scope WorkflowAdmin, or the socket admin.sock\n",
        );
        let challenge = HeaderValue::from_static(challenge);
        response.headers_mut().insert(WWW_AUTHENTICATE, challenge);
        response
    }
}
