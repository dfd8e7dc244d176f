//! The public side of keys: JWK, key ids, and the key set ready to be served.
//!
//! Rules: RFC 7517 §4–5, RFC 7518 §6.2–6.3, RFC 8037 §2, RFC 7638 (thumbprint). A [`Jwk`] of this room is built
//! from a public key only: there is no private member that could slip out.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use bytes::Bytes;
use http::HeaderValue;
use jsonwebtoken::jwk::{
    AlgorithmParameters, CommonParameters, EllipticCurve, EllipticCurveKeyParameters,
    EllipticCurveKeyType, Jwk, JwkSet, OctetKeyPairParameters, OctetKeyPairType, PublicKeyUse,
    RSAKeyParameters, RSAKeyType,
};
use ring::digest;
use rustls_pki_types::CertificateDer;

use super::{Algorithm, thumbprint};

/// A public document as it is served: bytes and their validator.
#[derive(Clone, Debug)]
pub struct Document {
    /// JSON.
    pub body: Bytes,
    /// A strong `ETag`.
    pub etag: HeaderValue,
}

impl Document {
    pub(crate) fn new(body: Vec<u8>) -> Self {
        let hash = digest::digest(&digest::SHA256, &body);
        let tag = format!("\"{}\"", URL_SAFE_NO_PAD.encode(&hash.as_ref()[..12]));
        Self {
            body: Bytes::from(body),
            etag: HeaderValue::try_from(tag).expect("base64url in quotes is a header value"),
        }
    }
}

/// RFC 7518 §6.3.1.
pub(super) fn rsa(modulus: &[u8], exponent: &[u8]) -> AlgorithmParameters {
    AlgorithmParameters::RSA(RSAKeyParameters {
        key_type: RSAKeyType::RSA,
        n: URL_SAFE_NO_PAD.encode(modulus),
        e: URL_SAFE_NO_PAD.encode(exponent),
    })
}

/// RFC 7518 §6.2.1, of an uncompressed point (SEC 1 §2.3.3).
pub(super) fn p256(point: &[u8]) -> Option<AlgorithmParameters> {
    let coordinates = point.strip_prefix(&[4])?;
    let (x, y) = coordinates
        .split_at_checked(32)
        .filter(|(_, y)| y.len() == 32)?;
    Some(AlgorithmParameters::EllipticCurve(
        EllipticCurveKeyParameters {
            key_type: EllipticCurveKeyType::EC,
            curve: EllipticCurve::P256,
            x: URL_SAFE_NO_PAD.encode(x),
            y: URL_SAFE_NO_PAD.encode(y),
        },
    ))
}

/// RFC 8037 §2.
pub(super) fn ed25519(public: &[u8]) -> AlgorithmParameters {
    AlgorithmParameters::OctetKeyPair(OctetKeyPairParameters {
        key_type: OctetKeyPairType::OctetKeyPair,
        curve: EllipticCurve::Ed25519,
        x: URL_SAFE_NO_PAD.encode(public),
    })
}

/// The public JWK of a key that signs, with its certificates when it has any.
pub(super) fn jwk(
    parameters: AlgorithmParameters,
    algorithm: Algorithm,
    chain: &[CertificateDer<'_>],
) -> Jwk {
    let leaf = chain.first();
    let mut jwk = Jwk {
        common: CommonParameters {
            public_key_use: Some(PublicKeyUse::Signature),
            key_algorithm: algorithm.name().parse().ok(),
            // RFC 7517 §4.7: x5c is base64, not base64url.
            x509_chain: leaf.map(|_| chain.iter().map(|one| STANDARD.encode(one)).collect()),
            x509_sha1_fingerprint: leaf.map(|leaf| URL_SAFE_NO_PAD.encode(sha1(leaf))),
            ..CommonParameters::default()
        },
        algorithm: parameters,
    };
    jwk.common.key_id = match leaf {
        Some(leaf) => Some(certificate_kid(leaf, algorithm)),
        None => thumbprint(&jwk).map(|hash| URL_SAFE_NO_PAD.encode(hash)),
    };
    jwk
}

/// The form that tokens of the other product carry: the certificate's SHA-1 in upper-case hex,
/// then the algorithm.
fn certificate_kid(certificate: &CertificateDer<'_>, algorithm: Algorithm) -> String {
    use std::fmt::Write;

    let mut kid = String::with_capacity(45);
    for byte in sha1(certificate) {
        write!(kid, "{byte:02X}").expect("writing to a String cannot fail");
    }
    kid.push_str(algorithm.name());
    kid
}

fn sha1(certificate: &CertificateDer<'_>) -> [u8; 20] {
    let hash = digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, certificate);
    let mut bytes = [0; 20];
    bytes.copy_from_slice(hash.as_ref());
    bytes
}

/// The key set, active key first.
pub(super) fn document(keys: impl Iterator<Item = Jwk>) -> Document {
    let set = JwkSet {
        keys: keys.collect(),
    };
    Document::new(serde_json::to_vec(&set).expect("a key set has only string members"))
}
