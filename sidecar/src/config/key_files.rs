//! Where certificates and keys come from: the keys `CertificateFile`, `CertificateKeyFile` and
//! `CertificatePassword`, which the listener and the token side both have.
//!
//! Elsewhere: what is in the files (`keys`, `listener`).

use std::path::{Path, PathBuf};

use settings::{Fault, Mark, Object, Reading};

use crate::keys::Algorithm;

/// Where the keys that sign tokens come from. Equal sources with unchanged files give the same keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SigningSource {
    /// At least one.
    Files(Vec<SigningFile>),
    /// Made on first run and kept under `DataFolder`, where more may have been added since.
    Generated {
        /// Of a key that is made.
        algorithm: Algorithm,
    },
}

/// A key in files, PEM or PKCS#12, paths already absolute or relative to the working folder.
#[derive(Clone, PartialEq, Eq)]
pub struct SigningFile {
    /// Certificate chain, and the key when `key_file` is absent.
    pub certificate_file: PathBuf,
    /// The key, in PEM.
    pub key_file: Option<PathBuf>,
    /// For PKCS#12.
    pub password: Option<Box<str>>,
    /// Seconds since the epoch from which on it signs.
    pub not_before: u64,
}

/// Where a TLS listener's certificate comes from.
#[derive(Clone, PartialEq, Eq)]
pub enum CertificateSource {
    /// PEM or PKCS#12, paths already absolute or relative to the working folder.
    Files {
        /// Certificate chain, and the key when `key_file` is absent.
        certificate_file: PathBuf,
        /// The key, in PEM.
        key_file: Option<PathBuf>,
        /// For PKCS#12.
        password: Option<Box<str>>,
    },
    /// Made on first run and kept under `DataFolder`, for localhost only.
    Development,
}

/// Files that were named, and where.
#[derive(Clone)]
pub(super) struct KeyFiles {
    certificate_file: PathBuf,
    key_file: Option<PathBuf>,
    password: Option<Box<str>>,
    /// The value of `CertificateFile`, for faults in the file.
    pub(super) mark: Mark,
    /// The full name of that key.
    pub(super) name: String,
}

impl KeyFiles {
    /// `None` when no file is named.
    pub(super) fn read(object: &Object<'_>, reading: &mut Reading) -> Option<Self> {
        let certificate = object.text(reading, "CertificateFile");
        let key = object.text(reading, "CertificateKeyFile");
        let password = object.text(reading, "CertificatePassword");
        let Some(certificate) = certificate else {
            for lonely in [&key, &password].into_iter().flatten() {
                // A `CertificateFile` that is there but faulty was reported by itself.
                if object.key_mark("CertificateFile").is_none() {
                    let wanted = object.name("CertificateFile");
                    reading.faults.push(
                        Fault::error(lonely.mark, format!("this needs `{wanted}` beside it"))
                            .label("without a certificate it is of no use"),
                    );
                }
            }
            return None;
        };
        Some(Self {
            certificate_file: reading.absolute(&certificate.value),
            key_file: key.map(|key| reading.absolute(&key.value)),
            password: password.map(|password| password.value.into()),
            mark: certificate.mark,
            name: object.name("CertificateFile"),
        })
    }

    /// Has both files watched; before they are loaded.
    pub(super) fn watch(&self, reading: &mut Reading) {
        reading.watch(&self.certificate_file);
        if let Some(key_file) = &self.key_file {
            reading.watch(key_file);
        }
    }

    pub(super) fn signing(self, not_before: u64) -> SigningFile {
        SigningFile {
            certificate_file: self.certificate_file,
            key_file: self.key_file,
            password: self.password,
            not_before,
        }
    }

    pub(super) fn certificate(self) -> CertificateSource {
        CertificateSource::Files {
            certificate_file: self.certificate_file,
            key_file: self.key_file,
            password: self.password,
        }
    }
}

/// Files are shown, the password is not.
fn debug_files(
    f: &mut std::fmt::Formatter<'_>,
    certificate_file: &Path,
    key_file: Option<&Path>,
    password: Option<&str>,
) -> std::fmt::Result {
    f.debug_struct("Files")
        .field("certificate_file", &certificate_file)
        .field("key_file", &key_file)
        .field("password", &password.map(|_| "…"))
        .finish()
}

impl std::fmt::Debug for SigningFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        debug_files(
            f,
            &self.certificate_file,
            self.key_file.as_deref(),
            self.password.as_deref(),
        )
    }
}

impl std::fmt::Debug for CertificateSource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Files {
                certificate_file,
                key_file,
                password,
            } => debug_files(
                f,
                certificate_file,
                key_file.as_deref(),
                password.as_deref(),
            ),
            Self::Development => f.write_str("Development"),
        }
    }
}
