//! When each client and each of its secrets last authenticated, for whoever wants to take one away.
//!
//! In: every authentication that went well. Out: JSON for the admin listener. A secret is told by
//! its place in the configuration, its end and how it is kept, never by anything of itself. Local to
//! this process: a replica knows its own, and a restart forgets.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use parking_lot::Mutex;
use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::config::{AuthMethod, Client, Clients, Live};
use crate::keys::Keyed;

/// When clients last authenticated. Holds registered clients only, so the configuration bounds it.
#[derive(Default)]
pub struct LastUsed {
    by_client: Arc<Mutex<HashMap<Arc<str>, Used>>>,
}

/// Seconds since the epoch; 0 is never.
#[derive(Default)]
struct Used {
    methods: [u64; AuthMethod::ALL.len()],
    /// By what the secret is, so that it is still the same one after a reload.
    secrets: HashMap<Keyed, u64>,
}

impl LastUsed {
    /// Forgets whom and what a reload takes away.
    pub(crate) fn follow(&self, live: &Live) {
        let by_client = Arc::clone(&self.by_client);
        live.on_swap(move |_, next| {
            let clients = next.token_server.as_ref().map(|server| &server.clients);
            by_client.lock().retain(|id, used| {
                let Some(client) = clients.and_then(|clients| clients.find(id)) else {
                    return false;
                };
                let has = |id: &Keyed| client.secrets.iter().any(|secret| secret.id() == *id);
                used.secrets.retain(|id, _| has(id));
                true
            });
        });
    }

    /// `client` has authenticated; `secret` is the place of the one it did so with.
    pub(super) fn note(
        &self,
        client: &Client,
        method: AuthMethod,
        secret: Option<usize>,
        unix_time: u64,
    ) {
        let secret = secret.and_then(|index| client.secrets.get(index));
        let mut by_client = self.by_client.lock();
        if !by_client.contains_key(&client.id) {
            by_client.insert(Arc::clone(&client.id), Used::default());
        }
        let Some(used) = by_client.get_mut(&client.id) else {
            return;
        };
        used.methods[method as usize] = unix_time;
        if let Some(secret) = secret {
            used.secrets.insert(secret.id(), unix_time);
        }
    }

    /// What the admin listener shows: every client of `clients` in the order of ids.
    pub(crate) fn told(&self, clients: &Clients) -> Value {
        let mut sorted: Vec<_> = clients.iter().collect();
        sorted.sort_by(|one, two| one.id.cmp(&two.id));
        let by_client = self.by_client.lock();
        let never = Used::default();
        let shown = sorted.into_iter().map(|client| {
            let used = by_client.get(&client.id).unwrap_or(&never);
            shown(client, used)
        });
        json!({ "clients": shown.collect::<Vec<_>>() })
    }
}

fn shown(client: &Client, used: &Used) -> Value {
    let methods = AuthMethod::ALL.into_iter().filter_map(|method| {
        let last = time(used.methods[method as usize])?;
        Some(json!({ "method": method.name(), "lastUsed": last }))
    });
    let secrets = client.secrets.iter().enumerate();
    let secrets = secrets.map(|(index, secret)| {
        json!({
            // Its place in `ClientSecrets`; 0 for `ClientSecret`.
            "index": index,
            "kind": secret.kind(),
            "notAfter": secret.not_after().and_then(rfc_3339),
            "lastUsed": used.secrets.get(&secret.id()).copied().and_then(time),
        })
    });
    json!({
        "clientId": &*client.id,
        "lastUsed": used.methods.iter().copied().max().and_then(time),
        "methods": methods.collect::<Vec<_>>(),
        "secrets": secrets.collect::<Vec<_>>(),
    })
}

fn time(unix_time: u64) -> Option<String> {
    (unix_time > 0)
        .then(|| rfc_3339(UNIX_EPOCH + Duration::from_secs(unix_time)))
        .flatten()
}

fn rfc_3339(time: SystemTime) -> Option<String> {
    OffsetDateTime::from(time).format(&Rfc3339).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bearer::fixture;
    use crate::keys::Secret;

    #[test]
    fn each_client_and_secret_tells_when_it_last_authenticated() {
        let last_used = LastUsed::default();
        let mut client = fixture::client("a", &["*"]);
        let end = UNIX_EPOCH + Duration::from_secs(4_000_000_000);
        client.secrets = vec![Secret::new("old").until(end), Secret::new("new")];
        last_used.note(&client, AuthMethod::Basic, Some(1), 1_800_000_000);
        last_used.note(&client, AuthMethod::PrivateKeyJwt, None, 1_800_000_060);
        let clients = fixture::clients([client, fixture::client("b", &["*"])]);
        let shown = last_used.told(&clients);
        let text = shown.to_string();
        let first = json!({
            "clientId": "a",
            "lastUsed": "2027-01-15T08:01:00Z",
            "methods": [
                { "method": "client_secret_basic", "lastUsed": "2027-01-15T08:00:00Z" },
                { "method": "private_key_jwt", "lastUsed": "2027-01-15T08:01:00Z" },
            ],
            "secrets": [
                { "index": 0, "kind": "plain", "notAfter": "2096-10-02T07:06:40Z", "lastUsed": null },
                { "index": 1, "kind": "plain", "notAfter": null, "lastUsed": "2027-01-15T08:00:00Z" },
            ],
        });
        assert_eq!(shown["clients"][0], first);
        assert_eq!(shown["clients"][1]["clientId"], "b");
        assert_eq!(shown["clients"][1]["lastUsed"], Value::Null);
        assert!(!text.contains("old") && !text.contains("new"));
    }
}
