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

use tokio::sync::Notify;
use tokio::sync::futures::OwnedNotified;

use super::{Epoch, Judging, Principal};
use crate::Shared;
use crate::clock::unix_time;

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
        let now = unix_time();
        self.principal
            .may_go_on(&Judging::new(&self.shared, &snapshot, now))
    }
}

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use super::*;
    use crate::bearer::{Denial, fixture};
    use crate::gate::rig::{Rig, token};

    /// A sidecar's shared state, and who calls with a token that is good there.
    async fn known() -> (tempfile::TempDir, Arc<Shared>, Arc<Principal>) {
        let folder = tempfile::tempdir().unwrap();
        let rig = Rig::start(|snapshot| folder.path().clone_into(&mut snapshot.data_folder)).await;
        let shared = Arc::clone(&rig.worker.shared);
        let validator = super::super::Validator::new(Arc::clone(&shared));
        let principal = validator.check(&token("all")).unwrap();
        (folder, shared, principal)
    }

    fn client(id: &str) -> Denial {
        Denial {
            client: Some(id.into()),
            ..Denial::default()
        }
    }

    #[tokio::test]
    async fn a_stream_that_never_waits_is_cut_too() {
        let (_folder, shared, principal) = known().await;
        let mut leash = Leash::new(&shared, &principal);
        assert!(!leash.is_cut());
        shared.revocations.deny(client("other"), 10).await.unwrap();
        assert!(!leash.is_cut());
        shared.revocations.deny(client("all"), 10).await.unwrap();
        assert!(leash.is_cut());
        assert_eq!(shared.changes.cut(), 1);
    }

    #[tokio::test]
    async fn a_stream_that_waits_is_woken_and_cut() {
        let (_folder, shared, principal) = known().await;
        let mut leash = Leash::new(&shared, &principal);
        let cut = tokio::spawn(async move {
            std::future::poll_fn(|cx| leash.poll_cut(cx)).await;
        });
        shared.revocations.deny(client("other"), 10).await.unwrap();
        tokio::task::yield_now().await;
        assert!(!cut.is_finished());
        shared.revocations.deny(client("all"), 10).await.unwrap();
        cut.await.unwrap();
    }

    #[tokio::test]
    async fn what_was_revoked_before_the_first_look_is_seen() {
        let (_folder, shared, principal) = known().await;
        let mut leash = Leash::new(&shared, &principal);
        shared.revocations.deny(client("all"), 10).await.unwrap();
        let mut idle = Context::from_waker(Waker::noop());
        assert!(leash.poll_cut(&mut idle).is_ready());
    }

    #[tokio::test]
    async fn removal_of_the_client_cuts_and_a_change_of_it_does_not() {
        let (_folder, shared, principal) = known().await;
        let mut leash = Leash::new(&shared, &principal);
        for (clients, cut) in [
            (vec![fixture::client("all", &["getschemelist"])], false),
            (vec![fixture::client("reader", &["*"])], true),
        ] {
            let mut next = fixture::snapshot();
            next.generation = shared.live.snapshot().generation + 1;
            next.token_server.as_mut().unwrap().clients = fixture::clients(clients);
            shared.live.swap(Arc::new(next));
            shared.changes.happened();
            assert_eq!(leash.is_cut(), cut);
        }
    }
}
