//! Keys and certificates to configure the programs with, as files of every accepted kind.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use aws_lc_rs::rsa::KeyPair as RsaKeyPair;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, IsCa, Issuer, KeyPair,
    PKCS_ECDSA_P256_SHA256, PKCS_RSA_SHA256, RsaKeySize,
};
use rustls_pki_types::CertificateDer;
use serde_json::{Value, json};

use crate::components;

/// A private key and the certificate over it.
#[derive(Clone, Debug)]
pub struct Material {
    /// PEM.
    pub certificate: String,
    /// PKCS#8, PEM.
    pub key: String,
    /// PKCS#8, DER.
    pub key_der: Vec<u8>,
    certificate_der: CertificateDer<'static>,
}

impl Material {
    /// An RSA key of 2048 bits with a certificate, to sign tokens with.
    pub fn signing(name: &str) -> Self {
        let key = KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048);
        Self::over(&key.expect("an RSA key"), name)
    }

    /// The signing key that tests share when which one it is does not matter: making one is slow.
    pub fn shared_signing() -> &'static Self {
        static SHARED: OnceLock<Material> = OnceLock::new();
        SHARED.get_or_init(|| Self::signing("shared"))
    }

    /// A TLS certificate for `localhost` and the loopback addresses that differs with `name`.
    pub fn tls(name: &str) -> Self {
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256);
        Self::over(&key.expect("a P-256 key"), name)
    }

    /// A TLS certificate with that common name, and the one of the authority that issued it, PEM.
    pub fn issued(name: &str) -> (Self, String) {
        let pair = || KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).expect("a P-256 key");
        let (authority_key, key) = (pair(), pair());
        let named = |name: &str| {
            let mut params = CertificateParams::default();
            params.distinguished_name = DistinguishedName::new();
            params.distinguished_name.push(DnType::CommonName, name);
            params
        };
        let mut authority = named("authority");
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let root = authority
            .self_signed(&authority_key)
            .expect("a certificate");
        let issuer = Issuer::new(authority, authority_key);
        let certificate = named(name).signed_by(&key, &issuer);
        let certificate = certificate.expect("a certificate");
        let own = Self {
            certificate: certificate.pem(),
            key: key.serialize_pem(),
            key_der: key.serialize_der(),
            certificate_der: certificate.der().clone(),
        };
        (own, root.pem())
    }

    /// A TLS certificate for these hosts.
    pub fn tls_for(name: &str, hosts: &[&str]) -> Self {
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256);
        Self::over_hosts(&key.expect("a P-256 key"), name, hosts)
    }

    fn over(key: &KeyPair, name: &str) -> Self {
        Self::over_hosts(key, name, &["localhost", "127.0.0.1", "::1"])
    }

    fn over_hosts(key: &KeyPair, name: &str, hosts: &[&str]) -> Self {
        let hosts = hosts.iter().map(|host| (*host).to_owned());
        let mut params = CertificateParams::new(hosts.collect::<Vec<_>>()).expect("valid names");
        params.distinguished_name.push(DnType::CommonName, name);
        let certificate = params.self_signed(key).expect("a certificate");
        Self {
            certificate: certificate.pem(),
            key: key.serialize_pem(),
            key_der: key.serialize_der(),
            certificate_der: certificate.der().clone(),
        }
    }

    /// The public half of the key.
    pub fn jwk(&self) -> Value {
        let encode = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        if let Ok(pair) = RsaKeyPair::from_pkcs8(&self.key_der) {
            // RFC 8017 §A.1.1, of 2048 bits with the exponent 65537: both lie where they always do.
            let public = pair.public_key().as_ref();
            let (n, e) = (&public[9..265], &public[267..270]);
            return json!({ "kty": "RSA", "n": encode(n), "e": encode(e) });
        }
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &self.key_der);
        let pair = pair.expect("a P-256 key");
        let (x, y) = pair.public_key().as_ref()[1..].split_at(32);
        json!({ "kty": "EC", "crv": "P-256", "x": encode(x), "y": encode(y) })
    }

    /// The certificate, to trust.
    pub fn trust(&self) -> CertificateDer<'static> {
        self.certificate_der.clone()
    }

    /// SHA-1 of the certificate in upper-case hexadecimal, as the product's `kid` begins.
    pub fn thumbprint(&self) -> String {
        use std::fmt::Write as _;
        let digest = self.sha1();
        digest.iter().fold(String::new(), |mut hex, byte| {
            let _ = write!(hex, "{byte:02X}");
            hex
        })
    }

    /// RFC 7515 §4.1.7.
    pub fn x5t(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.sha1())
    }

    fn sha1(&self) -> Vec<u8> {
        digest(&SHA1_FOR_LEGACY_USE_ONLY, &self.certificate_der)
            .as_ref()
            .to_vec()
    }

    /// Chain and key in one PEM file.
    pub fn write_pem(&self, file: &Path) {
        let both = format!("{}{}", self.certificate, self.key);
        fs::write(file, both).expect("a file in the test's folder");
    }

    /// A PKCS#12 file made by OpenSSL: today's algorithms, or those of files from before 2021
    /// with `legacy`. `None` where OpenSSL is missing.
    pub fn write_pkcs12(&self, file: &Path, password: &str, legacy: bool) -> Option<()> {
        let openssl = components::find("openssl")?;
        let folder = tempfile::tempdir().expect("a folder");
        let (certificate, key) = (folder.path().join("c.pem"), folder.path().join("k.pem"));
        fs::write(&certificate, &self.certificate).expect("a file");
        fs::write(&key, &self.key).expect("a file");
        let mut command = Command::new(openssl);
        command.args(["pkcs12", "-export", "-out"]).arg(file);
        command.arg("-in").arg(certificate).arg("-inkey").arg(key);
        command.args(["-passout", &format!("pass:{password}")]);
        if legacy {
            command.arg("-legacy");
        }
        let made = command.output().expect("openssl runs");
        let said = String::from_utf8_lossy(&made.stderr);
        assert!(made.status.success(), "openssl pkcs12: {said}");
        Some(())
    }
}

/// The certificates in a PEM file, to trust.
pub fn certificates_in(file: &PathBuf) -> Vec<CertificateDer<'static>> {
    use rustls_pki_types::pem::PemObject as _;
    CertificateDer::pem_file_iter(file)
        .unwrap_or_else(|fault| panic!("{}: {fault}", file.display()))
        .collect::<Result<_, _>>()
        .unwrap_or_else(|fault| panic!("{}: {fault}", file.display()))
}
