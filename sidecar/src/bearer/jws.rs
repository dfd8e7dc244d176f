//! A compact JWS to its parts, and the protected header's rules.
//!
//! Access tokens, client assertions and `DPoP` proofs all come this way.
//!
//! Rules: RFC 7515 §5.2 and §7.1, RFC 8725 §3.1–3.2, RFC 9068 §4. Every segment is canonical
//! base64url without padding: one token has one spelling. `jwk`, `jku`, `x5u` and `x5c` are not
//! looked at: keys come from us, never from the token.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::json::{Object, Value};
use crate::keys::Algorithm;
use crate::refusal::Reason;

/// A JWS taken apart; nothing in it is believed yet.
pub(crate) struct Compact<'a> {
    pub(crate) header: Object,
    /// Header and claims as signed.
    pub(crate) signed: &'a str,
    claims: &'a str,
    signature: &'a str,
}

impl<'a> Compact<'a> {
    /// Takes it apart, and refuses what no JWS of any kind may have here.
    pub(crate) fn split(token: &'a str) -> Result<Self, Reason> {
        let (signed, signature) = token.rsplit_once('.').ok_or(Reason::TokenMalformed)?;
        let (header, claims) = signed.split_once('.').ok_or(Reason::TokenMalformed)?;
        if claims.contains('.') || claims.is_empty() || signature.is_empty() {
            return Err(Reason::TokenMalformed);
        }
        let header = decode(header).ok_or(Reason::TokenMalformed)?;
        let header = Object::parse(&header).ok_or(Reason::TokenHeaderMalformed)?;
        // RFC 7515 §4.1.11: no extension is understood here, so none may be demanded. RFC 7797 §3:
        // an unencoded payload is such an extension, and only valid with `crit`.
        if header.find("crit").is_some() || header.find("b64").is_some() {
            return Err(Reason::CriticalRefused);
        }
        Ok(Self {
            header,
            signed,
            claims,
            signature,
        })
    }

    /// The signature's bytes.
    pub(crate) fn signature(&self) -> Result<Vec<u8>, Reason> {
        decode(self.signature).ok_or(Reason::TokenMalformed)
    }

    /// The claims. Until the signature was found good they may choose a key, and nothing else.
    pub(crate) fn claims(&self) -> Result<Object, Reason> {
        let json = decode(self.claims).ok_or(Reason::TokenMalformed)?;
        Object::parse(&json).ok_or(Reason::ClaimsMalformed)
    }

    /// Whether `typ` is the media type `application/<name>` (RFC 7515 §4.1.9: without case, the
    /// prefix left out or not).
    pub(crate) fn is_of_type(&self, name: &str) -> bool {
        let Some(Value::String(typ)) = self.header.find("typ") else {
            return false;
        };
        let bare = match typ.split_at_checked(12) {
            Some((prefix, rest)) if prefix.eq_ignore_ascii_case("application/") => rest,
            _ => typ,
        };
        bare.eq_ignore_ascii_case(name)
    }

    /// `typ` as it stands, if it does.
    pub(crate) fn typ(&self) -> Result<Option<&str>, Reason> {
        match self.header.find("typ") {
            Some(Value::String(typ)) => Ok(Some(typ)),
            Some(_) => Err(Reason::TokenTypeRefused),
            None => Ok(None),
        }
    }

    /// The `kid`, if there is one.
    pub(crate) fn kid(&self) -> Result<Option<&str>, Reason> {
        match self.header.find("kid") {
            Some(Value::String(kid)) => Ok(Some(kid)),
            Some(_) => Err(Reason::TokenHeaderMalformed),
            None => Ok(None),
        }
    }

    /// `alg`: never `none`, never a secret's algorithm, for there is no such [`Algorithm`].
    pub(crate) fn algorithm(&self) -> Result<Algorithm, Reason> {
        match self.header.find("alg") {
            Some(Value::String(alg)) => Algorithm::named(alg).ok_or(Reason::AlgorithmRefused),
            Some(_) | None => Err(Reason::AlgorithmRefused),
        }
    }
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
            assert!(Compact::split(token).is_err(), "{token:?}");
        }
        assert!(Compact::split("e30.e30.e30").is_ok());
    }
}
