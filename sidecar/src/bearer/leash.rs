//! What ends a stream whose token was revoked, or whose client was removed, while it flows.
//!
//! In: the principal of an exchange that goes on. Out: the moment at which its token is no good any
//! more for another reason than its end. Made where a body has to be waited for, so what is answered
//! at once costs nothing.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

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
}

impl Changes {
    /// No judgement made before is taken without a second look, and every stream is looked at.
    pub(crate) fn happened(&self) {
        self.epoch.advance();
        self.happened.notify_waiters();
    }

    pub(super) fn epoch(&self) -> &Epoch {
        &self.epoch
    }
}

/// Holds one direction of an exchange to its principal.
pub(crate) struct Leash {
    shared: Arc<Shared>,
    principal: Arc<Principal>,
    /// Made on the first wait.
    next_change: Option<Pin<Box<OwnedNotified>>>,
}

impl Leash {
    pub(crate) fn new(shared: &Arc<Shared>, principal: &Arc<Principal>) -> Self {
        Self {
            shared: Arc::clone(shared),
            principal: Arc::clone(principal),
            next_change: None,
        }
    }

    /// Ready when the exchange has to end. Wakes when that may have changed.
    pub(crate) fn poll_cut(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            if let Some(next_change) = &mut self.next_change
                && next_change.as_mut().poll(cx).is_pending()
            {
                return Poll::Pending;
            }
            // Before the look, or a change in between would go unseen.
            let happened = Arc::clone(&self.shared.changes.happened);
            let mut next_change = Box::pin(happened.notified_owned());
            next_change.as_mut().enable();
            self.next_change = Some(next_change);
            if !self.stands() {
                return Poll::Ready(());
            }
        }
    }

    /// Whether the token would be good now, its end left aside: a stream outlives that.
    fn stands(&self) -> bool {
        let snapshot = self.shared.live.snapshot();
        let now = self.principal.token.expires.saturating_sub(1);
        self.principal
            .stands(&Judging::new(&self.shared, &snapshot, now))
    }
}
