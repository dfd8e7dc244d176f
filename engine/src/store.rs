//! Makes changes durable.
//!
//! In: [`Changes`], one writer per instance at a time. Out: the word that they are durable, or
//! that nothing was stored. Only then are they published.
//! Elsewhere: who may write an instance now (`processes`).

use std::io;
use std::pin::Pin;

use thiserror::Error;

use crate::changes::Changes;

/// Keeps what was committed.
pub trait Store: Send + Sync + 'static {
    /// Takes `changes` as a whole or not at all.
    fn commit(&self, changes: &Changes) -> Commit;
}

/// The answer to a commit: most stores in memory know it at once and need no allocation.
pub enum Commit {
    /// It is decided.
    Done(Result<(), CommitError>),
    /// It is decided when the future ends, which the engine lets run to its end even when the
    /// caller has gone.
    Pending(Pin<Box<dyn Future<Output = Result<(), CommitError>> + Send>>),
}

/// Nothing was stored.
#[derive(Debug, Error)]
pub enum CommitError {
    /// The device or server did not take it.
    #[error("cannot write to the store")]
    Io(#[from] io::Error),
    /// The store has been shut down.
    #[error("the store is closed")]
    Closed,
}

/// Keeps nothing beyond the published snapshots: what was committed ends with the program.
#[derive(Clone, Copy, Debug, Default)]
pub struct Memory;

impl Store for Memory {
    fn commit(&self, _changes: &Changes) -> Commit {
        Commit::Done(Ok(()))
    }
}
