//! A worker: one thread with its own runtime and its own sockets.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;

use super::connection::Protocol;
use super::trust::Socket;
use crate::service::Engine;

/// When accepting fails for want of something (descriptors, memory), connections that end give
/// some back; until then asking again at once would only burn.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// The sockets of one worker, not yet in a runtime.
pub(super) enum Sockets {
    Tcp(Vec<std::net::TcpListener>),
    Unix(std::os::unix::net::UnixListener),
}

/// What a worker serves with.
#[derive(Clone)]
pub(super) struct Worker {
    pub(super) engine: Engine,
    /// Seats for connections, of all workers together.
    pub(super) seats: Arc<Semaphore>,
    pub(super) drain: watch::Receiver<bool>,
}

enum Listener {
    Tcp(TcpListener),
    Unix(UnixListener),
}

enum Stream {
    Tcp(TcpStream),
    Unix(UnixStream),
}

impl Worker {
    /// Accepts until the drain, then waits until every connection has ended.
    ///
    /// # Errors
    /// When the runtime cannot start or cannot take the sockets.
    pub(super) fn run(self, sockets: Sockets) -> io::Result<()> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        runtime.block_on(async move {
            let mut listeners = Vec::new();
            match sockets {
                Sockets::Tcp(sockets) => {
                    for socket in sockets {
                        listeners.push(Listener::Tcp(TcpListener::from_std(socket)?));
                    }
                }
                Sockets::Unix(socket) => {
                    listeners.push(Listener::Unix(UnixListener::from_std(socket)?));
                }
            }
            let mut accepting = JoinSet::new();
            for listener in listeners {
                accepting.spawn(self.clone().accept(listener));
            }
            while accepting.join_next().await.is_some() {}
            Ok(())
        })
    }

    async fn accept(mut self, listener: Listener) {
        let protocol = Protocol::new();
        let mut connections = JoinSet::new();
        loop {
            let accepted = tokio::select! {
                accepted = listener.accept() => accepted,
                // Frees what ended connections leave; losing the race loses nothing.
                Some(_) = connections.join_next() => continue,
                _ = self.drain.wait_for(|drain| *drain) => break,
            };
            let stream = match accepted {
                Ok(stream) => stream,
                Err(fault) => {
                    tracing::warn!(%fault, "cannot accept a connection");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                    continue;
                }
            };
            // Full means shed at once: a caller learns more from a closed socket than from a wait.
            let Ok(seat) = Arc::clone(&self.seats).try_acquire_owned() else {
                tracing::warn!("connection limit reached; one was turned away");
                continue;
            };
            let (protocol, engine, drain) =
                (protocol.clone(), self.engine.clone(), self.drain.clone());
            connections.spawn(async move {
                let _seat = seat;
                match stream {
                    Stream::Tcp(tcp) => {
                        let io = TokioIo::new(tcp);
                        protocol.serve(io, Socket::Tcp, engine, drain).await;
                    }
                    Stream::Unix(unix) => {
                        let io = TokioIo::new(unix);
                        protocol.serve(io, Socket::Unix, engine, drain).await;
                    }
                }
            });
        }
        drop(listener);
        while connections.join_next().await.is_some() {}
    }
}

impl Listener {
    async fn accept(&self) -> io::Result<Stream> {
        match self {
            Self::Tcp(listener) => {
                let (stream, _) = listener.accept().await?;
                // Answers are written whole; waiting for more to send would only delay them.
                stream.set_nodelay(true)?;
                Ok(Stream::Tcp(stream))
            }
            Self::Unix(listener) => Ok(Stream::Unix(listener.accept().await?.0)),
        }
    }
}
