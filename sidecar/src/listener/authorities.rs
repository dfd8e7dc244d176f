//! The authorities that vouch for clients' certificates.
//!
//! In: a PEM file; later a chain that a client sent. Out: [`Authorities`]; whether they vouch for
//! that chain now. Rules: RFC 5280 §6 (path validation) with the use of TLS clients (§4.2.1.12),
//! kept by webpki.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rustls::RootCertStore;
use rustls::crypto::aws_lc_rs;
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;
use rustls_pki_types::pem::{self, PemObject};
use rustls_pki_types::{CertificateDer, UnixTime};

/// Who vouches for clients.
#[derive(Clone, Debug)]
pub struct Authorities {
    verifier: Arc<dyn ClientCertVerifier>,
}

/// Why a file names no authorities.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say what each variant is")]
pub enum AuthoritiesError {
    #[error("cannot read `{path}`")]
    Read {
        path: PathBuf,
        source: std::io::Error,
    },
    #[error("PEM in `{path}` cannot be read")]
    Pem { path: PathBuf, source: pem::Error },
    #[error("no certificate in `{path}`")]
    Empty { path: PathBuf },
    #[error("certificate {number} in `{path}` cannot be an authority")]
    Unfit {
        path: PathBuf,
        number: usize,
        source: rustls::Error,
    },
    #[error("the TLS library does not take the authorities of `{path}`")]
    Refused {
        path: PathBuf,
        source: rustls::server::VerifierBuilderError,
    },
}

impl Authorities {
    /// Reads every certificate of a PEM file.
    pub fn load(path: &Path) -> Result<Self, AuthoritiesError> {
        let path = || path.to_owned();
        let bytes = std::fs::read(path()).map_err(|source| AuthoritiesError::Read {
            path: path(),
            source,
        })?;
        let mut roots = RootCertStore::empty();
        for (index, certificate) in CertificateDer::pem_slice_iter(&bytes).enumerate() {
            let certificate = certificate.map_err(|source| AuthoritiesError::Pem {
                path: path(),
                source,
            })?;
            roots
                .add(certificate)
                .map_err(|source| AuthoritiesError::Unfit {
                    path: path(),
                    number: index + 1,
                    source,
                })?;
        }
        if roots.is_empty() {
            return Err(AuthoritiesError::Empty { path: path() });
        }
        let provider = Arc::new(aws_lc_rs::default_provider());
        let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider)
            .build()
            .map_err(|source| AuthoritiesError::Refused {
                path: path(),
                source,
            })?;
        Ok(Self { verifier })
    }

    /// Whether they vouch for `leaf` at `now`, seconds since the epoch.
    pub(super) fn vouch_for(
        &self,
        leaf: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: u64,
    ) -> bool {
        let now = UnixTime::since_unix_epoch(Duration::from_secs(now));
        self.verifier
            .verify_client_cert(leaf, intermediates, now)
            .is_ok()
    }
}
