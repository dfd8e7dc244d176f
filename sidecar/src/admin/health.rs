//! What probes are told: whether the process is ready, what the last reloads did.

use std::sync::atomic::{AtomicU8, Ordering::Relaxed};

use parking_lot::Mutex;
use time::OffsetDateTime;

/// The stages of a process's life, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Stage {
    /// Configuration, keys or listeners are not there yet.
    Starting,
    /// All stand.
    Ready,
    /// The end has been asked for.
    Draining,
}

/// Readiness and the state of reloads.
pub struct Health {
    stage: AtomicU8,
    reload: Mutex<Reload>,
}

/// What reloads did so far.
#[derive(Clone, Debug, Default)]
pub(crate) struct Reload {
    /// When the configuration in force was put in force.
    pub(crate) applied_at: Option<OffsetDateTime>,
    /// The first line of what was wrong with the newest file, until a good one comes.
    pub(crate) fault: Option<Fault>,
    /// Keys whose new value waits for a restart.
    pub(crate) needs_restart: Vec<&'static str>,
}

/// A configuration that was kept out.
#[derive(Clone, Debug)]
pub(crate) struct Fault {
    pub(crate) at: OffsetDateTime,
    /// Masked like every diagnostic; without source lines.
    pub(crate) summary: String,
}

impl Health {
    pub(crate) fn new() -> Self {
        Self {
            stage: AtomicU8::new(Stage::Starting as u8),
            reload: Mutex::new(Reload::default()),
        }
    }

    pub(crate) fn stage(&self) -> Stage {
        match self.stage.load(Relaxed) {
            0 => Stage::Starting,
            1 => Stage::Ready,
            _ => Stage::Draining,
        }
    }

    pub(crate) fn enter(&self, stage: Stage) {
        self.stage.store(stage as u8, Relaxed);
    }

    /// A configuration was put in force, but for the keys in `needs_restart`.
    pub(crate) fn reload_applied(&self, needs_restart: Vec<&'static str>) {
        *self.reload.lock() = Reload {
            applied_at: Some(OffsetDateTime::now_utc()),
            fault: None,
            needs_restart,
        };
    }

    /// A configuration was kept out.
    pub(crate) fn reload_failed(&self, summary: String) {
        self.reload.lock().fault = Some(Fault {
            at: OffsetDateTime::now_utc(),
            summary,
        });
    }

    pub(crate) fn reload(&self) -> Reload {
        self.reload.lock().clone()
    }
}
