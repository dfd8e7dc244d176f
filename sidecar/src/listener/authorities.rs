//! The authorities that vouch for clients' certificates.
//!
//! In: PEM files; later a chain that a client sent. Out: [`Authorities`]; whether they vouch for
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
use rustls_pki_types::{CertificateDer, CertificateRevocationListDer, UnixTime};

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
    #[error("no revocation list in `{path}`")]
    NoLists { path: PathBuf },
    #[error("the TLS library does not take what `{path}` holds")]
    Refused {
        path: PathBuf,
        source: rustls::server::VerifierBuilderError,
    },
}

impl Authorities {
    /// Reads every certificate of a PEM file, and every revocation list of another.
    pub fn load(path: &Path, lists: Option<&Path>) -> Result<Self, AuthoritiesError> {
        let mut roots = RootCertStore::empty();
        for (index, certificate) in sections::<CertificateDer<'_>>(path)?
            .into_iter()
            .enumerate()
        {
            roots
                .add(certificate)
                .map_err(|source| AuthoritiesError::Unfit {
                    path: path.to_owned(),
                    number: index + 1,
                    source,
                })?;
        }
        if roots.is_empty() {
            let path = path.to_owned();
            return Err(AuthoritiesError::Empty { path });
        }
        let provider = Arc::new(aws_lc_rs::default_provider());
        let mut builder = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
        if let Some(lists) = lists {
            let found = sections::<CertificateRevocationListDer<'_>>(lists)?;
            if found.is_empty() {
                let path = lists.to_owned();
                return Err(AuthoritiesError::NoLists { path });
            }
            // Each certificate of the chain has to be on a list, in its time: what is not known is
            // not vouched for.
            builder = builder.with_crls(found).enforce_revocation_expiration();
        }
        let verifier = builder
            .build()
            .map_err(|source| AuthoritiesError::Refused {
                path: lists.unwrap_or(path).to_owned(),
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

impl AuthoritiesError {
    /// The file that is of no use.
    pub fn path(&self) -> &Path {
        match self {
            Self::Read { path, .. }
            | Self::Pem { path, .. }
            | Self::Empty { path }
            | Self::Unfit { path, .. }
            | Self::NoLists { path }
            | Self::Refused { path, .. } => path,
        }
    }
}

/// What a PEM file holds of that kind.
fn sections<T: PemObject>(path: &Path) -> Result<Vec<T>, AuthoritiesError> {
    let bytes = std::fs::read(path).map_err(|source| AuthoritiesError::Read {
        path: path.to_owned(),
        source,
    })?;
    let found: Result<_, _> = T::pem_slice_iter(&bytes).collect();
    found.map_err(|source| AuthoritiesError::Pem {
        path: path.to_owned(),
        source,
    })
}
