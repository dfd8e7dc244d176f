//! The keys in force: the one that signs, those to come, and all that verify.
//!
//! In: where the keys come from, the ring before, what the data folder remembers. Out: a
//! [`KeyRing`], which decides by the instant alone which key is which: next (published, signs
//! nothing) ─▶ active ─▶ retired (published while tokens that it signed may live) ─▶ gone. Replicas
//! with the same keys and clocks agree without a word, and nothing has to be loaded anew.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::jwk::Jwk;

use super::jwks::{self, Document};
use super::retired::{History, LIFETIME_MAX};
use super::signer::Signer;
use super::{Algorithm, Error, Material, VerifyingKey, generated};
use crate::clock::unix_time;
use crate::config::SigningSource;

/// The media type of access tokens (RFC 9068 §2.1).
const ACCESS_TOKEN: &str = "at+jwt";

/// The keys of our own issuer.
pub struct KeyRing {
    /// Keys that sign, by the instant from which each does, the earliest first; never empty.
    slots: Vec<Slot>,
    /// Keys that verify.
    keys: Vec<RingKey>,
    /// The key set as it is published before each instant (seconds), the earliest first.
    documents: Vec<(u64, Document)>,
    /// The key set after the last of those.
    last: Document,
    data_folder: PathBuf,
    /// One more than the place of the slot whose succession the data folder knows; 0: of none.
    recorded: AtomicUsize,
}

/// A key that signs from an instant on, until the next one does.
struct Slot {
    /// Seconds since the epoch.
    from: u64,
    signer: Signer,
    /// `base64url(header).`, the same for every access token of this key.
    header: Box<str>,
    jwk: Jwk,
    /// What has to be remembered once it signs.
    history: History,
}

/// A public key of the ring.
pub(crate) struct RingKey {
    kid: Box<str>,
    verifying: VerifyingKey,
    /// Seconds since the epoch; `None` for the last one that will sign.
    retires: Option<u64>,
}

/// Where a key is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Published, and signs from then on (seconds since the epoch).
    Next(u64),
    /// Signs, since then.
    Active(u64),
    /// Signs no more; its tokens are good until then.
    Retired(u64),
}

impl std::fmt::Debug for KeyRing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let kids = self.keys.iter().map(|key| &key.kid);
        f.debug_list().entries(kids).finish()
    }
}

impl KeyRing {
    /// Loads the keys. What signed before, by `previous` or by the data folder's record, verifies
    /// for `longest_lifetime` more.
    pub fn load(
        source: &SigningSource,
        data_folder: &Path,
        previous: Option<&Self>,
        longest_lifetime: Duration,
    ) -> Result<Self, Error> {
        let now = unix_time();
        Self::load_at(source, data_folder, previous, longest_lifetime, now)
    }

    pub(super) fn load_at(
        source: &SigningSource,
        data_folder: &Path,
        previous: Option<&Self>,
        longest_lifetime: Duration,
        now: u64,
    ) -> Result<Self, Error> {
        let longest = longest_lifetime.as_secs().min(LIFETIME_MAX);
        let mut found = Vec::new();
        match source {
            SigningSource::Files(files) => {
                for file in files {
                    let key_file = file.key_file.as_deref();
                    let password = file.password.as_deref();
                    let material = Material::read(&file.certificate_file, key_file, password)?;
                    let path = key_file.unwrap_or(&file.certificate_file).to_owned();
                    found.push((file.not_before, material, path));
                }
            }
            SigningSource::Generated { algorithm } => {
                found = generated::load_or_make(data_folder, *algorithm)?;
            }
        }
        found.sort_by_key(|(from, ..)| *from);
        let mut slots = Vec::with_capacity(found.len());
        for (from, material, path) in &found {
            slots.push(Slot::new(*from, material, path)?);
        }
        let active = active_of(&slots, now);

        let recorded = History::read(data_folder);
        let before = previous.map_or(recorded.clone(), |ring| {
            ring.slots[active_of(&ring.slots, now)].history.clone()
        });
        let mut history = succession(&before, slots[active].jwk.clone(), longest, now);
        // What the list itself says of earlier keys holds also where nothing was remembered.
        for place in 0..active {
            let until = slots[place + 1].from.saturating_add(longest);
            if until > now {
                history.retire(slots[place].jwk.clone(), until);
            }
        }
        let known = history == recorded;
        slots[active].history = history.clone();
        for slot in &mut slots[active + 1..] {
            history = succession(&history, slot.jwk.clone(), longest, slot.from);
            slot.history = history.clone();
        }
        let keys = keys(&slots, active, longest);
        let (documents, last) = documents(&slots, &keys, now);
        Ok(Self {
            slots,
            keys: keys.into_iter().map(|(key, _)| key).collect(),
            documents,
            last,
            data_folder: data_folder.to_owned(),
            recorded: AtomicUsize::new(if known { active + 1 } else { 0 }),
        })
    }

    /// An access token over `claims`, by the key that is active at `now` (seconds).
    ///
    /// RSA signing takes 0.5 to 1 ms. It runs where it is called, on a worker's thread: a token is
    /// asked for once in its lifetime, and a hand-over to another thread and back would cost the
    /// client more than its neighbours wait.
    pub(crate) fn sign(&self, claims: &[u8], now: u64) -> Result<String, Error> {
        let slot = self.active(now);
        slot.sign(&slot.header, claims)
    }

    /// A compact JWS of another type than an access token.
    pub(crate) fn sign_as(&self, typ: &str, claims: &[u8], now: u64) -> Result<String, Error> {
        let slot = self.active(now);
        slot.sign(&header(&slot.jwk, slot.signer.algorithm(), typ), claims)
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
            .map_or(&self.last, |(_, document)| document)
    }

    /// The id of the key that signs at `now` (seconds since the epoch).
    pub fn active_kid(&self, now: u64) -> &str {
        let slot = &self.slots[active_of(&self.slots, now)];
        slot.jwk.common.key_id.as_deref().unwrap_or_default()
    }

    /// The algorithms of published keys, each once.
    pub(crate) fn algorithms(&self) -> Vec<Algorithm> {
        let mut algorithms = Vec::new();
        for key in &self.keys {
            let algorithm = key.verifying.algorithm();
            if !algorithms.contains(&algorithm) {
                algorithms.push(algorithm);
            }
        }
        algorithms
    }

    /// Every key with its algorithm and where it is in its life at `now` (seconds).
    pub fn states(&self, now: u64) -> Vec<(&str, Algorithm, State)> {
        let active = active_of(&self.slots, now);
        let state = |key: &RingKey| {
            let place = self
                .slots
                .iter()
                .position(|slot| slot.jwk.common.key_id.as_deref() == Some(&*key.kid));
            match (place, key.retires) {
                (Some(place), _) if place == active => State::Active(self.slots[place].from),
                (Some(place), _) if place > active => State::Next(self.slots[place].from),
                (_, retires) => State::Retired(retires.unwrap_or(u64::MAX)),
            }
        };
        self.keys
            .iter()
            .filter(|key| key.retires.is_none_or(|end| now < end))
            .map(|key| (&*key.kid, key.verifying.algorithm(), state(key)))
            .collect()
    }

    fn active(&self, now: u64) -> &Slot {
        let place = active_of(&self.slots, now);
        self.record(place);
        &self.slots[place]
    }

    /// Makes the data folder know which key signs, so that a later run can go on accepting it.
    /// Before the first signature, not on load: a configuration that is read but refused leaves no
    /// trace. A failure is logged once and costs only what a restart would have remembered.
    fn record(&self, place: usize) {
        if self.recorded.load(Ordering::Acquire) == place + 1
            || self.recorded.swap(place + 1, Ordering::AcqRel) == place + 1
        {
            return;
        }
        if let Err(fault) = self.slots[place].history.write(&self.data_folder) {
            tracing::warn!(
                fault = %fault,
                cause = std::error::Error::source(&fault).map(tracing::field::display),
                "cannot record which key signs: a key replaced while stopped is forgotten at once"
            );
        }
    }
}

impl Slot {
    fn new(from: u64, material: &Material, path: &Path) -> Result<Self, Error> {
        let signer = Signer::new(material, path)?;
        let jwk = signer.jwk(material).ok_or_else(|| Error::Rejected {
            path: path.to_owned(),
            found: material.kind().name(),
        })?;
        Ok(Self {
            from,
            header: header(&jwk, signer.algorithm(), ACCESS_TOKEN),
            signer,
            jwk,
            history: History::default(),
        })
    }

    fn sign(&self, header: &str, claims: &[u8]) -> Result<String, Error> {
        // The longest signature is RSA's.
        let mut token = String::with_capacity(header.len() + (claims.len() + 512) * 4 / 3 + 8);
        token.push_str(header);
        URL_SAFE_NO_PAD.encode_string(claims, &mut token);
        let signature = self.signer.sign(token.as_bytes())?;
        token.push('.');
        URL_SAFE_NO_PAD.encode_string(&signature, &mut token);
        Ok(token)
    }
}

impl RingKey {
    fn parse(jwk: &Jwk, retires: Option<u64>) -> Option<Self> {
        let named = jwk.common.key_algorithm?.to_string();
        Some(Self {
            kid: jwk.common.key_id.as_deref()?.into(),
            verifying: VerifyingKey::parse(jwk, Algorithm::named(&named)?).ok()?,
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

/// The place of the key that signs: the last that has begun, or the first while none has.
fn active_of(slots: &[Slot], now: u64) -> usize {
    slots.iter().rposition(|slot| slot.from <= now).unwrap_or(0)
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

/// Every key that verifies, with its JWK: those that sign now or will, then those that did.
fn keys(slots: &[Slot], active: usize, longest: u64) -> Vec<(RingKey, Jwk)> {
    let signing = slots.iter().enumerate().skip(active).map(|(place, slot)| {
        let next = slots.get(place + 1);
        let lived = slot.history.longest_lifetime.max(longest);
        (
            slot.jwk.clone(),
            next.map(|next| next.from.saturating_add(lived)),
        )
    });
    let retired = slots[active].history.retired.iter();
    let retired = retired.map(|one| (one.key.clone(), Some(one.until)));
    let mut keys: Vec<(RingKey, Jwk)> = Vec::new();
    for (jwk, retires) in signing.chain(retired) {
        if let Some(key) = RingKey::parse(&jwk, retires)
            && keys.iter().all(|(known, _)| known.kid != key.kid)
        {
            keys.push((key, jwk));
        }
    }
    keys
}

/// One document for each span of time in which neither the set nor the first of it changes.
fn documents(
    slots: &[Slot],
    keys: &[(RingKey, Jwk)],
    now: u64,
) -> (Vec<(u64, Document)>, Document) {
    let starts = slots.iter().map(|slot| slot.from);
    let ends = keys.iter().filter_map(|(key, _)| key.retires);
    let mut instants: Vec<u64> = starts.chain(ends).filter(|at| *at > now).collect();
    instants.sort_unstable();
    instants.dedup();
    let at = |instant: u64| {
        let active = &slots[active_of(slots, instant)].jwk;
        let others = keys
            .iter()
            .filter(|(key, jwk)| jwk != active && key.retires.is_none_or(|end| instant < end));
        let keys = std::iter::once(active.clone()).chain(others.map(|(_, jwk)| jwk.clone()));
        jwks::document(keys)
    };
    let begun = std::iter::once(now).chain(instants.iter().copied());
    let documents = begun.zip(&instants).map(|(from, until)| (*until, at(from)));
    let documents = documents.collect();
    (documents, at(instants.last().copied().unwrap_or(now)))
}

/// The protected header: RFC 7515 §4.1 `typ`, `alg`, `kid`, `x5t`.
fn header(key: &Jwk, algorithm: Algorithm, typ: &str) -> Box<str> {
    let mut header = serde_json::Map::new();
    let mut add = |name: &str, value: Option<&str>| {
        if let Some(value) = value {
            header.insert(name.to_owned(), value.into());
        }
    };
    add("typ", Some(typ));
    add("alg", Some(algorithm.name()));
    add("kid", key.common.key_id.as_deref());
    add("x5t", key.common.x509_sha1_fingerprint.as_deref());
    let mut text = URL_SAFE_NO_PAD.encode(serde_json::Value::from(header).to_string());
    text.push('.');
    text.into()
}
