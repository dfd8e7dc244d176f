//! Signing keys and their life: which one signs, which ones verify, and the files they come from.
//!
//! In: the configured source, the data folder. Out: a [`KeyRing`], which signs tokens, finds the
//! key of a token, and holds the key set ready to be served; a [`Material`] for TLS as well.
//! Rules: RFC 7517 and 7638 (JWKS, thumbprint), RFC 7518 §3.3 (RS256, 2048 bits at least).
//! Elsewhere: what is in a token (`oauth`), whether one is good (`bearer`).

mod algorithm;
mod der;
mod generated;
mod jwks;
mod material;
mod public;
mod retired;
mod ring;
mod rotation;
mod secret;
mod signer;
mod subject;
mod verifying;

use std::path::{Path, PathBuf};

pub use algorithm::Algorithm;
pub use jwks::Document;
pub use material::Material;
pub use ring::{KeyRing, State};
pub use rotation::{RotateError, rotate};
pub use secret::{HashAlgorithm, HashFault, Secret, hash_secret};
pub use subject::{DistinguishedName, NameFault};

pub(crate) use der::not_after;
pub(crate) use generated::{make_folder, write_over};
pub(crate) use public::{DOCUMENT_BYTES_MAX, DocumentFault, PublicKeys, is_private, public_jwk};
pub(crate) use rotation::{MARKER, Rotation};
pub(crate) use secret::{Cost, Keyed, Presented};
pub(crate) use subject::{Identity, sha256};
pub(crate) use verifying::{Unfit, VerifyingKey, thumbprint};

/// Fewest bits of an RSA modulus that may sign (RFC 7518 §3.3).
const RSA_BITS_MIN: u32 = 2048;
/// Most bits that the verifier takes; a larger key would sign what nobody here accepts.
const RSA_BITS_MAX: u32 = 8192;

/// Why keys cannot be had.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say what each variant is")]
pub enum Error {
    #[error("cannot read key file `{path}`")]
    Read {
        path: PathBuf,
        source: std::io::Error,
    },
    #[error("cannot write `{path}`")]
    Write {
        path: PathBuf,
        source: std::io::Error,
    },
    #[error("`{path}` is neither PEM nor PKCS#12 nor DER")]
    UnknownForm { path: PathBuf },
    #[error("PEM in `{path}` cannot be read")]
    Pem {
        path: PathBuf,
        source: rustls_pki_types::pem::Error,
    },
    #[error("PKCS#12 file `{path}` does not open with {}", password(*.given))]
    WrongPassword { path: PathBuf, given: bool },
    #[error("PKCS#12 file `{path}` cannot be read")]
    Pkcs12 {
        path: PathBuf,
        source: p12_keystore::error::Error,
    },
    #[error("no private key in `{path}`; found {}", certificates(*.count))]
    NoKey { path: PathBuf, count: usize },
    #[error(
        "the private key in `{path}` is encrypted PEM; decrypt it, or use PKCS#12 with its password"
    )]
    EncryptedKey { path: PathBuf },
    #[error("{count} private keys in `{path}`; exactly one is needed")]
    SeveralKeys { path: PathBuf, count: usize },
    #[error("`{path}` was named as the key file, but holds a certificate and no private key")]
    CertificateAsKey { path: PathBuf },
    #[error("no certificate in `{path}`; found only a private key")]
    NoCertificate { path: PathBuf },
    #[error("RSA key in `{path}` has {bits} bits; at least 2048 are needed")]
    TooShort { path: PathBuf, bits: u32 },
    #[error("RSA key in `{path}` has {bits} bits; at most 8192 are supported")]
    TooLong { path: PathBuf, bits: u32 },
    #[error("`{path}` holds an EC key of another curve than P-256, which alone signs tokens")]
    Curve { path: PathBuf },
    #[error("`{path}` holds an {found} key; tokens are signed with RSA, P-256 or Ed25519 keys")]
    WrongType { path: PathBuf, found: &'static str },
    #[error(
        "private key in `{path}` ({found}) cannot be used: it is damaged or of an unknown kind"
    )]
    Rejected { path: PathBuf, found: &'static str },
    #[error("certificate {number} in `{path}` is not a valid X.509 certificate")]
    BadCertificate { path: PathBuf, number: usize },
    #[error(
        "the certificate in `{certificate_file}` does not belong to the private key in `{key_file}`"
    )]
    Mismatch {
        certificate_file: PathBuf,
        key_file: PathBuf,
    },
    #[error("cannot make a key")]
    Generate,
    #[error("signing failed")]
    Sign,
}

fn password(given: bool) -> &'static str {
    if given {
        "the password given"
    } else {
        "an empty password, and no password is given"
    }
}

fn certificates(count: usize) -> String {
    match count {
        0 => "no certificate either".to_owned(),
        1 => "1 certificate".to_owned(),
        more => format!("{more} certificates"),
    }
}

fn read(path: &Path) -> Result<Vec<u8>, Error> {
    std::fs::read(path).map_err(|source| Error::Read {
        path: path.to_owned(),
        source,
    })
}

#[cfg(any(test, fuzzing))]
pub mod fuzz;
#[cfg(test)]
pub(crate) mod tests;
