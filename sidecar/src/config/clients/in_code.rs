//! Clients that the program which embeds the sidecar registers.
//!
//! Out: the same [`Client`] that a file gives; faults have no place in a file, they name the client.

use std::time::Duration;

use settings::scalar::Rate;
use settings::{Fault, Reading};

use super::{
    BoundTokens, Client, LIFETIME, Means, SAMPLE_SECRET, WORKFLOW_API, is_credential, is_scope,
};
use crate::keys::Secret;
use crate::policy::{Mandate, Operations, Terms};

/// A client registered in code, with the defaults of the file.
#[derive(Clone, Debug)]
pub struct ClientCredential {
    pub(super) id: String,
    secrets: Vec<Secret>,
    scopes: Vec<String>,
    operations: Vec<String>,
    audience: String,
    token_lifetime: Option<Duration>,
    bound_tokens: BoundTokens,
    bind_identity: Option<Terms>,
    bind_tenant: Option<Terms>,
    introspect: bool,
    rate: Option<Rate>,
    empty_secret: bool,
    pub(super) sample_secret: bool,
}

impl ClientCredential {
    /// A client with one secret, the scope `WorkflowApi` and the operations `*`.
    pub fn new(id: impl Into<String>, secret: impl AsRef<str>) -> Self {
        let secret = secret.as_ref();
        Self {
            id: id.into(),
            secrets: vec![Secret::new(secret)],
            scopes: vec![WORKFLOW_API.to_owned()],
            operations: vec!["*".to_owned()],
            audience: WORKFLOW_API.to_owned(),
            token_lifetime: None,
            bound_tokens: BoundTokens::AsOffered,
            bind_identity: None,
            bind_tenant: None,
            introspect: false,
            rate: None,
            empty_secret: !is_credential(secret),
            sample_secret: secret == SAMPLE_SECRET,
        }
    }

    /// What the client may ask for.
    #[must_use]
    pub fn scopes<S: Into<String>>(mut self, scopes: impl IntoIterator<Item = S>) -> Self {
        self.scopes = scopes.into_iter().map(Into::into).collect();
        self
    }

    /// What it may call: names of operations, `read`, `run`, `manage`, `*`.
    #[must_use]
    pub fn operations<S: Into<String>>(mut self, names: impl IntoIterator<Item = S>) -> Self {
        self.operations = names.into_iter().map(Into::into).collect();
        self
    }

    /// Audience of its tokens.
    #[must_use]
    pub fn audience(mut self, audience: impl Into<String>) -> Self {
        self.audience = audience.into();
        self
    }

    /// How long its tokens are good: 1 s to 24 h.
    #[must_use]
    pub fn token_lifetime(mut self, lifetime: Duration) -> Self {
        self.token_lifetime = Some(lifetime);
        self
    }

    /// What its tokens have to be bound to.
    #[must_use]
    pub fn bound_tokens(mut self, bound_tokens: BoundTokens) -> Self {
        self.bound_tokens = bound_tokens;
        self
    }

    /// For which identities it may speak. Without it: for any.
    #[must_use]
    pub fn bind_identity(mut self, terms: Terms) -> Self {
        self.bind_identity = Some(terms);
        self
    }

    /// For which tenants it may speak. Without it: for any.
    #[must_use]
    pub fn bind_tenant(mut self, terms: Terms) -> Self {
        self.bind_tenant = Some(terms);
        self
    }

    /// Lets it introspect other clients' tokens.
    #[must_use]
    pub fn introspect(mut self, introspect: bool) -> Self {
        self.introspect = introspect;
        self
    }

    /// Requests that it may make.
    #[must_use]
    pub fn rate(mut self, rate: Rate) -> Self {
        self.rate = Some(rate);
        self
    }

    /// Faults have no place in a file; they name the client.
    pub(super) fn validate(&self, default_lifetime: Duration, reading: &mut Reading) -> Client {
        let mut fault = |what: String| {
            let message = format!("client `{}`, registered in code: {what}", self.id);
            reading.faults.push(Fault::placeless(message));
        };
        if !is_credential(&self.id) {
            fault("its id is empty or holds a control character".to_owned());
        }
        if self.empty_secret {
            fault("its secret is empty or holds a control character".to_owned());
        }
        if !is_credential(&self.audience) {
            fault("its audience is empty or holds a control character".to_owned());
        }
        for scope in self.scopes.iter().filter(|scope| !is_scope(scope)) {
            fault(format!("`{}` is not a scope", scope.escape_debug()));
        }
        let operations = Operations::parse(&self.operations).unwrap_or_else(|unknown| {
            fault(unknown.to_string());
            Operations::NONE
        });
        let token_lifetime = self.token_lifetime.unwrap_or(default_lifetime);
        if !LIFETIME.contains(&token_lifetime) {
            fault("its token lifetime is not from 1 s to 24 h".to_owned());
        }
        let mandate = Mandate::new(self.bind_identity.clone(), self.bind_tenant.clone());
        if mandate
            .as_ref()
            .is_some_and(|mandate| mandate.cannot_fill())
        {
            fault("what is not named is to be filled in, but not with what".to_owned());
        }
        Client {
            id: self.id.as_str().into(),
            secrets: self.secrets.clone(),
            means: Means::default(),
            method: None,
            client_credentials: true,
            scopes: self
                .scopes
                .iter()
                .map(|scope| scope.as_str().into())
                .collect(),
            operations,
            audience: self.audience.as_str().into(),
            token_lifetime,
            bound_tokens: self.bound_tokens,
            mandate,
            introspect: self.introspect,
            rate: self.rate,
        }
    }
}
