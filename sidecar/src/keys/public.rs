//! A JWK Set of somebody else's: an external issuer's, a client's.
//!
//! In: the document as it came, the algorithms that are allowed. Out: [`PublicKeys`], each parsed
//! once for each algorithm that it may verify, and what was passed over; or why the document as a
//! whole is of no use, so that whoever holds an older one keeps it.
//! Rules: RFC 7517 §4–5, RFC 7518 §6, RFC 8037 §2, RFC 8725 §3.1–3.2; `docs/decisions/0017`.
//! Elsewhere: where the document comes from (`bearer`, `fetch`).

use std::fmt;

use jsonwebtoken::jwk::{
    AlgorithmParameters, CommonParameters, EllipticCurve, EllipticCurveKeyParameters,
    EllipticCurveKeyType, Jwk, OctetKeyPairParameters, OctetKeyPairType, RSAKeyParameters,
    RSAKeyType,
};

use super::{Algorithm, Unfit, VerifyingKey};
use crate::bearer::json::{Object, Value};

/// Bytes of a document. Those of the large public issuers, with certificates, are below 40 KiB.
pub(crate) const DOCUMENT_BYTES_MAX: usize = 256 << 10;
/// Keys of a document, fit or not. Issuers publish two to ten.
const KEYS_MAX: usize = 100;
/// Different keys with one `kid`, each of which a token costs a signature: two while an issuer that
/// never changes its `kid` changes its key, and some more.
const SAME_NAME_MAX: usize = 4;
/// Characters of a `kid` in a message.
const SHOWN_MAX: usize = 64;

/// Members of private and of symmetric keys (RFC 7518 §6.2.2, §6.3.2, §6.4.1).
const PRIVATE: [&str; 8] = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];

/// The keys of a document that verify something here. At least one.
pub(crate) struct PublicKeys {
    keys: Vec<Named>,
    passed_over: Vec<PassedOver>,
}

struct Named {
    kid: Option<Box<str>>,
    key: VerifyingKey,
}

/// Why a document is of no use as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum DocumentFault {
    #[error("the key set is larger than {DOCUMENT_BYTES_MAX} bytes")]
    TooLarge,
    #[error("the key set is not a JSON object with `keys`, or has a name twice")]
    Malformed,
    #[error("the key set has more than {KEYS_MAX} keys")]
    TooMany,
    #[error("the key set has no key for an allowed algorithm")]
    NoneFit,
}

/// A key of the document that is not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PassedOver {
    /// `kid` as far as it can be shown; else the place in the list.
    shown: Box<str>,
    pub(crate) why: Why,
}

/// Why a key is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Why {
    /// It has members of a private key: whoever read the document can sign with it.
    Private,
    /// `kty` is `oct`, or there is a `k`: whoever can verify can sign.
    Symmetric,
    /// Its kind, curve or `alg` is not known or not allowed.
    Kind,
    /// It is for encryption, or for signing only.
    Use,
    /// Members are missing or malformed, or an RSA key is too short or too long.
    Malformed,
    /// There are enough others with its `kid`.
    SameName,
}

impl Why {
    /// Whether the document's owner should be told.
    pub(crate) fn is_alarming(self) -> bool {
        match self {
            Self::Private | Self::Symmetric | Self::Malformed | Self::SameName => true,
            Self::Kind | Self::Use => false,
        }
    }
}

impl fmt::Display for PassedOver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let why = match self.why {
            Why::Private => "it is published with its private part, and must be replaced",
            Why::Symmetric => "it is a shared secret, and must be replaced",
            Why::Kind => "its kind or algorithm is not allowed",
            Why::Use => "it is not for signatures",
            Why::Malformed => "it is malformed, too short or too long",
            Why::SameName => "too many other keys have the same kid",
        };
        write!(f, "key {} is passed over: {why}", self.shown)
    }
}

impl PublicKeys {
    /// Reads `document`. A key that is of no use is passed over, the others count.
    ///
    /// # Errors
    /// The document as a whole is of no use.
    pub(crate) fn parse(document: &[u8], allowed: &[Algorithm]) -> Result<Self, DocumentFault> {
        if document.len() > DOCUMENT_BYTES_MAX {
            return Err(DocumentFault::TooLarge);
        }
        let document = Object::parse(document).ok_or(DocumentFault::Malformed)?;
        let Some(Value::Array(list)) = document.find("keys") else {
            return Err(DocumentFault::Malformed);
        };
        if list.len() > KEYS_MAX {
            return Err(DocumentFault::TooMany);
        }
        let mut keys: Vec<Named> = Vec::with_capacity(list.len());
        let mut passed_over = Vec::new();
        for (place, key) in list.iter().enumerate() {
            let Value::Object(key) = key else {
                return Err(DocumentFault::Malformed);
            };
            if let Err(why) = take(key, allowed, &mut keys) {
                let shown = shown(key, place);
                passed_over.push(PassedOver { shown, why });
            }
        }
        if keys.is_empty() {
            return Err(DocumentFault::NoneFit);
        }
        Ok(Self { keys, passed_over })
    }

    /// The keys of that `kid` for that algorithm, in the order of the document: mostly one. A
    /// signature may be any one's of them.
    pub(crate) fn find(
        &self,
        kid: &str,
        algorithm: Algorithm,
    ) -> impl Iterator<Item = &VerifyingKey> {
        self.keys
            .iter()
            .filter(move |named| named.kid.as_deref() == Some(kid))
            .map(|named| &named.key)
            .filter(move |key| key.algorithm() == algorithm)
    }

    /// The keys that an assertion without a known `kid` may be by: all, or those without one.
    pub(crate) fn unnamed(&self, all: bool) -> impl Iterator<Item = &VerifyingKey> {
        self.keys
            .iter()
            .filter(move |named| all || named.kid.is_none())
            .map(|named| &named.key)
    }

    /// Whether any key, for whatever algorithm, has that `kid`.
    pub(crate) fn knows(&self, kid: &str) -> bool {
        self.keys
            .iter()
            .any(|named| named.kid.as_deref() == Some(kid))
    }

    /// Every key, also those without a `kid`.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &VerifyingKey> {
        self.keys.iter().map(|named| &named.key)
    }

    /// What was not taken.
    pub(crate) fn passed_over(&self) -> &[PassedOver] {
        &self.passed_over
    }

    /// Different keys; one that serves for two algorithms counts once.
    pub(crate) fn len(&self) -> usize {
        let mut seen: Vec<_> = self.iter().map(VerifyingKey::thumbprint).collect();
        seen.sort_unstable();
        seen.dedup();
        seen.len()
    }

    /// Whether both verify the same by the same names.
    pub(crate) fn same_as(&self, other: &Self) -> bool {
        let names = |keys: &Self| {
            let mut names: Vec<_> = keys.keys.iter().map(Named::identity).collect();
            names.sort_unstable();
            names
        };
        self.keys.len() == other.keys.len() && names(self) == names(other)
    }
}

impl fmt::Debug for PublicKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PublicKeys")
            .field("keys", &self.keys.len())
            .field("passed_over", &self.passed_over)
            .finish()
    }
}

impl Named {
    fn identity(&self) -> (Option<Box<str>>, Algorithm, [u8; 32]) {
        (
            self.kid.clone(),
            self.key.algorithm(),
            *self.key.thumbprint(),
        )
    }
}

/// Adds `key` for each algorithm that it may verify.
fn take(key: &Object, allowed: &[Algorithm], keys: &mut Vec<Named>) -> Result<(), Why> {
    let text = |name| match key.find(name) {
        Some(Value::String(text)) => Ok(Some(text.as_str())),
        Some(_) => Err(Why::Malformed),
        None => Ok(None),
    };
    let kty = text("kty")?.ok_or(Why::Malformed)?;
    if kty == "oct" || key.find("k").is_some() {
        return Err(Why::Symmetric);
    }
    if is_private(key) {
        return Err(Why::Private);
    }
    if !matches!(kty, "RSA" | "EC" | "OKP") {
        return Err(Why::Kind);
    }
    if text("use")?.is_some_and(|usage| usage != "sig") {
        return Err(Why::Use);
    }
    match key.find("key_ops") {
        None => {}
        Some(Value::Array(operations)) => {
            let verify = |operation: &Value| *operation == Value::String("verify".to_owned());
            if !operations.iter().any(verify) {
                return Err(Why::Use);
            }
        }
        Some(_) => return Err(Why::Malformed),
    }
    let named = match text("alg")? {
        Some(name) => Some(Algorithm::named(name).ok_or(Why::Kind)?),
        None => None,
    };
    let kid = text("kid")?;
    let jwk = public_jwk(key)?;
    let mut outcome = Err(Why::Kind);
    // RFC 8725 §3.1: one key, one algorithm; where the document does not say which, it is the
    // token's among those that the operator allows and the key is fit for.
    for &algorithm in allowed
        .iter()
        .filter(|one| named.is_none_or(|named| named == **one))
    {
        let parsed = match VerifyingKey::parse(&jwk, algorithm) {
            Ok(parsed) => parsed,
            Err(Unfit::Kind) => continue,
            Err(Unfit::Use) => return Err(Why::Use),
            Err(Unfit::Malformed) => return Err(Why::Malformed),
        };
        let same = |other: &&Named| {
            other.kid.as_deref() == kid && other.key.algorithm() == parsed.algorithm()
        };
        let twins = || keys.iter().filter(same);
        if twins().any(|other| other.key.thumbprint() == parsed.thumbprint()) {
            // The same key again; nothing is lost.
            outcome = Ok(());
        } else if kid.is_some() && twins().count() == SAME_NAME_MAX {
            return Err(Why::SameName);
        } else {
            outcome = Ok(());
            keys.push(Named {
                kid: kid.map(Into::into),
                key: parsed,
            });
        }
    }
    outcome
}

/// Whether it has a member that no public key has.
pub(crate) fn is_private(jwk: &Object) -> bool {
    jwk.names().any(|name| PRIVATE.contains(&name))
}

/// The key itself, without what is said about it.
pub(crate) fn public_jwk(key: &Object) -> Result<Jwk, Why> {
    let member = |name| match key.find(name) {
        Some(Value::String(text)) => Ok(text.clone()),
        _ => Err(Why::Malformed),
    };
    let curve = || match member("crv")?.as_str() {
        "P-256" => Ok(EllipticCurve::P256),
        "P-384" => Ok(EllipticCurve::P384),
        "Ed25519" => Ok(EllipticCurve::Ed25519),
        _ => Err(Why::Kind),
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
        _ => return Err(Why::Kind),
    };
    Ok(Jwk {
        common: CommonParameters::default(),
        algorithm,
    })
}

fn shown(key: &Object, place: usize) -> Box<str> {
    match key.find("kid") {
        Some(Value::String(kid)) => {
            let cut: String = kid.chars().take(SHOWN_MAX).collect();
            format!("`{}`", cut.escape_debug()).into()
        }
        _ => format!("number {}", place + 1).into(),
    }
}

#[cfg(test)]
mod tests;
