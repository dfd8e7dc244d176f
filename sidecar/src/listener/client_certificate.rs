//! A client's TLS certificate: asked for when the configuration has a use for it, never required.
//!
//! In: what a client sends in its handshake, or what its ticket remembers. Out: a
//! [`ClientCertificate`] of the connection. The handshake proves that the client holds the key, and
//! no more: a certificate that nobody vouches for is taken, for it may be registered as it is
//! (RFC 8705 §2.2) and tokens are bound to any (§3). Who vouches is judged when it matters, by the
//! configuration then in force: a connection or a ticket that is older than the authorities gains
//! nothing by its age.
//! Rules: RFC 8446 §4.3.2 and §4.4, RFC 5246 §7.4.4–7.4.8, RFC 8705 §3.1.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use ring::digest;
use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::{
    WebPkiSupportedAlgorithms, aws_lc_rs, verify_tls12_signature, verify_tls13_signature,
};
use rustls::server::ParsedCertificate;
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{CertificateError, DigitallySignedStruct, DistinguishedName, Error, SignatureScheme};
use rustls_pki_types::{CertificateDer, UnixTime};
use time::OffsetDateTime;

use crate::Shared;
use crate::config::Snapshot;
use crate::keys;

/// Certificates of one chain. Each is kept as long as the connection, and in every ticket.
const CHAIN_MAX: usize = 6;
/// Bytes of one chain: a ticket with it has to fit a `ClientHello`.
const CHAIN_BYTES_MAX: usize = 16 * 1024;

/// A client's TLS certificate; that the client holds its key was proved in the handshake.
pub struct ClientCertificate {
    /// As sent, the client's own.
    pub der: CertificateDer<'static>,
    /// SHA-256 of it: `x5t#S256` of RFC 8705 §3.1.
    pub thumbprint: [u8; 32],
    intermediates: Box<[CertificateDer<'static>]>,
    /// Seconds since the epoch at which the first of them ceases to be valid.
    ends: u64,
    /// The snapshot by which it was judged last, the minute, and the verdict in the lowest bit. 0:
    /// never.
    verdict: AtomicU64,
}

impl ClientCertificate {
    /// `chain` as the handshake left it, the client's own first; `None` when it is empty.
    pub(crate) fn new(chain: &[CertificateDer<'_>]) -> Option<Self> {
        let (leaf, intermediates) = chain.split_first()?;
        let mut thumbprint = [0; 32];
        thumbprint.copy_from_slice(digest::digest(&digest::SHA256, leaf).as_ref());
        let end = |certificate| {
            let end = keys::not_after(certificate).map(OffsetDateTime::unix_timestamp);
            end.and_then(|end| u64::try_from(end).ok()).unwrap_or(0)
        };
        Some(Self {
            ends: chain.iter().map(|one| end(one)).min().unwrap_or(0),
            der: leaf.clone().into_owned(),
            thumbprint,
            intermediates: intermediates
                .iter()
                .map(|one| one.clone().into_owned())
                .collect(),
            verdict: AtomicU64::new(0),
        })
    }

    /// Whether a configured authority vouches for it at `now`, seconds since the epoch; else it
    /// counts only where a client is registered with this very key.
    ///
    /// The first answer for each snapshot costs the verification of the chain, and so does one each
    /// minute: a revocation list may have come to its end.
    pub fn is_trusted(&self, snapshot: &Snapshot, now: u64) -> bool {
        let Some(authorities) = &snapshot.client_certificates.authorities else {
            return false;
        };
        let judge = || authorities.vouch_for(&self.der, &self.intermediates, now);
        if now >= self.ends {
            return judge();
        }
        let minute = u64::from(u32::try_from(now / 60).unwrap_or(u32::MAX));
        let stamp = snapshot.generation << 32 | minute;
        let verdict = self.verdict.load(Relaxed);
        if verdict >> 1 == stamp {
            return verdict & 1 == 1;
        }
        let trusted = judge();
        self.verdict.store(stamp << 1 | u64::from(trusted), Relaxed);
        trusted
    }
}

impl std::fmt::Debug for ClientCertificate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ClientCertificate")
            .field("intermediates", &self.intermediates.len())
            .field("ends", &self.ends)
            .finish_non_exhaustive()
    }
}

/// Asks for a certificate when the snapshot in force says so, and takes whatever is proved.
pub(super) struct AsksInForce {
    shared: Arc<Shared>,
    algorithms: WebPkiSupportedAlgorithms,
}

impl AsksInForce {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self {
            shared,
            algorithms: aws_lc_rs::default_provider().signature_verification_algorithms,
        }
    }
}

impl std::fmt::Debug for AsksInForce {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("AsksInForce")
    }
}

impl ClientCertVerifier for AsksInForce {
    fn offer_client_auth(&self) -> bool {
        self.shared.live.snapshot().client_certificates.asked
    }

    fn client_auth_mandatory(&self) -> bool {
        false
    }

    /// None: a client with a self-signed certificate would keep it to itself if it were told that
    /// only certain authorities count.
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    /// Bounds and form only: who vouches is judged later.
    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        let bytes: usize = intermediates.iter().map(|one| one.len()).sum();
        if intermediates.len() >= CHAIN_MAX || bytes + end_entity.len() > CHAIN_BYTES_MAX {
            return Err(CertificateError::ApplicationVerificationFailure.into());
        }
        ParsedCertificate::try_from(end_entity)?;
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signature, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signature, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests;
