//! A client that proves possession of a key: `DPoP` proofs as RFC 9449 §4 has them, or nearly.

use std::time::{SystemTime, UNIX_EPOCH};

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::digest;
use serde_json::{Value, json};

use crate::forge::encode;

/// Holds a P-256 key.
#[derive(Debug)]
pub struct Prover {
    key: EcdsaKeyPair,
}

impl Default for Prover {
    fn default() -> Self {
        Self::new()
    }
}

impl Prover {
    /// With a key of its own.
    pub fn new() -> Self {
        let key = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING);
        Self {
            key: key.expect("a P-256 key"),
        }
    }

    /// The public key.
    pub fn jwk(&self) -> Value {
        let point = self.key.public_key().as_ref();
        let (x, y) = point[1..].split_at(32);
        let encode = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        json!({ "kty": "EC", "crv": "P-256", "x": encode(x), "y": encode(y) })
    }

    /// RFC 7638.
    pub fn thumbprint(&self) -> String {
        let jwk = self.jwk();
        let members = format!(
            r#"{{"crv":"P-256","kty":"EC","x":{},"y":{}}}"#,
            jwk["x"], jwk["y"]
        );
        hash(members.as_bytes())
    }

    /// Claims of a proof made now.
    pub fn claims(method: &str, url: &str, token: Option<&str>) -> Value {
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let mut claims = json!({
            "jti": uuid::Uuid::new_v4().to_string(), "htm": method, "htu": url,
            "iat": now.expect("after 1970").as_secs(),
        });
        if let Some(token) = token {
            claims["ath"] = json!(hash(token.as_bytes()));
        }
        claims
    }

    /// A proof with these claims.
    pub fn proof(&self, claims: &Value) -> String {
        let header = json!({ "typ": "dpop+jwt", "alg": "ES256", "jwk": self.jwk() });
        self.sign(&header, claims)
    }

    /// A proof of anything.
    pub fn sign(&self, header: &Value, claims: &Value) -> String {
        let signed = format!(
            "{}.{}",
            encode(&header.to_string()),
            encode(&claims.to_string())
        );
        let signature = self.key.sign(&SystemRandom::new(), signed.as_bytes());
        let signature = signature.expect("a signature");
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
    }
}

/// SHA-256 in base64url: `ath`, `jkt`, `x5t#S256`.
pub fn hash(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, bytes))
}
