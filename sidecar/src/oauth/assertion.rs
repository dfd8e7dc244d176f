//! A JWT of its own as client authentication: `private_key_jwt`.
//!
//! In: the assertion, the clients in force. Out: the client whose key signed it, or the reason why
//! it is refused. Rules: RFC 7521 §4.2 and §5.2, RFC 7523 §3, OIDC Core §9, RFC 8725. The signature
//! is checked before any claim counts; a key comes from the configuration, never from the
//! assertion; `jti` is required and is used up last.
//! Elsewhere: another issuer's JWT (`federated`), budgets and what is counted (`authenticate`), the
//! JWS itself (`bearer`).

use std::sync::Arc;
use std::time::Duration;

use super::used::UsedAssertions;
use crate::bearer::claims::{same_issuer, strings, text, time};
use crate::bearer::json::Object;
use crate::bearer::jws::Compact;
use crate::config::{Authority, Client, Clients};
use crate::keys::PublicKeys;
use crate::refusal::Reason;

/// Characters of an assertion. One with a certificate chain has about 8,000.
const LENGTH_MAX: usize = 16 * 1024;
/// Characters of a `jti`; libraries make 20 to 50.
const JTI_MAX: usize = 512;
/// How far a client's clock may be from ours, in seconds: it has no other way to learn ours.
const LEEWAY: u64 = 30;
/// Keys that are tried where the assertion names none, or none of the set's.
const TRIED_MAX: usize = 4;

/// What an assertion is judged by.
pub(super) struct Judge<'a> {
    pub(super) clients: &'a Clients,
    pub(super) authority: &'a Authority,
    pub(super) used: &'a UsedAssertions,
    /// How long an assertion may live.
    pub(super) lifetime: Duration,
    /// Seconds since the epoch.
    pub(super) now: u64,
}

/// An assertion taken apart; nothing of it is believed yet.
pub(super) struct Assertion<'a> {
    pub(super) jws: Compact<'a>,
    pub(super) claims: Object,
}

impl<'a> Assertion<'a> {
    pub(super) fn split(text: &'a str) -> Result<Self, Reason> {
        if text.len() > LENGTH_MAX {
            return Err(Reason::AssertionMalformed);
        }
        let jws = Compact::split(text).map_err(|_| Reason::AssertionMalformed)?;
        // An access token or a proof of ours is no assertion, whoever signed it (RFC 8725 §3.11).
        let typed = jws.header.find("typ").is_some();
        if typed && !jws.is_of_type("JWT") && !jws.is_of_type("client-authentication+jwt") {
            return Err(Reason::AssertionMalformed);
        }
        let claims = jws.claims().map_err(|_| Reason::AssertionMalformed)?;
        Ok(Self { jws, claims })
    }

    /// Who the assertion is about: `sub`.
    pub(super) fn subject(&self) -> Option<&str> {
        text(&self.claims, "sub").ok().flatten()
    }

    /// Who made it: `iss`.
    pub(super) fn issuer(&self) -> Option<&str> {
        text(&self.claims, "iss").ok().flatten()
    }

    pub(super) fn signed_by(&self, keys: &PublicKeys) -> Result<(), Reason> {
        let malformed = |_| Reason::AssertionMalformed;
        let algorithm = self.jws.algorithm().map_err(malformed)?;
        let signature = self.jws.signature().map_err(malformed)?;
        let good =
            |key: &crate::keys::VerifyingKey| key.verify(self.jws.signed.as_bytes(), &signature);
        let kid = self.jws.kid().map_err(malformed)?;
        let mut any = false;
        let found = if let Some(kid) = kid.filter(|kid| keys.knows(kid)) {
            keys.find(kid, algorithm).inspect(|_| any = true).any(good)
        } else {
            // RFC 7515 §4.1.4: a hint. Many sets of one key have none.
            let mut tried = keys
                .unnamed(kid.is_none())
                .filter(|key| key.algorithm() == algorithm)
                .take(TRIED_MAX)
                .inspect(|_| any = true);
            tried.any(good)
        };
        match (found, any) {
            (true, _) => Ok(()),
            (false, true) => Err(Reason::AssertionSignatureWrong),
            (false, false) => Err(Reason::AssertionKeyUnknown),
        }
    }
}

impl Judge<'_> {
    /// The client that `assertion` is of. `named`: the form's `client_id`.
    pub(super) fn client(
        &self,
        assertion: &Assertion<'_>,
        named: Option<&str>,
    ) -> Result<Arc<Client>, Reason> {
        let subject = assertion.subject().ok_or(Reason::AssertionClaimsWrong)?;
        // RFC 7521 §4.2: when it is there, it is the same client.
        if named.is_some_and(|named| named != subject) {
            return Err(Reason::AssertionClaimsWrong);
        }
        let client = self.clients.find(subject);
        let keys = client.and_then(|client| Some((client, client.means.keys.as_ref()?)));
        let (client, keys) = keys.ok_or(Reason::AssertionKeyUnknown)?;
        match keys.look(|keys| assertion.signed_by(keys)) {
            Some(Ok(())) => {}
            Some(Err(reason)) => {
                if reason == Reason::AssertionKeyUnknown {
                    keys.want();
                }
                return Err(reason);
            }
            None => {
                keys.want();
                return Err(Reason::ClientKeysMissing);
            }
        }
        let (jti, ends) = self.check(&assertion.claims, &client.id)?;
        self.used.spend(&client.id, jti, ends, self.now)?;
        Ok(Arc::clone(client))
    }

    /// RFC 7523 §3. Out: `jti`, and until when the assertion could be used.
    fn check<'c>(&self, claims: &'c Object, id: &str) -> Result<(&'c str, u64), Reason> {
        let wrong = |_| Reason::AssertionClaimsWrong;
        if text(claims, "iss").map_err(wrong)? != Some(id) {
            return Err(Reason::AssertionClaimsWrong);
        }
        let audiences = claims.find("aud").ok_or(Reason::AssertionClaimsWrong)?;
        let audiences = strings(audiences).map_err(wrong)?;
        if !audiences.iter().any(|one| self.is_us(one)) {
            return Err(Reason::AssertionClaimsWrong);
        }
        let expires = time(claims, "exp").map_err(wrong)?;
        let expires = expires.ok_or(Reason::AssertionClaimsWrong)?;
        let ends = expires + LEEWAY;
        if self.now >= ends {
            return Err(Reason::AssertionExpired);
        }
        let most = self.lifetime.as_secs() + LEEWAY;
        let issued = time(claims, "iat").map_err(wrong)?;
        let old = issued.is_some_and(|issued| issued + most < self.now);
        if expires > self.now + most || old {
            return Err(Reason::AssertionTooLong);
        }
        let starts = [time(claims, "nbf").map_err(wrong)?, issued];
        if starts
            .into_iter()
            .flatten()
            .any(|start| start > self.now + LEEWAY)
        {
            return Err(Reason::AssertionNotYetValid);
        }
        let jti = text(claims, "jti").map_err(wrong)?;
        let jti = jti.filter(|jti| !jti.is_empty() && jti.len() <= JTI_MAX);
        Ok((jti.ok_or(Reason::AssertionClaimsWrong)?, ends))
    }

    /// RFC 7523 §3 rule 3: the issuer, or an endpoint that clients authenticate at.
    fn is_us(&self, audience: &str) -> bool {
        let Authority { issuer, base } = self.authority;
        same_issuer(audience, issuer)
            || audience
                .strip_prefix(&**base)
                .is_some_and(|path| ENDPOINTS.contains(&path))
    }
}

/// Where clients authenticate.
const ENDPOINTS: [&str; 3] = ["/connect/token", "/connect/introspect", "/connect/revoke"];

#[cfg(test)]
mod tests;
