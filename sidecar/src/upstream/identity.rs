//! A caller's identity, signed for the upstream: a short-lived JWT in `X-Workflow-Identity`.
//!
//! In: a principal, the snapshot, the time. Out: the header's value, made once and sent until a
//! fifth of its life is left, so that a signature is not paid for each request. Rules: RFC 7519,
//! RFC 8725 §3.11 (a type of its own: no one takes it for an access token), RFC 8693 §4.1 (`act`).
//! Elsewhere: the keys (`keys`); that clients cannot send one (`gate`).

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwapOption;
use http::HeaderValue;
use serde::Serialize;

use crate::bearer::Principal;
use crate::config::{SignedIdentity, Snapshot};
use crate::keys;

/// `typ` of the header.
const TYPE: &str = "workflow-identity+jwt";

/// The identity that was last made for a principal. Kept with it, and gone with it.
#[derive(Default)]
pub(crate) struct Signed(ArcSwapOption<Made>);

impl std::fmt::Debug for Signed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Signed")
    }
}

struct Made {
    value: HeaderValue,
    /// Seconds since the epoch: made at, and to be made anew from.
    begins: u64,
    renew: u64,
    issuer: Arc<str>,
    kid: Box<str>,
    settings: SignedIdentity,
}

#[derive(Serialize)]
struct Claims<'a> {
    iss: &'a str,
    sub: &'a str,
    aud: &'a str,
    client_id: &'a str,
    scope: String,
    jti: uuid::Uuid,
    iat: u64,
    nbf: u64,
    exp: u64,
    /// RFC 8693 §4.1: the client, where it acts for somebody else.
    #[serde(skip_serializing_if = "Option::is_none")]
    act: Option<Actor<'a>>,
    /// Who issued the token that the client presented: ids are unique by issuer only.
    token_iss: &'a str,
}

#[derive(Serialize)]
struct Actor<'a> {
    sub: &'a str,
}

/// The header's value for `principal` at `now`, seconds since the epoch. `None`: it is off, or
/// there is no key.
pub(super) fn of(
    principal: &Principal,
    snapshot: &Snapshot,
    now: u64,
) -> Option<Result<HeaderValue, keys::Error>> {
    let settings = snapshot.upstream.signed_identity.as_ref()?;
    let ring = &snapshot.token_server.as_ref()?.keys;
    let issuer = &snapshot.authority.issuer;
    let held = principal.signed.0.load();
    if let Some(made) = &*held
        && (made.begins..made.renew).contains(&now)
        && *made.kid == *ring.active_kid(now)
        && made.issuer == *issuer
        && made.settings == *settings
    {
        return Some(Ok(made.value.clone()));
    }
    drop(held);
    let made = make(principal, snapshot, settings, now);
    Some(made.inspect(|value| {
        principal.signed.0.store(Some(Arc::new(Made {
            value: value.clone(),
            begins: now,
            renew: now + renewed_after(settings.lifetime),
            issuer: Arc::clone(issuer),
            kid: ring.active_kid(now).into(),
            settings: settings.clone(),
        })));
    }))
}

/// Four fifths: what is sent is good for as long as any request waits to be judged.
fn renewed_after(lifetime: Duration) -> u64 {
    lifetime.as_secs() * 4 / 5
}

/// RSA takes 0.7 ms where it was measured, on a worker's thread; two workers that meet here make
/// two, and both are good.
#[cold]
fn make(
    principal: &Principal,
    snapshot: &Snapshot,
    settings: &SignedIdentity,
    now: u64,
) -> Result<HeaderValue, keys::Error> {
    let server = snapshot.token_server.as_ref().ok_or(keys::Error::Sign)?;
    let client = &*principal.client_id;
    let subject = &*principal.subject;
    let claims = Claims {
        iss: &snapshot.authority.issuer,
        sub: subject,
        aud: &settings.audience,
        client_id: client,
        scope: principal.scopes.join(" "),
        jti: uuid::Uuid::new_v4(),
        iat: now,
        nbf: now,
        exp: now + settings.lifetime.as_secs(),
        act: (subject != client).then_some(Actor { sub: client }),
        token_iss: &principal.token.issuer,
    };
    let json = serde_json::to_vec(&claims).map_err(|_| keys::Error::Sign)?;
    let token = server.keys.sign_as(TYPE, &json, now)?;
    let mut value = HeaderValue::try_from(token).map_err(|_| keys::Error::Sign)?;
    value.set_sensitive(true);
    Ok(value)
}

#[cfg(test)]
mod tests;
