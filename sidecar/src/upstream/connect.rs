//! From an endpoint to an open socket.
//!
//! In: `http://host:port` or `unix:/path`. Out: a connected stream, within the caller's deadline.
//! Rules: RFC 8305 in short: both families in turn, the next one a quarter of a second after the
//! last or when that has failed. Names are resolved by the system, beside the hot path, one lookup
//! at a time, and what was found is good for [`FRESH`]; older addresses go on in use while they
//! are looked up anew, so a name server that is down does not take the engine down.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use http::uri::Authority;
use socket2::{SockRef, TcpKeepalive};
use tokio::net::{TcpStream, UnixStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::socket::Stream;
use crate::config::{Endpoint, UpstreamSettings};

/// How long addresses count as fresh: longer than a burst of connects, shorter than people wait
/// for a change of DNS.
const FRESH: Duration = Duration::from_secs(5);

/// RFC 8305 §8: the recommended delay between attempts.
const NEXT_ATTEMPT_AFTER: Duration = Duration::from_millis(250);

/// A peer that vanished without a word is noticed after this and three probes more; a stream has
/// no other deadline.
const KEEPALIVE_AFTER: Duration = Duration::from_secs(30);
const KEEPALIVE_EVERY: Duration = Duration::from_secs(10);

/// Opens sockets to one endpoint.
pub(super) enum Connector {
    Tcp(Resolver),
    Unix(Box<Path>),
}

impl Connector {
    /// `None` for the embedded engine, which needs no socket.
    pub(super) fn new(endpoint: &Endpoint) -> Option<Self> {
        match endpoint {
            Endpoint::Embedded => None,
            Endpoint::Http { authority } => Some(Self::Tcp(Resolver::new(authority))),
            Endpoint::Unix { path } => Some(Self::Unix(path.as_path().into())),
        }
    }

    /// A connected socket; the deadline is the caller's, and dropping the future gives up.
    pub(super) async fn connect(&self) -> io::Result<Stream> {
        match self {
            Self::Unix(path) => UnixStream::connect(path).await.map(Stream::Unix),
            Self::Tcp(resolver) => {
                let addresses = resolver.addresses().await?;
                match connect_any(&addresses).await {
                    Ok(stream) => {
                        stream.set_nodelay(true)?;
                        let keepalive = TcpKeepalive::new()
                            .with_time(KEEPALIVE_AFTER)
                            .with_interval(KEEPALIVE_EVERY);
                        SockRef::from(&stream).set_tcp_keepalive(&keepalive)?;
                        Ok(Stream::Tcp(stream))
                    }
                    Err(cause) => {
                        resolver.doubt();
                        Err(cause)
                    }
                }
            }
        }
    }
}

/// Whether the endpoint accepts a connection now, for readiness. Independent of any worker's pool.
///
/// # Errors
/// Why it does not, [`io::ErrorKind::TimedOut`] after `ConnectTimeout`.
pub async fn reachable(settings: &UpstreamSettings) -> io::Result<()> {
    let Some(connector) = Connector::new(&settings.endpoint) else {
        return Ok(());
    };
    tokio::time::timeout(settings.connect_timeout, connector.connect())
        .await
        .map_err(|_| io::Error::from(io::ErrorKind::TimedOut))?
        .map(drop)
}

/// The first of `addresses` that accepts.
async fn connect_any(addresses: &[SocketAddr]) -> io::Result<TcpStream> {
    if let [only] = addresses {
        return TcpStream::connect(only).await;
    }
    let mut attempts = JoinSet::new();
    let mut rest = addresses.iter().copied();
    let mut last = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    loop {
        if let Some(address) = rest.next() {
            attempts.spawn(TcpStream::connect(address));
        } else if attempts.is_empty() {
            return Err(last);
        }
        let more = rest.len() > 0;
        // Both branches are cancel-safe: an attempt stays in the set, the delay starts anew.
        tokio::select! {
            Some(done) = attempts.join_next() => match done {
                Ok(Ok(stream)) => return Ok(stream),
                Ok(Err(cause)) => last = cause,
                Err(cause) => last = io::Error::other(cause),
            },
            () = tokio::time::sleep(NEXT_ATTEMPT_AFTER), if more => {}
        }
    }
}

/// The addresses of one authority.
pub(super) struct Resolver {
    host: Box<str>,
    port: u16,
    found: watch::Sender<Found>,
}

#[derive(Default)]
struct Found {
    addresses: Option<Arc<[SocketAddr]>>,
    fresh_until: Option<Instant>,
    looking: bool,
    failed: Option<io::ErrorKind>,
}

impl Resolver {
    fn new(authority: &Authority) -> Self {
        let host = authority.host();
        let port = authority.port_u16().unwrap_or(80);
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        let literal = bare.parse::<IpAddr>().ok();
        let found = Found {
            addresses: literal.map(|ip| Arc::from([SocketAddr::new(ip, port)])),
            ..Found::default()
        };
        Self {
            // A literal is never looked up.
            host: if literal.is_some() { "" } else { bare }.into(),
            port,
            found: watch::Sender::new(found),
        }
    }

    /// Known addresses at once, else those of the lookup under way.
    async fn addresses(&self) -> io::Result<Arc<[SocketAddr]>> {
        let known = self.found.borrow().addresses.clone();
        if self.host.is_empty() {
            return known.ok_or_else(|| io::ErrorKind::NotFound.into());
        }
        // Followed before it starts, so that its end cannot be missed.
        let mut found = self.found.subscribe();
        self.look_up();
        if let Some(known) = known {
            return Ok(known);
        }
        let found = found
            .wait_for(|found| !found.looking)
            .await
            .map_err(io::Error::other)?;
        match (&found.addresses, found.failed) {
            (Some(addresses), _) => Ok(Arc::clone(addresses)),
            (None, failed) => Err(failed.unwrap_or(io::ErrorKind::NotFound).into()),
        }
    }

    /// Starts a lookup unless one runs or the last one is fresh. It outlives the request that
    /// wanted it: what it finds serves the next one.
    fn look_up(&self) {
        let mut start = false;
        self.found.send_if_modified(|found| {
            let fresh = found
                .fresh_until
                .is_some_and(|until| Instant::now() < until);
            start = !found.looking && !fresh;
            found.looking |= start;
            false
        });
        if !start {
            return;
        }
        let (host, port, sender) = (self.host.clone(), self.port, self.found.clone());
        tokio::spawn(async move {
            let result = tokio::net::lookup_host((&*host, port)).await;
            sender.send_modify(|found| {
                found.looking = false;
                match result.map(by_family_in_turn) {
                    Ok(addresses) if !addresses.is_empty() => {
                        found.addresses = Some(addresses);
                        found.fresh_until = Some(Instant::now() + FRESH);
                        found.failed = None;
                    }
                    Ok(_) => found.failed = Some(io::ErrorKind::NotFound),
                    Err(cause) => found.failed = Some(cause.kind()),
                }
            });
        });
    }

    /// None of the addresses accepted: they are not fresh any more, but better than none.
    fn doubt(&self) {
        self.found.send_if_modified(|found| {
            found.fresh_until = None;
            false
        });
    }
}

/// RFC 8305 §4: the families alternate, beginning with the one that the resolver put first.
fn by_family_in_turn(found: impl Iterator<Item = SocketAddr>) -> Arc<[SocketAddr]> {
    let mut found: Vec<SocketAddr> = found.collect();
    let Some(first_is_v6) = found.first().map(SocketAddr::is_ipv6) else {
        return Arc::from([]);
    };
    let mut places = [0, 0];
    // Each address is keyed by its rank within its family: stable, first family first on ties.
    found.sort_by_cached_key(|address| {
        let second = usize::from(address.is_ipv6() != first_is_v6);
        places[second] += 1;
        (places[second], second)
    });
    found.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn families_take_turns_beginning_with_the_resolvers_first() {
        let parse = |text: &str| -> Vec<SocketAddr> {
            text.split_whitespace()
                .map(|address| SocketAddr::new(address.parse().unwrap(), 80))
                .collect()
        };
        for (found, want) in [
            ("::1 ::2 ::3 10.0.0.1", "::1 10.0.0.1 ::2 ::3"),
            ("10.0.0.1 10.0.0.2 ::1", "10.0.0.1 ::1 10.0.0.2"),
            ("10.0.0.1", "10.0.0.1"),
            ("", ""),
        ] {
            assert_eq!(
                *by_family_in_turn(parse(found).into_iter()),
                parse(want),
                "{found:?}"
            );
        }
    }

    #[tokio::test]
    async fn a_name_with_one_dead_family_is_reached_over_the_other() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        // Bound to the IPv4 loopback alone: the IPv6 one refuses, where it exists at all.
        let addresses = [
            SocketAddr::new("::1".parse().unwrap(), port),
            SocketAddr::new("127.0.0.1".parse().unwrap(), port),
        ];
        assert!(connect_any(&addresses).await.is_ok());
    }

    #[tokio::test]
    async fn lookups_are_shared_and_their_result_is_kept() {
        let resolver = Resolver::new(&Authority::from_static("localhost:9"));
        let (one, two) = tokio::join!(resolver.addresses(), resolver.addresses());
        let (one, two) = (one.unwrap(), two.unwrap());
        assert!(Arc::ptr_eq(&one, &two));
        assert!(one.iter().all(|address| address.port() == 9));
        resolver.doubt();
        assert!(
            Arc::ptr_eq(&one, &resolver.addresses().await.unwrap()),
            "what is known serves while it is looked up anew"
        );
    }

    #[tokio::test]
    async fn a_literal_address_is_not_looked_up() {
        for (authority, want) in [("127.0.0.1:81", "127.0.0.1:81"), ("[::1]", "[::1]:80")] {
            let resolver = Resolver::new(&Authority::from_static(authority));
            let addresses = resolver.addresses().await.unwrap();
            assert_eq!(*addresses, [want.parse().unwrap()]);
            assert!(!resolver.found.borrow().looking);
        }
    }
}
