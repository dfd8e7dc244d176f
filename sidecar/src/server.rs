//! The running process: workers, what they listen on, the change from one snapshot to the next,
//! and the end.
//!
//! In: a first [`Snapshot`] and later ones. Out: requests served by the workers; a [`Running`] by
//! which others steer. Rules: design of the life cycle, start ▸ ready ▸ drain ▸ gone.
//! Elsewhere: where snapshots come from (`config`); signals and the first face (the binary).

use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

use crate::Shared;
use crate::config::{Live, Snapshot};
use crate::listener::{self, BindError, Handover, Open, Seats, Sockets};
use crate::upstream::Upstream;
use crate::worker::{self, Command};

/// Makes the way to the engine that a worker has to itself; called on the worker's thread.
pub(crate) type MakeUpstream = Arc<dyn Fn(&Shared) -> Upstream + Send + Sync>;

/// Commands that may wait for a worker: they come from one task, which waits for answers.
const COMMANDS: usize = 4;

/// Workers get so much longer than `Drain.Timeout` before their threads are given up.
const LAST_GRACE: Duration = Duration::from_secs(1);

/// Why the workers cannot be started.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// An address cannot be listened on.
    #[error(transparent)]
    Bind(#[from] BindError),
    /// The TLS library cannot be set up.
    #[error("cannot set up TLS")]
    Tls(#[from] rustls::Error),
    /// The system gives no thread or no event queue.
    #[error("cannot start threads")]
    Thread(#[from] std::io::Error),
    /// What was revoked before cannot be read: starting without it would let it in again.
    #[error("cannot read what was revoked before")]
    Revocations(#[source] std::io::Error),
    /// The embedded engine does not start.
    #[cfg(feature = "embedded")]
    #[error("cannot start the embedded engine")]
    Engine(#[from] engine::SchemesError),
    /// The thread that steers has ended.
    #[error("the sidecar is about to end")]
    Ended,
}

/// The workers and what they listen on.
pub(crate) struct Server {
    shared: Arc<Shared>,
    sockets: Sockets,
    workers: Vec<Handle>,
}

struct Handle {
    commands: mpsc::Sender<Command>,
    thread: JoinHandle<()>,
    /// Resolves when the worker's loop has ended.
    done: oneshot::Receiver<()>,
}

impl Server {
    /// Binds every address of `first`, puts it in force, then starts the workers.
    pub(crate) async fn start(
        mut first: Snapshot,
        make_upstream: &MakeUpstream,
    ) -> Result<Self, StartError> {
        let count = first.workers.max(1);
        let mut sockets = Sockets::default();
        let change = sockets.plan(&first.listen, count)?;
        change.name_ports(&mut first);
        let shared = Shared::new(Live::new(Arc::new(first))).map_err(StartError::Revocations)?;
        let shared = Arc::new(shared);
        // Weak: what it hangs on belongs to what it would hold.
        let changed = Arc::downgrade(&shared);
        shared.live.on_swap(move |_, _| {
            if let Some(shared) = changed.upgrade() {
                shared.changes.happened();
            }
        });
        let tls = listener::server_config(Arc::clone(&shared))?;
        let seats = Seats::new();
        let open: Vec<_> = (0..count).map(|_| Open::new()).collect();
        let (handover, handed) = Handover::new(&open);
        let mut workers = Vec::with_capacity(count);
        for ((index, open), handed) in open.iter().enumerate().zip(handed) {
            let (commands, receiver) = mpsc::channel(COMMANDS);
            let parts = worker::Parts {
                index,
                shared: Arc::clone(&shared),
                make_upstream: Arc::clone(make_upstream),
                open: Arc::clone(open),
                seats: Arc::clone(&seats),
                tls: Arc::clone(&tls),
                handover: handover.clone(),
                commands: receiver,
                handed,
            };
            let (thread, done) = parts.spawn()?;
            workers.push(Handle {
                commands,
                thread,
                done,
            });
        }
        let (added, retired) = sockets.apply(change);
        let mut server = Self {
            shared,
            sockets,
            workers,
        };
        server.listen(added, retired).await?;
        Ok(server)
    }

    /// Puts `next` in force. New addresses listen before the old ones drain. When one cannot be
    /// bound nothing changes.
    pub(crate) async fn apply(&mut self, mut next: Snapshot) -> Result<(), StartError> {
        let change = self.sockets.plan(&next.listen, self.workers.len())?;
        change.name_ports(&mut next);
        self.shared.live.swap(Arc::new(next));
        let (added, retired) = self.sockets.apply(change);
        self.listen(added, retired).await
    }

    /// What the workers share.
    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    async fn listen(
        &mut self,
        added: Vec<Vec<listener::Socket>>,
        retired: Vec<listener::SocketId>,
    ) -> Result<(), StartError> {
        let health = &self.shared.health;
        health.listens(self.sockets.addresses().collect());
        if added.iter().all(Vec::is_empty) && retired.is_empty() {
            return Ok(());
        }
        let mut answers = Vec::with_capacity(self.workers.len());
        for (worker, sockets) in self.workers.iter().zip(added) {
            let (answer, answered) = oneshot::channel();
            let _ = worker
                .commands
                .send(Command::Listen { sockets, answer })
                .await;
            answers.push(answered);
        }
        for answered in answers {
            // A worker that is gone took its sockets along; the others serve.
            if let Ok(listening) = answered.await {
                listening?;
            }
        }
        for worker in &self.workers {
            let command = Command::Retire(retired.clone());
            let _ = worker.commands.send(command).await;
        }
        Ok(())
    }

    /// Stops accepting, finishes what is under way within `timeout`, and ends the workers.
    pub(crate) async fn drain(self, timeout: Duration) {
        let until = Instant::now() + timeout;
        for worker in &self.workers {
            let _ = worker.commands.send(Command::Drain { until }).await;
        }
        for worker in self.workers {
            let ended = tokio::time::timeout_at(until + LAST_GRACE, worker.done).await;
            if ended.is_ok() && worker.thread.join().is_err() {
                tracing::error!("a worker thread had panicked");
            }
        }
    }
}
