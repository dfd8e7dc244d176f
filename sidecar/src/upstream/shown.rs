//! What the upstream is shown of who calls, and of the sidecar itself.
//!
//! In: the caller, the snapshot. Out: [`Shown`], or why the request cannot be sent: there is no
//! token for the upstream, or the identity could not be signed. Nothing here waits.

use http::{HeaderValue, Response, StatusCode};
use tokio::time::Instant;

use super::head::Identity;
use super::{identity, outcome};
use crate::bearer::Principal;
use crate::body::ResponseBody;
use crate::clock::unix_time;
use crate::config::Snapshot;
use crate::refusal::{Reason, Refusal};

/// What is set on a request beside what it brings.
#[derive(Debug, Default)]
pub(super) struct Shown<'a> {
    /// Client, subject and scopes as they are.
    pub(super) bare: Option<&'a Identity>,
    /// The same, signed.
    pub(super) signed: Option<HeaderValue>,
    /// The sidecar's own, in place of the client's.
    pub(super) authorization: Option<HeaderValue>,
}

impl<'a> Shown<'a> {
    /// For a request of `principal`, nobody's on a public route.
    pub(super) fn of(
        principal: Option<&'a Principal>,
        snapshot: &Snapshot,
        now: Instant,
    ) -> Result<Self, Refusal> {
        let settings = &snapshot.upstream;
        let mut shown = Self {
            bare: principal.map(|principal| &principal.identity),
            ..Self::default()
        };
        if let (Some(principal), Some(identity)) = (principal, &settings.signed_identity) {
            shown.signed = Some(sign(principal, snapshot)?);
            if !identity.bare_headers {
                shown.bare = None;
            }
        }
        if let Some(store) = &snapshot.upstream_token {
            let token = store.current(now);
            shown.authorization = Some(token.ok_or(Reason::UpstreamTokenMissing)?);
        }
        Ok(shown)
    }
}

#[cold]
fn no_key() -> Refusal {
    // The configuration asks for the token side; without it there is nothing to sign with.
    Refusal::new(Reason::SigningFailed).with_detail("no key to sign identities with")
}

fn sign(principal: &Principal, snapshot: &Snapshot) -> Result<HeaderValue, Refusal> {
    let now = unix_time();
    match identity::of(principal, snapshot, now) {
        Some(Ok(value)) => Ok(value),
        Some(Err(fault)) => Err(Refusal::new(Reason::SigningFailed).with_detail(fault.to_string())),
        None => Err(no_key()),
    }
}

/// An answer that is about the sidecar's own token is not the client's: its challenge would have
/// the client get another token of its own, in vain.
pub(super) fn judge(
    answer: Response<ResponseBody>,
    sent: Option<&HeaderValue>,
    snapshot: &Snapshot,
    now: Instant,
) -> Result<Response<ResponseBody>, Refusal> {
    match (sent, &snapshot.upstream_token) {
        (Some(sent), Some(store)) if answer.status() == StatusCode::UNAUTHORIZED => {
            store.refused(sent, now);
            Err(outcome::refuse(
                Reason::UpstreamTokenRefused,
                "the upstream answered 401 to the sidecar's token",
            ))
        }
        _ => Ok(answer),
    }
}
