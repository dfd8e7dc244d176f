//! What a token is bound to: its `cnf` claim.
//!
//! In: claims, or what was proved when a token is issued. Out: a [`Binding`], or why the claim is
//! not understood: a method of confirmation that is not known here cannot be checked, and a bound
//! token is nobody's without its proof. Rules: RFC 7800 §3, RFC 9449 §6, RFC 8705 §3.1.
//! Elsewhere: the proofs themselves (`proof`, `listener`); when they are asked for (`gate`).

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::ser::{Serialize, SerializeMap, Serializer};

use super::json::{Object, Value};
use crate::refusal::Reason;

const KEY: &str = "jkt";
const CERTIFICATE: &str = "x5t#S256";

/// What whoever presents a token has to prove; every one that is there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Binding {
    /// Possession of the key with this RFC 7638 thumbprint, by a `DPoP` proof: `jkt`.
    pub key: Option<[u8; 32]>,
    /// Possession of the TLS certificate with this SHA-256: `x5t#S256`.
    pub certificate: Option<[u8; 32]>,
}

impl Binding {
    /// Of a token; `None` for a bearer token.
    pub(crate) fn of(claims: &Object) -> Result<Option<Box<Self>>, Reason> {
        let confirmation = match claims.find("cnf") {
            None => return Ok(None),
            Some(Value::Object(confirmation)) => confirmation,
            Some(_) => return Err(Reason::ClaimsMalformed),
        };
        let known = |name| matches!(name, KEY | CERTIFICATE);
        if !confirmation.names().all(known) {
            return Err(Reason::BindingUnsupported);
        }
        let binding = Self {
            key: thumbprint(confirmation, KEY)?,
            certificate: thumbprint(confirmation, CERTIFICATE)?,
        };
        if binding.is_empty() {
            return Err(Reason::BindingUnsupported);
        }
        Ok(Some(Box::new(binding)))
    }

    /// Whether nothing is to be proved: a bearer token.
    pub(crate) fn is_empty(&self) -> bool {
        self.key.is_none() && self.certificate.is_none()
    }
}

impl Serialize for Binding {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut members = serializer.serialize_map(None)?;
        for (name, value) in [(KEY, &self.key), (CERTIFICATE, &self.certificate)] {
            if let Some(value) = value {
                members.serialize_entry(name, &URL_SAFE_NO_PAD.encode(value))?;
            }
        }
        members.end()
    }
}

/// 32 bytes in their one spelling.
fn thumbprint(confirmation: &Object, name: &str) -> Result<Option<[u8; 32]>, Reason> {
    match confirmation.find(name) {
        None => Ok(None),
        Some(Value::String(text)) => URL_SAFE_NO_PAD
            .decode(text)
            .ok()
            .and_then(|bytes| bytes.try_into().ok())
            .map(Some)
            .ok_or(Reason::ClaimsMalformed),
        Some(_) => Err(Reason::ClaimsMalformed),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(cnf: &str) -> Result<Option<Binding>, Reason> {
        let claims = Object::parse(format!(r#"{{"cnf":{cnf}}}"#).as_bytes()).unwrap();
        Binding::of(&claims).map(|binding| binding.map(|binding| *binding))
    }

    #[test]
    fn only_confirmations_that_can_be_checked_are_taken() {
        let good = URL_SAFE_NO_PAD.encode([7; 32]);
        let short = URL_SAFE_NO_PAD.encode([7; 31]);
        let (key, certificate) = (Some([7; 32]), Some([7; 32]));
        for (cnf, want) in [
            (
                format!(r#"{{"jkt":"{good}"}}"#),
                Ok(Some(Binding {
                    key,
                    certificate: None,
                })),
            ),
            (
                format!(r#"{{"x5t#S256":"{good}"}}"#),
                Ok(Some(Binding {
                    key: None,
                    certificate,
                })),
            ),
            (
                format!(r#"{{"x5t#S256":"{good}","jkt":"{good}"}}"#),
                Ok(Some(Binding { key, certificate })),
            ),
            ("{}".into(), Err(Reason::BindingUnsupported)),
            (
                r#"{"jwk":{"kty":"EC"}}"#.into(),
                Err(Reason::BindingUnsupported),
            ),
            (r#"{"kid":"1"}"#.into(), Err(Reason::BindingUnsupported)),
            // One that could be checked does not make up for one that cannot.
            (
                format!(r#"{{"jkt":"{good}","kid":"1"}}"#),
                Err(Reason::BindingUnsupported),
            ),
            (
                format!(r#"{{"JKT":"{good}"}}"#),
                Err(Reason::BindingUnsupported),
            ),
            (
                format!(r#"{{"jkt":"{short}"}}"#),
                Err(Reason::ClaimsMalformed),
            ),
            (
                format!(r#"{{"jkt":"{good}="}}"#),
                Err(Reason::ClaimsMalformed),
            ),
            (r#"{"jkt":1}"#.into(), Err(Reason::ClaimsMalformed)),
            (r#"{"jkt":null}"#.into(), Err(Reason::ClaimsMalformed)),
            (format!(r#""{good}""#), Err(Reason::ClaimsMalformed)),
            ("null".into(), Err(Reason::ClaimsMalformed)),
            ("[]".into(), Err(Reason::ClaimsMalformed)),
        ] {
            assert_eq!(read(&cnf), want, "{cnf}");
        }
        assert_eq!(Binding::of(&Object::default()), Ok(None));
    }

    #[test]
    fn what_is_written_is_read_back() {
        for key in [None, Some([1; 32])] {
            for certificate in [None, Some([2; 32])] {
                let binding = Binding { key, certificate };
                if !binding.is_empty() {
                    let json = serde_json::to_string(&binding).unwrap();
                    assert_eq!(read(&json), Ok(Some(binding)), "{json}");
                }
            }
        }
    }
}
