//! A client's public keys: `Jwks` in the configuration, or `JwksUri` where it publishes them.
//!
//! In: the client's object. Out: [`ClientKeys`], or faults. Rules: RFC 7517, OIDC Core §9.
//! Elsewhere: what is in a key set (`keys`), how a published one is kept up to date (`bearer`).

use std::path::Path;
use std::sync::{Arc, OnceLock};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use settings::{Fault, Object, Reading};

use super::{Client, Clients, OwnCertificate};
use crate::bearer::json::{self, Value};
use crate::bearer::{IssuerKeys, KeyStore, Plan};
use crate::config::Snapshot;
use crate::config::issuers::Way;
use crate::fetch::{Client as Fetcher, Source};
use crate::keys::{Algorithm, Identity, PublicKeys, is_private, sha256};

/// A client's key set. Equal when they are the same document, or from the same place.
pub(crate) struct ClientKeys {
    origin: Origin,
    /// Set once when the snapshot is made; a store outlives snapshots.
    keys: OnceLock<IssuerKeys>,
}

#[derive(Debug, PartialEq, Eq)]
enum Origin {
    /// SHA-256 of the document.
    Here([u8; 32]),
    At(Source),
}

impl PartialEq for ClientKeys {
    fn eq(&self, other: &Self) -> bool {
        self.origin == other.origin
    }
}

impl Eq for ClientKeys {}

impl std::fmt::Debug for ClientKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("ClientKeys").field(&self.origin).finish()
    }
}

impl ClientKeys {
    fn here(document: &str, keys: PublicKeys) -> Self {
        Self {
            origin: Origin::Here(sha256(document.as_bytes())),
            keys: OnceLock::from(IssuerKeys::File(Arc::new(keys))),
        }
    }

    /// Looks into the keys held now; `None` when none was ever had.
    pub(crate) fn look<T>(&self, into: impl FnOnce(&PublicKeys) -> T) -> Option<T> {
        self.keys.get()?.look(into)
    }

    /// An assertion names a key that is not held.
    pub(crate) fn want(&self) {
        if let Some(keys) = self.keys.get() {
            keys.want();
        }
    }

    /// What has to be kept up to date.
    pub(crate) fn store(&self) -> Option<&Arc<KeyStore>> {
        match self.keys.get()? {
            IssuerKeys::Fetched(store) => Some(store),
            IssuerKeys::File(_) => None,
        }
    }

    #[cfg(test)]
    pub(super) fn of_jwks(json: &str) -> Self {
        let keys = PublicKeys::parse(json.as_bytes(), &Algorithm::ALL).unwrap();
        Self::here(json, keys)
    }
}

/// Makes the stores of those clients that publish their keys, or takes over the ones in force.
pub(in crate::config) fn connect(
    clients: &Clients,
    previous: Option<&Snapshot>,
    folder: &Path,
    reading: &mut Reading,
) {
    let before = previous.and_then(|previous| previous.token_server.as_ref());
    for client in clients.iter() {
        let Some(keys) = &client.means.keys else {
            continue;
        };
        let Origin::At(source) = &keys.origin else {
            continue;
        };
        let before = before
            .and_then(|server| server.clients.find(&client.id)?.means.keys.as_ref())
            .filter(|before| *before == keys)
            .and_then(|before| before.store());
        let store = match before {
            Some(store) => Arc::clone(store),
            None => match store(client, source, folder) {
                Ok(store) => Arc::new(store),
                Err(error) => {
                    let message = format!("`JwksUri`: {error}");
                    reading.faults.push(Fault::placeless(message));
                    continue;
                }
            },
        };
        // A client is new with each reading, so this is the first and only time.
        let _ = keys.keys.set(IssuerKeys::Fetched(store));
    }
}

fn store(client: &Client, source: &Source, folder: &Path) -> Result<KeyStore, rustls::Error> {
    let plan = Plan {
        issuer: format!("client {}", client.id.escape_debug()).into(),
        way: Way::Uri(source.clone()),
        from: None,
        authorities: Vec::new(),
        algorithms: Algorithm::ALL.to_vec(),
    };
    Ok(KeyStore::new(plan, Fetcher::new(&[])?, None, Some(folder)))
}

/// One of the two, when there is one; and the certificates of those keys that have one.
pub(super) fn read(
    object: &Object<'_>,
    reading: &mut Reading,
) -> Option<(Arc<ClientKeys>, Vec<OwnCertificate>)> {
    let here = object.key_mark("Jwks");
    let uri = object.text(reading, "JwksUri");
    if let (Some(here), Some(uri)) = (here, &uri) {
        reading.faults.push(
            Fault::error(uri.mark, "a client has both `Jwks` and `JwksUri`")
                .label("both")
                .also(here, "and this one"),
        );
        return None;
    }
    let Some(uri) = uri else {
        return jwks(object, reading);
    };
    match Source::parse(&uri.value, None) {
        Ok(source) => {
            let keys = ClientKeys {
                origin: Origin::At(source),
                keys: OnceLock::new(),
            };
            Some((Arc::new(keys), Vec::new()))
        }
        Err(fault) => {
            let message = format!("`JwksUri` cannot be fetched: {fault}");
            let label = format!("found {}", uri.shown());
            reading
                .faults
                .push(Fault::error(uri.mark, message).label(label));
            None
        }
    }
}

/// `Jwks`: the keys, and the certificates of those that have one (RFC 8705 §2.2.2).
fn jwks(
    object: &Object<'_>,
    reading: &mut Reading,
) -> Option<(Arc<ClientKeys>, Vec<OwnCertificate>)> {
    let document = object.document(reading, "Jwks")?;
    let mut fault = |message: String| {
        reading.faults.push(
            Fault::error(document.mark, message)
                .label("this key set is of no use")
                .help(
                    "`{\"keys\": [ … ]}` of RFC 7517, public keys only, or `{\"File\": \"path\"}`",
                ),
        );
    };
    let json = document.value.as_bytes();
    // Said first: of a set with nothing else it would only be told that no key fits.
    if holds_private(json) {
        fault(
            "`Jwks` holds a private or a symmetric key, with which whoever reads it can sign"
                .to_owned(),
        );
        return None;
    }
    let keys = match PublicKeys::parse(json, &Algorithm::ALL) {
        Ok(keys) => keys,
        Err(error) => {
            fault(format!("`Jwks`: {error}"));
            return None;
        }
    };
    // In a set of the operator's own a key that is of no use is a mistake.
    let alarming = keys.passed_over().iter().find(|one| one.why.is_alarming());
    if let Some(passed_over) = alarming {
        fault(format!("`Jwks`: {passed_over}"));
        return None;
    }
    let Some(certificates) = certificates(json) else {
        fault("`Jwks`: an `x5c` is not a list of certificates in base64".to_owned());
        return None;
    };
    Some((
        Arc::new(ClientKeys::here(&document.value, keys)),
        certificates,
    ))
}

fn holds_private(jwks: &[u8]) -> bool {
    let Some(jwks) = json::Object::parse(jwks) else {
        return false;
    };
    match jwks.find("keys") {
        Some(Value::Array(keys)) => keys
            .iter()
            .any(|key| matches!(key, Value::Object(key) if is_private(key))),
        Some(_) | None => false,
    }
}

/// The first of each `x5c`, which is of the key itself (RFC 7517 §4.7).
fn certificates(jwks: &[u8]) -> Option<Vec<OwnCertificate>> {
    let jwks = json::Object::parse(jwks)?;
    let Some(Value::Array(keys)) = jwks.find("keys") else {
        return None;
    };
    let chains = keys.iter().filter_map(|key| match key {
        Value::Object(key) => key.find("x5c"),
        _ => None,
    });
    chains
        .map(|chain| {
            let Value::Array(chain) = chain else {
                return None;
            };
            let Some(Value::String(first)) = chain.first() else {
                return None;
            };
            let identity = Identity::read(&STANDARD.decode(first).ok()?)?;
            Some(OwnCertificate::Key(identity.key))
        })
        .collect()
}
