//! The keys of one run, in a folder that goes with it: one TLS certificate for every peer, one
//! signing key for the sidecar and, its public half, for HAProxy.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der, PublicKeyX509Der};
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::{KeyPair as _, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, SubjectPublicKeyInfoDer};

use crate::Result;

/// Everything with a name in the folder.
pub struct Keys {
    folder: tempfile::TempDir,
}

impl Keys {
    /// Makes them: ECDSA P-256 for TLS, RSA 2048 for tokens.
    ///
    /// # Errors
    /// No room for the folder, or no randomness.
    pub fn make() -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let key = rcgen::KeyPair::generate()?;
        let names = ["localhost".to_owned(), "127.0.0.1".to_owned()];
        let certificate = rcgen::CertificateParams::new(names)?.self_signed(&key)?;
        let pem = format!("{}{}", certificate.pem(), key.serialize_pem());
        std::fs::write(folder.path().join("tls.pem"), pem)?;

        let signing = KeyPair::generate(KeySize::Rsa2048)?;
        let private: Pkcs8V1Der<'_> = signing.as_der()?;
        let public: PublicKeyX509Der<'_> = signing.public_key().as_der()?;
        for (name, label, der) in [
            ("signing.pem", "PRIVATE KEY", private.as_ref()),
            ("signing-public.pem", "PUBLIC KEY", public.as_ref()),
        ] {
            std::fs::write(folder.path().join(name), pem_of(label, der))?;
        }
        Ok(Self { folder })
    }

    /// Where they are, with room for more.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// TLS certificate and key in one file.
    #[must_use]
    pub fn tls(&self) -> PathBuf {
        self.folder().join("tls.pem")
    }

    /// The private key that tokens are signed with, PKCS#8.
    #[must_use]
    pub fn signing(&self) -> PathBuf {
        self.folder().join("signing.pem")
    }

    /// Its public half.
    #[must_use]
    pub fn signing_public(&self) -> PathBuf {
        self.folder().join("signing-public.pem")
    }

    /// The public half of the signing key, parsed once.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn verifying(&self) -> Result<ParsedPublicKey> {
        let public = SubjectPublicKeyInfoDer::from_pem_file(self.signing_public())?;
        Ok(ParsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, public)?)
    }

    /// A client that trusts the run's certificate alone.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn client(&self, protocol: &[u8]) -> Result<Arc<ClientConfig>> {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(self.tls())?)?;
        let mut config = ClientConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = vec![protocol.to_vec()];
        Ok(Arc::new(config))
    }
}

/// A server with the certificate in `file`, as the sidecar is set up: both protocols, tickets.
///
/// # Errors
/// The file is no certificate with its key.
pub fn server(file: &Path) -> Result<Arc<ServerConfig>> {
    let chain = CertificateDer::pem_file_iter(file)?.collect::<std::result::Result<Vec<_>, _>>()?;
    let key = PrivateKeyDer::from_pem_file(file)?;
    let mut config = ServerConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain, key)?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

fn provider() -> Arc<rustls::crypto::CryptoProvider> {
    Arc::new(rustls::crypto::aws_lc_rs::default_provider())
}

/// RFC 7468.
fn pem_of(label: &str, der: &[u8]) -> String {
    let text = BASE64_STANDARD.encode(der);
    let mut lines = vec![format!("-----BEGIN {label}-----")];
    let mut rest = text.as_str();
    while !rest.is_empty() {
        let (line, more) = rest.split_at(rest.len().min(64));
        lines.push(line.to_owned());
        rest = more;
    }
    lines.push(format!("-----END {label}-----\n"));
    lines.join("\n")
}
