//! Turns an `Authorization` value into a [`Principal`].
//!
//! In: the header as received, the keys and clients in force. Out: who calls, or a [`Reason`].
//! Rules: RFC 6750 §2.1 (form), RFC 7515 §5.2 (signature), RFC 9068 §4 (claims), RFC 8725. A token
//! is read from the header only, never from query, body or cookie.
//! Elsewhere: what the caller may do (`policy`); where keys come from (`keys`).

mod binding;
mod cache;
mod claims;
mod epoch;
mod json;
mod jws;
mod proof;
mod spoken;
mod token68;
mod validator;

use std::sync::Arc;

use http::HeaderValue;
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};

pub use binding::Binding;
pub use cache::Cache;
pub use epoch::Epoch;
pub use proof::Proofs;
pub use validator::Validator;

pub(crate) use cache::Validated;
pub(crate) use proof::{DPOP, Wanted};
pub(crate) use token68::{Presented, Scheme, find};

use crate::Shared;
use crate::admin::{ClientLabel, Metrics};
use crate::config::{Client, Snapshot};
use crate::policy::{Operations, Speaks};
use crate::refusal::Reason;
use cache::Grounds;
use claims::Claims;
use epoch::Stamp;
use jws::Compact;

/// Who calls, by a token that was fully validated.
#[derive(Debug)]
pub struct Principal {
    /// By whose word.
    pub origin: Origin,
    /// The id of the client that calls.
    pub client_id: Arc<str>,
    /// `sub`.
    pub subject: Arc<str>,
    /// Of the token; of one of ours as far as the client still has them.
    pub scopes: Vec<Arc<str>>,
    /// What it may call of the Workflow API.
    pub operations: Operations,
    /// What tells its token from others.
    pub token: TokenId,
    /// What whoever presents it has to prove each time; `None`: a bearer token.
    pub binding: Option<Box<Binding>>,
    /// For whom it may speak; `None`: for anybody.
    pub speaks: Option<Box<Speaks>>,
    /// Header values for the engine, made once: client, subject, scopes.
    pub(crate) identity: [HeaderValue; 3],
    pub(crate) label: ClientLabel,
}

/// Who says so.
#[derive(Clone, Debug)]
pub enum Origin {
    /// We: the client as registered when the token was validated.
    Registered(Arc<Client>),
}

/// What tells one token from others, for the deny list.
#[derive(Debug)]
pub struct TokenId {
    /// `iss`, in its one spelling.
    pub issuer: Arc<str>,
    /// Of the key that signed it.
    pub kid: Box<str>,
    /// `jti`, when it has one.
    pub jti: Option<Box<str>>,
    /// `iat`, seconds since the epoch.
    pub issued_at: Option<u64>,
    /// `exp`, seconds since the epoch.
    pub expires: u64,
}

impl Principal {
    fn registered(claims: Claims, issuer: &Arc<str>, kid: &str, metrics: &Metrics) -> Self {
        let scopes: Vec<_> = claims.scopes.iter().map(|scope| encoded(scope)).collect();
        let client = claims.client;
        let identity = [
            encoded(&client.id),
            encoded(&claims.subject),
            scopes.join(" "),
        ];
        Self {
            label: metrics.client_label(&client.id),
            client_id: Arc::clone(&client.id),
            operations: client.operations,
            origin: Origin::Registered(client),
            subject: claims.subject,
            binding: claims.binding,
            speaks: None,
            scopes: claims.scopes,
            token: TokenId {
                issuer: Arc::clone(issuer),
                kid: kid.into(),
                jti: claims.jti,
                issued_at: claims.issued_at,
                expires: claims.expires,
            },
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

/// What a token is judged by.
#[derive(Clone, Copy)]
pub(crate) struct Judging<'a> {
    pub(crate) snapshot: &'a Snapshot,
    pub(crate) metrics: &'a Metrics,
    /// Seconds since the epoch.
    pub(crate) now: u64,
    stamp: Stamp,
}

impl<'a> Judging<'a> {
    /// Taken before anything else is looked at, so that a change from here on is noticed.
    pub(crate) fn new(shared: &'a Shared, snapshot: &'a Snapshot, now: u64) -> Self {
        Self::of(snapshot, &shared.epoch, &shared.metrics, now)
    }

    fn of(snapshot: &'a Snapshot, epoch: &'a Epoch, metrics: &'a Metrics, now: u64) -> Self {
        Self {
            stamp: Stamp::new(snapshot, epoch),
            snapshot,
            metrics,
            now,
        }
    }
}

/// Validates a token from its first character: form, header, key, signature, then claims.
///
/// This costs one signature's verification (RSA: 20 µs where it was measured); the outcome belongs
/// into the [`Cache`].
pub(crate) fn validate(token: &[u8], judging: &Judging<'_>) -> Result<Validated, Reason> {
    let Judging { snapshot, now, .. } = *judging;
    let token = token68::check(token)?;
    let server = snapshot
        .token_server
        .as_ref()
        .ok_or(Reason::NoIssuerTrusted)?;
    let jws = Compact::split(token)?;
    if !jws.is_of_type("at+jwt") {
        return Err(Reason::TokenTypeRefused);
    }
    let kid = jws.kid()?.ok_or(Reason::KeyUnknown)?;
    let key = server.keys.find(kid, now).ok_or(Reason::KeyUnknown)?;
    let verifying = key.verifying();
    if jws.algorithm()? != verifying.algorithm() {
        return Err(Reason::AlgorithmRefused);
    }
    if !verifying.verify(jws.signed.as_bytes(), &jws.signature()?) {
        return Err(Reason::SignatureWrong);
    }
    let issuer = &snapshot.authority.issuer;
    let all_claims = jws.claims()?;
    let claims = Claims::check(&all_claims, issuer, &server.clients, now)?;
    Ok(Validated {
        ends: claims.expires.min(key.retires().unwrap_or(u64::MAX)),
        grounds: Grounds::Own {
            thumbprint: *verifying.thumbprint(),
        },
        principal: Arc::new(
            Principal::registered(claims, issuer, key.kid(), judging.metrics)
                .bound_by(snapshot, &all_claims),
        ),
    })
}

#[cfg(test)]
pub(crate) mod fixture;
#[cfg(fuzzing)]
pub mod fuzz;
#[cfg(test)]
mod tests;
