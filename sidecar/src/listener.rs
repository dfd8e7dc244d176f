//! Sockets to connections: accept loops, TLS, limits on connections, drain.
//!
//! In: the addresses, certificate and limits of the snapshot in force. Out: requests, each handed
//! to the gate with the [`Connection`] it came in on.
//! Rules: RFC 8446 and 5246 (TLS), RFC 7301 (ALPN), RFC 9112 §9 (connections of HTTP/1.1),
//! RFC 9113 §5.1.2 and §10.5 (bounds of HTTP/2).
//! Elsewhere: what a request is worth (`gate`); when to start, reload and stop (`server`).

mod accept;
mod authorities;
mod certificate;
mod client_certificate;
mod connection;
mod development;
mod life;
mod protocol;
mod proxy_header;
mod seats;
mod sockets;
mod stream;
mod tls;

pub use authorities::{Authorities, AuthoritiesError};
pub use certificate::{Certificate, CertificateError};
pub use client_certificate::ClientCertificate;
pub use sockets::BindError;

pub(crate) use accept::{Accepting, Handed, Handover};
pub(crate) use connection::Open;
pub(crate) use seats::Seats;
pub(crate) use sockets::{Socket, SocketId, Sockets, bind_admin};
pub(crate) use tls::server_config;

use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};

/// What the gate needs to know of the connection a request came in on.
#[derive(Clone, Debug)]
pub struct Connection {
    /// The other end: whose connection it is, by the word of a listed proxy, else who connected.
    pub peer: SocketAddr,
    /// Our end.
    pub local: SocketAddr,
    /// Whether it is encrypted.
    pub tls: bool,
    /// `peer` was a listed proxy when it was accepted, and has named no client since.
    pub(crate) through_proxy: bool,
    /// What the client proved to hold in the handshake, when it sent one; set once, then.
    pub(crate) certificate: OnceLock<Arc<ClientCertificate>>,
}

impl Connection {
    /// What the client proved to hold in the handshake, when it sent one.
    pub fn certificate(&self) -> Option<&Arc<ClientCertificate>> {
        self.certificate.get()
    }
}

#[cfg(any(test, fuzzing))]
pub mod fuzz;
#[cfg(test)]
pub(crate) mod tests;
