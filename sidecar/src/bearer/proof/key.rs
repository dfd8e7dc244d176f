//! The public key that a proof carries in its own header.
//!
//! Of all that reaches the sidecar only a proof brings its key along: it proves possession of just
//! that key, and means nothing until a token is bound to its thumbprint. Rules: RFC 9449 §4.2 (a
//! public key), RFC 7517 §4, RFC 7518 §6, RFC 8037 §2.

use jsonwebtoken::jwk::{
    AlgorithmParameters, CommonParameters, EllipticCurve, EllipticCurveKeyParameters,
    EllipticCurveKeyType, Jwk, OctetKeyPairParameters, OctetKeyPairType, RSAKeyParameters,
    RSAKeyType,
};

use crate::bearer::json::{Object, Value};

/// Members of private and of symmetric keys.
const PRIVATE: [&str; 8] = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];

/// The `jwk` of a header; `None` when it is missing, private, or of a kind that is not served.
/// Members that say nothing about the key itself are not looked at.
pub(super) fn of(header: &Object) -> Option<Jwk> {
    let Some(Value::Object(jwk)) = header.find("jwk") else {
        return None;
    };
    if jwk.names().any(|name| PRIVATE.contains(&name)) {
        return None;
    }
    let member = |name| match jwk.find(name) {
        Some(Value::String(text)) => Some(text.clone()),
        _ => None,
    };
    let curve = || match member("crv")?.as_str() {
        "P-256" => Some(EllipticCurve::P256),
        "P-384" => Some(EllipticCurve::P384),
        "Ed25519" => Some(EllipticCurve::Ed25519),
        _ => None,
    };
    let algorithm = match member("kty")?.as_str() {
        "EC" => AlgorithmParameters::EllipticCurve(EllipticCurveKeyParameters {
            key_type: EllipticCurveKeyType::EC,
            curve: curve()?,
            x: member("x")?,
            y: member("y")?,
        }),
        "OKP" => AlgorithmParameters::OctetKeyPair(OctetKeyPairParameters {
            key_type: OctetKeyPairType::OctetKeyPair,
            curve: curve()?,
            x: member("x")?,
        }),
        "RSA" => AlgorithmParameters::RSA(RSAKeyParameters {
            key_type: RSAKeyType::RSA,
            n: member("n")?,
            e: member("e")?,
        }),
        _ => return None,
    };
    Some(Jwk {
        common: CommonParameters::default(),
        algorithm,
    })
}
