//! A trusted issuer's JWT as client authentication: a Kubernetes service account's, say.
//!
//! In: an assertion whose `iss` is not the client, the issuers and clients in force. Out: the client
//! that has it among its `FederatedCredentials`, or the reason why it is refused. Rules: RFC 7523
//! §2.2 and §3, RFC 7521 §4.2, RFC 8725. Issuer, subject and audience are exactly those of the
//! credential. A `jti` is not used up: such a token is handed to a workload to be presented until it
//! is over, and its issuer makes the same one do for hours.
//! Elsewhere: an assertion of the client's own (`assertion`), issuers' keys (`bearer`).

use std::sync::Arc;

use super::assertion::Assertion;
use crate::bearer::claims::{strings, time};
use crate::config::{Client, Clients, Issuers, TrustedIssuer};
use crate::refusal::Reason;

/// What such an assertion is judged by.
pub(super) struct Judge<'a> {
    pub(super) clients: &'a Clients,
    pub(super) issuers: &'a Issuers,
    /// Seconds since the epoch.
    pub(super) now: u64,
}

impl Judge<'_> {
    /// The client that `assertion` vouches for. `named`: the form's `client_id`.
    pub(super) fn client(
        &self,
        assertion: &Assertion<'_>,
        named: Option<&str>,
    ) -> Result<Arc<Client>, Reason> {
        let issuer = assertion.issuer().ok_or(Reason::AssertionClaimsWrong)?;
        // An issuer that no client relies on is none here, whatever else it may be trusted for.
        let relied = |client: &Arc<Client>| {
            let mut credentials = client.means.federated.iter();
            credentials.any(|one| *one.issuer == *issuer)
        };
        let trusted = self.issuers.find(issuer);
        let trusted = trusted.filter(|_| self.clients.federated().iter().any(relied));
        let trusted = trusted.ok_or(Reason::AssertionIssuerUnknown)?;
        signature(assertion, trusted)?;
        let audiences = self.check(assertion, trusted)?;
        let subject = assertion.subject().ok_or(Reason::AssertionClaimsWrong)?;
        let vouches = |client: &Client| {
            let mut credentials = client.means.federated.iter();
            credentials.any(|one| {
                *one.issuer == *issuer
                    && *one.subject == *subject
                    && audiences.contains(&&*one.audience)
            })
        };
        let found = if let Some(named) = named {
            self.clients.find(named).filter(|client| vouches(client))
        } else {
            let mut clients = self.clients.federated().iter();
            let found = clients.find(|client| vouches(client));
            // Two clients of one workload: it has to say which it is.
            found.filter(|_| !clients.any(|client| vouches(client)))
        };
        found.cloned().ok_or(Reason::AssertionClaimsWrong)
    }

    /// RFC 7523 §3 but for `jti`. Out: `aud`.
    fn check<'c>(
        &self,
        assertion: &'c Assertion<'_>,
        trusted: &TrustedIssuer,
    ) -> Result<Vec<&'c str>, Reason> {
        let claims = &assertion.claims;
        let wrong = |_| Reason::AssertionClaimsWrong;
        // RFC 7800 §3.1: it is nobody's without the proof, which nobody asks for here.
        if claims.find("cnf").is_some() {
            return Err(Reason::AssertionClaimsWrong);
        }
        let skew = trusted.settings.clock_skew;
        let expires = time(claims, "exp").map_err(wrong)?;
        let expires = expires.ok_or(Reason::AssertionClaimsWrong)?;
        if self.now >= expires.saturating_add(skew) {
            return Err(Reason::AssertionExpired);
        }
        for name in ["nbf", "iat"] {
            let start = time(claims, name).map_err(wrong)?;
            if start.is_some_and(|start| start > self.now.saturating_add(skew)) {
                return Err(Reason::AssertionNotYetValid);
            }
        }
        let audiences = claims.find("aud").ok_or(Reason::AssertionClaimsWrong)?;
        strings(audiences).map_err(wrong)
    }
}

fn signature(assertion: &Assertion<'_>, trusted: &TrustedIssuer) -> Result<(), Reason> {
    let algorithm = assertion.jws.algorithm();
    let algorithm = algorithm.map_err(|_| Reason::AssertionMalformed)?;
    if !trusted.settings.algorithms.contains(&algorithm) {
        return Err(Reason::AssertionKeyUnknown);
    }
    match trusted.keys.look(|keys| assertion.signed_by(keys)) {
        Some(Err(Reason::AssertionKeyUnknown)) => {
            trusted.keys.want();
            Err(Reason::AssertionKeyUnknown)
        }
        Some(judged) => judged,
        None => {
            trusted.keys.want();
            Err(Reason::ClientKeysMissing)
        }
    }
}
