//! What ends a stream whose token was revoked, or whose client was removed, while it flows.
//!
//! In: the principal of an exchange that goes on. Out: the moment at which it may not go on. Made
//! where a body has to be waited for, so what is answered at once costs nothing. The end of a
//! token's time ends no stream, nor does a change of its client's rights, nor of our keys: whoever
//! was let in is let finish, but for what an operator took back.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::task::{Context, Poll};
use std::time::{SystemTime, UNIX_EPOCH};

use tokio::sync::Notify;
use tokio::sync::futures::OwnedNotified;

use super::{Epoch, Judging, Principal};
use crate::Shared;

/// Counts and announces what may end tokens: an issuer's keys, a revocation, the deny list, a
/// configuration. Whoever makes such a change makes it first and says so then.
#[derive(Default)]
pub struct Changes {
    epoch: Epoch,
    happened: Arc<Notify>,
    /// Directions of exchanges that were ended.
    cut: AtomicU64,
}

impl Changes {
    /// No judgement made before is taken without a second look, and every stream is looked at.
    pub(crate) fn happened(&self) {
        self.epoch.advance();
        self.happened.notify_waiters();
    }

    /// How many streams were ended.
    pub(crate) fn cut(&self) -> u64 {
        self.cut.load(Relaxed)
    }

    pub(super) fn epoch(&self) -> &Epoch {
        &self.epoch
    }
}

/// Holds one direction of an exchange to its principal.
pub(crate) struct Leash {
    shared: Arc<Shared>,
    principal: Arc<Principal>,
    /// The count of changes at the last look; `None` before the first.
    looked: Option<u32>,
    /// Made on the first wait.
    next_change: Option<Pin<Box<OwnedNotified>>>,
}

impl Leash {
    pub(crate) fn new(shared: &Arc<Shared>, principal: &Arc<Principal>) -> Self {
        Self {
            shared: Arc::clone(shared),
            principal: Arc::clone(principal),
            looked: None,
            next_change: None,
        }
    }

    /// Whether the exchange has to end now. Asked for every piece, so that a stream which never has
    /// to wait ends too: one atomic load as long as nothing changed.
    pub(crate) fn is_cut(&mut self) -> bool {
        // Before the look, or a change in between would go unseen.
        let now = self.shared.changes.epoch.now();
        if self.looked == Some(now) {
            return false;
        }
        self.looked = Some(now);
        let cut = !self.may_go_on();
        if cut {
            self.shared.changes.cut.fetch_add(1, Relaxed);
        }
        cut
    }

    /// The same for a stream that waits: ready when it has to end. Wakes when that may have changed.
    pub(crate) fn poll_cut(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            if let Some(next_change) = &mut self.next_change
                && next_change.as_mut().poll(cx).is_pending()
            {
                return Poll::Pending;
            }
            let happened = Arc::clone(&self.shared.changes.happened);
            let mut next_change = Box::pin(happened.notified_owned());
            next_change.as_mut().enable();
            self.next_change = Some(next_change);
            if self.is_cut() {
                return Poll::Ready(());
            }
        }
    }

    fn may_go_on(&self) -> bool {
        let snapshot = self.shared.live.snapshot();
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let now = now.map_or(0, |since| since.as_secs());
        self.principal
            .may_go_on(&Judging::new(&self.shared, &snapshot, now))
    }
}
