//! The public key that a proof carries in its own header.
//!
//! Of all that reaches the sidecar only a proof brings its key along: it proves possession of just
//! that key, and means nothing until a token is bound to its thumbprint. Rules: RFC 9449 §4.2 (a
//! public key), RFC 7517 §4, RFC 7518 §6, RFC 8037 §2.

use jsonwebtoken::jwk::Jwk;

use crate::bearer::json::{Object, Value};
use crate::keys::{is_private, public_jwk};

/// The `jwk` of a header; `None` when it is missing, private, or of a kind that is not served.
/// Members that say nothing about the key itself are not looked at.
pub(super) fn of(header: &Object) -> Option<Jwk> {
    let Some(Value::Object(jwk)) = header.find("jwk") else {
        return None;
    };
    if is_private(jwk) {
        return None;
    }
    public_jwk(jwk).ok()
}
