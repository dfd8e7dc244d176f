//! Tokens that no honest server would make, signed with a key that the test has.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeyPair as RsaKeyPair;
use aws_lc_rs::signature::RSA_PKCS1_SHA256;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::hmac;
use serde_json::Value;

use crate::material::Material;
use crate::secrets;

/// Signs whatever it is given.
#[derive(Debug)]
pub struct Forger {
    key: RsaKeyPair,
}

impl Forger {
    /// With the key of `material`.
    pub fn new(material: &Material) -> Self {
        let key = RsaKeyPair::from_pkcs8(&material.key_der).expect("an RSA key");
        Self { key }
    }

    /// A token of these members, RS256 whatever the header says.
    pub fn token(&self, header: &Value, claims: &Value) -> String {
        self.token_of_text(&header.to_string(), &claims.to_string())
    }

    /// A token of these exact bytes, for JSON that no serializer would write.
    pub fn token_of_text(&self, header: &str, claims: &str) -> String {
        self.sign(&format!("{}.{}", encode(header), encode(claims)))
    }

    /// A signature over parts that are encoded already.
    pub fn sign(&self, signed: &str) -> String {
        let mut signature = vec![0; self.key.public_modulus_len()];
        self.key
            .sign(
                &RSA_PKCS1_SHA256,
                &SystemRandom::new(),
                signed.as_bytes(),
                &mut signature,
            )
            .expect("a signature");
        finish(signed, &signature)
    }
}

/// A token under HS256 with `key`: what a server takes that mistakes a public key for a shared one.
pub fn hs256(header: &Value, claims: &Value, key: &[u8]) -> String {
    let signed = format!(
        "{}.{}",
        encode(&header.to_string()),
        encode(&claims.to_string())
    );
    let signature = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), signed.as_bytes());
    finish(&signed, signature.as_ref())
}

/// A token with an empty signature.
pub fn unsigned(header: &Value, claims: &Value) -> String {
    format!(
        "{}.{}.",
        encode(&header.to_string()),
        encode(&claims.to_string())
    )
}

/// Base64url without padding.
pub fn encode(part: &str) -> String {
    URL_SAFE_NO_PAD.encode(part)
}

/// The header of a token.
pub fn header_of(token: &str) -> Value {
    part(token, 0)
}

/// The claims of a token.
pub fn claims_of(token: &str) -> Value {
    part(token, 1)
}

fn part(token: &str, index: usize) -> Value {
    let part = token.split('.').nth(index).expect("a JWT has three parts");
    let bytes = URL_SAFE_NO_PAD.decode(part).expect("base64url");
    serde_json::from_slice(&bytes).expect("JSON")
}

/// `base` with each of the members of `change`; a null takes one away.
pub fn with(base: &Value, change: &Value) -> Value {
    let mut changed = base.clone();
    crate::server::merge(&mut changed, change);
    changed
}

fn finish(signed: &str, signature: &[u8]) -> String {
    let token = format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature));
    secrets::register_token(&token);
    token
}
