//! Which stage of its life the process is in, and where it listens.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU8, Ordering::Relaxed};

use parking_lot::Mutex;

/// The stages, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Stage {
    /// Configuration, keys or listeners are not there yet.
    Starting,
    /// All stand.
    Ready,
    /// The end has been asked for; requests are still welcome.
    Draining,
    /// Each connection ends with its next answer.
    Closing,
}

/// What readiness is told from, beside the configuration.
pub struct Health {
    stage: AtomicU8,
    /// With real ports; `true`: TLS.
    listening: Mutex<Vec<(SocketAddr, bool)>>,
}

impl Health {
    pub(crate) fn new() -> Self {
        Self {
            stage: AtomicU8::new(Stage::Starting as u8),
            listening: Mutex::default(),
        }
    }

    pub(crate) fn stage(&self) -> Stage {
        match self.stage.load(Relaxed) {
            0 => Stage::Starting,
            1 => Stage::Ready,
            2 => Stage::Draining,
            _ => Stage::Closing,
        }
    }

    pub(crate) fn enter(&self, stage: Stage) {
        self.stage.store(stage as u8, Relaxed);
    }

    /// Where requests are taken now; `true`: TLS.
    pub(crate) fn listening(&self) -> Vec<(SocketAddr, bool)> {
        self.listening.lock().clone()
    }

    pub(crate) fn listens(&self, addresses: Vec<(SocketAddr, bool)>) {
        *self.listening.lock() = addresses;
    }
}
