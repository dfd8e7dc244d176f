//! What was revoked while running, and survives a restart.
//!
//! In: revocations of clients, entries of an administrator. Out: whether a token falls under one.
//! A change is in force at once, and acknowledged when it is on the disk: `revocations.jsonl` under
//! the data folder, a line for each change, written by one thread that serves everybody who waits
//! with one fsync. A torn last line is dropped; it was never acknowledged.
//! Elsewhere: entries of the configuration (`config`); who may revoke what (`oauth`, `admin`).

mod journal;

use std::collections::HashMap;
use std::io;
use std::path::Path;
use std::sync::Arc;

use arc_swap::ArcSwap;
use parking_lot::{Mutex, RwLock};

use super::deny::{Denial, Denials};
use super::{Changes, Principal};
use journal::{Change, Journal};

/// Revoked tokens and an administrator's entries that are kept at a time. Live ones are never
/// forgotten to make room: a revocation that finds none is refused.
const KEPT_MAX: usize = 64 * 1024;
/// Of those, an administrator's entries: each change of them is indexed anew.
const ENTRIES_MAX: usize = 4096;

/// What was revoked while running.
pub struct Revocations {
    state: Arc<State>,
    journal: Journal,
}

/// What holds now.
#[derive(Default)]
struct State {
    /// `jti` of our own tokens, with the second from which on they are over anyway.
    tokens: RwLock<HashMap<Box<str>, u64>>,
    entries: ArcSwap<Denials>,
    /// Held while entries change.
    changing: Mutex<()>,
}

/// Why a revocation is not acknowledged.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// As many as can be are kept already.
    #[error("as many revocations as can be are kept already")]
    Full,
    /// It is in force, but would not outlive this process.
    #[error("the revocation cannot be kept")]
    NotKept(#[from] io::Error),
}

impl Revocations {
    /// What `data_folder` remembers, less what is over at `now` (seconds).
    pub(crate) fn load(data_folder: &Path, now: u64) -> Self {
        let state = Arc::new(State::default());
        let (mut tokens, mut entries) = (HashMap::new(), Vec::new());
        for change in journal::read(data_folder) {
            match change {
                Change::Add(denial) if denial.is_over(now) || !denial.names_something() => {}
                Change::Add(denial) => match lone_token(&denial) {
                    Some((token, until)) => {
                        tokens.insert(token.into(), until);
                    }
                    None => entries.push(denial),
                },
                Change::Remove(denial) => {
                    if let Some((token, _)) = lone_token(&denial) {
                        tokens.remove(token);
                    }
                    entries.retain(|entry| *entry != denial);
                }
            }
        }
        *state.tokens.write() = tokens;
        state.entries.store(Arc::new(Denials::new(entries)));
        let journal = {
            let state = Arc::clone(&state);
            Journal::start(data_folder, move |now| state.live(now))
        };
        Self { state, journal }
    }

    /// Revokes one of our own tokens until `until`, when it is over anyway. In force before this
    /// returns, and on the disk.
    pub(crate) async fn revoke(
        &self,
        token: &str,
        until: u64,
        changes: &Changes,
        now: u64,
    ) -> Result<(), Refused> {
        {
            let mut tokens = self.state.tokens.write();
            if tokens.len() >= KEPT_MAX {
                tokens.retain(|_, until| *until > now);
            }
            if tokens.len() >= KEPT_MAX && !tokens.contains_key(token) {
                return Err(Refused::Full);
            }
            tokens.insert(token.into(), until);
        }
        changes.happened();
        let denial = Denial {
            token: Some(token.into()),
            until: Some(until),
            ..Denial::default()
        };
        Ok(self.journal.append(Change::Add(denial)).await?)
    }

    /// Adds an administrator's entry. In force before this returns, and on the disk.
    pub(crate) async fn deny(
        &self,
        denial: Denial,
        changes: &Changes,
        now: u64,
    ) -> Result<(), Refused> {
        {
            let _changing = self.state.changing.lock();
            let mut entries = self.state.entries.load().entries().to_vec();
            entries.retain(|entry| !entry.is_over(now));
            if !entries.contains(&denial) {
                if entries.len() >= ENTRIES_MAX {
                    return Err(Refused::Full);
                }
                entries.push(denial.clone());
            }
            self.state.entries.store(Arc::new(Denials::new(entries)));
        }
        changes.happened();
        Ok(self.journal.append(Change::Add(denial)).await?)
    }

    /// Takes an entry back, or the revocation of one token; false when there was none.
    pub(crate) async fn allow(&self, denial: Denial, changes: &Changes) -> Result<bool, Refused> {
        let known = {
            let _changing = self.state.changing.lock();
            let revoked = lone_token(&denial)
                .is_some_and(|(token, _)| self.state.tokens.write().remove(token).is_some());
            let mut entries = self.state.entries.load().entries().to_vec();
            let before = entries.len();
            entries.retain(|entry| *entry != denial);
            let listed = entries.len() < before;
            if listed {
                self.state.entries.store(Arc::new(Denials::new(entries)));
            }
            revoked || listed
        };
        if known {
            changes.happened();
            self.journal.append(Change::Remove(denial)).await?;
        }
        Ok(known)
    }

    /// Whether a token of `principal` was revoked.
    pub(crate) fn cover(&self, principal: &Principal, now: u64) -> bool {
        let revoked = principal.token.jti.as_deref().is_some_and(|jti| {
            let tokens = self.state.tokens.read();
            !tokens.is_empty() && tokens.contains_key(jti)
        });
        revoked || self.state.entries.load().cover(principal, now)
    }

    /// How many tokens are revoked, and the entries of an administrator.
    pub(crate) fn listed(&self) -> (usize, Vec<Denial>) {
        let tokens = self.state.tokens.read().len();
        (tokens, self.state.entries.load().entries().to_vec())
    }
}

impl State {
    /// Everything that has to be remembered.
    fn live(&self, now: u64) -> Vec<Denial> {
        let mut tokens = self.tokens.write();
        tokens.retain(|_, until| *until > now);
        let tokens = tokens.iter().map(|(token, until)| Denial {
            token: Some(token.clone()),
            until: Some(*until),
            ..Denial::default()
        });
        let entries = self.entries.load();
        let entries = entries.entries().iter().filter(|entry| !entry.is_over(now));
        tokens.chain(entries.cloned()).collect()
    }
}

/// The token and its end, where an entry names nothing else.
fn lone_token(denial: &Denial) -> Option<(&str, u64)> {
    let bare = Denial {
        token: None,
        until: None,
        ..denial.clone()
    };
    if bare.names_something() {
        return None;
    }
    Some((denial.token.as_deref()?, denial.until.unwrap_or(u64::MAX)))
}

#[cfg(test)]
mod tests;
