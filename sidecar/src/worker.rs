//! One worker: a thread with a single-threaded runtime, its own sockets, connections and way to
//! the engine.

use std::io;
use std::sync::Arc;
use std::thread::JoinHandle;

use rustls::ServerConfig;
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

use crate::listener::{Accepting, Handed, Handover, Open, Seats, Socket, SocketId};
use crate::server::MakeUpstream;
use crate::{Shared, Worker};

/// What a worker is told to do.
pub(crate) enum Command {
    /// Accept on these too.
    Listen {
        sockets: Vec<Socket>,
        answer: oneshot::Sender<io::Result<()>>,
    },
    /// Accept no more on these, and let their connections end.
    Retire(Vec<SocketId>),
    /// Accept no more, finish what is under way until then, end.
    Drain { until: Instant },
}

/// What a worker is made of.
pub(crate) struct Parts {
    pub(crate) index: usize,
    pub(crate) shared: Arc<Shared>,
    pub(crate) make_upstream: MakeUpstream,
    pub(crate) open: Arc<Open>,
    pub(crate) seats: Arc<Seats>,
    pub(crate) tls: Arc<ServerConfig>,
    pub(crate) handover: Handover,
    pub(crate) commands: mpsc::Receiver<Command>,
    pub(crate) handed: mpsc::Receiver<Handed>,
}

impl Parts {
    /// Starts the thread. The receiver resolves when the worker has ended.
    pub(crate) fn spawn(self) -> io::Result<(JoinHandle<()>, oneshot::Receiver<()>)> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let (done, ended) = oneshot::channel();
        let thread = std::thread::Builder::new()
            .name(format!("worker-{}", self.index))
            .spawn(move || {
                runtime.block_on(self.run());
                // What still waits on a blocking thread must not hold up the end.
                runtime.shutdown_background();
                let _ = done.send(());
            })?;
        Ok((thread, ended))
    }

    async fn run(mut self) {
        let upstream = (self.make_upstream)(&self.shared);
        let worker = Arc::new(Worker {
            shared: self.shared,
            index: self.index,
            upstream,
        });
        let mut accepting = Accepting::new(
            worker,
            Arc::clone(&self.open),
            self.seats,
            self.tls.into(),
            self.handover,
        );
        let until = loop {
            // Both are channel receives, which are cancel safe.
            tokio::select! {
                biased;
                command = self.commands.recv() => match command {
                    Some(Command::Listen { sockets, answer }) => {
                        let _ = answer.send(accepting.add(sockets));
                    }
                    Some(Command::Retire(retired)) => accepting.retire(&retired).await,
                    Some(Command::Drain { until }) => break until,
                    None => break Instant::now(),
                },
                Some(handed) = self.handed.recv() => accepting.take(handed),
            }
        };
        accepting.retire_all().await;
        loop {
            // Cancel safe: a receive, a count, a clock.
            tokio::select! {
                biased;
                Some(handed) = self.handed.recv() => accepting.take(handed),
                () = self.open.empty() => break,
                () = tokio::time::sleep_until(until) => {
                    let left = self.open.cut_short();
                    tracing::warn!(connections = left, "Drain.Timeout is over: connections cut short");
                    break;
                }
            }
        }
    }
}
