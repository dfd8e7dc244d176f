//! The engine as a program of its own: sockets, workers, life cycle.
//!
//! In: an [`Engine`] and where to listen. Out: answered requests, until a drain ends.
//! Rules: design §5 Trust (loopback or a Unix socket, no browsers), §6 (503 until schemes are
//! loaded, drain, exit within a second when nothing is in flight).
//! Elsewhere: what an answer is (`service`); which signal means what (the binary); probes (`admin`).

mod connection;
mod malformed;
mod sockets;
mod trust;
mod worker;

#[cfg(test)]
mod tests;

use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use tokio::sync::{Semaphore, mpsc, watch};

pub use sockets::BindError;
pub(crate) use sockets::tcp;
pub(crate) use trust::{Socket, judge};

use crate::config::Listen;
use crate::service::Engine;
use sockets::SocketFile;
use worker::{Sockets, Worker};

/// Connections at a time, of all workers. The sidecar's pools need a few hundred.
const CONNECTIONS_MAX: usize = 8192;

/// Where a server listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Listening {
    /// Plain HTTP/1.1 and HTTP/2 on loopback.
    Tcp(Vec<SocketAddr>),
    /// The same on a socket file.
    Unix(PathBuf),
}

impl std::fmt::Display for Listening {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Tcp(addresses) => {
                for (place, address) in addresses.iter().enumerate() {
                    let space = if place == 0 { "" } else { " " };
                    write!(f, "{space}http://{address}")?;
                }
                Ok(())
            }
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

/// Sockets that listen, before anybody serves them: callers wait in the kernel's queue.
#[derive(Debug)]
pub struct Bound {
    listening: Listening,
    sockets: Vec<Vec<TcpListener>>,
    unix: Option<(std::os::unix::net::UnixListener, SocketFile)>,
    workers: usize,
}

impl Bound {
    /// Listens where `listen` says, with sockets for `workers` workers (at least one).
    pub fn new(listen: &Listen, workers: usize) -> Result<Self, BindError> {
        let workers = workers.max(1);
        match listen {
            Listen::Tcp(addresses) => {
                let mut sockets: Vec<Vec<TcpListener>> = (0..workers).map(|_| Vec::new()).collect();
                let mut bound = Vec::new();
                for &address in addresses {
                    if !address.ip().is_loopback() {
                        return Err(BindError::NotLoopback { address });
                    }
                    let shared = tcp(address, workers, "Engine.Url")?;
                    bound.extend(shared.first().and_then(|socket| socket.local_addr().ok()));
                    for (worker, socket) in sockets.iter_mut().zip(shared) {
                        worker.push(socket);
                    }
                }
                Ok(Self {
                    listening: Listening::Tcp(bound),
                    sockets,
                    unix: None,
                    workers,
                })
            }
            Listen::Unix(path) => Ok(Self {
                listening: Listening::Unix(path.clone()),
                sockets: Vec::new(),
                unix: Some(sockets::unix(path)?),
                workers,
            }),
        }
    }

    /// Where it listens; with port 0, which port that became.
    pub fn listening(&self) -> &Listening {
        &self.listening
    }

    /// Starts the workers.
    ///
    /// # Errors
    /// When a thread cannot be had.
    pub fn serve(self, engine: &Engine) -> std::io::Result<Server> {
        let (drain, receiver) = watch::channel(false);
        let (ended, workers) = mpsc::channel(self.workers);
        let worker = Worker {
            engine: engine.clone(),
            seats: Arc::new(Semaphore::new(CONNECTIONS_MAX)),
            drain: receiver,
        };
        let mut sockets: Vec<Sockets> = self.sockets.into_iter().map(Sockets::Tcp).collect();
        let socket_file = match self.unix {
            None => None,
            Some((listener, file)) => {
                for _ in 1..self.workers {
                    sockets.push(Sockets::Unix(listener.try_clone()?));
                }
                sockets.push(Sockets::Unix(listener));
                Some(file)
            }
        };
        for (number, sockets) in sockets.into_iter().enumerate() {
            let (worker, ended) = (worker.clone(), ended.clone());
            thread::Builder::new()
                .name(format!("worker-{number}"))
                .spawn(move || {
                    if let Err(fault) = worker.run(sockets) {
                        tracing::error!(%fault, "a worker could not start");
                    }
                    // Dropped last: its receiver counts workers by the senders that are left.
                    drop(ended);
                })?;
        }
        Ok(Server {
            listening: self.listening,
            drain,
            workers,
            _socket_file: socket_file,
        })
    }
}

/// A server at work. Dropping it drains without waiting.
#[derive(Debug)]
pub struct Server {
    listening: Listening,
    drain: watch::Sender<bool>,
    workers: mpsc::Receiver<()>,
    _socket_file: Option<SocketFile>,
}

impl Server {
    /// Where it listens.
    pub fn listening(&self) -> &Listening {
        &self.listening
    }

    /// Waits until every worker has ended, which before a drain none does.
    pub async fn ended(&mut self) {
        while self.workers.recv().await.is_some() {}
    }

    /// Stops accepting, lets what is in flight finish, at most for `timeout`. True when all of
    /// it did.
    pub async fn drain(mut self, timeout: Duration) -> bool {
        self.drain.send_replace(true);
        tokio::time::timeout(timeout, self.ended()).await.is_ok()
    }
}
