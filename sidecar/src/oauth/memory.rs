//! Secrets that have authenticated, and the failures of those that have not.
//!
//! In: credentials as presented, the clients in force. Out: whose they are, or a refusal. What was
//! right once goes on passing whatever others try in its client's name, so nobody can lock a client
//! out. Every other attempt spends the budget of its client and address; once that is spent,
//! nothing is compared. A slow hash is paid once: what it found good is remembered, and who presents
//! the same while it runs waits for the same computation, at no cost to a budget.
//! Elsewhere: the threads that hash (`slow`), what a secret is (`keys`).

use std::collections::HashSet;
use std::hash::{BuildHasher, RandomState};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Instant, SystemTime};

use parking_lot::RwLock;
use tokio::sync::oneshot;

use super::client_auth::{Credentials, Pair};
use super::slow::SlowHashes;
use crate::config::{Client, Clients, Live, Rate};
use crate::keys::{Cost, Keyed, Presented};
use crate::policy::{Budgets, Source};
use crate::refusal::{Reason, Refusal};

/// Secrets remembered. Only what has authenticated enters, so a configuration fills it, not an
/// attacker; beyond it the memory starts anew.
const REMEMBERED_MAX: usize = 64 * 1024;

/// Secrets that have authenticated under the configuration in force, and failures by client and
/// address.
pub struct SecretMemory {
    remembered: Arc<Remembered>,
    slow: SlowHashes<Option<Recognised>>,
    /// By a keyed hash of the id: ids that nobody registered are an attacker's to choose.
    failures: Budgets<(u64, Source)>,
    key: RandomState,
}

/// What has authenticated: whose it was, what was presented, which secret of the configuration it
/// was found to be. Nobody is looked up by it whose client lacks that secret now.
#[derive(Default)]
struct Remembered(RwLock<HashSet<(Arc<str>, Presented, Keyed)>>);

/// For a verdict on a guess: whose it is, if it is anybody's.
type Waiting = oneshot::Receiver<Option<Recognised>>;

/// Whose credentials they are.
#[derive(Clone)]
pub(super) struct Recognised {
    pub(super) client: Arc<Client>,
    /// The place among its secrets.
    pub(super) secret: usize,
    /// Basic, taken as it stood.
    pub(super) raw: bool,
}

/// One attempt's circumstances.
#[derive(Clone, Copy)]
pub(super) struct Attempt {
    pub(super) address: IpAddr,
    pub(super) budget: Rate,
    pub(super) arrived: Instant,
    pub(super) now: SystemTime,
}

/// One reading of the credentials.
struct Guess<'a> {
    client: Option<&'a Arc<Client>>,
    pair: &'a Pair<'a>,
    presented: Presented,
    raw: bool,
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
            remembered: Arc::default(),
            slow: SlowHashes::new(),
            failures: Budgets::new(),
            key: RandomState::new(),
        }
    }

    /// Has what was remembered of a secret forgotten when a reload takes the secret away.
    pub(crate) fn follow(&self, live: &Live) {
        let remembered = Arc::clone(&self.remembered);
        live.on_swap(move |_, next| match &next.token_server {
            Some(server) => remembered.keep(&server.clients),
            None => remembered.0.write().clear(),
        });
    }

    /// The client, if the credentials are its own.
    pub(super) async fn authenticate(
        &self,
        credentials: &Credentials<'_>,
        clients: &Clients,
        attempt: Attempt,
    ) -> Result<Recognised, Refusal> {
        let guesses = guesses(credentials, clients);
        for guess in &guesses {
            if let Some(found) = self.remembered.find(guess, attempt.now) {
                return Ok(found);
            }
        }
        let first = &credentials.first;
        let key = Keyed::pair(&first.id, &first.secret);
        if let Some(verdict) = self.slow.join(key) {
            return told(verdict?).await;
        }
        // The reading that names a client; nobody gets a second budget for the other spelling.
        let of_client = guesses.iter().find(|guess| guess.client.is_some());
        let id = &of_client
            .or(guesses.first())
            .map_or(first, |guess| guess.pair)
            .id;
        self.spend(id, attempt)?;
        for guess in &guesses {
            let secrets = guess.client.map_or(&[][..], |client| &client.secrets);
            // Also for an unknown client: the cost is the HMAC that was paid above.
            let found = guess.presented.among(secrets, attempt.now);
            if let (Some(client), Some(secret)) = (guess.client, found) {
                self.remembered.add(client, guess.presented, secret);
                return Ok(guess.recognised(client, secret));
            }
        }
        let toll = clients.toll();
        if toll.is_empty() {
            return Err(Reason::ClientCredentialsWrong.into());
        }
        let work = Slow {
            guesses: guesses.iter().map(Owned::from).collect(),
            toll: Arc::clone(toll),
            now: attempt.now,
            remembered: Arc::clone(&self.remembered),
        };
        let source = Source::from(attempt.address);
        let verdict = self.slow.begin(key, source, Box::new(|| work.run()))?;
        told(verdict).await
    }

    /// Takes one failure from the budget of `id` and the attempt's address, or says that it is
    /// spent.
    pub(super) fn spend(&self, id: &str, attempt: Attempt) -> Result<(), Refusal> {
        let budget = (self.key.hash_one(id), Source::from(attempt.address));
        if let Err(wait) = self.failures.check(budget, attempt.budget, attempt.arrived) {
            return Err(Refusal::new(Reason::SecretFailuresSpent).retry_after(wait));
        }
        self.failures.spend(budget, attempt.budget, attempt.arrived);
        Ok(())
    }
}

/// Fails when no thread came to a verdict.
async fn told(verdict: Waiting) -> Result<Recognised, Refusal> {
    match verdict.await {
        Ok(Some(found)) => Ok(found),
        Ok(None) => Err(Reason::ClientCredentialsWrong.into()),
        Err(_) => Err(Reason::SecretChecksBusy.into()),
    }
}

fn guesses<'a>(credentials: &'a Credentials<'a>, clients: &'a Clients) -> Vec<Guess<'a>> {
    let first = (&credentials.first, credentials.first_is_raw);
    let raw = credentials.raw.as_ref().map(|pair| (pair, true));
    std::iter::once(first)
        .chain(raw)
        .map(|(pair, raw)| Guess {
            // Digested before anyone looks for the client: the cost is the same whoever asks.
            presented: Presented::new(&pair.secret),
            client: clients.find(&pair.id),
            pair,
            raw,
        })
        .collect()
}

impl Guess<'_> {
    fn recognised(&self, client: &Arc<Client>, secret: usize) -> Recognised {
        Recognised {
            client: Arc::clone(client),
            secret,
            raw: self.raw,
        }
    }
}

impl Remembered {
    /// Under the configuration in force: a secret that was taken away or is over is none.
    fn find(&self, guess: &Guess<'_>, now: SystemTime) -> Option<Recognised> {
        let client = guess.client?;
        let remembered = self.0.read();
        let mut known = client.secrets.iter().enumerate();
        let (secret, _) = known.find(|(_, secret)| {
            let key = (Arc::clone(&client.id), guess.presented, secret.id());
            !secret.is_over(now) && remembered.contains(&key)
        })?;
        Some(guess.recognised(client, secret))
    }

    fn add(&self, client: &Client, presented: Presented, secret: usize) {
        let Some(secret) = client.secrets.get(secret) else {
            return;
        };
        let mut remembered = self.0.write();
        if remembered.len() >= REMEMBERED_MAX {
            remembered.clear();
        }
        remembered.insert((Arc::clone(&client.id), presented, secret.id()));
    }

    fn keep(&self, clients: &Clients) {
        self.0.write().retain(|(id, _, known)| {
            let client = clients.find(id);
            client.is_some_and(|client| client.secrets.iter().any(|one| one.id() == *known))
        });
    }
}

/// A guess for a thread of its own.
struct Slow {
    guesses: Vec<Owned>,
    toll: Arc<[Cost]>,
    now: SystemTime,
    remembered: Arc<Remembered>,
}

struct Owned {
    client: Option<Arc<Client>>,
    secret: Box<str>,
    presented: Presented,
    raw: bool,
}

impl From<&Guess<'_>> for Owned {
    fn from(guess: &Guess<'_>) -> Self {
        Self {
            client: guess.client.cloned(),
            secret: (*guess.pair.secret).into(),
            presented: guess.presented,
            raw: guess.raw,
        }
    }
}

impl Slow {
    fn run(self) -> Option<Recognised> {
        self.guesses.iter().find_map(|guess| self.judge(guess))
    }

    /// Whoever guesses pays for as many hashes as the dearest client has, known or not, hashed or
    /// plain: how long it takes says nothing of the client.
    fn judge(&self, guess: &Owned) -> Option<Recognised> {
        let secrets = guess
            .client
            .as_ref()
            .map_or(&[][..], |client| &client.secrets);
        let mut paid = 0;
        for (index, secret) in secrets.iter().enumerate() {
            let Some(hash) = secret.hash().filter(|_| !secret.is_over(self.now)) else {
                continue;
            };
            paid += 1;
            if let (true, Some(client)) = (hash.verify(&guess.secret), &guess.client) {
                self.remembered.add(client, guess.presented, index);
                return Some(Recognised {
                    client: Arc::clone(client),
                    secret: index,
                    raw: guess.raw,
                });
            }
        }
        for cost in self.toll.iter().skip(paid) {
            cost.burn(&guess.secret);
        }
        None
    }
}

#[cfg(test)]
mod tests;
