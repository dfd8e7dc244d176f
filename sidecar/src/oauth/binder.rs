//! What a token that is about to be issued is bound to.
//!
//! In: a request of an authenticated client. Out: a [`Binding`], or a refusal. Rules: RFC 9449 §5
//! (the key of a proof), RFC 8705 §3 (the TLS certificate). A client that offers a proof gets a
//! token bound to its key also where none is asked for; a client that authenticates by its
//! certificate gets one bound to that, unless it offers a proof: what it proves to the token
//! endpoint it may not be able to prove behind another listener. Both only where the configuration
//! says so.

use http::request::Parts;

use crate::bearer::{Binding, DPOP, Proofs, Wanted};
use crate::config::{BoundTokens, Client, NonceDemand, Snapshot};
use crate::listener::ClientCertificate;
use crate::refusal::{Reason, Refusal};

/// Where a token request came in.
pub(super) struct Binder<'a> {
    pub(super) snapshot: &'a Snapshot,
    pub(super) proofs: &'a Proofs,
    /// Of the connection.
    pub(super) certificate: Option<&'a ClientCertificate>,
    /// As the client sent it.
    pub(super) path: &'a str,
    /// Seconds since the epoch.
    pub(super) now: u64,
}

impl Binder<'_> {
    /// What the token is bound to, and a nonce for the client's next proof. `by_certificate`: the
    /// client authenticated by its certificate.
    ///
    /// This uses the proof up, so it comes when nothing else can refuse the request.
    pub(super) fn binding(
        &self,
        head: &Parts,
        client: &Client,
        by_certificate: bool,
    ) -> Result<(Binding, Option<Box<str>>), Refusal> {
        let dpop = &self.snapshot.dpop;
        let mut binding = Binding::default();
        let offered = head.headers.contains_key(&DPOP);
        let certificate = match client.bound_tokens {
            BoundTokens::Certificate => true,
            BoundTokens::AsOffered => by_certificate && !offered,
            BoundTokens::Dpop => false,
        };
        if certificate {
            let own = self.certificate.ok_or(Reason::ClientCertificateNeeded)?;
            binding.certificate = Some(own.thumbprint);
        }
        if !offered && !dpop.required && client.bound_tokens != BoundTokens::Dpop {
            return Ok((binding, None));
        }
        let wanted = Wanted {
            snapshot: self.snapshot,
            method: &head.method,
            path: self.path,
            token: None,
            client: &client.id,
            nonce: dpop.nonce != NonceDemand::Never,
            now: self.now,
        };
        let proven = self.proofs.verify(&head.headers, &wanted)?;
        binding.key = Some(proven.key);
        Ok((binding, proven.next_nonce))
    }
}
