//! The claims of a token of our own issuer.
//!
//! In: claims whose signature is good, the clients registered now. Out: [`Claims`], whose every
//! rule holds, or the reason why not. Rules: RFC 9068 §2.2 and §4, RFC 7519 §4.1, RFC 8725 §3.8–3.9.

use std::sync::Arc;

use super::Revocable;
use super::binding::Binding;
use super::json::{Object, Value};
use crate::config::{Client, Clients};
use crate::refusal::Reason;

/// How far ahead `nbf` and `iat` may lie, in seconds: replicas share a key, not a clock. `exp` has
/// no leeway.
const AHEAD_MAX: u64 = 5;

/// Seconds since the epoch at the end of year 9999. Beyond it a time is a mistake or an attack.
const TIME_MAX: i64 = 253_402_300_799;

/// What a good token says.
pub(super) struct Claims {
    pub(super) client: Arc<Client>,
    pub(super) subject: Arc<str>,
    /// As far as the client still has them.
    pub(super) scopes: Vec<Arc<str>>,
    /// Seconds since the epoch; the token is over from then on.
    pub(super) expires: u64,
    pub(super) issued_at: Option<u64>,
    pub(super) jti: Option<Box<str>>,
    pub(super) binding: Option<Box<Binding>>,
}

impl Claims {
    pub(super) fn check(
        claims: &Object,
        issuer: &str,
        clients: &Clients,
        now: u64,
    ) -> Result<Self, Reason> {
        if !same_issuer(text(claims, "iss")?.ok_or(Reason::ClaimsMalformed)?, issuer) {
            return Err(Reason::IssuerWrong);
        }
        let expires = time(claims, "exp")?.ok_or(Reason::ClaimsMalformed)?;
        if now >= expires {
            return Err(Reason::TokenExpired);
        }
        let issued_at = time(claims, "iat")?;
        for start in [time(claims, "nbf")?, issued_at].into_iter().flatten() {
            if start > now + AHEAD_MAX {
                return Err(Reason::TokenNotYetValid);
            }
        }
        let binding = Binding::of(claims)?;
        let jti = text(claims, "jti")?.map(Into::into);
        let subject = text(claims, "sub")?.filter(|sub| !sub.is_empty());
        let subject = subject.ok_or(Reason::ClaimsMalformed)?;
        let id = text(claims, "client_id")?.ok_or(Reason::ClaimsMalformed)?;
        let audiences = strings(claims.find("aud").ok_or(Reason::ClaimsMalformed)?)?;
        let scopes = scopes(claims)?;

        let client = clients.find(id).ok_or(Reason::ClientRemoved)?;
        if !audiences.contains(&&*client.audience) {
            return Err(Reason::AudienceWrong);
        }
        Ok(Self {
            client: Arc::clone(client),
            subject: if subject == id {
                Arc::clone(&client.id)
            } else {
                subject.into()
            },
            scopes: client
                .scopes
                .iter()
                .filter(|known| scopes.contains(&&***known))
                .cloned()
                .collect(),
            expires,
            issued_at,
            jti,
            binding,
        })
    }
}

/// Client, id and end of a token of ours.
pub(super) fn revocable(claims: &Object) -> Option<Revocable> {
    Some(Revocable {
        client: text(claims, "client_id").ok()??.into(),
        token: text(claims, "jti").ok()?.map(Into::into),
        until: time(claims, "exp").ok()??,
    })
}

/// Exact, but for the slash after a bare origin, which some clients drop.
pub(crate) fn same_issuer(found: &str, ours: &str) -> bool {
    let bare = |issuer| str::strip_suffix(issuer, '/').unwrap_or(issuer);
    bare(found) == bare(ours)
}

/// A string claim; another type is malformed.
pub(crate) fn text<'a>(claims: &'a Object, name: &str) -> Result<Option<&'a str>, Reason> {
    match claims.find(name) {
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(Reason::ClaimsMalformed),
        None => Ok(None),
    }
}

/// RFC 7519 §2 `NumericDate`: seconds, which may have a fraction; that is cut off.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    reason = "range-checked before the cast"
)]
pub(crate) fn time(claims: &Object, name: &str) -> Result<Option<u64>, Reason> {
    let seconds = match claims.find(name) {
        Some(Value::Integer(seconds)) => *seconds,
        Some(Value::Float(seconds)) if (0.0..=TIME_MAX as f64).contains(seconds) => *seconds as i64,
        Some(_) => return Err(Reason::ClaimsMalformed),
        None => return Ok(None),
    };
    match u64::try_from(seconds) {
        Ok(time) if seconds <= TIME_MAX => Ok(Some(time)),
        Ok(_) | Err(_) => Err(Reason::ClaimsMalformed),
    }
}

/// One string, or an array of nothing but strings.
pub(crate) fn strings(value: &Value) -> Result<Vec<&str>, Reason> {
    match value {
        Value::String(one) => Ok(vec![one]),
        Value::Array(items) => items
            .iter()
            .map(|item| match item {
                Value::String(text) => Ok(text.as_str()),
                _ => Err(Reason::ClaimsMalformed),
            })
            .collect(),
        _ => Err(Reason::ClaimsMalformed),
    }
}

/// Space-separated (RFC 9068 §2.2.3), or the older list; none when absent.
fn scopes(claims: &Object) -> Result<Vec<&str>, Reason> {
    match claims.find("scope") {
        None => Ok(Vec::new()),
        Some(Value::String(scope)) => Ok(scope.split(' ').filter(|one| !one.is_empty()).collect()),
        Some(other) => strings(other),
    }
}
