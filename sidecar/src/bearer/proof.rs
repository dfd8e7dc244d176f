//! `DPoP` proofs: whoever sends a request holds a key, and made this proof for this request, now.
//!
//! In: the request's header and what it is for. Out: the key's thumbprint, or a [`Refusal`].
//! Rules: RFC 9449 §4.3 (the checks, in its numbering below), §8 and §9 (nonces), §11.1 (replay).
//! A proof is verified for every request and never remembered as good: what is remembered is that
//! it was used. The cheap checks come first; of what it costs, the signature is nearly all.
//! Elsewhere: what a token is bound to (`binding`); which request needs a proof (`gate`, `oauth`).

mod key;
mod nonce;
mod replay;
mod uri;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::{HeaderMap, HeaderName, Method};
use ring::digest;

use super::json::{Object, Value};
use super::jws::Compact;
use crate::config::Snapshot;
use crate::refusal::{Reason, Refusal};
use nonce::{Age, Nonces};
use replay::Replays;

pub(crate) static DPOP: HeaderName = HeaderName::from_static("dpop");

/// A proof with a key of RSA 4096 has 1.6 KiB.
const BYTES_MAX: usize = 8 * 1024;
/// Of a `jti`: whatever a client makes unique is shorter.
const JTI_MAX: usize = 256;

/// What outlives snapshots: the proofs that were used, and the key of nonces. Shared by all
/// workers.
pub struct Proofs {
    replays: Replays,
    nonces: Nonces,
}

/// What a proof has to be for.
pub(crate) struct Wanted<'a> {
    pub(crate) snapshot: &'a Snapshot,
    pub(crate) method: &'a Method,
    /// As the client sent it, not as it is forwarded.
    pub(crate) path: &'a str,
    /// The token that comes with it, and the key that it is bound to; none where a token is issued.
    pub(crate) token: Option<(&'a [u8], &'a [u8; 32])>,
    /// The client in whose name proofs are counted.
    pub(crate) client: &'a str,
    /// A nonce of ours has to be in it.
    pub(crate) nonce: bool,
    /// Seconds since the epoch.
    pub(crate) now: u64,
}

/// A proof that is good for this request, and for no other any more.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Proven {
    /// RFC 7638 thumbprint of the key.
    pub(crate) key: [u8; 32],
    /// A nonce for the next one, when the one in the proof will not do much longer.
    pub(crate) next_nonce: Option<Box<str>>,
}

impl Default for Proofs {
    fn default() -> Self {
        Self::new()
    }
}

impl Proofs {
    /// No proof used yet, nonces of a new key.
    pub fn new() -> Self {
        Self {
            replays: Replays::new(),
            nonces: Nonces::new(),
        }
    }

    /// Verifies the proof in `headers`.
    pub(crate) fn verify(
        &self,
        headers: &HeaderMap,
        wanted: &Wanted<'_>,
    ) -> Result<Proven, Refusal> {
        self.judge(headers, wanted).map_err(|reason| match reason {
            Reason::ProofNonceNeeded => {
                let dpop = &wanted.snapshot.dpop;
                Refusal::new(reason).with_nonce(self.nonces.fresh(dpop, wanted.now))
            }
            other => other.into(),
        })
    }

    fn judge(&self, headers: &HeaderMap, wanted: &Wanted<'_>) -> Result<Proven, Reason> {
        let Wanted { snapshot, now, .. } = *wanted;
        let dpop = &snapshot.dpop;
        // 1. Not more than one; 2. a single well-formed JWT.
        let jws = Compact::split(find(headers)?).map_err(|_| Reason::ProofMalformed)?;
        // 4. The type.
        if !jws.is_of_type("dpop+jwt") {
            return Err(Reason::ProofMalformed);
        }
        // 5. An asymmetric algorithm that is served.
        let algorithm = jws
            .algorithm()
            .ok()
            .filter(|one| dpop.algorithms.contains(one))
            .ok_or(Reason::ProofAlgorithmRefused)?;
        // 7. A public key.
        let jwk = key::of(&jws.header).ok_or(Reason::ProofKeyUnfit)?;
        let thumbprint = crate::keys::thumbprint(&jwk).ok_or(Reason::ProofKeyUnfit)?;
        // 12b. The key that the token is bound to.
        if wanted.token.is_some_and(|(_, bound)| *bound != thumbprint) {
            return Err(Reason::ProofKeyWrong);
        }
        // 3. All claims that it needs.
        let claims = jws.claims().map_err(|_| Reason::ProofMalformed)?;
        let needed = |name| text(&claims, name)?.ok_or(Reason::ProofMalformed);
        let jti = needed("jti")?;
        if jti.is_empty() || jti.len() > JTI_MAX {
            return Err(Reason::ProofMalformed);
        }
        let issued = issued(&claims)?;
        // 8. The method, which has case.
        if needed("htm")? != wanted.method.as_str() {
            return Err(Reason::ProofMethodWrong);
        }
        // 9. The URI.
        if !is_uri_of(needed("htu")?, wanted) {
            return Err(Reason::ProofUriWrong);
        }
        // 12a. The token.
        if let Some((token, _)) = wanted.token
            && text(&claims, "ath")? != Some(&*hash(token))
        {
            return Err(Reason::ProofTokenWrong);
        }
        // 10. The nonce, before the time: with a new nonce comes a new proof.
        let next_nonce = self.nonce(text(&claims, "nonce")?, wanted)?;
        // 11. Made now.
        if now.abs_diff(issued) > dpop.proof_lifetime {
            return Err(Reason::ProofNotCurrent);
        }
        // 6. The signature, by that key.
        let key =
            crate::keys::VerifyingKey::parse(&jwk, algorithm).map_err(|_| Reason::ProofKeyUnfit)?;
        let signature = jws.signature().map_err(|_| Reason::ProofMalformed)?;
        if !key.verify(jws.signed.as_bytes(), &signature) {
            return Err(Reason::ProofSignatureWrong);
        }
        // §11.1, last: a proof that is not good uses nothing up.
        let used = replay::Used {
            client: wanted.client,
            key: &thumbprint,
            jti,
            issued,
        };
        self.replays.first(&used, now, dpop.proof_lifetime)?;
        Ok(Proven {
            key: thumbprint,
            next_nonce,
        })
    }

    /// The nonce is one of ours, where it has to be; a new one when it will not do much longer.
    fn nonce(&self, nonce: Option<&str>, wanted: &Wanted<'_>) -> Result<Option<Box<str>>, Reason> {
        if !wanted.nonce {
            return Ok(None);
        }
        let nonce = nonce.ok_or(Reason::ProofNonceNeeded)?;
        let (dpop, now) = (&wanted.snapshot.dpop, wanted.now);
        match self.nonces.judge(dpop, nonce, now) {
            Age::Young => Ok(None),
            Age::Old => Ok(Some(self.nonces.fresh(dpop, now))),
            Age::Over => Err(Reason::ProofNonceNeeded),
        }
    }
}

/// `iat`, in seconds since the epoch; a fraction is cut off.
fn issued(claims: &Object) -> Result<u64, Reason> {
    let time = match claims.find("iat") {
        Some(Value::Integer(time)) => u64::try_from(*time).ok(),
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a cast of a float saturates, and what is out of range is not current"
        )]
        Some(Value::Float(time)) if *time >= 0.0 => Some(*time as u64),
        _ => None,
    };
    time.ok_or(Reason::ProofMalformed)
}

/// Whether `htu` is the URL that the client called, under any of the names that we are known by.
fn is_uri_of(htu: &str, wanted: &Wanted<'_>) -> bool {
    let Snapshot {
        authority,
        path_base,
        dpop,
        ..
    } = wanted.snapshot;
    let (own, prefix) = uri::public(&authority.base, path_base);
    let others = dpop.origins.iter().map(|origin| &**origin);
    std::iter::once(own)
        .chain(others)
        .any(|origin| uri::is_of(htu, origin, prefix, wanted.path))
}

/// The one header's value.
fn find(headers: &HeaderMap) -> Result<&str, Reason> {
    let mut values = headers.get_all(&DPOP).iter();
    let value = values.next().ok_or(Reason::ProofMissing)?;
    if values.next().is_some() {
        return Err(Reason::ProofSeveral);
    }
    let proof = value.to_str().map_err(|_| Reason::ProofMalformed)?;
    if proof.len() > BYTES_MAX {
        return Err(Reason::ProofMalformed);
    }
    Ok(proof)
}

/// `ath`: RFC 9449 §4.2.
fn hash(token: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, token))
}

/// A string claim; another type is malformed.
fn text<'a>(claims: &'a Object, name: &str) -> Result<Option<&'a str>, Reason> {
    match claims.find(name) {
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(Reason::ProofMalformed),
        None => Ok(None),
    }
}

#[cfg(test)]
pub(crate) mod tests;
