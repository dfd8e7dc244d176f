//! What tells whether a judgement that was made before still holds without judging again.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use crate::config::Snapshot;

/// Counts the changes that may end a token.
#[derive(Default)]
pub(super) struct Epoch(AtomicU32);

impl Epoch {
    /// From now on no judgement made before is taken without a second look.
    pub(super) fn advance(&self) {
        self.0.fetch_add(1, Ordering::Release);
    }

    /// The count now.
    pub(super) fn now(&self) -> u32 {
        self.0.load(Ordering::Acquire)
    }
}

/// Snapshot and epoch in one word. It is read before what it stands for, so a judgement is never
/// stamped with a change that it did not see.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd)]
pub(super) struct Stamp(u64);

impl Stamp {
    pub(super) fn new(snapshot: &Snapshot, epoch: &Epoch) -> Self {
        // Neither count comes near 32 bits, so a later stamp is the greater.
        Self(snapshot.generation << 32 | u64::from(epoch.now()))
    }
}

/// A stamp that many may renew.
pub(super) struct StampCell(AtomicU64);

impl StampCell {
    pub(super) fn new(stamp: Stamp) -> Self {
        Self(AtomicU64::new(stamp.0))
    }

    pub(super) fn get(&self) -> Stamp {
        Stamp(self.0.load(Ordering::Acquire))
    }

    pub(super) fn set(&self, stamp: Stamp) {
        self.0.store(stamp.0, Ordering::Release);
    }
}
