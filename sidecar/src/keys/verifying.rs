//! A public key that is parsed once and verifies one algorithm.
//!
//! In: a JWK, ours or somebody else's. Out: a [`VerifyingKey`], or why the key is not fit.
//! Rules: RFC 7518 §3 and §6, RFC 8037 §2, RFC 8725 §3.2: an algorithm belongs to a key. A key of
//! the wrong kind, use or size never becomes one.

use aws_lc_rs::rsa::PublicKeyComponents;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, ED25519, ParsedPublicKey,
};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, KeyOperations, PublicKeyUse};
use ring::digest;

use super::Algorithm;

/// A public key for one algorithm.
pub(crate) struct VerifyingKey {
    algorithm: Algorithm,
    parsed: ParsedPublicKey,
    thumbprint: [u8; 32],
}

/// Why a JWK verifies nothing here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Unfit {
    #[error("a key of another kind than the algorithm")]
    Kind,
    #[error("a key that is not for signatures")]
    Use,
    #[error("a key that is malformed, too short or too long")]
    Malformed,
}

impl VerifyingKey {
    /// The key for `algorithm`. A key that names an algorithm or a use of its own is held to it.
    pub(crate) fn parse(jwk: &Jwk, algorithm: Algorithm) -> Result<Self, Unfit> {
        let common = &jwk.common;
        if common
            .key_algorithm
            .is_some_and(|named| named.to_string() != algorithm.name())
        {
            return Err(Unfit::Kind);
        }
        let signs = match &common.public_key_use {
            None | Some(PublicKeyUse::Signature) => true,
            Some(_) => false,
        };
        let verifies = common
            .key_operations
            .as_ref()
            .is_none_or(|operations| operations.contains(&KeyOperations::Verify));
        if !signs || !verifies {
            return Err(Unfit::Use);
        }
        let parsed = match (&jwk.algorithm, algorithm) {
            (AlgorithmParameters::RSA(rsa), algorithm) => {
                let parameters = algorithm.rsa().ok_or(Unfit::Kind)?;
                let modulus = decode(&rsa.n)?;
                let exponent = decode(&rsa.e)?;
                let bits = super::der::bits(&modulus);
                if !(super::RSA_BITS_MIN..=super::RSA_BITS_MAX).contains(&bits) {
                    return Err(Unfit::Malformed);
                }
                PublicKeyComponents {
                    n: &modulus[..],
                    e: &exponent[..],
                }
                .to_parsed_public_key(parameters)
            }
            (AlgorithmParameters::EllipticCurve(key), Algorithm::ES256 | Algorithm::ES384) => {
                let (curve, size, verify) = match algorithm {
                    Algorithm::ES256 => (EllipticCurve::P256, 32, &ECDSA_P256_SHA256_FIXED),
                    _ => (EllipticCurve::P384, 48, &ECDSA_P384_SHA384_FIXED),
                };
                if key.curve != curve {
                    return Err(Unfit::Kind);
                }
                let (x, y) = (decode(&key.x)?, decode(&key.y)?);
                // RFC 7518 §6.2.1.2: each has the full size of the curve's field.
                if x.len() != size || y.len() != size {
                    return Err(Unfit::Malformed);
                }
                // SEC 1 §2.3.3: uncompressed.
                ParsedPublicKey::new(verify, [&[4], &x[..], &y[..]].concat())
            }
            (AlgorithmParameters::OctetKeyPair(key), Algorithm::EdDSA) => {
                if key.curve != EllipticCurve::Ed25519 {
                    return Err(Unfit::Kind);
                }
                ParsedPublicKey::new(&ED25519, decode(&key.x)?)
            }
            _ => return Err(Unfit::Kind),
        };
        Ok(Self {
            algorithm,
            parsed: parsed.map_err(|_| Unfit::Malformed)?,
            thumbprint: thumbprint(jwk).ok_or(Unfit::Kind)?,
        })
    }

    /// Whether `signature` is this key's over `message`.
    pub(crate) fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        self.parsed.verify_sig(message, signature).is_ok()
    }

    /// The one algorithm that this key verifies.
    pub(crate) fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// RFC 7638, by SHA-256: what tells two keys with the same `kid` apart.
    pub(crate) fn thumbprint(&self) -> &[u8; 32] {
        &self.thumbprint
    }
}

/// RFC 7638 §3: the required members, in lexical order, without whitespace, by SHA-256. `None` for
/// a symmetric key or one of an unknown kind.
pub(crate) fn thumbprint(jwk: &Jwk) -> Option<[u8; 32]> {
    let members = match &jwk.algorithm {
        AlgorithmParameters::RSA(key) => {
            format!(r#"{{"e":"{}","kty":"RSA","n":"{}"}}"#, key.e, key.n)
        }
        AlgorithmParameters::EllipticCurve(key) => {
            let curve = curve(&key.curve)?;
            format!(
                r#"{{"crv":"{curve}","kty":"EC","x":"{}","y":"{}"}}"#,
                key.x, key.y
            )
        }
        AlgorithmParameters::OctetKeyPair(key) => {
            let curve = curve(&key.curve)?;
            format!(r#"{{"crv":"{curve}","kty":"OKP","x":"{}"}}"#, key.x)
        }
        _ => return None,
    };
    let mut thumbprint = [0; 32];
    thumbprint.copy_from_slice(digest::digest(&digest::SHA256, members.as_bytes()).as_ref());
    Some(thumbprint)
}

fn curve(curve: &EllipticCurve) -> Option<&'static str> {
    match curve {
        EllipticCurve::P256 => Some("P-256"),
        EllipticCurve::P384 => Some("P-384"),
        EllipticCurve::Ed25519 => Some("Ed25519"),
        _ => None,
    }
}

/// Strictly: one key has one spelling.
fn decode(text: &str) -> Result<Vec<u8>, Unfit> {
    URL_SAFE_NO_PAD.decode(text).map_err(|_| Unfit::Malformed)
}
