//! A TLS certificate with its key, read from where the configuration says.
//!
//! In: a [`CertificateSource`]. Out: a [`Certificate`] ready for handshakes, or an error that
//! names the file and what was found in it.
//! Elsewhere: reading key files (`keys`); making a development certificate (`development`).

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::crypto::aws_lc_rs::sign::any_supported_type;
use rustls::sign::CertifiedKey;
use time::OffsetDateTime;

use super::development;
use crate::config::CertificateSource;
use crate::keys::{self, Material};

/// A TLS certificate with its key, ready for handshakes.
pub struct Certificate {
    /// Chain and signing key.
    pub key: Arc<CertifiedKey>,
    /// Made by us on first run, for localhost only.
    pub development: bool,
    /// Where the chain was read from.
    pub file: PathBuf,
    /// When the leaf ceases to be valid, if that can be read from it.
    pub expires: Option<OffsetDateTime>,
}

/// Why a certificate cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum CertificateError {
    /// The files hold no usable key with its chain.
    #[error(transparent)]
    Files(#[from] keys::Error),
    /// A bare key cannot serve TLS.
    #[error("no certificate in `{path}`; found only a private key")]
    NoCertificate {
        /// The file that was read.
        path: PathBuf,
    },
    /// The TLS library does not take it.
    #[error("the key of `{path}` cannot be used for TLS")]
    Unusable {
        /// The file that was read.
        path: PathBuf,
        /// What the library said.
        source: rustls::Error,
    },
    /// No development certificate could be made.
    #[error("cannot make a development certificate")]
    Generate(#[from] rcgen::Error),
}

impl Certificate {
    /// Reads the certificate of `source`; a development one is made under `data_folder` first
    /// when there is none, or when it is about to expire.
    pub fn load(source: &CertificateSource, data_folder: &Path) -> Result<Self, CertificateError> {
        match source {
            CertificateSource::Files {
                certificate_file,
                key_file,
                password,
            } => {
                let material =
                    Material::read(certificate_file, key_file.as_deref(), password.as_deref())?;
                Self::new(material, certificate_file.clone(), false)
            }
            CertificateSource::Development => {
                let (material, file) = development::load_or_make(data_folder)?;
                Self::new(material, file, true)
            }
        }
    }

    fn new(material: Material, file: PathBuf, development: bool) -> Result<Self, CertificateError> {
        let Some(leaf) = material.chain.first() else {
            return Err(CertificateError::NoCertificate { path: file });
        };
        let expires = keys::not_after(leaf);
        let key = match any_supported_type(&material.key) {
            Ok(key) => key,
            Err(source) => return Err(CertificateError::Unusable { path: file, source }),
        };
        Ok(Self {
            key: Arc::new(CertifiedKey::new(material.chain, key)),
            development,
            file,
            expires,
        })
    }

    /// What an operator should know about it now: that it has expired, or soon will.
    pub fn warning(&self, now: OffsetDateTime) -> Option<String> {
        let expires = self.expires?;
        let file = self.file.display();
        let days = (expires - now).whole_days();
        if expires <= now {
            Some(format!(
                "the certificate in `{file}` expired on {}: clients will refuse it; replace the file",
                expires.date()
            ))
        } else if days < WARN_DAYS {
            Some(format!(
                "the certificate in `{file}` expires in {days} days; replace the file"
            ))
        } else {
            None
        }
    }
}

/// Time enough to get a new one by hand; automatic renewal happens earlier.
const WARN_DAYS: i64 = 7;

impl std::fmt::Debug for Certificate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Certificate")
            .field("file", &self.file)
            .field("development", &self.development)
            .field("expires", &self.expires)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
