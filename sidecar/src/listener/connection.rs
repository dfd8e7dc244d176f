//! One connection from accept to close: its seat, its TLS handshake, its requests.

use std::collections::HashMap;
use std::io;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_rustls::TlsAcceptor;

use super::life::{Life, Protocol};
use super::protocol::{serve_http1, serve_http2};
use super::seats::Seat;
use super::stream::Stream;
use super::{Connection, sockets::SocketId};
use crate::Worker;
use crate::admin::ConnectionLimit;
use crate::config::Limits;

/// What lives as long as a connection, shared with its requests.
pub(super) struct Session {
    pub(super) worker: Arc<Worker>,
    pub(super) connection: Connection,
    pub(super) life: Life,
    _seat: Seat,
}

impl Drop for Session {
    fn drop(&mut self) {
        self.worker.counters().connection_ended();
    }
}

/// The connections open on one worker, so that a drain reaches them.
pub(crate) struct Open {
    table: Mutex<Table>,
    emptied: Notify,
}

struct Table {
    next: u64,
    sessions: HashMap<u64, (SocketId, Arc<Session>)>,
}

impl Open {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self {
            table: Mutex::new(Table {
                next: 0,
                sessions: HashMap::new(),
            }),
            emptied: Notify::new(),
        })
    }

    fn add(self: &Arc<Self>, socket: SocketId, session: &Arc<Session>) -> Entry {
        let mut table = self.table.lock();
        let id = table.next;
        table.next += 1;
        table.sessions.insert(id, (socket, Arc::clone(session)));
        Entry {
            open: Arc::clone(self),
            id,
        }
    }

    /// Asks every connection for which `retired` holds to end after what is under way.
    pub(crate) fn drain(&self, retired: impl Fn(SocketId) -> bool) {
        for (socket, session) in self.table.lock().sessions.values() {
            if retired(*socket) {
                session.life.drain();
            }
        }
    }

    /// Waits until no connection is open.
    pub(crate) async fn empty(&self) {
        loop {
            let emptied = self.emptied.notified();
            if self.table.lock().sessions.is_empty() {
                return;
            }
            emptied.await;
        }
    }

    /// How many are open.
    pub(crate) fn count(&self) -> usize {
        self.table.lock().sessions.len()
    }
}

/// A connection's line in [`Open`]; struck on drop.
struct Entry {
    open: Arc<Open>,
    id: u64,
}

impl Drop for Entry {
    fn drop(&mut self) {
        let mut table = self.open.table.lock();
        let removed = table.sessions.remove(&self.id);
        let empty = table.sessions.is_empty();
        drop(table);
        drop(removed);
        if empty {
            self.open.emptied.notify_waiters();
        }
    }
}

/// A connection that was accepted and has its seat.
pub(super) struct Accepted {
    pub(super) tcp: TcpStream,
    pub(super) connection: Connection,
    pub(super) socket: SocketId,
    pub(super) seat: Seat,
}

/// Serves a connection to its end. Faults of the other side are its own affair and only counted.
pub(super) async fn serve(
    worker: Arc<Worker>,
    open: Arc<Open>,
    tls: TlsAcceptor,
    accepted: Accepted,
) {
    let limits = worker.shared.live.snapshot().limits.clone();
    let encrypted = accepted.connection.tls;
    worker.counters().connection_opened();
    let session = Arc::new(Session {
        worker,
        connection: accepted.connection,
        life: Life::new(&limits, Instant::now()),
        _seat: accepted.seat,
    });
    let _entry = open.add(accepted.socket, &session);
    let ended = if encrypted {
        serve_tls(&session, &tls, accepted.tcp, &limits).await
    } else {
        serve_plain(&session, accepted.tcp, &limits).await
    };
    if let Err(error) = ended {
        tracing::trace!(peer = %session.connection.peer, %error, "connection ended");
    }
}

async fn serve_tls(
    session: &Arc<Session>,
    tls: &TlsAcceptor,
    tcp: TcpStream,
    limits: &Limits,
) -> io::Result<()> {
    let counters = session.worker.counters();
    let handshake = tls.accept(tcp).into_fallible();
    let handshake = tokio::time::timeout(limits.handshake, handshake);
    let stream = match handshake.await {
        Ok(Ok(stream)) => stream,
        Ok(Err((error, tcp))) => {
            counters.handshake_failed();
            return refuse_plain_http(error, tcp).await;
        }
        Err(_) => {
            counters.connection_closed_by(ConnectionLimit::Handshake);
            return Err(io::ErrorKind::TimedOut.into());
        }
    };
    session.life.begin(Instant::now());
    if stream.get_ref().1.alpn_protocol() == Some(b"h2") {
        let stream = Stream::new(stream, Arc::clone(session), Protocol::Http2);
        serve_http2(session, stream, limits).await
    } else {
        let stream = Stream::new(stream, Arc::clone(session), Protocol::Http1);
        serve_http1(session, stream, limits).await
    }
}

async fn serve_plain(session: &Arc<Session>, tcp: TcpStream, limits: &Limits) -> io::Result<()> {
    let mut stream = Stream::new(tcp, Arc::clone(session), Protocol::Http1);
    match tokio::time::timeout(limits.header, stream.detect()).await {
        Ok(Ok(Protocol::Http1)) => serve_http1(session, stream, limits).await,
        Ok(Ok(Protocol::Http2)) => serve_http2(session, stream, limits).await,
        Ok(Err(error)) => Err(error),
        Err(_) => {
            let counters = session.worker.counters();
            counters.connection_closed_by(ConnectionLimit::Header);
            Err(io::ErrorKind::TimedOut.into())
        }
    }
}

/// Tells someone who typed `http://` for `https://` what is wrong; hands back `error`.
async fn refuse_plain_http(error: io::Error, mut tcp: TcpStream) -> io::Result<()> {
    const ANSWER: &[u8] = b"HTTP/1.1 400 Bad Request\r\n\
        Connection: close\r\nContent-Type: text/plain\r\nContent-Length: 49\r\n\r\n\
        This port speaks HTTPS: write https:// in the URL";
    let no_tls = error
        .get_ref()
        .and_then(|inner| inner.downcast_ref::<rustls::Error>())
        .is_some_and(|inner| {
            matches!(
                inner,
                rustls::Error::InvalidMessage(rustls::InvalidMessage::InvalidContentType)
            )
        });
    if no_tls {
        // It fits the empty send buffer of a fresh socket; whether it is read is no concern.
        let _ = tcp.write_all(ANSWER).await;
        let _ = tcp.shutdown().await;
    }
    Err(error)
}
