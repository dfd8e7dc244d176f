//! The snapshot in force, and how reloads went.

use std::sync::Arc;
use std::time::SystemTime;

use arc_swap::ArcSwap;
use parking_lot::Mutex;

use super::Snapshot;

/// Told of a swap: what was in force, what is now. Runs where the swap is made, after it.
type Hook = Arc<dyn Fn(&Arc<Snapshot>, &Arc<Snapshot>) + Send + Sync>;

/// The snapshot in force, swapped whole. Clones are the same one.
#[derive(Clone)]
pub struct Live {
    shared: Arc<Shared>,
}

struct Shared {
    current: ArcSwap<Snapshot>,
    status: Mutex<ReloadStatus>,
    hooks: Mutex<Vec<Hook>>,
}

/// How reloads went, for `/readyz?verbose` and metrics.
#[derive(Clone, Debug)]
pub struct ReloadStatus {
    /// Of the snapshot in force.
    pub generation: u64,
    /// When the content in force was last found good.
    pub last_success: SystemTime,
    /// What is wrong with the content that is there now, masked; `None` when it is in force.
    pub fault: Option<Arc<str>>,
    /// Keys whose new value waits for a restart.
    pub needs_restart: Vec<&'static str>,
    /// Reloads that were swapped in, or found nothing to swap.
    pub succeeded: u64,
    /// Contents that were refused.
    pub failed: u64,
}

impl Live {
    /// Starts with `first`.
    pub fn new(first: Arc<Snapshot>) -> Self {
        let status = ReloadStatus {
            generation: first.generation,
            last_success: SystemTime::now(),
            fault: None,
            needs_restart: Vec::new(),
            succeeded: 0,
            failed: 0,
        };
        Self {
            shared: Arc::new(Shared {
                current: ArcSwap::new(first),
                status: Mutex::new(status),
                hooks: Mutex::new(Vec::new()),
            }),
        }
    }

    /// The snapshot in force now. Take it once for each request.
    pub fn snapshot(&self) -> Arc<Snapshot> {
        self.shared.current.load_full()
    }

    /// Puts `next` in force: requests that begin from now on see it. Then tells the hooks.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "the caller has no use for it any more"
    )]
    pub fn swap(&self, next: Arc<Snapshot>) {
        let before = self.shared.current.swap(Arc::clone(&next));
        self.shared.status.lock().generation = next.generation;
        // Cloned, so that a hook may add a hook.
        let hooks = self.shared.hooks.lock().clone();
        for hook in hooks {
            hook(&before, &next);
        }
    }

    /// Has `hook` called after every swap, with what was and what is in force. It must not
    /// block: whoever swaps waits for it.
    pub fn on_swap(&self, hook: impl Fn(&Arc<Snapshot>, &Arc<Snapshot>) + Send + Sync + 'static) {
        self.shared.hooks.lock().push(Arc::new(hook));
    }

    /// How reloads went.
    pub fn status(&self) -> ReloadStatus {
        self.shared.status.lock().clone()
    }

    /// The content that is there is in force.
    pub(super) fn succeeded(&self, needs_restart: Vec<&'static str>) {
        let mut status = self.shared.status.lock();
        status.last_success = SystemTime::now();
        status.fault = None;
        status.needs_restart = needs_restart;
        status.succeeded += 1;
    }

    /// The content that is there was refused.
    pub(super) fn failed(&self, fault: &str) {
        let mut status = self.shared.status.lock();
        status.failed += 1;
        status.fault = Some(fault.into());
    }
}
