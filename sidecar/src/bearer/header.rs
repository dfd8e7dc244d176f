//! A compact JWS to its parts, and the protected header's rules.
//!
//! Rules: RFC 7515 §5.2 and §7.1, RFC 8725 §3.1–3.2, RFC 9068 §4. Every segment is canonical
//! base64url without padding: one token has one spelling. `jwk`, `jku`, `x5u` and `x5c` are not
//! looked at: keys come from us, never from the token.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::strict_json::{Object, Value};
use crate::refusal::Reason;

/// A token taken apart; nothing in it is believed yet.
pub(super) struct Parts<'a> {
    pub(super) header: Object,
    /// Header and claims as signed.
    pub(super) signed: &'a str,
    claims: &'a str,
    signature: &'a str,
}

impl<'a> Parts<'a> {
    pub(super) fn split(token: &'a str) -> Result<Self, Reason> {
        let (signed, signature) = token.rsplit_once('.').ok_or(Reason::TokenMalformed)?;
        let (header, claims) = signed.split_once('.').ok_or(Reason::TokenMalformed)?;
        if claims.contains('.') || claims.is_empty() || signature.is_empty() {
            return Err(Reason::TokenMalformed);
        }
        let header = decode(header).ok_or(Reason::TokenMalformed)?;
        let header = Object::parse(&header).ok_or(Reason::TokenHeaderMalformed)?;
        Ok(Self {
            header,
            signed,
            claims,
            signature,
        })
    }

    pub(super) fn signature(&self) -> Result<Vec<u8>, Reason> {
        decode(self.signature).ok_or(Reason::TokenMalformed)
    }

    /// The claims, to be called once the signature is good.
    pub(super) fn claims(&self) -> Result<Object, Reason> {
        let json = decode(self.claims).ok_or(Reason::TokenMalformed)?;
        Object::parse(&json).ok_or(Reason::ClaimsMalformed)
    }

    /// The header's rules that do not depend on the key; gives the `kid`.
    pub(super) fn kid(&self) -> Result<&str, Reason> {
        let header = &self.header;
        // RFC 7515 §4.1.11: no extension is understood here, so none may be demanded.
        if header.find("crit").is_some() {
            return Err(Reason::CriticalRefused);
        }
        // RFC 7797 §3: an unencoded payload is such an extension, and only valid with `crit`.
        if header.find("b64").is_some() {
            return Err(Reason::CriticalRefused);
        }
        match header.find("typ") {
            Some(Value::String(typ)) if is_access_token(typ) => {}
            Some(_) | None => return Err(Reason::TokenTypeRefused),
        }
        match header.find("kid") {
            Some(Value::String(kid)) => Ok(kid),
            Some(_) => Err(Reason::TokenHeaderMalformed),
            None => Err(Reason::KeyUnknown),
        }
    }

    /// `alg` is exactly the key's: never `none`, never a secret's algorithm for a public key.
    pub(super) fn check_algorithm(&self, of_key: &str) -> Result<(), Reason> {
        match self.header.find("alg") {
            Some(Value::String(alg)) if alg == of_key => Ok(()),
            Some(_) | None => Err(Reason::AlgorithmRefused),
        }
    }
}

/// RFC 9068 §4, RFC 7515 §4.1.9: a media type, which has no case, `application/` left out or not.
fn is_access_token(typ: &str) -> bool {
    typ.eq_ignore_ascii_case("at+jwt") || typ.eq_ignore_ascii_case("application/at+jwt")
}

/// Without padding, without whitespace, with the unused bits zero.
fn decode(segment: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(segment).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn segments_have_one_spelling() {
        for (segment, good) in [
            ("e30", true),
            ("e30=", false),
            ("e31", false),
            ("e3 0", false),
            ("e30\n", false),
            ("-_-_", true),
            ("+/+/", false),
            ("a", false),
            ("", true),
        ] {
            assert_eq!(decode(segment).is_some(), good, "{segment:?}");
        }
    }

    #[test]
    fn a_token_has_three_segments() {
        for token in [
            "",
            ".",
            "..",
            "e30",
            "e30.e30",
            "e30.e30.",
            "e30..e30",
            "e30.e30.e30.e30",
            ".e30.e30",
        ] {
            assert!(Parts::split(token).is_err(), "{token:?}");
        }
        assert!(Parts::split("e30.e30.e30").is_ok());
    }
}
