//! Sockets to connections: accept loops, TLS, limits on connections, drain.

use std::sync::Arc;

/// A TLS certificate with its key, ready for handshakes.
pub struct Certificate {
    pub key: Arc<rustls::sign::CertifiedKey>,
    /// Made by us on first run, for localhost only.
    pub development: bool,
}

/// What the gate needs to know of the connection a request came in on.
#[derive(Clone, Debug)]
pub struct Connection {
    pub peer: std::net::SocketAddr,
    pub local: std::net::SocketAddr,
    pub tls: bool,
}
