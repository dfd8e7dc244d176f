//! Accept loops of one worker, and the handing of connections to a less busy one.

use std::future::poll_fn;
use std::io;
use std::net::{SocketAddr, TcpStream as StdTcpStream};
use std::sync::{Arc, OnceLock};
use std::task::Poll;
use std::time::{Duration, Instant};

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

use super::Connection;
use super::connection::{Accepted, Load, Open, serve};
use super::seats::{Seat, Seats};
use super::sockets::{Socket, SocketId};
use crate::Worker;

/// After an accept that failed for want of descriptors or memory. Connections wait in the
/// backlog meanwhile.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// A lack that lasts is told again after this.
const TELL_AGAIN: Duration = Duration::from_secs(10);

/// So many more connections than the least loaded worker has are the kernel's ordinary spread;
/// beyond, handing one over is worth its two system calls.
const LEAD_MAX: usize = 2;

/// Connections on their way between two workers. When it is full the one who accepted serves.
const HANDOVER_QUEUE: usize = 64;

/// A connection on its way to another worker.
pub(crate) struct Handed {
    tcp: StdTcpStream,
    connection: Connection,
    socket: SocketId,
    seat: Seat,
    load: Load,
}

/// Where accepted connections may be handed to: every worker, by index.
#[derive(Clone)]
pub(crate) struct Handover {
    workers: Arc<[(mpsc::Sender<Handed>, Arc<Open>)]>,
}

impl Handover {
    /// For workers with these connections; returns what each receives.
    pub(crate) fn new(open: &[Arc<Open>]) -> (Self, Vec<mpsc::Receiver<Handed>>) {
        let mut receivers = Vec::with_capacity(open.len());
        let workers = open
            .iter()
            .map(|open| {
                let (sender, receiver) = mpsc::channel(HANDOVER_QUEUE);
                receivers.push(receiver);
                (sender, Arc::clone(open))
            })
            .collect();
        (Self { workers }, receivers)
    }

    /// The worker that should serve instead of `own`, if that one leads too far. The connection
    /// counts for it from now on.
    fn better_than(&self, own: &Open) -> Option<(&mpsc::Sender<Handed>, Load)> {
        let held = own.load();
        if held < LEAD_MAX {
            return None;
        }
        let (sender, open) = self.workers.iter().min_by_key(|(_, open)| open.load())?;
        (open.load() + LEAD_MAX <= held).then(|| (sender, open.expect()))
    }
}

/// One worker's accepting. Dropping it closes the sockets; connections live on.
pub(crate) struct Accepting {
    worker: Arc<Worker>,
    open: Arc<Open>,
    seats: Arc<Seats>,
    tls: TlsAcceptor,
    handover: Handover,
    loops: Vec<Loop>,
}

struct Loop {
    id: SocketId,
    /// Dropped to end the loop.
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl Accepting {
    pub(crate) fn new(
        worker: Arc<Worker>,
        open: Arc<Open>,
        seats: Arc<Seats>,
        tls: TlsAcceptor,
        handover: Handover,
    ) -> Self {
        Self {
            worker,
            open,
            seats,
            tls,
            handover,
            loops: Vec::new(),
        }
    }

    /// Starts accepting on `sockets`.
    pub(crate) fn add(&mut self, sockets: Vec<Socket>) -> io::Result<()> {
        for socket in sockets {
            let id = socket.id;
            let accepter = Accepter {
                listener: TcpListener::from_std(socket.listener)?,
                id,
                tls: socket.tls,
                local: socket.local,
                worker: Arc::clone(&self.worker),
                open: Arc::clone(&self.open),
                seats: Arc::clone(&self.seats),
                acceptor: self.tls.clone(),
                handover: self.handover.clone(),
            };
            let (stop, stopped) = oneshot::channel();
            let task = tokio::spawn(accepter.run(stopped));
            self.loops.push(Loop { id, stop, task });
        }
        Ok(())
    }

    /// Stops accepting on `retired` and asks their connections to end.
    pub(crate) async fn retire(&mut self, retired: &[SocketId]) {
        let gone = self.loops.extract_if(.., |one| retired.contains(&one.id));
        stop(gone.collect()).await;
        self.open.drain(retired);
    }

    /// Stops accepting at all and asks every connection to end.
    pub(crate) async fn retire_all(&mut self) {
        stop(std::mem::take(&mut self.loops)).await;
        self.open.drain_all();
    }

    /// Serves a connection that another worker accepted.
    pub(crate) fn take(&self, handed: Handed) {
        let Ok(tcp) = TcpStream::from_std(handed.tcp) else {
            return;
        };
        let accepted = Accepted {
            tcp,
            connection: handed.connection,
            socket: handed.socket,
            seat: handed.seat,
            load: handed.load,
        };
        start(&self.worker, &self.open, &self.tls, accepted);
    }
}

/// Ends accept loops; who had already connected is still served.
async fn stop(loops: Vec<Loop>) {
    for Loop { stop, task, .. } in loops {
        drop(stop);
        // A loop has nothing to return; that it panicked was reported then.
        let _ = task.await;
    }
}

fn start(worker: &Arc<Worker>, open: &Arc<Open>, tls: &TlsAcceptor, accepted: Accepted) {
    tokio::spawn(serve(
        Arc::clone(worker),
        Arc::clone(open),
        tls.clone(),
        accepted,
    ));
}

struct Accepter {
    listener: TcpListener,
    id: SocketId,
    tls: bool,
    local: SocketAddr,
    worker: Arc<Worker>,
    open: Arc<Open>,
    seats: Arc<Seats>,
    acceptor: TlsAcceptor,
    handover: Handover,
}

impl Accepter {
    async fn run(self, mut stopped: oneshot::Receiver<()>) {
        let mut told: Option<Instant> = None;
        loop {
            // Both are cancel safe: a connection not returned stays in the backlog.
            tokio::select! {
                biased;
                _ = &mut stopped => break,
                accepted = self.listener.accept() => match accepted {
                    Ok((tcp, peer)) => self.accepted(tcp, peer),
                    Err(error) if of_the_connection(&error) => {}
                    Err(error) => {
                        self.worker.counters().accept_failed();
                        if told.is_none_or(|at| at.elapsed() >= TELL_AGAIN) {
                            told = Some(Instant::now());
                            tracing::warn!(
                                address = %self.local,
                                %error,
                                "cannot accept connections"
                            );
                        }
                        tokio::time::sleep(ACCEPT_PAUSE).await;
                    }
                },
            }
        }
        // Closing the socket resets who still waits in its backlog.
        while let Poll::Ready(Ok((tcp, peer))) =
            poll_fn(|cx| Poll::Ready(self.listener.poll_accept(cx))).await
        {
            self.accepted(tcp, peer);
        }
    }

    fn accepted(&self, tcp: TcpStream, peer: SocketAddr) {
        let counters = self.worker.counters();
        counters.connection_accepted();
        let (seat, through_proxy) = {
            let snapshot = self.worker.shared.live.snapshot();
            let listed = snapshot.trusted_proxies.contains(peer.ip());
            // A proxy's connections are its clients', of whom this bound is.
            let owner = (!listed).then(|| peer.ip());
            (self.seats.take(owner, &snapshot.limits), listed)
        };
        // Shed at once: dropping the socket closes it.
        let seat = match seat {
            Ok(seat) => seat,
            Err(limit) => return counters.connection_closed_by(limit),
        };
        let local = if self.local.ip().is_unspecified() {
            tcp.local_addr().unwrap_or(self.local)
        } else {
            self.local
        };
        let connection = Connection {
            peer,
            local,
            tls: self.tls,
            through_proxy,
            certificate: OnceLock::new(),
        };
        let Some((other, load)) = self.handover.better_than(&self.open) else {
            return self.serve(tcp, connection, seat);
        };
        let Ok(tcp) = tcp.into_std() else {
            return;
        };
        let handed = Handed {
            tcp,
            connection,
            socket: self.id,
            seat,
            load,
        };
        // Its queue is full: it is busier than its load tells.
        if let Err(back) = other.try_send(handed) {
            let handed = back.into_inner();
            if let Ok(tcp) = TcpStream::from_std(handed.tcp) {
                self.serve(tcp, handed.connection, handed.seat);
            }
        }
    }

    fn serve(&self, tcp: TcpStream, connection: Connection, seat: Seat) {
        let accepted = Accepted {
            tcp,
            connection,
            socket: self.id,
            seat,
            load: self.open.expect(),
        };
        start(&self.worker, &self.open, &self.acceptor, accepted);
    }
}

/// Errors that `accept` reports for the connection it would have returned, not for the socket.
fn of_the_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionRefused
            | io::ErrorKind::Interrupted
    )
}
