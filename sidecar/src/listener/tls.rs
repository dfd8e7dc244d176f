//! The TLS side of a listener: protocol versions, ALPN, tickets, and the certificate in force.
//!
//! Tickets hold the client's certificates beside the session, so a resumed connection has what the
//! first one proved; who vouches for them is judged when it matters, not when they came in.

use std::sync::Arc;

use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls::server::{ClientHello, NoServerSessionStorage, ResolvesServerCert};
use rustls::sign::CertifiedKey;

use super::client_certificate::AsksInForce;
use crate::Shared;

/// One configuration for every worker, so that a ticket of one resumes at another. rustls rotates
/// the ticket key by itself. 0-RTT stays off: early data can be replayed (RFC 8446 §8).
pub(crate) fn server_config(shared: Arc<Shared>) -> Result<Arc<ServerConfig>, rustls::Error> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])?
        .with_client_cert_verifier(Arc::new(AsksInForce::new(Arc::clone(&shared))))
        .with_cert_resolver(Arc::new(InForce(shared)));
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    config.ticketer = aws_lc_rs::Ticketer::new()?;
    // Tickets hold the sessions; a table of them would only cost memory.
    config.session_storage = Arc::new(NoServerSessionStorage {});
    Ok(Arc::new(config))
}

/// Answers with the certificate of the snapshot in force: a reload is seen by the next handshake.
struct InForce(Arc<Shared>);

impl std::fmt::Debug for InForce {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("InForce")
    }
}

impl ResolvesServerCert for InForce {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let snapshot = self.0.live.snapshot();
        let certificate = snapshot.certificate.as_ref()?;
        Some(Arc::clone(&certificate.key))
    }
}
