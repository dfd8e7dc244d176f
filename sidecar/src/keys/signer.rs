//! A private key that signs, by its kind: RSA, P-256 or Ed25519.
//!
//! In: what a file held. Out: a [`Signer`] for one algorithm, and its public JWK. Rules: RFC 7518
//! §3.3 and §3.4, RFC 8037 §3.1.

use std::path::Path;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeyPair as RsaKeyPair;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair, RSA_PKCS1_SHA256,
};
use jsonwebtoken::jwk::Jwk;
use rustls_pki_types::PrivateKeyDer;

use super::der::Kind;
use super::{Algorithm, Error, Material, jwks};

/// A key that signs by one algorithm.
pub(super) enum Signer {
    Rsa(RsaKeyPair),
    P256(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
}

impl Signer {
    pub(super) fn new(material: &Material, path: &Path) -> Result<Self, Error> {
        let kind = material.kind();
        let found = kind.name();
        let rejected = |()| Error::Rejected {
            path: path.to_owned(),
            found,
        };
        let wrong = || Error::WrongType {
            path: path.to_owned(),
            found,
        };
        match (kind, &material.key) {
            (Kind::Rsa { .. }, PrivateKeyDer::Pkcs1(key)) => {
                let pair = RsaKeyPair::from_der(key.secret_pkcs1_der());
                pair.map(Self::Rsa).map_err(|_| rejected(()))
            }
            (Kind::Rsa { .. }, PrivateKeyDer::Pkcs8(key)) => {
                let pair = RsaKeyPair::from_pkcs8(key.secret_pkcs8_der());
                pair.map(Self::Rsa).map_err(|_| rejected(()))
            }
            (Kind::Other("EC"), key) => {
                let algorithm = &ECDSA_P256_SHA256_FIXED_SIGNING;
                let pair = EcdsaKeyPair::from_private_key_der(algorithm, key.secret_der());
                pair.map(Self::P256).map_err(|_| Error::Curve {
                    path: path.to_owned(),
                })
            }
            (Kind::Other("Ed25519"), PrivateKeyDer::Pkcs8(key)) => {
                let pair = Ed25519KeyPair::from_pkcs8(key.secret_pkcs8_der());
                pair.map(Self::Ed25519).map_err(|_| rejected(()))
            }
            _ => Err(wrong()),
        }
    }

    pub(super) fn algorithm(&self) -> Algorithm {
        match self {
            Self::Rsa(_) => Algorithm::RS256,
            Self::P256(_) => Algorithm::ES256,
            Self::Ed25519(_) => Algorithm::EdDSA,
        }
    }

    /// The public key, with the certificates that vouch for it; `None` when it is not of the form
    /// that the crypto library promises.
    pub(super) fn jwk(&self, material: &Material) -> Option<Jwk> {
        let parameters = match self {
            Self::Rsa(pair) => {
                let public = pair.public_key().as_ref();
                let (modulus, exponent) = super::der::rsa_public_key(public)?;
                jwks::rsa(modulus, exponent)
            }
            Self::P256(pair) => jwks::p256(pair.public_key().as_ref())?,
            Self::Ed25519(pair) => jwks::ed25519(pair.public_key().as_ref()),
        };
        Some(jwks::jwk(parameters, self.algorithm(), &material.chain))
    }

    /// The signature in the form of RFC 7518.
    pub(super) fn sign(&self, message: &[u8]) -> Result<Vec<u8>, Error> {
        match self {
            Self::Rsa(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(
                    &RSA_PKCS1_SHA256,
                    &SystemRandom::new(),
                    message,
                    &mut signature,
                )
                .map_err(|_| Error::Sign)?;
                Ok(signature)
            }
            Self::P256(pair) => {
                let signature = pair.sign(&SystemRandom::new(), message);
                Ok(signature.map_err(|_| Error::Sign)?.as_ref().to_vec())
            }
            Self::Ed25519(pair) => Ok(pair.sign(message).as_ref().to_vec()),
        }
    }
}
