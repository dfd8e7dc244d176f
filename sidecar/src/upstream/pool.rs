//! One worker's connections to one endpoint.
//!
//! Idle connections form a stack: the one used last is used next, so a load that shrinks lets the
//! rest grow old and go. A lease is a request's right to a connection; it ends with the last byte
//! of the answer. Elsewhere: driving a connection (`wire`), opening one (`connect`).

use std::io;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::sync::{Arc, Weak};
use std::task::{Context, Waker};
use std::time::Duration;

use http::HeaderValue;
use parking_lot::Mutex;
use tokio::sync::{Semaphore, TryAcquireError};
use tokio::task::AbortHandle;
use tokio::time::{Instant, timeout_at};

use super::connect::Connector;
use super::retry::Budget;
use super::wire::{Care, Wire};
use crate::config::{Endpoint, UpstreamSettings};

/// What one worker may hold towards one endpoint.
#[derive(Clone, Copy)]
pub(super) struct Bounds {
    /// Exchanges under way at once.
    pub(super) exchanges: usize,
    /// Requests that wait for an exchange to end; beyond, they are shed at once.
    pub(super) waiting: u32,
    /// Connections kept for later.
    pub(super) idle: usize,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            // Far more than a core can serve, few enough that an upstream that hangs costs 64 MiB
            // of buffers at the very worst.
            exchanges: 512,
            // About what a core gets through in the time that they may wait.
            waiting: 1024,
            // All of them: with 64, a bench of 128 at once closed half its connections whenever
            // answers came together, and opened them anew. A burst is over after `IdleTimeout`.
            idle: 512,
        }
    }
}

/// How often idle connections are looked at. One that its peer has closed is noticed before it is
/// used in any case; this only gives back its descriptor.
const REAP_EVERY: Duration = Duration::from_secs(1);

pub(super) struct Pool {
    pub(super) endpoint: Endpoint,
    /// `Host` for this endpoint.
    pub(super) host: HeaderValue,
    connector: Connector,
    exchanges: Semaphore,
    waiting: AtomicU32,
    bounds: Bounds,
    state: Mutex<State>,
}

struct State {
    /// The last one was used last.
    #[expect(
        clippy::vec_box,
        reason = "a connection moves often, and is some 700 bytes"
    )]
    idle: Vec<Box<Wire>>,
    idle_timeout: Duration,
    /// The endpoint is no longer in force: nothing is kept.
    retired: bool,
    budget: Budget,
    reaper: Option<AbortHandle>,
}

/// Why no connection could be had.
pub(super) enum Unavailable {
    /// Too many requests are waiting, or this one has waited too long.
    Overloaded,
    ConnectTimeout,
    Connect(io::Error),
    Handshake(hyper::Error),
}

impl Pool {
    /// `None` for the embedded engine.
    pub(super) fn new(endpoint: &Endpoint, bounds: Bounds) -> Option<Arc<Self>> {
        let host = match endpoint {
            Endpoint::Embedded | Endpoint::Unix { .. } => HeaderValue::from_static("localhost"),
            Endpoint::Http { authority } => HeaderValue::from_str(authority.as_str())
                .unwrap_or_else(|_| HeaderValue::from_static("localhost")),
        };
        Some(Arc::new(Self {
            endpoint: endpoint.clone(),
            host,
            connector: Connector::new(endpoint)?,
            exchanges: Semaphore::new(bounds.exchanges),
            waiting: AtomicU32::new(0),
            bounds,
            state: Mutex::new(State {
                idle: Vec::new(),
                idle_timeout: Duration::ZERO,
                retired: false,
                budget: Budget::new(),
                reaper: None,
            }),
        }))
    }

    /// The endpoint has gone out of force: idle connections close, exchanges under way finish.
    pub(super) fn retire(&self) {
        let idle = {
            let mut state = self.state.lock();
            state.retired = true;
            std::mem::take(&mut state.idle)
        };
        drop(idle);
    }

    /// The right to one exchange. Waits for one to end, as long as a connect may take, when all
    /// are taken.
    pub(super) async fn permit(
        self: &Arc<Self>,
        settings: &UpstreamSettings,
        now: Instant,
    ) -> Result<Permit, Unavailable> {
        {
            let mut state = self.state.lock();
            state.budget.earn();
            state.idle_timeout = settings.idle_timeout;
        }
        match self.exchanges.try_acquire() {
            Ok(permit) => permit.forget(),
            // The semaphore is never closed; if it were, nothing could be had from it.
            Err(TryAcquireError::Closed) => return Err(Unavailable::Overloaded),
            Err(TryAcquireError::NoPermits) => {
                let place = Waiting::take(&self.waiting, self.bounds.waiting)
                    .ok_or(Unavailable::Overloaded)?;
                let permit = timeout_at(now + settings.connect_timeout, self.exchanges.acquire())
                    .await
                    .map_err(|_| Unavailable::Overloaded)?
                    .map_err(|_| Unavailable::Overloaded)?;
                permit.forget();
                drop(place);
            }
        }
        Ok(Permit(Arc::clone(self)))
    }

    /// An idle connection that is still good.
    pub(super) fn take_idle(&self, now: Instant, care: Care) -> Option<Box<Wire>> {
        loop {
            // The lock is not held while the connection is asked.
            let mut wire = self.state.lock().idle.pop()?;
            if wire.is_usable(now, care) {
                return Some(wire);
            }
        }
    }

    /// A connection of its own.
    pub(super) async fn connect(
        &self,
        settings: &UpstreamSettings,
    ) -> Result<Box<Wire>, Unavailable> {
        let stream = tokio::time::timeout(settings.connect_timeout, self.connector.connect())
            .await
            .map_err(|_| Unavailable::ConnectTimeout)?
            .map_err(Unavailable::Connect)?;
        let wire = Wire::new(stream).await.map_err(Unavailable::Handshake)?;
        Ok(Box::new(wire))
    }

    /// Whether a retry is within the budget; it is then paid for.
    pub(super) fn may_retry(&self) -> bool {
        self.state.lock().budget.spend()
    }

    /// Takes back a connection whose answer is over; closes it where it is not good any more, or
    /// the request has not been sent whole.
    pub(super) fn give_back(self: &Arc<Self>, mut wire: Box<Wire>) {
        if !wire.sender.is_ready() {
            // What ended the exchange may stand unread, or the last of the request unwritten.
            wire.drive(&mut Context::from_waker(Waker::noop()));
            if !wire.sender.is_ready() {
                return;
            }
        }
        wire.reused = true;
        let mut state = self.state.lock();
        if state.retired || state.idle.len() >= self.bounds.idle || state.idle_timeout.is_zero() {
            drop(state);
            drop(wire);
            return;
        }
        state.idle.push(wire);
        if state.reaper.is_none() {
            state.reaper = Some(tokio::spawn(reap(Arc::downgrade(self))).abort_handle());
        }
    }

    /// Drops what is too old or dead; false when nothing is left to look after.
    fn reap(&self, now: Instant) -> bool {
        let mut dropped = Vec::new();
        let mut state = self.state.lock();
        let timeout = state.idle_timeout;
        for mut wire in std::mem::take(&mut state.idle) {
            let old = wire.age(now) >= timeout;
            if old || !wire.is_usable(now, Care::Repeatable) {
                dropped.push(wire);
            } else {
                state.idle.push(wire);
            }
        }
        let some = !state.idle.is_empty();
        if !some {
            state.reaper = None;
        }
        drop(state);
        some
    }

    #[cfg(test)]
    pub(super) fn idle_count(&self) -> usize {
        self.state.lock().idle.len()
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        if let Some(reaper) = self.state.get_mut().reaper.take() {
            reaper.abort();
        }
    }
}

async fn reap(pool: Weak<Pool>) {
    loop {
        tokio::time::sleep(REAP_EVERY).await;
        let Some(pool) = pool.upgrade() else { return };
        if !pool.reap(Instant::now()) {
            return;
        }
    }
}

/// One of the exchanges that may be under way; given back on drop.
pub(super) struct Permit(Arc<Pool>);

impl Permit {
    pub(super) fn pool(&self) -> &Arc<Pool> {
        &self.0
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.0.exchanges.add_permits(1);
    }
}

/// A connection with the right to use it. Dropped early, the connection closes; nothing else would
/// tell the upstream that nobody waits any more.
pub(super) struct Lease {
    pub(super) wire: Box<Wire>,
    pub(super) permit: Permit,
}

impl Lease {
    /// The connection closes, the right to one stays.
    pub(super) fn into_permit(self) -> Permit {
        self.permit
    }

    /// The exchange is over.
    pub(super) fn give_back(self) {
        // The connection first: whoever waits for the permit then finds it.
        self.permit.0.give_back(self.wire);
    }
}

/// A place among the waiting.
struct Waiting<'a>(&'a AtomicU32);

impl<'a> Waiting<'a> {
    fn take(count: &'a AtomicU32, max: u32) -> Option<Self> {
        if count.fetch_add(1, Relaxed) >= max {
            count.fetch_sub(1, Relaxed);
            return None;
        }
        Some(Self(count))
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Relaxed);
    }
}
