//! Who may ask for tokens: `OpenIddictServerSettings.ClientCredentials`, and what code registers.
//!
//! Rules: an id or a secret is any non-empty UTF-8 without control characters; code wins over the
//! file for the same id; scopes are RFC 6749 §3.3 tokens.
//! Elsewhere: how a client authenticates (`oauth`), what an operation is (`policy`).

mod auth_method;
mod in_code;
mod keys;
mod means;
mod registered;
mod secrets;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use settings::{Fault, Reading, Text};

pub use auth_method::AuthMethod;
pub use in_code::ClientCredential;

pub(super) use keys::connect;
pub use means::Means;
pub(crate) use means::OwnCertificate;
#[cfg(test)]
pub(crate) use means::TlsSubject;
pub(super) use registered::{Registered, operations};

use super::Rate;
use crate::keys::{Cost, Secret};
use crate::policy::{Mandate, Operations};

/// The secret of the shipped `config.json`: known to everyone.
const SAMPLE_SECRET: &str = "e3e3506c-1a2e-4e35-b6c6-2ecced416e07";
/// Scope, and audience, where nothing else is said.
const WORKFLOW_API: &str = "WorkflowApi";
/// Bounds of a token's lifetime.
const LIFETIME: std::ops::RangeInclusive<Duration> =
    Duration::from_secs(1)..=Duration::from_secs(24 * 60 * 60);

/// Registered clients by id. Code wins over the file for the same id.
#[derive(Debug, Default)]
pub struct Clients {
    pub(crate) by_id: HashMap<Arc<str>, Arc<Client>, foldhash::fast::RandomState>,
    toll: Arc<[Cost]>,
    federated: Vec<Arc<Client>>,
}

impl FromIterator<Client> for Clients {
    /// Of two with the same id the later one counts.
    fn from_iter<I: IntoIterator<Item = Client>>(clients: I) -> Self {
        let clients = clients.into_iter();
        let by_id: HashMap<_, _, _> = clients
            .map(|client| (Arc::clone(&client.id), Arc::new(client)))
            .collect();
        let costs = by_id.values().map(|client: &Arc<Client>| client.costs());
        let dearest = costs.max_by_key(|costs| costs.iter().map(|cost| cost.work()).sum::<u64>());
        let federated = by_id
            .values()
            .filter(|client| !client.means.federated.is_empty());
        Self {
            toll: dearest.unwrap_or_default().into(),
            federated: federated.cloned().collect(),
            by_id,
        }
    }
}

impl Clients {
    /// The slow hashes of the client that has the dearest: what every wrong guess costs, so that
    /// none tells of its client. Empty where no secret is hashed.
    pub(crate) fn toll(&self) -> &Arc<[Cost]> {
        &self.toll
    }

    /// Those for which another issuer's word counts; few, and in no order.
    pub(crate) fn federated(&self) -> &[Arc<Client>] {
        &self.federated
    }

    /// The client of that id, compared exactly.
    pub fn find(&self, id: &str) -> Option<&Arc<Client>> {
        self.by_id.get(id)
    }

    /// Every client, in no order.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Client>> {
        self.by_id.values()
    }
}

/// A registered client. Equality of two means: tokens and checks of one are good for the other.
#[derive(Debug, PartialEq, Eq)]
pub struct Client {
    /// As the client sends it.
    pub id: Arc<str>,
    /// Any of them authenticates, until its end.
    pub secrets: Vec<Secret>,
    /// What it authenticates by besides secrets.
    pub means: Means,
    /// The one method by which it must authenticate; `None`: any that it has the means for.
    pub method: Option<AuthMethod>,
    /// Whether it may have tokens; else it only asks about others'.
    pub client_credentials: bool,
    /// What the client may ask for, and gets when it asks for none.
    pub scopes: Vec<Arc<str>>,
    /// What it may call of the Workflow API.
    pub operations: Operations,
    /// Of its tokens.
    pub audience: Arc<str>,
    /// 1 s to 24 h.
    pub token_lifetime: Duration,
    /// What its tokens have to be bound to.
    pub bound_tokens: BoundTokens,
    /// For whom it may speak; `None`: for anybody.
    pub mandate: Option<Arc<Mandate>>,
    /// It may introspect other clients' tokens.
    pub introspect: bool,
    /// Requests that it may make; `None`: as many as all may.
    pub rate: Option<Rate>,
}

/// What a client's tokens have to be bound to. Tokens that were issued before are not affected.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum BoundTokens {
    /// Nothing: to the key of a proof when one comes along, else to the certificate when the client
    /// authenticates by that.
    #[default]
    AsOffered,
    /// The key of a `DPoP` proof.
    Dpop,
    /// The client's TLS certificate.
    Certificate,
}

impl Client {
    /// Whether the listener has to ask for certificates because of this client.
    pub(super) fn uses_certificate(&self) -> bool {
        self.bound_tokens == BoundTokens::Certificate
            || self.offers(AuthMethod::Tls)
            || self.offers(AuthMethod::SelfSignedTls)
    }

    /// Whether it can authenticate by that method, and may.
    pub(crate) fn offers(&self, method: AuthMethod) -> bool {
        let has = match method {
            AuthMethod::Basic | AuthMethod::Post => !self.secrets.is_empty(),
            AuthMethod::PrivateKeyJwt
            | AuthMethod::Tls
            | AuthMethod::SelfSignedTls
            | AuthMethod::Federated => self.means.has(method),
        };
        has && self.method.is_none_or(|only| only == method)
    }

    fn costs(&self) -> Vec<Cost> {
        let hashed = self.secrets.iter().filter_map(Secret::hash);
        hashed.map(|hash| hash.cost()).collect()
    }
}

/// Scopes without repetition.
pub(super) fn scopes(texts: &[Text], reading: &mut Reading) -> Vec<Arc<str>> {
    let mut scopes: Vec<Arc<str>> = Vec::with_capacity(texts.len());
    for text in texts {
        if !is_scope(&text.value) {
            reading.faults.push(
                Fault::error(text.mark, format!("{} is not a scope", text.shown()))
                    .label("not a scope")
                    .help("visible ASCII without spaces, `\"` and `\\`; one scope each"),
            );
        } else if scopes.iter().all(|scope| **scope != *text.value) {
            scopes.push(text.value.as_str().into());
        }
    }
    scopes
}

/// RFC 6749 §3.3: `scope-token`.
pub(super) fn is_scope(text: &str) -> bool {
    !text.is_empty()
        && text
            .bytes()
            .all(|byte| matches!(byte, 0x21 | 0x23..=0x5b | 0x5d..=0x7e))
}

/// Any non-empty UTF-8 without control characters.
fn is_credential(text: &str) -> bool {
    !text.is_empty() && !text.chars().any(char::is_control)
}
