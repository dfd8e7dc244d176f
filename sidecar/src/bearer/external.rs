//! The judgement of a token of an external issuer.
//!
//! In: a token whose unverified `iss` chose the issuer, that issuer's rules and keys. Out: who
//! calls, or why not. Type, `kid` and algorithm come first, then the signature, then every claim.
//! Rules: OAuth reference §5.4, RFC 8725 §3, RFC 7519 §4.1, RFC 9068 §4; what differs between
//! issuers is the operator's to say (`config::issuers`).

use std::sync::Arc;

use super::binding::Binding;
use super::cache::Validated;
use super::claims::{same_issuer, strings, text, time};
use super::json::{Object, Value};
use super::jws::Compact;
use super::{Grounds, Judging, Origin, Principal, TokenId, identity};
use crate::config::{
    ClaimPath, IssuerSettings, RequiredClaim, RequiredValue, Snapshot, TrustedIssuer,
};
use crate::keys::{Algorithm, PublicKeys};
use crate::policy::Caller;
use crate::refusal::Reason;

/// What stands between a token and the keys of its issuer.
enum Signature {
    /// By the key with this thumbprint.
    Good([u8; 32]),
    Wrong,
    /// The key is there, for other algorithms.
    OtherAlgorithm,
    UnknownKey,
}

pub(super) fn validate(
    jws: &Compact<'_>,
    claims: &Object,
    trusted: &TrustedIssuer,
    judging: &Judging<'_>,
) -> Result<Validated, Reason> {
    let settings = &trusted.settings;
    if !settings.takes_type(jws.typ()?) {
        return Err(Reason::TokenTypeRefused);
    }
    let kid = jws.kid()?.ok_or(Reason::KeyUnknown)?;
    let algorithm = jws.algorithm()?;
    if !settings.algorithms.contains(&algorithm) {
        return Err(Reason::AlgorithmRefused);
    }
    let signature = jws.signature()?;
    let judge = |keys: &PublicKeys| {
        let mut named = keys.find(kid, algorithm).peekable();
        if named.peek().is_none() {
            return if keys.knows(kid) {
                Signature::OtherAlgorithm
            } else {
                Signature::UnknownKey
            };
        }
        named
            .find(|key| key.verify(jws.signed.as_bytes(), &signature))
            .map_or(Signature::Wrong, |key| Signature::Good(*key.thumbprint()))
    };
    let thumbprint = match trusted.keys.look(judge) {
        Some(Signature::Good(thumbprint)) => thumbprint,
        Some(Signature::Wrong) => return Err(Reason::SignatureWrong),
        Some(Signature::OtherAlgorithm) => return Err(Reason::AlgorithmRefused),
        Some(Signature::UnknownKey) => {
            trusted.keys.want();
            return Err(Reason::KeyUnknown);
        }
        None => {
            trusted.keys.want();
            return Err(Reason::IssuerKeysMissing);
        }
    };
    let all_claims = claims;
    let claims = Claims::check(all_claims, settings, judging.now)?;
    let ends = claims.expires.saturating_add(settings.clock_skew);
    let principal = Principal {
        signed: crate::upstream::Signed::default(),
        caller: Caller::client(&settings.issuer, &claims.client_id),
        label: judging.metrics.client_label(&claims.client_id),
        identity: identity(&claims.client_id, &claims.subject, &claims.scopes),
        origin: Origin::External(Arc::clone(settings)),
        client_id: claims.client_id,
        subject: claims.subject,
        scopes: claims.scopes,
        operations: settings.operations,
        token: TokenId {
            issuer: Arc::clone(&settings.issuer),
            kid: kid.into(),
            jti: claims.jti,
            issued_at: claims.issued_at,
            expires: claims.expires,
        },
        binding: claims.binding,
        speaks: None,
        grounds: Grounds::External {
            thumbprint,
            algorithm,
        },
    };
    Ok(Validated {
        principal: Arc::new(principal.bound_by(judging.snapshot, all_claims)),
        ends,
    })
}

/// Whether a token that was good by `settings` and that key still is.
pub(super) fn stands(
    settings: &Arc<IssuerSettings>,
    kid: &str,
    algorithm: Algorithm,
    thumbprint: &[u8; 32],
    snapshot: &Snapshot,
) -> bool {
    let Some(trusted) = snapshot.issuers.find(&settings.issuer) else {
        return false;
    };
    let found = &trusted.settings;
    let same_settings = Arc::ptr_eq(found, settings) || found == settings;
    // Our own name is ours alone, should it ever become this one.
    let ours = snapshot.token_server.is_some()
        && same_issuer(&settings.issuer, &snapshot.authority.issuer);
    let has_key = |keys: &PublicKeys| {
        let mut named = keys.find(kid, algorithm);
        named.any(|key| key.thumbprint() == thumbprint)
    };
    same_settings && !ours && trusted.keys.look(has_key).unwrap_or(false)
}

/// What a good token says.
struct Claims {
    client_id: Arc<str>,
    subject: Arc<str>,
    scopes: Vec<Arc<str>>,
    expires: u64,
    issued_at: Option<u64>,
    jti: Option<Box<str>>,
    binding: Option<Box<Binding>>,
}

impl Claims {
    fn check(claims: &Object, settings: &IssuerSettings, now: u64) -> Result<Self, Reason> {
        // It chose the issuer before it was believed; now it is.
        if text(claims, "iss")? != Some(&settings.issuer) {
            return Err(Reason::IssuerWrong);
        }
        let audiences = strings(claims.find("aud").ok_or(Reason::ClaimsMalformed)?)?;
        if !audiences
            .iter()
            .any(|one| settings.audiences.iter().any(|ours| **ours == **one))
        {
            return Err(Reason::AudienceWrong);
        }
        let expires = time(claims, "exp")?.ok_or(Reason::ClaimsMalformed)?;
        if now >= expires.saturating_add(settings.clock_skew) {
            return Err(Reason::TokenExpired);
        }
        let issued_at = time(claims, "iat")?;
        for start in [time(claims, "nbf")?, issued_at].into_iter().flatten() {
            if start > now.saturating_add(settings.clock_skew) {
                return Err(Reason::TokenNotYetValid);
            }
        }
        let binding = Binding::of(claims)?;
        let jti = text(claims, "jti")?.map(Into::into);
        let mappings = &settings.mappings;
        let client_id: Arc<str> = first(claims, &mappings.client_id)?
            .ok_or(Reason::ClaimsMalformed)?
            .into();
        let subject = match first(claims, &mappings.subject)? {
            Some(subject) if *subject != *client_id => subject.into(),
            Some(_) | None => Arc::clone(&client_id),
        };
        let mut required = settings.required_claims.iter();
        if !required.all(|claim| holds(claims, claim)) {
            return Err(Reason::ClaimRequired);
        }
        Ok(Self {
            client_id,
            subject,
            scopes: scopes(claims, settings)?,
            expires,
            issued_at,
            jti,
            binding,
        })
    }
}

/// What stands at `path`; a null is as good as nothing.
pub(super) fn find<'a>(claims: &'a Object, path: &ClaimPath) -> Option<&'a Value> {
    let mut object = claims;
    let mut names = path.names().peekable();
    while let Some(name) = names.next() {
        let value = object.find(name)?;
        match value {
            Value::Null => return None,
            value if names.peek().is_none() => return Some(value),
            Value::Object(inner) => object = inner,
            _ => return None,
        }
    }
    None
}

/// The first that is there; it must be a string that is not empty.
fn first<'a>(claims: &'a Object, paths: &[ClaimPath]) -> Result<Option<&'a str>, Reason> {
    match paths.iter().find_map(|path| find(claims, path)) {
        None => Ok(None),
        Some(Value::String(text)) if !text.is_empty() => Ok(Some(text)),
        Some(_) => Err(Reason::ClaimsMalformed),
    }
}

/// All that are there, without repetition, and what the issuer's tokens have anyway.
fn scopes(claims: &Object, settings: &IssuerSettings) -> Result<Vec<Arc<str>>, Reason> {
    let mut scopes = settings.granted_scopes.clone();
    let mut add = |scope: &str| {
        if !scope.is_empty() && scopes.iter().all(|known| **known != *scope) {
            scopes.push(scope.into());
        }
    };
    for path in &settings.mappings.scope {
        match find(claims, path) {
            None => {}
            Some(Value::String(text)) => text.split(' ').for_each(&mut add),
            // One scope each, spaces included: what has one in it is no scope that a route asks for.
            Some(list) => strings(list)?.into_iter().for_each(&mut add),
        }
    }
    Ok(scopes)
}

fn holds(claims: &Object, required: &RequiredClaim) -> bool {
    let is = |found: &Value| match (&required.value, found) {
        (RequiredValue::Bool(wanted), Value::Bool(found)) => wanted == found,
        (RequiredValue::Integer(wanted), Value::Integer(found)) => wanted == found,
        (RequiredValue::Texts(wanted), Value::String(found)) => {
            wanted.iter().any(|one| **one == **found)
        }
        _ => false,
    };
    match find(claims, &required.path) {
        None => false,
        Some(Value::Array(items)) => items.iter().any(is),
        Some(found) => is(found),
    }
}

#[cfg(test)]
mod tests;
