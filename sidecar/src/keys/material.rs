//! A private key with its certificate chain, read from files.
//!
//! In: one or two paths, a password. Out: [`Material`] whose parts belong together, or an error
//! that names the file and what was found in it. What a file is, its content tells, not its name.
//! Elsewhere: what the key is used for (`ring`, `listener`).

use std::path::Path;

use rustls::server::ParsedCertificate;
use rustls_pki_types::pem::{PemObject, SectionKind};
use rustls_pki_types::{
    CertificateDer, PrivateKeyDer, PrivatePkcs1KeyDer, PrivatePkcs8KeyDer, PrivateSec1KeyDer,
};

use super::der::{self, Form, Kind};
use super::{Error, RSA_BITS_MAX, RSA_BITS_MIN};

/// A private key with its certificate chain. With a chain, key and leaf belong together; an RSA
/// key has 2048 to 8192 bits.
#[derive(Debug)]
pub struct Material {
    /// Leaf first; empty when the file held a bare key.
    pub chain: Vec<CertificateDer<'static>>,
    /// In PKCS#1, PKCS#8 or SEC1 form.
    pub key: PrivateKeyDer<'static>,
}

/// What one file held.
#[derive(Default)]
struct Found {
    chain: Vec<CertificateDer<'static>>,
    keys: Vec<PrivateKeyDer<'static>>,
}

impl Material {
    /// Reads PEM (chain and key in one file or two), PKCS#12, or DER, told apart by content.
    /// `password` opens PKCS#12; without one an empty password is tried.
    pub fn read(
        certificate_file: &Path,
        key_file: Option<&Path>,
        password: Option<&str>,
    ) -> Result<Self, Error> {
        let mut found = read_file(certificate_file, password)?;
        let key_path = key_file.unwrap_or(certificate_file);
        if let Some(key_file) = key_file.filter(|path| *path != certificate_file) {
            if found.chain.is_empty() {
                return Err(Error::NoCertificate {
                    path: certificate_file.to_owned(),
                });
            }
            // The key file is the one asked for; a key beside the chain is not looked at.
            let second = read_file(key_file, password)?;
            if second.keys.is_empty() && !second.chain.is_empty() {
                return Err(Error::CertificateAsKey {
                    path: key_file.to_owned(),
                });
            }
            found.keys = second.keys;
        }
        let count = found.keys.len();
        let (Some(key), None) = (found.keys.pop(), found.keys.pop()) else {
            return Err(if count == 0 {
                Error::NoKey {
                    path: key_path.to_owned(),
                    count: found.chain.len(),
                }
            } else {
                Error::SeveralKeys {
                    path: key_path.to_owned(),
                    count,
                }
            });
        };
        let mut material = Self {
            chain: found.chain,
            key,
        };
        material.check(certificate_file, key_path)?;
        Ok(material)
    }

    /// What kind of key it is, for decisions and messages.
    pub(super) fn kind(&self) -> Kind {
        der::kind(self.key.secret_der()).unwrap_or(Kind::Other("unsupported"))
    }

    /// The key is usable, the certificates parse, and the leaf belongs to the key.
    fn check(&mut self, certificate_file: &Path, key_file: &Path) -> Result<(), Error> {
        let path = key_file.to_owned();
        let kind = self.kind();
        match kind {
            Kind::Rsa { bits } if bits < RSA_BITS_MIN => {
                return Err(Error::TooShort { path, bits });
            }
            Kind::Rsa { bits } if bits > RSA_BITS_MAX => return Err(Error::TooLong { path, bits }),
            Kind::Rsa { .. } | Kind::Other(_) => {}
        }
        let signer = rustls::crypto::aws_lc_rs::sign::any_supported_type(&self.key);
        let (Ok(signer), found) = (signer, kind.name()) else {
            return Err(Error::Rejected {
                path,
                found: kind.name(),
            });
        };
        let mut publics = Vec::with_capacity(self.chain.len());
        for (index, certificate) in self.chain.iter().enumerate() {
            let parsed =
                ParsedCertificate::try_from(certificate).map_err(|_| Error::BadCertificate {
                    path: certificate_file.to_owned(),
                    number: index + 1,
                })?;
            publics.push(parsed.subject_public_key_info());
        }
        if publics.is_empty() {
            return Ok(());
        }
        let ours = signer.public_key().ok_or(Error::Rejected { path, found })?;
        // PKCS#12 does not order its certificates, and some tools write a PEM chain root first.
        let leaf = publics
            .iter()
            .position(|public| *public == ours)
            .ok_or_else(|| Error::Mismatch {
                certificate_file: certificate_file.to_owned(),
                key_file: key_file.to_owned(),
            })?;
        self.chain[..=leaf].rotate_right(1);
        Ok(())
    }
}

fn read_file(path: &Path, password: Option<&str>) -> Result<Found, Error> {
    let bytes = super::read(path)?;
    if contains(&bytes, b"-----BEGIN ") {
        return read_pem(path, &bytes);
    }
    match der::form(&bytes) {
        Form::Pkcs12 => read_pkcs12(path, &bytes, password),
        Form::Certificate => Ok(Found {
            chain: vec![CertificateDer::from(bytes)],
            keys: Vec::new(),
        }),
        Form::PrivateKey => {
            let key = PrivateKeyDer::try_from(bytes).map_err(|_| Error::UnknownForm {
                path: path.to_owned(),
            })?;
            Ok(Found {
                chain: Vec::new(),
                keys: vec![key],
            })
        }
        Form::Unknown => Err(Error::UnknownForm {
            path: path.to_owned(),
        }),
    }
}

fn read_pem(path: &Path, bytes: &[u8]) -> Result<Found, Error> {
    let mut found = Found::default();
    for section in <(SectionKind, Vec<u8>)>::pem_slice_iter(bytes) {
        let (kind, der) = section.map_err(|source| Error::Pem {
            path: path.to_owned(),
            source,
        })?;
        match kind {
            SectionKind::Certificate => found.chain.push(CertificateDer::from(der)),
            SectionKind::PrivateKey => found.keys.push(PrivatePkcs8KeyDer::from(der).into()),
            SectionKind::RsaPrivateKey => found.keys.push(PrivatePkcs1KeyDer::from(der).into()),
            SectionKind::EcPrivateKey => found.keys.push(PrivateSec1KeyDer::from(der).into()),
            // Parameters, requests, lists: files in the wild carry them beside the key.
            _ => {}
        }
    }
    if found.keys.is_empty()
        && (contains(bytes, b"-----BEGIN ENCRYPTED PRIVATE KEY")
            || contains(bytes, b"Proc-Type: 4,ENCRYPTED"))
    {
        return Err(Error::EncryptedKey {
            path: path.to_owned(),
        });
    }
    Ok(found)
}

fn read_pkcs12(path: &Path, bytes: &[u8], password: Option<&str>) -> Result<Found, Error> {
    use p12_keystore::error::Error as Fault;

    let archive = p12_keystore::Pkcs12Archive::from_pkcs12(bytes, password.unwrap_or_default())
        .map_err(|fault| match fault {
            // The MAC is the first thing that the password is tried on; without a MAC a wrong
            // password shows as bad padding.
            Fault::MacError(_) | Fault::UnpadError | Fault::Pkcs5Error(_) => Error::WrongPassword {
                path: path.to_owned(),
                given: password.is_some(),
            },
            source => Error::Pkcs12 {
                path: path.to_owned(),
                source,
            },
        })?;
    let keys = archive
        .keys
        .iter()
        .map(|bag| PrivatePkcs8KeyDer::from(bag.key.as_der().to_vec()).into())
        .collect();
    let leaf = archive
        .keys
        .first()
        .and_then(|bag| bag.local_key_id.as_ref())
        .and_then(|id| {
            archive.certs.iter().position(|bag| {
                bag.local_key_id
                    .as_ref()
                    .is_some_and(|other| other.as_slice() == id.as_ref())
            })
        });
    Ok(Found {
        chain: chain(&archive.certs, leaf.unwrap_or_default()),
        keys,
    })
}

/// From the leaf upwards, each one the issuer of the one before. A certificate that is not part of
/// the way up stays out; a self-signed root at its end too, clients have their own.
fn chain(bags: &[p12_keystore::CertificateBag], leaf: usize) -> Vec<CertificateDer<'static>> {
    let mut way: Vec<&p12_keystore::Certificate> = Vec::new();
    let mut next = bags.get(leaf).map(|bag| &bag.cert);
    while let Some(certificate) = next {
        way.push(certificate);
        next = bags.iter().map(|bag| &bag.cert).find(|issuer| {
            issuer.subject() == certificate.issuer()
                && issuer.subject() != issuer.issuer()
                && !way.contains(issuer)
        });
    }
    way.into_iter()
        .map(|certificate| CertificateDer::from(certificate.as_der().to_vec()))
        .collect()
}

fn contains(bytes: &[u8], text: &[u8]) -> bool {
    bytes.windows(text.len()).any(|window| window == text)
}
