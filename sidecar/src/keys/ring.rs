//! The keys in force: the one that signs, and all that verify.
//!
//! In: where the key comes from, the ring before, what the data folder remembers. Out: a
//! [`KeyRing`]. A replaced key verifies and stays published until the last token that it may have
//! signed is over, across restarts too.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_lc_rs::rsa::KeyPair;
use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_SHA256};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::jwk::Jwk;
use rustls_pki_types::PrivateKeyDer;

use super::der::Kind;
use super::jwks::{self, Document};
use super::retired::{History, LIFETIME_MAX};
use super::{Algorithm, Error, Material, VerifyingKey, generated};
use crate::config::SigningSource;

/// RFC 9068 §2.1.
const ACCESS_TOKEN: &str = "at+jwt";

/// The keys of our own issuer.
pub struct KeyRing {
    signer: KeyPair,
    /// `base64url(header).`, the same for every token of this key.
    header: Box<str>,
    /// The active key first.
    keys: Vec<RingKey>,
    /// The key set with retired keys, each with the instant (seconds) before which it is right: a
    /// retired key leaves the set without a reload.
    documents: Vec<(u64, Document)>,
    /// The key set once nothing else is left.
    active_only: Document,
    history: History,
    data_folder: PathBuf,
    /// Whether the data folder knows `history`.
    recorded: AtomicBool,
}

/// A public key of the ring.
pub(crate) struct RingKey {
    kid: Box<str>,
    verifying: VerifyingKey,
    /// Seconds since the epoch; `None` for the active key.
    retires: Option<u64>,
}

impl std::fmt::Debug for KeyRing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let kids = self.keys.iter().map(|key| &key.kid);
        f.debug_list().entries(kids).finish()
    }
}

impl KeyRing {
    /// Loads the key that signs from now on. What signed before, by `previous` or by the data
    /// folder's record, verifies for `longest_lifetime` more.
    pub fn load(
        source: &SigningSource,
        data_folder: &Path,
        previous: Option<&Self>,
        longest_lifetime: Duration,
    ) -> Result<Self, Error> {
        let now = seconds(SystemTime::now());
        Self::load_at(source, data_folder, previous, longest_lifetime, now)
    }

    pub(super) fn load_at(
        source: &SigningSource,
        data_folder: &Path,
        previous: Option<&Self>,
        longest_lifetime: Duration,
        now: u64,
    ) -> Result<Self, Error> {
        let (material, path) = match source {
            SigningSource::Files {
                certificate_file,
                key_file,
                password,
            } => {
                let material =
                    Material::read(certificate_file, key_file.as_deref(), password.as_deref())?;
                let path = key_file.as_ref().unwrap_or(certificate_file);
                (material, path.clone())
            }
            SigningSource::Generated => generated::load_or_make(data_folder)?,
        };
        let signer = signer(&material, &path)?;
        let rejected = || Error::Rejected {
            path: path.clone(),
            found: "RSA",
        };
        let public = signer.public_key().as_ref();
        let (modulus, exponent) = super::der::rsa_public_key(public).ok_or_else(rejected)?;
        let jwk = jwks::jwk(modulus, exponent, &material.chain);

        let recorded = History::read(data_folder);
        let before = previous.map_or(&recorded, |ring| &ring.history);
        let history = succession(before, jwk.clone(), longest_lifetime.as_secs(), now);
        let known = history == recorded;

        let active = RingKey::parse(&jwk, None).ok_or_else(rejected)?;
        let header = header(&jwk, ACCESS_TOKEN);
        let mut keys = vec![active];
        keys.extend(
            history
                .retired
                .iter()
                .filter_map(|one| RingKey::parse(&one.key, Some(one.until))),
        );
        Ok(Self {
            signer,
            header,
            keys,
            documents: documents(&jwk, &history),
            active_only: jwks::document(std::iter::once(jwk)),
            history,
            data_folder: data_folder.to_owned(),
            recorded: AtomicBool::new(known),
        })
    }

    /// A compact JWS of type `at+jwt` over `claims`.
    ///
    /// RSA signing takes 0.5 to 1 ms (0.68 ms where it was measured). It runs where it is called, on a worker's thread: a token is
    /// asked for once in its lifetime, and a hand-over to another thread and back would cost the
    /// client more than its neighbours wait.
    pub(crate) fn sign(&self, claims: &[u8]) -> Result<String, Error> {
        self.sign_under(&self.header, claims)
    }

    /// A compact JWS of another type over `claims`.
    pub(crate) fn sign_as(&self, kind: &str, claims: &[u8]) -> Result<String, Error> {
        let active = self.history.active.as_ref().ok_or(Error::Sign)?;
        self.sign_under(&header(active, kind), claims)
    }

    /// `header` is encoded, with its dot.
    fn sign_under(&self, header: &str, claims: &[u8]) -> Result<String, Error> {
        self.record();
        let size = self.signer.public_modulus_len();
        let mut token = String::with_capacity(header.len() + (claims.len() + size) * 4 / 3 + 8);
        token.push_str(header);
        URL_SAFE_NO_PAD.encode_string(claims, &mut token);
        let mut signature = vec![0; size];
        self.signer
            .sign(
                &RSA_PKCS1_SHA256,
                &aws_lc_rs::rand::SystemRandom::new(),
                token.as_bytes(),
                &mut signature,
            )
            .map_err(|_| Error::Sign)?;
        token.push('.');
        URL_SAFE_NO_PAD.encode_string(&signature, &mut token);
        Ok(token)
    }

    /// The key of that id, if its tokens may still live at `now` (seconds).
    pub(crate) fn find(&self, kid: &str, now: u64) -> Option<&RingKey> {
        self.keys
            .iter()
            .find(|key| *key.kid == *kid && key.retires.is_none_or(|end| now < end))
    }

    /// The key set as published at `now` (seconds since the epoch).
    pub fn jwks(&self, now: u64) -> &Document {
        self.documents
            .iter()
            .find(|(end, _)| now < *end)
            .map_or(&self.active_only, |(_, document)| document)
    }

    /// The id of the key that signs.
    pub fn active_kid(&self) -> &str {
        &self.keys[0].kid
    }

    /// Makes the data folder know which key signs, so that a later run can go on accepting it.
    /// Before the first signature, not on load: a configuration that is read but refused leaves no
    /// trace. A failure is logged once and costs only what a restart would have remembered.
    pub fn record(&self) {
        if self.recorded.swap(true, Ordering::AcqRel) {
            return;
        }
        if let Err(fault) = self.history.write(&self.data_folder) {
            tracing::warn!(
                fault = %fault,
                cause = std::error::Error::source(&fault).map(tracing::field::display),
                "cannot record which key signs: a key replaced while stopped is forgotten at once"
            );
        }
    }
}

impl RingKey {
    fn parse(jwk: &Jwk, retires: Option<u64>) -> Option<Self> {
        Some(Self {
            kid: jwk.common.key_id.as_deref()?.into(),
            verifying: VerifyingKey::parse(jwk, Algorithm::RS256).ok()?,
            retires,
        })
    }

    pub(crate) fn verifying(&self) -> &VerifyingKey {
        &self.verifying
    }

    pub(crate) fn kid(&self) -> &str {
        &self.kid
    }

    /// Seconds since the epoch from which on its tokens are refused.
    pub(crate) fn retires(&self) -> Option<u64> {
        self.retires
    }
}

fn signer(material: &Material, path: &Path) -> Result<KeyPair, Error> {
    if let Kind::Other(found) = material.kind() {
        return Err(Error::WrongType {
            path: path.to_owned(),
            found,
        });
    }
    let pair = match &material.key {
        PrivateKeyDer::Pkcs1(key) => KeyPair::from_der(key.secret_pkcs1_der()),
        PrivateKeyDer::Pkcs8(key) => KeyPair::from_pkcs8(key.secret_pkcs8_der()),
        // `kind` found RSA; no other form holds it.
        _ => {
            return Err(Error::WrongType {
                path: path.to_owned(),
                found: "unsupported",
            });
        }
    };
    pair.map_err(|_| Error::Rejected {
        path: path.to_owned(),
        found: "RSA",
    })
}

/// What is remembered once `active` signs, of what was remembered before.
fn succession(before: &History, active: Jwk, longest: u64, now: u64) -> History {
    let kid = active.common.key_id.clone().unwrap_or_default();
    let mut history = before.clone();
    let lived = before.longest_lifetime.max(longest).min(LIFETIME_MAX);
    history.longest_lifetime = match history.active.take() {
        Some(same) if same.common.key_id.as_deref() == Some(kid.as_str()) => lived,
        Some(replaced) => {
            history.retire(replaced, now + lived);
            longest.min(LIFETIME_MAX)
        }
        None => longest.min(LIFETIME_MAX),
    };
    history.prune(&kid, now);
    history.active = Some(active);
    history
}

/// One document for each span of time between two retirements.
fn documents(active: &Jwk, history: &History) -> Vec<(u64, Document)> {
    // Sorted latest first, so that the first `n` are those still published before the end of
    // the `n`th.
    let retired = &history.retired;
    (1..=retired.len())
        .rev()
        .map(|count| {
            let published = &retired[..count];
            let keys =
                std::iter::once(active.clone()).chain(published.iter().map(|one| one.key.clone()));
            (retired[count - 1].until, jwks::document(keys))
        })
        .collect()
}

/// The protected header of every token: RFC 9068 §2.1 `typ`, RFC 7515 §4.1 `alg`, `kid`, `x5t`.
fn header(key: &Jwk, kind: &str) -> Box<str> {
    let mut header = jsonwebtoken::Header::new(jsonwebtoken::Algorithm::RS256);
    header.typ = Some(kind.to_owned());
    header.kid.clone_from(&key.common.key_id);
    header.x5t.clone_from(&key.common.x509_sha1_fingerprint);
    let json = serde_json::to_vec(&header).expect("a header of strings is JSON");
    let mut text = URL_SAFE_NO_PAD.encode(json);
    text.push('.');
    text.into()
}

fn seconds(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
}
