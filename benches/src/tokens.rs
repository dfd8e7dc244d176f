//! Tokens: the one that every request of a load carries, and many that nobody saw before.

use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeyPair;
use aws_lc_rs::signature::RSA_PKCS1_SHA256;
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use rustls_pki_types::PrivatePkcs8KeyDer;
use rustls_pki_types::pem::PemObject;

use crate::Result;

/// The audience that everyone checks.
pub const AUDIENCE: &str = "WorkflowApi";

/// A token of the sidecar's form (RFC 9068), for runs in which it cannot issue one itself.
///
/// # Errors
/// The key cannot be read or does not sign.
pub fn mint(signing: &Path, issuer: &str) -> Result<String> {
    let pkcs8 = PrivatePkcs8KeyDer::from_pem_file(signing)?;
    let key = KeyPair::from_pkcs8(pkcs8.secret_pkcs8_der())?;
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?;
    let header = serde_json::json!({ "alg": "RS256", "typ": "at+jwt", "kid": "bench" });
    let claims = serde_json::json!({
        "iss": issuer, "sub": "bench", "aud": AUDIENCE, "client_id": "bench",
        "jti": "0123456789abcdef0123456789abcdef", "scope": "WorkflowApi",
        "iat": now.as_secs(), "nbf": now.as_secs(),
        "exp": (now + Duration::from_secs(3600)).as_secs(),
    });
    let encode = |json: &serde_json::Value| BASE64_URL_SAFE_NO_PAD.encode(json.to_string());
    let signed = format!("{}.{}", encode(&header), encode(&claims));
    let mut signature = vec![0; key.public_modulus_len()];
    key.sign(
        &RSA_PKCS1_SHA256,
        &SystemRandom::new(),
        signed.as_bytes(),
        &mut signature,
    )?;
    Ok(format!(
        "{signed}.{}",
        BASE64_URL_SAFE_NO_PAD.encode(signature)
    ))
}

/// Tokens that a running sidecar takes: its own header, the claims of one that it issued, a `jti`
/// each, counted from `from`, signed with its RSA key.
///
/// # Errors
/// The key cannot be read or does not sign, or `sample` is no token.
pub fn mint_like(sample: &str, signing: &Path, from: usize, count: usize) -> Result<Vec<String>> {
    let pkcs8 = PrivatePkcs8KeyDer::from_pem_file(signing)?;
    let key = KeyPair::from_pkcs8(pkcs8.secret_pkcs8_der())?;
    let mut parts = sample.split('.');
    let (header, claims) = (parts.next().ok_or("no header")?, parts.next());
    let claims = BASE64_URL_SAFE_NO_PAD.decode(claims.ok_or("no claims")?)?;
    let mut claims: serde_json::Value = serde_json::from_slice(&claims)?;
    let random = SystemRandom::new();
    (from..from + count)
        .map(|number| {
            claims["jti"] = format!("{number:032x}").into();
            let claims = BASE64_URL_SAFE_NO_PAD.encode(claims.to_string());
            let signed = format!("{header}.{claims}");
            let mut signature = vec![0; key.public_modulus_len()];
            key.sign(
                &RSA_PKCS1_SHA256,
                &random,
                signed.as_bytes(),
                &mut signature,
            )?;
            let signature = BASE64_URL_SAFE_NO_PAD.encode(signature);
            Ok(format!("{signed}.{signature}"))
        })
        .collect()
}
