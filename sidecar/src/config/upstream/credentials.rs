//! `Upstream.Credentials`: how the sidecar gets a token of its own for the upstream.
//!
//! In: the object. Out: a [`CredentialsDraft`], then, once its files are read, the store of the
//! token: the one in force where nothing of it changes. Rules: RFC 6749 §4.4 and §2.3.1, RFC 8707.

use std::path::PathBuf;
use std::sync::Arc;

use settings::{Fault, Mark, Object, Reading, Text};

use crate::config::source::chain;
use crate::config::{Snapshot, clients, issuers};
use crate::fetch::{Client, FetchFrom, Source};
use crate::upstream::{SecretIn, TokenPlan, TokenStore};

/// Faultless as far as it goes, before its files are read.
pub(in crate::config) struct CredentialsDraft {
    plan: TokenPlan,
    authorities: Option<(PathBuf, Mark)>,
    pub(in crate::config) mark: Mark,
}

impl CredentialsDraft {
    /// `upstream` is the object that may hold `Credentials`.
    pub(super) fn read(upstream: &Object<'_>, reading: &mut Reading) -> Option<Self> {
        let mark = upstream.value_mark("Credentials")?;
        let object = upstream.object(reading, "Credentials");
        let token_url = needed(&object, "TokenUrl", reading);
        let client_id = needed(&object, "ClientId", reading);
        let client_secret = needed(&object, "ClientSecret", reading);
        let from = object.text(reading, "FetchFrom").and_then(|text| {
            let parsed = FetchFrom::parse(&text.value);
            parsed
                .map_err(|fault| no_url(&text, "FetchFrom", &fault, reading))
                .ok()
        });
        let token_url = token_url.and_then(|text| {
            let parsed = Source::parse(&text.value, from.as_ref());
            parsed
                .map_err(|fault| no_url(&text, "TokenUrl", &fault, reading))
                .ok()
        });
        let scope = object.text(reading, "Scope").filter(|text| {
            let fit = text.value.split(' ').all(clients::is_scope);
            if !fit {
                let what = "`Scope` must be scopes with one space between";
                let fault = Fault::error(text.mark, what);
                reading
                    .faults
                    .push(fault.label(format!("found {}", text.shown())));
            }
            fit
        });
        let method = object.choice(reading, "Method").map(|method| method.value);
        let authorities = object.text(reading, "Authorities");
        let authorities = authorities.map(|text| (reading.absolute(&text.value), text.mark));
        let optional = |reading: &mut Reading, name| {
            object
                .text(reading, name)
                .map(|text| text.value.into_boxed_str())
        };
        let audience = optional(reading, "Audience");
        let resource = optional(reading, "Resource");
        Some(Self {
            plan: TokenPlan {
                token_url: token_url?,
                client_id: client_id?.value.into(),
                client_secret: client_secret?.value.into(),
                secret_in: match method {
                    Some("post") => SecretIn::Form,
                    _ => SecretIn::Header,
                },
                scope: scope.map(|text| text.value.into()),
                audience,
                resource,
                authorities: Vec::new(),
            },
            authorities,
            mark,
        })
    }

    /// Reads what it names, has it watched, and makes the store.
    pub(in crate::config) fn load(
        &self,
        previous: Option<&Snapshot>,
        reading: &mut Reading,
    ) -> Option<Arc<TokenStore>> {
        let mut plan = self.plan.clone();
        if let Some((path, mark)) = &self.authorities {
            plan.authorities = issuers::certificates(path, Some(*mark), reading)?;
        }
        let before = previous.and_then(|snapshot| snapshot.upstream_token.as_ref());
        if let Some(store) = before.filter(|store| *store.plan() == plan) {
            return Some(Arc::clone(store));
        }
        match Client::new(&plan.authorities) {
            Ok(client) => {
                let store = TokenStore::new(plan, client, before.map(|store| &**store));
                Some(Arc::new(store))
            }
            Err(error) => {
                let message = format!("`Authorities`: {}", chain(&error));
                let fault = Fault::error(self.mark, message);
                reading.faults.push(fault.label("of no use"));
                None
            }
        }
    }
}

/// A string that has to be there, and not be empty.
fn needed(object: &Object<'_>, name: &str, reading: &mut Reading) -> Option<Text> {
    let path = object.name(name);
    if object.key_mark(name).is_none() {
        let fault = Fault::error(object.mark(), format!("there is no `{path}`"));
        reading.faults.push(fault.label("in this object"));
        return None;
    }
    let text = object.text(reading, name)?;
    if text.value.is_empty() || text.value.chars().any(char::is_control) {
        let what = format!("`{path}` is empty or holds a control character");
        reading
            .faults
            .push(Fault::error(text.mark, what).label("of no use"));
        return None;
    }
    Some(text)
}

fn no_url(text: &Text, name: &str, fault: &dyn std::error::Error, reading: &mut Reading) {
    let message = format!("`Upstream.Credentials.{name}`: {fault}");
    reading
        .faults
        .push(Fault::error(text.mark, message).label(format!("found {}", text.shown())));
}
