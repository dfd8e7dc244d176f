//! Signing keys and their life: which one signs, which ones verify, and the files they come from.
//!
//! Rules: RFC 7517 and 7638 (JWKS, thumbprint), RFC 7518 §3.3 (RS256, 2048 bits at least).
//! Elsewhere: what is in a token (`oauth`), whether one is good (`bearer`).

use std::path::Path;
use std::sync::Arc;

use rustls_pki_types::{CertificateDer, PrivateKeyDer};

/// The keys of our own issuer.
pub struct KeyRing {}

/// A private key with its certificate chain, read from PEM or PKCS#12.
pub struct Material {
    /// Leaf first; empty when the file held a bare key.
    pub chain: Vec<CertificateDer<'static>>,
    pub key: PrivateKeyDer<'static>,
}

impl Material {
    /// Reads PEM (chain and key in one file or two) or PKCS#12, told apart by content.
    pub fn read(
        _certificate_file: &Path,
        _key_file: Option<&Path>,
        _password: Option<&str>,
    ) -> Result<Self, Error> {
        todo!()
    }
}

/// A client secret, kept as a keyed digest: no log, error or core dump of ours shows it.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret {
    digest: [u8; 32],
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(…)")
    }
}

impl Secret {
    /// Digests `text` under this process's random key.
    pub fn new(_text: &str) -> Self {
        todo!()
    }

    /// In constant time.
    pub fn matches(&self, _presented: &str) -> bool {
        todo!()
    }
}

/// Why keys cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("cannot read key file `{path}`")]
    Read {
        path: Arc<Path>,
        source: std::io::Error,
    },
}
