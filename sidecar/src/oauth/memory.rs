//! Secrets that have authenticated, and the failures of those that have not.
//!
//! A secret that was right once goes on passing whatever others try in its client's name, so nobody
//! can lock a client out. Every other attempt spends the budget of its client and address; once
//! that is spent, nothing is compared.

use std::collections::HashSet;
use std::hash::{BuildHasher, RandomState};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Instant, SystemTime};

use parking_lot::RwLock;

use super::client_auth::Credentials;
use crate::config::{Client, Clients, Rate};
use crate::keys::Presented;
use crate::policy::{Budgets, Source};
use crate::refusal::{Reason, Refusal};

/// Secrets remembered. Only what has authenticated enters, so a configuration fills it, not an
/// attacker; beyond it the memory starts anew.
const REMEMBERED_MAX: usize = 64 * 1024;

/// Secrets that have authenticated under the configuration in force, and failures by client and
/// address.
pub struct SecretMemory {
    /// Keyed digests, by the client's id.
    remembered: RwLock<HashSet<(Arc<str>, Presented)>>,
    /// By a keyed hash of the id: ids that nobody registered are an attacker's to choose.
    failures: Budgets<(u64, Source)>,
    key: RandomState,
}

/// One attempt's circumstances.
pub(super) struct Attempt {
    pub(super) address: IpAddr,
    pub(super) budget: Rate,
    pub(super) arrived: Instant,
    pub(super) now: SystemTime,
}

impl Default for SecretMemory {
    fn default() -> Self {
        Self::new()
    }
}

impl SecretMemory {
    /// Nothing remembered, every budget whole.
    pub fn new() -> Self {
        Self {
            remembered: RwLock::default(),
            failures: Budgets::new(),
            key: RandomState::new(),
        }
    }

    /// The client, if the credentials are its own.
    pub(super) fn authenticate<'c>(
        &self,
        credentials: &Credentials<'_>,
        clients: &'c Clients,
        attempt: &Attempt,
    ) -> Result<&'c Arc<Client>, Refusal> {
        // Digested before anyone looks for the client: the cost is the same whoever asks.
        let presented = Presented::new(&credentials.secret);
        let client = clients.find(&credentials.id);
        let secrets = client.map_or(&[][..], |client| &client.secrets);
        if let Some(client) = client {
            let key = (Arc::clone(&client.id), presented);
            let remembered = self.remembered.read().contains(&key);
            // Under the configuration in force: a secret that was taken away or is over is none.
            if remembered && presented.is_one_of(secrets, attempt.now) {
                return Ok(client);
            }
        }
        let budget = (
            self.key.hash_one(&*credentials.id),
            Source::from(attempt.address),
        );
        if let Err(wait) = self.failures.check(budget, attempt.budget, attempt.arrived) {
            return Err(Refusal::new(Reason::SecretFailuresSpent).retry_after(wait));
        }
        self.failures.spend(budget, attempt.budget, attempt.arrived);
        match client {
            Some(client) if presented.is_one_of(secrets, attempt.now) => {
                let mut remembered = self.remembered.write();
                if remembered.len() >= REMEMBERED_MAX {
                    remembered.clear();
                }
                remembered.insert((Arc::clone(&client.id), presented));
                Ok(client)
            }
            Some(_) | None => Err(Reason::ClientCredentialsWrong.into()),
        }
    }
}
