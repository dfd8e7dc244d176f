//! One connection from accept to close: its seat, its TLS handshake, its requests.

use std::collections::HashMap;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use parking_lot::Mutex;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_rustls::TlsAcceptor;

use super::client_certificate::ClientCertificate;
use super::life::{Life, Protocol};
use super::protocol::{serve_http1, serve_http2};
use super::proxy_header::{self, Source};
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
        let counters = self.worker.counters();
        counters.connection_ended();
        // The gate counts its own; this one was outside it, and costs the connection.
        if std::thread::panicking() {
            counters.panicked();
        }
    }
}

/// The connections of one worker, so that a drain reaches them and others see its load.
pub(crate) struct Open {
    /// Connections served here or on their way here.
    load: AtomicUsize,
    table: Mutex<Table>,
    emptied: Notify,
}

struct Table {
    next: u64,
    sessions: HashMap<u64, (SocketId, Arc<Session>)>,
    /// A drain is on: whoever comes now is asked to end as well.
    closing: bool,
}

impl Open {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self {
            load: AtomicUsize::new(0),
            table: Mutex::new(Table {
                next: 0,
                sessions: HashMap::new(),
                closing: false,
            }),
            emptied: Notify::new(),
        })
    }

    /// Connections served here or on their way here.
    pub(super) fn load(&self) -> usize {
        self.load.load(Relaxed)
    }

    /// Counts a connection until the guard is dropped.
    pub(super) fn expect(self: &Arc<Self>) -> Load {
        self.load.fetch_add(1, Relaxed);
        Load(Arc::clone(self))
    }

    fn add(self: &Arc<Self>, socket: SocketId, session: &Arc<Session>) -> Entry {
        let mut table = self.table.lock();
        let id = table.next;
        table.next += 1;
        table.sessions.insert(id, (socket, Arc::clone(session)));
        if table.closing {
            session.life.drain();
        }
        Entry {
            open: Arc::clone(self),
            id,
        }
    }

    /// Asks the connections that came in at `retired` sockets to end after what is under way.
    pub(super) fn drain(&self, retired: &[SocketId]) {
        for (socket, session) in self.table.lock().sessions.values() {
            if retired.contains(socket) {
                session.life.drain();
            }
        }
    }

    /// Asks every connection, also those to come, to end after what is under way.
    pub(super) fn drain_all(&self) {
        let mut table = self.table.lock();
        table.closing = true;
        for (_, session) in table.sessions.values() {
            session.life.drain();
        }
    }

    /// Waits until no connection is open or on its way.
    pub(crate) async fn empty(&self) {
        loop {
            let emptied = self.emptied.notified();
            if self.load() == 0 {
                return;
            }
            emptied.await;
        }
    }

    /// How many are still open; each is counted as cut short by the drain.
    pub(crate) fn cut_short(&self) -> usize {
        let table = self.table.lock();
        for (_, session) in table.sessions.values() {
            let counters = session.worker.counters();
            counters.connection_closed_by(ConnectionLimit::Drain);
        }
        table.sessions.len()
    }
}

/// A connection's share of its worker's load.
pub(super) struct Load(Arc<Open>);

impl Drop for Load {
    fn drop(&mut self) {
        if self.0.load.fetch_sub(1, Relaxed) == 1 {
            self.0.emptied.notify_waiters();
        }
    }
}

/// A connection's line in [`Open`]; struck on drop.
struct Entry {
    open: Arc<Open>,
    id: u64,
}

impl Drop for Entry {
    fn drop(&mut self) {
        let removed = self.open.table.lock().sessions.remove(&self.id);
        drop(removed);
    }
}

/// A connection that was accepted and has its seat.
pub(super) struct Accepted {
    pub(super) tcp: TcpStream,
    pub(super) connection: Connection,
    pub(super) socket: SocketId,
    pub(super) seat: Seat,
    pub(super) load: Load,
}

/// Serves a connection to its end. Faults of the other side are its own affair and only counted.
pub(super) async fn serve(
    worker: Arc<Worker>,
    open: Arc<Open>,
    tls: TlsAcceptor,
    mut accepted: Accepted,
) {
    let limits = worker.shared.live.snapshot().limits.clone();
    let encrypted = accepted.connection.tls;
    if accepted.connection.through_proxy {
        // Boxed: for connections of listed proxies only, and for a moment.
        let named = Box::pin(name_client(&worker, &mut accepted, &limits)).await;
        if let Err(error) = named {
            let proxy = accepted.connection.peer;
            tracing::debug!(%proxy, error = &error as &dyn std::error::Error, "not taken");
            return;
        }
    }
    worker.counters().connection_opened();
    let session = Arc::new(Session {
        worker,
        connection: accepted.connection,
        life: Life::new(&limits, Instant::now()),
        _seat: accepted.seat,
    });
    let _load = accepted.load;
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

/// Reads whose connection a listed proxy passes on. From then on it is that client's, for limits
/// too.
async fn name_client(
    worker: &Worker,
    accepted: &mut Accepted,
    limits: &Limits,
) -> Result<(), proxy_header::Fault> {
    let counters = worker.counters();
    let (deadline, limit) = if accepted.connection.tls {
        (limits.handshake, ConnectionLimit::Handshake)
    } else {
        (limits.header, ConnectionLimit::Header)
    };
    let taken = tokio::time::timeout(deadline, proxy_header::take(&mut accepted.tcp));
    let source = match taken.await {
        Ok(Ok(source)) => source,
        Ok(Err(fault)) => {
            counters.handshake_failed();
            return Err(fault);
        }
        Err(_) => {
            counters.connection_closed_by(limit);
            return Err(io::Error::from(io::ErrorKind::TimedOut).into());
        }
    };
    if let Some(Source::Client(client)) = source {
        if let Err(limit) = accepted.seat.hand_to(client.ip(), limits) {
            counters.connection_closed_by(limit);
            return Err(io::Error::from(io::ErrorKind::QuotaExceeded).into());
        }
        accepted.connection.peer = client;
        accepted.connection.through_proxy = false;
    }
    Ok(())
}

async fn serve_tls(
    session: &Arc<Session>,
    tls: &TlsAcceptor,
    tcp: TcpStream,
    limits: &Limits,
) -> io::Result<()> {
    let counters = session.worker.counters();
    let handshake = async {
        if speaks_plain_http(&tcp).await? {
            refuse_plain_http(tcp).await;
            return Err(io::ErrorKind::InvalidData.into());
        }
        tls.accept(tcp).await
    };
    // Boxed like the stream below: what is needed for a moment, or by one protocol, must not make
    // every connection's task larger: it took 8.8 KiB unboxed and takes 1.7.
    let handshake = Box::pin(tokio::time::timeout(limits.handshake, handshake));
    let stream = match handshake.await {
        Ok(Ok(stream)) => stream,
        Ok(Err(error)) => {
            counters.handshake_failed();
            return Err(error);
        }
        Err(_) => {
            counters.connection_closed_by(ConnectionLimit::Handshake);
            return Err(io::ErrorKind::TimedOut.into());
        }
    };
    session.life.begin(Instant::now());
    if let Some(certificate) = stream
        .get_ref()
        .1
        .peer_certificates()
        .and_then(ClientCertificate::new)
    {
        let set = session.connection.certificate.set(Arc::new(certificate));
        debug_assert!(set.is_ok(), "a connection has one handshake");
    }
    let stream = Box::new(stream);
    if stream.get_ref().1.alpn_protocol() == Some(b"h2") {
        let stream = Stream::new(stream, Arc::clone(session), Protocol::Http2);
        Box::pin(serve_http2(session, stream, limits)).await
    } else {
        let stream = Stream::new(stream, Arc::clone(session), Protocol::Http1);
        serve_http1(session, stream, limits).await
    }
}

async fn serve_plain(session: &Arc<Session>, tcp: TcpStream, limits: &Limits) -> io::Result<()> {
    let mut stream = Stream::new(tcp, Arc::clone(session), Protocol::Http1);
    match tokio::time::timeout(limits.header, stream.detect()).await {
        Ok(Ok(Protocol::Http1)) => serve_http1(session, stream, limits).await,
        Ok(Ok(Protocol::Http2)) => Box::pin(serve_http2(session, stream, limits)).await,
        Ok(Err(error)) => Err(error),
        Err(_) => {
            let counters = session.worker.counters();
            counters.connection_closed_by(ConnectionLimit::Header);
            Err(io::ErrorKind::TimedOut.into())
        }
    }
}

/// Whether the first byte is a method's and not a TLS record's. One system call beside the
/// hundreds of microseconds of a handshake.
async fn speaks_plain_http(tcp: &TcpStream) -> io::Result<bool> {
    let mut first = [0];
    tcp.peek(&mut first).await?;
    Ok(first[0].is_ascii_uppercase())
}

/// Tells someone who typed `http://` for `https://` what is wrong.
async fn refuse_plain_http(mut tcp: TcpStream) {
    const ANSWER: &[u8] = b"HTTP/1.1 400 Bad Request\r\n\
        Connection: close\r\nContent-Type: text/plain\r\nContent-Length: 49\r\n\r\n\
        This port speaks HTTPS: write https:// in the URL";
    // It fits the empty send buffer of a fresh socket; whether it is read is no concern.
    let _ = tcp.write_all(ANSWER).await;
    let _ = tcp.shutdown().await;
    // Closing with the request unread would reset the connection and lose the answer.
    let mut unread = [0; 1024];
    while tcp.read(&mut unread).await.is_ok_and(|n| n > 0) {}
}
