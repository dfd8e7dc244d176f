//! Issuers that the program which embeds the sidecar registers.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::RequiredValue;
use super::written::{Asked, Raw, Written};
use crate::policy::{Mandate, Terms};

/// An issuer registered in code, with the defaults of the file.
///
/// ```
/// use sidecar::Issuer;
///
/// let keycloak = Issuer::new("https://id.example/realms/orders", "WorkflowApi")
///     .token_types(["JWT"])
///     .map_scope(["realm_access.roles"])
///     .require_claim("tenant", "acme");
/// let mut builder = sidecar::Sidecar::builder();
/// builder = builder.config_file("config.json").register_issuer(keycloak);
/// ```
#[derive(Clone)]
pub struct Issuer {
    raw: Raw,
}

impl std::fmt::Debug for Issuer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Issuer").field(&self.name()).finish()
    }
}

impl Issuer {
    /// An issuer whose tokens are for `audience`; its keys are found by discovery.
    pub fn new(issuer: impl AsRef<str>, audience: impl AsRef<str>) -> Self {
        let raw = Raw {
            object: None,
            issuer: match issuer.as_ref() {
                "" => Asked::Missing,
                issuer => Asked::Found(issuer.into()),
            },
            audience: Asked::Found(vec![audience.as_ref().into()]),
            access_tokens: true,
            jwks_uri: None,
            jwks_file: None,
            fetch_from: None,
            authorities: None,
            algorithms: written(["RS256", "ES256", "EdDSA"]),
            token_types: written(["at+jwt"]),
            required_scopes: Vec::new(),
            required_claims: Vec::new(),
            granted_scopes: Vec::new(),
            operations: written(["*"]),
            mandate: Mandate::default(),
            client_id: written(["client_id", "azp", "appid", "cid"]),
            subject: written(["sub"]),
            scope: written(["scope", "scp"]),
            clock_skew: Duration::from_secs(30),
        };
        Self { raw }
    }

    /// Audiences, of which a token must be for one.
    #[must_use]
    pub fn audiences<S: AsRef<str>>(mut self, audiences: impl IntoIterator<Item = S>) -> Self {
        self.raw.audience = Asked::Found(written(audiences));
        self
    }

    /// Where its keys are fetched, instead of by discovery.
    #[must_use]
    pub fn jwks_uri(mut self, uri: impl AsRef<str>) -> Self {
        self.raw.jwks_uri = Some(uri.as_ref().into());
        self
    }

    /// A file of its keys, which is watched; nothing is fetched then.
    #[must_use]
    pub fn jwks_file(mut self, path: impl Into<PathBuf>) -> Self {
        self.raw.jwks_file = Some(file(path.into()));
        self
    }

    /// Where to connect instead of the host that the URL names: `host`, `host:port`, or
    /// `http://` with a loopback address.
    #[must_use]
    pub fn fetch_from(mut self, place: impl AsRef<str>) -> Self {
        self.raw.fetch_from = Some(place.as_ref().into());
        self
    }

    /// A PEM file of authorities that vouch for it, besides the system's.
    #[must_use]
    pub fn authorities(mut self, path: impl Into<PathBuf>) -> Self {
        self.raw.authorities = Some(file(path.into()));
        self
    }

    /// What its tokens may be signed with, by the names of RFC 7518.
    #[must_use]
    pub fn algorithms<S: AsRef<str>>(mut self, names: impl IntoIterator<Item = S>) -> Self {
        self.raw.algorithms = written(names);
        self
    }

    /// `typ` of its access tokens; with `JWT` also tokens without one.
    #[must_use]
    pub fn token_types<S: AsRef<str>>(mut self, types: impl IntoIterator<Item = S>) -> Self {
        self.raw.token_types = written(types);
        self
    }

    /// Scopes without which a token passes nowhere.
    #[must_use]
    pub fn require_scopes<S: AsRef<str>>(mut self, scopes: impl IntoIterator<Item = S>) -> Self {
        self.raw.required_scopes = written(scopes);
        self
    }

    /// A claim that must have that value, or have it among its members.
    #[must_use]
    pub fn require_claim(self, path: impl AsRef<str>, value: impl Into<Box<str>>) -> Self {
        self.require_claim_value(path, RequiredValue::Texts(vec![value.into()]))
    }

    /// A claim that must have that value, of any kind.
    #[must_use]
    pub fn require_claim_value(mut self, path: impl AsRef<str>, value: RequiredValue) -> Self {
        self.raw.required_claims.push((path.as_ref().into(), value));
        self
    }

    /// Scopes that each of its tokens has besides those that it names.
    #[must_use]
    pub fn grant_scopes<S: AsRef<str>>(mut self, scopes: impl IntoIterator<Item = S>) -> Self {
        self.raw.granted_scopes = written(scopes);
        self
    }

    /// What its tokens may call: names of operations, `read`, `run`, `manage`, `*`.
    #[must_use]
    pub fn operations<S: AsRef<str>>(mut self, names: impl IntoIterator<Item = S>) -> Self {
        self.raw.operations = written(names);
        self
    }

    /// For which identities its tokens may speak. Without it: for any.
    #[must_use]
    pub fn bind_identity(mut self, terms: Terms) -> Self {
        self.raw.mandate.identity = Some(terms);
        self
    }

    /// For which tenants its tokens may speak. Without it: for any.
    #[must_use]
    pub fn bind_tenant(mut self, terms: Terms) -> Self {
        self.raw.mandate.tenant = Some(terms);
        self
    }

    /// Paths to the client's id; the first that is there counts.
    #[must_use]
    pub fn map_client_id<S: AsRef<str>>(mut self, paths: impl IntoIterator<Item = S>) -> Self {
        self.raw.client_id = written(paths);
        self
    }

    /// Paths to the subject; the first that is there counts.
    #[must_use]
    pub fn map_subject<S: AsRef<str>>(mut self, paths: impl IntoIterator<Item = S>) -> Self {
        self.raw.subject = written(paths);
        self
    }

    /// Paths to the scopes; all that are there count.
    #[must_use]
    pub fn map_scope<S: AsRef<str>>(mut self, paths: impl IntoIterator<Item = S>) -> Self {
        self.raw.scope = written(paths);
        self
    }

    /// How far its clock may be from ours: at most 300 s.
    #[must_use]
    pub fn clock_skew(mut self, skew: Duration) -> Self {
        self.raw.clock_skew = skew;
        self
    }

    pub(super) fn name(&self) -> &str {
        match &self.raw.issuer {
            Asked::Found(issuer) => &issuer.value,
            Asked::Missing | Asked::Faulty => "",
        }
    }

    pub(super) fn raw(&self) -> Raw {
        self.raw.clone()
    }
}

fn written<S: AsRef<str>>(texts: impl IntoIterator<Item = S>) -> Vec<Written> {
    let texts = texts.into_iter();
    texts.map(|text| text.as_ref().into()).collect()
}

fn file(path: PathBuf) -> (Written, PathBuf) {
    let shown = Path::to_string_lossy(&path);
    ((&*shown).into(), path)
}
