//! What was revoked while running, and survives a restart.
//!
//! In: revocations of clients, entries of an administrator. Out: whether a token falls under one.
//! One thread makes every change, so the order in memory is the order on the disk: what waits is
//! taken together, put in force, written to `revocations.jsonl` under the data folder, synced once,
//! and acknowledged then. The thread also follows what other processes write to the same file.
//! Elsewhere: the file (`journal`), entries of the configuration and of the watched file (`deny`),
//! who may revoke what (`oauth`, `admin`).

mod journal;
mod keeper;

use std::collections::HashMap;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};

use arc_swap::ArcSwap;
use parking_lot::RwLock;
use tokio::sync::oneshot;

use super::deny::{Denial, Denials};
use super::{Changes, Principal};
use journal::{Change, Journal};
use keeper::{Keeper, Order};

/// Changes that wait for the disk. A round of them takes some milliseconds, so more than that at
/// once are not clients' any more.
const WAITING_MAX: usize = 4096;

/// What was revoked while running.
pub struct Revocations {
    state: Arc<State>,
    orders: SyncSender<Order>,
}

/// By `jti`, with the second from which on the entry is over.
type Tokens = HashMap<Box<str>, u64>;

/// What holds now. Written by the keeper's thread alone.
#[derive(Default)]
struct State {
    /// Entries that name nothing but a token.
    tokens: RwLock<Tokens>,
    /// All others.
    entries: ArcSwap<Denials>,
    /// Lines of the file that could not be read.
    damaged: AtomicU64,
    /// Changes that are in force and could not be written yet.
    unwritten: AtomicU64,
}

/// Why a revocation is not acknowledged.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// `Deny.Limit` is reached; nothing that is in force is forgotten to make room.
    #[error("as many revocations as `Deny.Limit` allows are kept already")]
    Full,
    /// More changes wait than can be.
    #[error("too many revocations wait to be written")]
    Busy,
    /// It is in force, but would not outlive this process.
    #[error("the revocation is in force, but cannot be kept over a restart")]
    NotKept(#[from] io::Error),
}

/// Numbers for probes and metrics.
pub(crate) struct Counts {
    /// Entries that name nothing but a token: what clients revoke.
    pub(crate) tokens: usize,
    /// Other entries of an administrator.
    pub(crate) entries: usize,
    /// Lines of the file that could not be read.
    pub(crate) damaged: u64,
    /// Changes that are in force and could not be written yet.
    pub(crate) unwritten: u64,
}

impl Revocations {
    /// What `data_folder` remembers, less what is over at `now` (seconds). From then on the file is
    /// followed, and every change is told to `changes`.
    ///
    /// # Errors
    /// There is a file, and it cannot be read: starting without it would let in what was revoked.
    pub(crate) fn load(data_folder: &Path, changes: Arc<Changes>, now: u64) -> io::Result<Self> {
        let state = Arc::new(State::default());
        let (orders, waiting) = sync_channel(WAITING_MAX);
        let journal = Journal::new(data_folder);
        let mut keeper = Keeper::new(journal, Arc::clone(&state), changes);
        keeper.follow(now)?;
        std::thread::Builder::new()
            .name("revocations".to_owned())
            .spawn(move || keeper.run(&waiting))?;
        Ok(Self { state, orders })
    }

    /// Adds an entry, for as long as it has an end or for good. On the disk and in force when this
    /// returns. An entry that is there already with another end gets this one.
    ///
    /// # Errors
    /// As [`Refused`] says. After [`Refused::NotKept`] it is in force all the same.
    pub(crate) async fn deny(&self, denial: Denial, limit: usize) -> Result<(), Refused> {
        let answered = self.send(Change::Add(denial), limit)?;
        outcome(answered).await.map(|_| ())
    }

    /// The same for several, at the cost of one.
    pub(crate) async fn deny_all(
        &self,
        denials: Vec<Denial>,
        limit: usize,
    ) -> Vec<Result<bool, Refused>> {
        self.order_all(denials, Change::Add, limit).await
    }

    /// Takes entries back, whatever their ends; false for each that there was not.
    pub(crate) async fn allow_all(&self, denials: Vec<Denial>) -> Vec<Result<bool, Refused>> {
        self.order_all(denials, Change::Remove, usize::MAX).await
    }

    async fn order_all(
        &self,
        denials: Vec<Denial>,
        change: fn(Denial) -> Change,
        limit: usize,
    ) -> Vec<Result<bool, Refused>> {
        // All are sent before the first is waited for.
        let sent: Vec<_> = denials
            .into_iter()
            .map(|denial| self.send(change(denial), limit))
            .collect();
        let mut outcomes = Vec::with_capacity(sent.len());
        for answered in sent {
            outcomes.push(match answered {
                Ok(answered) => outcome(answered).await,
                Err(refused) => Err(refused),
            });
        }
        outcomes
    }

    fn send(&self, change: Change, limit: usize) -> Result<Answered, Refused> {
        let (answer, answered) = oneshot::channel();
        let order = Order {
            change,
            limit,
            answer,
        };
        self.orders.try_send(order).map_err(|error| match error {
            TrySendError::Full(_) => Refused::Busy,
            TrySendError::Disconnected(_) => gone(),
        })?;
        Ok(answered)
    }

    /// Whether a token of `principal` was revoked.
    pub(crate) fn cover(&self, principal: &Principal, now: u64) -> bool {
        let revoked = principal.token.jti.as_deref().is_some_and(|jti| {
            let tokens = self.state.tokens.read();
            tokens.get(jti).is_some_and(|until| *until > now)
        });
        revoked || self.state.entries.load().cover(principal, now)
    }

    /// Every entry, those of single tokens last.
    pub(crate) fn listed(&self) -> Vec<Denial> {
        self.state.all()
    }

    /// How many there are, and what went wrong with them.
    pub(crate) fn counts(&self) -> Counts {
        Counts {
            tokens: self.state.tokens.read().len(),
            entries: self.state.entries.load().entries().len(),
            damaged: self.state.damaged.load(Relaxed),
            unwritten: self.state.unwritten.load(Relaxed),
        }
    }
}

type Answered = oneshot::Receiver<Result<bool, Refused>>;

async fn outcome(answered: Answered) -> Result<bool, Refused> {
    answered.await.unwrap_or_else(|_| Err(gone()))
}

fn gone() -> Refused {
    io::Error::other("the thread that keeps revocations has ended").into()
}

impl State {
    fn all(&self) -> Vec<Denial> {
        let mut all = self.entries.load().entries().to_vec();
        let tokens = self.tokens.read();
        all.extend(tokens.iter().map(|(token, until)| Denial {
            token: Some(token.clone()),
            until: (*until < u64::MAX).then_some(*until),
            ..Denial::default()
        }));
        all
    }
}

#[cfg(test)]
mod tests;
