//! Turns an `Authorization` value into a [`Principal`].
//!
//! In: the header as received, the keys and clients in force. Out: who calls, or a [`Reason`].
//! Rules: RFC 6750 §2.1 (form), RFC 7515 §5.2 (signature), RFC 9068 §4 (claims), RFC 8725. A token
//! is read from the header only, never from query, body or cookie.
//! Elsewhere: what the caller may do (`policy`); where keys come from (`keys`).

mod cache;
mod claims;
mod header;
mod strict_json;
mod token68;

use std::sync::Arc;

use http::HeaderValue;
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};

pub use cache::Cache;

pub(crate) use cache::Validated;
pub(crate) use token68::find;

use crate::admin::{ClientLabel, Metrics};
use crate::config::{Client, Snapshot};
use crate::refusal::Reason;
use claims::Claims;
use header::Parts;

/// Who calls, by a token that was fully validated.
#[derive(Debug)]
pub struct Principal {
    /// As registered when the token was validated.
    pub client: Arc<Client>,
    /// `sub`.
    pub subject: Arc<str>,
    /// Of the token, as far as the client still has them.
    pub scopes: Vec<Arc<str>>,
    /// Header values for the engine, made once: client, subject, scopes.
    pub(crate) identity: [HeaderValue; 3],
    pub(crate) label: ClientLabel,
}

impl Principal {
    fn new(claims: Claims, metrics: &Metrics) -> Self {
        let scopes: Vec<_> = claims.scopes.iter().map(|scope| encoded(scope)).collect();
        let identity = [
            encoded(&claims.client.id),
            encoded(&claims.subject),
            scopes.join(" "),
        ];
        Self {
            label: metrics.client_label(&claims.client.id),
            client: claims.client,
            subject: claims.subject,
            scopes: claims.scopes,
            identity: identity.map(|text| {
                HeaderValue::try_from(text).expect("visible ASCII and spaces are a header value")
            }),
        }
    }
}

/// What is not visible ASCII, and the percent sign itself: else a client could choose an id that
/// looks to the engine like another's.
const ENCODED: &AsciiSet = &CONTROLS.add(b' ').add(b'%');

fn encoded(text: &str) -> String {
    utf8_percent_encode(text, ENCODED).to_string()
}

/// Validates a token from its first character: form, header, key, signature, then claims.
///
/// `now` is seconds since the epoch. This costs one RSA verification (20 µs where it was
/// measured); the outcome belongs into the [`Cache`].
pub(crate) fn validate(
    token: &[u8],
    snapshot: &Snapshot,
    metrics: &Metrics,
    now: u64,
) -> Result<Validated, Reason> {
    let token = token68::check(token)?;
    let server = snapshot
        .token_server
        .as_ref()
        .ok_or(Reason::NoIssuerTrusted)?;
    let parts = Parts::split(token)?;
    let kid = parts.kid()?;
    let key = server.keys.find(kid, now).ok_or(Reason::KeyUnknown)?;
    parts.check_algorithm(key.algorithm())?;
    if !key.verify(parts.signed.as_bytes(), &parts.signature()?) {
        return Err(Reason::SignatureWrong);
    }
    let issuer = &snapshot.authority.issuer;
    let claims = Claims::check(&parts.claims()?, issuer, &server.clients, now)?;
    Ok(Validated {
        ends: claims.expires.min(key.retires().unwrap_or(u64::MAX)),
        issuer: Arc::clone(issuer),
        kid: key.kid().into(),
        fingerprint: *key.fingerprint(),
        principal: Arc::new(Principal::new(claims, metrics)),
    })
}

#[cfg(test)]
pub(crate) mod fixture;
#[cfg(test)]
mod tests;
