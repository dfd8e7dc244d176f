//! Turns an `Authorization` value into a [`Principal`].
//!
//! In: the header as received, the keys and clients in force. Out: who calls, or a [`Reason`].
//! Rules: RFC 6750 §2.1 (form), RFC 7515 §5.2 (signature), RFC 9068 §4 (claims), RFC 8725. A token
//! is read from the header only, never from query, body or cookie.
//! Elsewhere: what the caller may do (`policy`); where keys come from (`keys`).

mod binding;
mod cache;
pub(crate) mod claims;
mod deny;
mod epoch;
mod external;
mod issuers;
pub(crate) mod json;
pub(crate) mod jws;
mod leash;
mod proof;
mod revocations;
mod spoken;
mod token68;
mod validator;

use std::sync::Arc;

use http::HeaderValue;
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};

pub use binding::Binding;
pub use cache::Cache;
pub use deny::{Denial, Denials, DenyFile};
pub use leash::Changes;
pub use proof::Proofs;
pub use revocations::{Refused, Revocations};
pub use validator::Validator;

pub(crate) use cache::Validated;
pub(crate) use deny::{DenyWatcher, instant};
pub(crate) use issuers::{IssuerKeys, KeyStore, Plan, Refresher, Standing, standing};
pub(crate) use leash::Leash;
pub(crate) use proof::{DPOP, Wanted};
pub(crate) use token68::{Presented, Scheme, find};

use crate::Shared;
use crate::admin::{ClientLabel, Metrics};
use crate::config::{Client, IssuerSettings, Snapshot, TokenServer};
use crate::keys::Algorithm;
use crate::policy::{Caller, Operations, Speaks};
use crate::refusal::Reason;
use claims::Claims;
use epoch::{Epoch, Stamp};
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
    /// The same, signed, as it was last made.
    pub(crate) signed: crate::upstream::Signed,
    pub(crate) label: ClientLabel,
    /// Whose rate its requests count against.
    pub(crate) caller: Caller,
    grounds: Grounds,
}

/// Whose key signed.
#[derive(Clone, Debug)]
enum Grounds {
    /// Ours, by its RFC 7638 thumbprint.
    Own { thumbprint: [u8; 32] },
    /// An external issuer's, which its document names for that algorithm.
    External {
        thumbprint: [u8; 32],
        algorithm: Algorithm,
    },
}

/// Who says so.
#[derive(Clone, Debug)]
pub enum Origin {
    /// We: the client as registered when the token was validated.
    Registered(Arc<Client>),
    /// An issuer that is trusted besides, by the rules of then.
    External(Arc<IssuerSettings>),
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
    /// Whether a full validation now would find the same. What it compares is all that a
    /// validation takes from elsewhere than the token.
    pub(crate) fn stands(&self, judging: &Judging<'_>) -> bool {
        let Judging { snapshot, now, .. } = *judging;
        let token = &self.token;
        let same = match (&self.grounds, &self.origin) {
            (Grounds::Own { thumbprint }, Origin::Registered(client)) => {
                let Some(server) = &snapshot.token_server else {
                    return false;
                };
                let same_key = server
                    .keys
                    .find(&token.kid, now)
                    .is_some_and(|key| key.verifying().thumbprint() == thumbprint);
                let same_client = server
                    .clients
                    .find(&client.id)
                    .is_some_and(|found| Arc::ptr_eq(found, client) || found == client);
                token.issuer == snapshot.authority.issuer && same_key && same_client
            }
            (
                Grounds::External {
                    thumbprint,
                    algorithm,
                },
                Origin::External(settings),
            ) => external::stands(settings, &token.kid, *algorithm, thumbprint, snapshot),
            // What one makes the other never is.
            (Grounds::Own { .. }, Origin::External(_))
            | (Grounds::External { .. }, Origin::Registered(_)) => false,
        };
        same && self.is_bound_as_in(snapshot) && judging.denied(self).is_none()
    }

    /// Whether an exchange that was admitted may go on: nobody took back what it was admitted by.
    pub(crate) fn may_go_on(&self, judging: &Judging<'_>) -> bool {
        let known = match &self.origin {
            Origin::Registered(client) => judging
                .snapshot
                .token_server
                .as_ref()
                .is_some_and(|server| server.clients.find(&client.id).is_some()),
            // Not to trust an issuer any more is to remove all of its clients.
            Origin::External(_) => judging.snapshot.issuers.find(&self.token.issuer).is_some(),
        };
        known && judging.denied(self).is_none()
    }

    fn registered(
        claims: Claims,
        issuer: &Arc<str>,
        kid: &str,
        grounds: Grounds,
        metrics: &Metrics,
    ) -> Self {
        let client = claims.client;
        let identity = identity(&client.id, &claims.subject, &claims.scopes);
        Self {
            label: metrics.client_label(&client.id),
            signed: crate::upstream::Signed::default(),
            grounds,
            caller: Caller::client(issuer, &client.id),
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
            identity,
        }
    }
}

/// What the engine is told of who calls.
fn identity(client: &str, subject: &str, scopes: &[Arc<str>]) -> [HeaderValue; 3] {
    let scopes: Vec<_> = scopes.iter().map(|scope| encoded(scope)).collect();
    [encoded(client), encoded(subject), scopes.join(" ")].map(|text| {
        HeaderValue::try_from(text).expect("visible ASCII and spaces are a header value")
    })
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
    revocations: &'a Revocations,
    stamp: Stamp,
}

impl<'a> Judging<'a> {
    /// Taken before anything else is looked at, so that a change from here on is noticed.
    pub(crate) fn new(shared: &'a Shared, snapshot: &'a Snapshot, now: u64) -> Self {
        Self::of(
            snapshot,
            shared.changes.epoch(),
            &shared.revocations,
            &shared.metrics,
            now,
        )
    }

    fn of(
        snapshot: &'a Snapshot,
        epoch: &'a Epoch,
        revocations: &'a Revocations,
        metrics: &'a Metrics,
        now: u64,
    ) -> Self {
        Self {
            stamp: Stamp::new(snapshot, epoch),
            snapshot,
            revocations,
            metrics,
            now,
        }
    }

    /// Why a token that is good otherwise is refused.
    fn denied(&self, principal: &Principal) -> Option<Reason> {
        if self.revocations.cover(principal, self.now) {
            Some(Reason::TokenRevoked)
        } else if self.snapshot.deny.cover(principal, self.now) {
            Some(Reason::TokenDenied)
        } else {
            None
        }
    }
}

/// Validates a token from its first character: form, header, key, signature, then claims. Before
/// the signature is found good, `iss` chooses by whose rules that is done, and nothing else.
///
/// This costs one signature's verification (RSA: 20 µs where it was measured); the outcome belongs
/// into the [`Cache`].
pub(crate) fn validate(token: &[u8], judging: &Judging<'_>) -> Result<Validated, Reason> {
    let snapshot = judging.snapshot;
    let token = token68::check(token)?;
    if snapshot.token_server.is_none() && snapshot.issuers.is_empty() {
        return Err(Reason::NoIssuerTrusted);
    }
    let jws = Compact::split(token)?;
    let claims = jws.claims()?;
    let issuer = claims::text(&claims, "iss")?.ok_or(Reason::ClaimsMalformed)?;
    let validated = if let Some(server) = &snapshot.token_server
        && claims::same_issuer(issuer, &snapshot.authority.issuer)
    {
        validate_own(&jws, &claims, server, judging)?
    } else {
        let trusted = snapshot.issuers.find(issuer);
        let trusted = trusted.filter(|trusted| trusted.settings.access_tokens);
        let trusted = trusted.ok_or(Reason::IssuerWrong)?;
        external::validate(&jws, &claims, trusted, judging)?
    };
    match judging.denied(&validated.principal) {
        Some(reason) => Err(reason),
        None => Ok(validated),
    }
}

/// Who presents `token`: known from before, or validated now and remembered.
pub(crate) fn recognise(
    token: &[u8],
    cache: &Cache,
    judging: &Judging<'_>,
) -> Result<Arc<Principal>, Reason> {
    match cache.find(token, judging) {
        Some(known) => Ok(known),
        None => learn(token, cache, judging),
    }
}

/// Validates a token that is not known, and remembers it.
pub(crate) fn learn(
    token: &[u8],
    cache: &Cache,
    judging: &Judging<'_>,
) -> Result<Arc<Principal>, Reason> {
    let validated = validate(token, judging)?;
    let principal = Arc::clone(&validated.principal);
    cache.insert(token, validated, judging);
    Ok(principal)
}

fn validate_own(
    jws: &Compact<'_>,
    claims: &json::Object,
    server: &TokenServer,
    judging: &Judging<'_>,
) -> Result<Validated, Reason> {
    let Judging { snapshot, now, .. } = *judging;
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
    let checked = Claims::check(claims, issuer, &server.clients, now)?;
    let ends = checked.expires.min(key.retires().unwrap_or(u64::MAX));
    let grounds = Grounds::Own {
        thumbprint: *verifying.thumbprint(),
    };
    let principal = Principal::registered(checked, issuer, key.kid(), grounds, judging.metrics)
        .bound_by(snapshot, claims);
    Ok(Validated {
        ends,
        principal: Arc::new(principal),
    })
}

/// Claims of a token that was validated before, as they stand in it.
pub(crate) fn claims_of<'n>(token: &str, names: &[&'n str]) -> Vec<(&'n str, serde_json::Value)> {
    let claims = Compact::split(token).and_then(|jws| jws.claims());
    let Ok(claims) = claims else {
        return Vec::new();
    };
    let of = |name: &&'n str| Some((*name, claims.find(name)?.to_json()));
    names.iter().filter_map(of).collect()
}

/// What a token of ours is revoked by.
pub(crate) struct Revocable {
    pub(crate) client: Box<str>,
    /// `None`: there is nothing to revoke it by.
    pub(crate) token: Option<Box<str>>,
    /// Seconds since the epoch from which on it is over anyway.
    pub(crate) until: u64,
}

/// Reads a token that one of our keys signed, whatever else may be wrong with it now: what is wrong
/// today may be put right tomorrow, and the token must stay revoked.
pub(crate) fn revocable(token: &str, snapshot: &Snapshot, now: u64) -> Option<Revocable> {
    let server = snapshot.token_server.as_ref()?;
    let jws = Compact::split(token).ok()?;
    if !jws.is_of_type("at+jwt") {
        return None;
    }
    let key = server.keys.find(jws.kid().ok()??, now)?.verifying();
    let signature = jws.signature().ok()?;
    if jws.algorithm().ok()? != key.algorithm() || !key.verify(jws.signed.as_bytes(), &signature) {
        return None;
    }
    claims::revocable(&jws.claims().ok()?)
}

#[cfg(test)]
pub(crate) mod fixture;
#[cfg(any(test, fuzzing))]
pub mod fuzz;
#[cfg(test)]
mod tests;
