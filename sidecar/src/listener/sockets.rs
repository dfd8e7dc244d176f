//! Listening sockets: every address bound before anything starts, one socket for each worker.
//!
//! The kernel spreads connections over sockets that share an address by `SO_REUSEPORT`. It would
//! also let a second sidecar of the same user in unnoticed, so each address is first tried
//! without it.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};

use socket2::{Domain, Protocol, Type};

use crate::config::{ListenUrl, Snapshot};

/// Connections that may wait for `accept`; the kernel caps it at `net.core.somaxconn`.
const BACKLOG: i32 = 4096;

/// Attempts to find one free port on all addresses of a URL with port 0.
const FREE_PORT_ATTEMPTS: usize = 16;

/// Why an address of `Url` or `Admin.Url` cannot be listened on.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// Another program listens there.
    #[error(
        "port {} of `{url}` is in use at {address}: stop the program that listens there, or set another `{key}` (`--set {key}=…`)",
        address.port()
    )]
    InUse {
        /// The configuration's key.
        key: &'static str,
        /// Its value.
        url: Box<str>,
        /// The address that was tried.
        address: SocketAddr,
    },
    /// The system does not let us.
    #[error(
        "not permitted to listen at {address} (`{url}`): ports below 1024 need CAP_NET_BIND_SERVICE; set another `{key}`"
    )]
    Denied {
        /// The configuration's key.
        key: &'static str,
        /// Its value.
        url: Box<str>,
        /// The address that was tried.
        address: SocketAddr,
    },
    /// This machine has no such address.
    #[error("this machine has no address {}, which `{key}` `{url}` names", address.ip())]
    NoAddress {
        /// The configuration's key.
        key: &'static str,
        /// Its value.
        url: Box<str>,
        /// The address that was tried.
        address: SocketAddr,
    },
    /// Anything else.
    #[error("cannot listen at {address} (`{key}` `{url}`)")]
    Other {
        /// The configuration's key.
        key: &'static str,
        /// Its value.
        url: Box<str>,
        /// The address that was tried.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
}

/// Names one address for as long as it is listened on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct SocketId(u64);

/// One worker's socket at one address.
pub(crate) struct Socket {
    pub(crate) id: SocketId,
    pub(crate) tls: bool,
    /// With the real port.
    pub(crate) local: SocketAddr,
    pub(crate) listener: TcpListener,
}

/// Everything that is listened on. Says which address is which, and makes the sockets.
#[derive(Default)]
pub(crate) struct Sockets {
    next: u64,
    bound: Vec<Bound>,
}

#[derive(Clone)]
struct Bound {
    id: SocketId,
    /// As configured: port 0 stays the same wish on reload.
    wished: SocketAddr,
    local: SocketAddr,
    tls: bool,
}

/// A change of what is listened on, bound but not yet in force.
pub(crate) struct Change {
    next: u64,
    bound: Vec<Bound>,
    /// New sockets by worker.
    pub(crate) sockets: Vec<Vec<Socket>>,
    /// Addresses that are no longer wanted.
    pub(crate) retired: Vec<SocketId>,
}

impl Change {
    /// Where a URL asked for any port, the issuer made from it learns the real one.
    pub(crate) fn name_ports(&self, snapshot: &mut Snapshot) {
        let any = |bound: &&Bound| bound.wished.port() == 0;
        // The issuer is made from the first TLS listener, else from the first.
        let of = self.bound.iter().filter(|bound| bound.tls).find(any);
        let Some(bound) = of.or_else(|| self.bound.iter().find(any)) else {
            return;
        };
        let authority = &mut snapshot.authority;
        for url in [&mut authority.issuer, &mut authority.base] {
            *url = with_port(url, bound.local.port()).into();
        }
    }
}

/// `url` with `port` where it names port 0.
fn with_port(url: &str, port: u16) -> String {
    let start = url.find("://").map_or(0, |at| at + 3);
    let (scheme, rest) = url.split_at(start);
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    match authority.strip_suffix(":0") {
        Some(host) => format!("{scheme}{host}:{port}{path}"),
        None => url.to_owned(),
    }
}

impl Sockets {
    /// Binds what `urls` ask for and is not yet listened on, a socket for each of `workers`.
    pub(crate) fn plan(&self, urls: &[ListenUrl], workers: usize) -> Result<Change, BindError> {
        let mut change = Change {
            next: self.next,
            bound: Vec::new(),
            sockets: (0..workers).map(|_| Vec::new()).collect(),
            retired: Vec::new(),
        };
        for url in urls {
            let kept: Vec<_> = self.kept(url).cloned().collect();
            if kept.is_empty() {
                self.open(url, &mut change)?;
            } else {
                change.bound.extend(kept);
            }
        }
        change.retired = self
            .bound
            .iter()
            .filter(|old| !change.bound.iter().any(|new| new.id == old.id))
            .map(|old| old.id)
            .collect();
        Ok(change)
    }

    /// Puts `change` in force; returns the new sockets by worker and the retired ones.
    pub(crate) fn apply(&mut self, change: Change) -> (Vec<Vec<Socket>>, Vec<SocketId>) {
        self.next = change.next;
        self.bound = change.bound;
        (change.sockets, change.retired)
    }

    /// Addresses with their real ports, and whether they are TLS.
    pub(crate) fn addresses(&self) -> impl Iterator<Item = (SocketAddr, bool)> {
        self.bound.iter().map(|bound| (bound.local, bound.tls))
    }

    fn kept<'a>(&'a self, url: &'a ListenUrl) -> impl Iterator<Item = &'a Bound> {
        self.bound
            .iter()
            .filter(|bound| bound.tls == url.tls && url.addresses.contains(&bound.wished))
    }

    fn open(&self, url: &ListenUrl, change: &mut Change) -> Result<(), BindError> {
        // Only against strangers: our own sockets at this port must not stand in the way.
        let alone = |address: SocketAddr| {
            let ours = |bound: &Bound| bound.local.port() == address.port();
            address.port() != 0 && !self.bound.iter().any(ours)
        };
        let opened = open_all("Url", url, change.sockets.len(), alone)?;
        for one in opened {
            let id = SocketId(change.next);
            change.next += 1;
            change.bound.push(Bound {
                id,
                wished: one.wished,
                local: one.local,
                tls: url.tls,
            });
            for (sockets, listener) in change.sockets.iter_mut().zip(one.listeners) {
                sockets.push(Socket {
                    id,
                    tls: url.tls,
                    local: one.local,
                    listener,
                });
            }
        }
        Ok(())
    }
}

struct Opened {
    wished: SocketAddr,
    local: SocketAddr,
    listeners: Vec<TcpListener>,
}

/// Binds the admin addresses, one socket each.
pub(crate) fn bind_admin(addresses: &[SocketAddr]) -> Result<Vec<TcpListener>, BindError> {
    let Some(first) = addresses.first() else {
        return Ok(Vec::new());
    };
    let url = ListenUrl {
        url: format!("http://{first}").into(),
        addresses: addresses.to_vec(),
        tls: false,
    };
    let alone = |address: SocketAddr| address.port() != 0;
    let opened = open_all("Admin.Url", &url, 1, alone)?;
    Ok(opened.into_iter().flat_map(|one| one.listeners).collect())
}

/// Binds all addresses of `url`. With port 0 they share one free port.
fn open_all(
    key: &'static str,
    url: &ListenUrl,
    workers: usize,
    alone: impl Fn(SocketAddr) -> bool,
) -> Result<Vec<Opened>, BindError> {
    let mut attempt = 0;
    loop {
        attempt += 1;
        match try_open_all(key, url, workers, &alone) {
            Err(BindError::InUse { address, .. })
                if attempt < FREE_PORT_ATTEMPTS && wants_any_port(url, address) => {}
            done => return done,
        }
    }
}

fn wants_any_port(url: &ListenUrl, taken: SocketAddr) -> bool {
    let same_ip = |wished: &SocketAddr| wished.ip() == taken.ip() && wished.port() == 0;
    url.addresses.iter().any(same_ip)
}

fn try_open_all(
    key: &'static str,
    url: &ListenUrl,
    workers: usize,
    alone: &impl Fn(SocketAddr) -> bool,
) -> Result<Vec<Opened>, BindError> {
    let v4_any = url
        .addresses
        .iter()
        .any(|address| address.ip() == IpAddr::V4(Ipv4Addr::UNSPECIFIED));
    let mut opened: Vec<Opened> = Vec::new();
    let mut missing = None;
    for &wished in &url.addresses {
        let mut address = wished;
        if address.port() == 0
            && let Some(first) = opened.first()
        {
            address.set_port(first.local.port());
        }
        // [::] alone serves both families; beside 0.0.0.0 it must leave IPv4 to it.
        let both = address.ip() == IpAddr::V6(Ipv6Addr::UNSPECIFIED) && !v4_any;
        match open_one(address, both, workers, alone(address)) {
            Ok((local, listeners)) => opened.push(Opened {
                wished,
                local,
                listeners,
            }),
            // A machine without IPv6 still serves `localhost` and `*`.
            Err(error) if no_family(&error, address) && url.addresses.len() > 1 => {
                missing = Some((address, error));
            }
            Err(source) => return Err(explain(key, url, address, source)),
        }
    }
    match missing {
        Some((address, source)) if opened.is_empty() => Err(explain(key, url, address, source)),
        Some((address, _)) => {
            tracing::debug!(%address, url = %url.url, "this machine has no such address");
            Ok(opened)
        }
        None => Ok(opened),
    }
}

fn open_one(
    address: SocketAddr,
    both_families: bool,
    workers: usize,
    alone: bool,
) -> io::Result<(SocketAddr, Vec<TcpListener>)> {
    if alone {
        // Nobody may hold it; closed again at once, nothing ever waits on it.
        drop(bind(address, both_families, false)?);
    }
    let mut address = address;
    let mut listeners = Vec::with_capacity(workers);
    for _ in 0..workers.max(1) {
        let socket = bind(address, both_families, true)?;
        let listener: TcpListener = socket.into();
        address = listener.local_addr()?;
        listeners.push(listener);
    }
    // Only when all are bound, so that no connection comes to a half-made group.
    for listener in &listeners {
        socket2::SockRef::from(listener).listen(BACKLOG)?;
    }
    Ok((address, listeners))
}

fn bind(address: SocketAddr, both_families: bool, shared: bool) -> io::Result<socket2::Socket> {
    let socket = socket2::Socket::new(
        Domain::for_address(address),
        Type::STREAM,
        Some(Protocol::TCP),
    )?;
    socket.set_nonblocking(true)?;
    socket.set_reuse_address(true)?;
    if shared {
        socket.set_reuse_port(true)?;
    }
    // Accepted sockets inherit it: no system call for each connection.
    socket.set_tcp_nodelay(true)?;
    if address.is_ipv6() {
        socket.set_only_v6(!both_families)?;
    }
    socket.bind(&address.into())?;
    Ok(socket)
}

fn no_family(error: &io::Error, address: SocketAddr) -> bool {
    address.is_ipv6()
        && (error.kind() == io::ErrorKind::AddrNotAvailable
            || error.kind() == io::ErrorKind::Unsupported
            || error.raw_os_error() == Some(rustix::io::Errno::AFNOSUPPORT.raw_os_error()))
}

fn explain(
    key: &'static str,
    url: &ListenUrl,
    address: SocketAddr,
    source: io::Error,
) -> BindError {
    let url = url.url.clone();
    match source.kind() {
        io::ErrorKind::AddrInUse => BindError::InUse { key, url, address },
        io::ErrorKind::PermissionDenied => BindError::Denied { key, url, address },
        io::ErrorKind::AddrNotAvailable => BindError::NoAddress { key, url, address },
        _ => BindError::Other {
            key,
            url,
            address,
            source,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(addresses: &[&str]) -> ListenUrl {
        ListenUrl {
            url: "https://localhost:0".into(),
            addresses: addresses.iter().map(|a| a.parse().unwrap()).collect(),
            tls: true,
        }
    }

    #[test]
    fn port_0_gives_one_port_for_all_workers_and_addresses() {
        let mut sockets = Sockets::default();
        let change = sockets
            .plan(&[url(&["127.0.0.1:0", "127.0.0.2:0"])], 3)
            .unwrap();
        assert_eq!(change.sockets.len(), 3);
        sockets.apply(change);
        let ports: Vec<_> = sockets.addresses().map(|(a, _)| a.port()).collect();
        assert_eq!(ports.len(), 2);
        assert_ne!(ports[0], 0);
        assert_eq!(ports[0], ports[1]);
    }

    #[test]
    fn only_port_0_of_the_authority_is_replaced() {
        for (url, want) in [
            ("https://localhost:0/", "https://localhost:9/"),
            ("https://[::1]:0", "https://[::1]:9"),
            ("https://localhost:0/flow:0", "https://localhost:9/flow:0"),
            ("https://localhost:8080/", "https://localhost:8080/"),
            ("https://id.example/", "https://id.example/"),
        ] {
            assert_eq!(with_port(url, 9), want);
        }
    }

    #[test]
    fn a_port_in_use_is_refused_even_when_its_holder_would_share() {
        let mut first = Sockets::default();
        let change = first.plan(&[url(&["127.0.0.1:0"])], 2).unwrap();
        let _held = first.apply(change);
        let (address, _) = first.addresses().next().unwrap();
        let error = Sockets::default()
            .plan(&[url(&[&address.to_string()])], 2)
            .err()
            .unwrap();
        assert!(matches!(error, BindError::InUse { .. }), "{error}");
        let text = error.to_string();
        assert!(text.contains(&address.port().to_string()), "{text}");
        assert!(text.contains("--set Url="), "{text}");
    }

    #[test]
    fn a_changed_url_keeps_what_stays_and_retires_what_goes() {
        let mut sockets = Sockets::default();
        let change = sockets
            .plan(&[url(&["127.0.0.1:0"]), url(&["127.0.0.2:0"])], 1)
            .unwrap();
        let _held = sockets.apply(change);
        let before: Vec<_> = sockets.addresses().collect();
        let change = sockets
            .plan(&[url(&["127.0.0.1:0"]), url(&["127.0.0.3:0"])], 1)
            .unwrap();
        let (new, retired) = sockets.apply(change);
        assert_eq!(new[0].len(), 1);
        assert_eq!(retired.len(), 1);
        let after: Vec<_> = sockets.addresses().collect();
        assert_eq!(after[0], before[0]);
        assert_eq!(after.len(), 2);
    }

    #[test]
    fn a_wildcard_may_follow_one_of_its_addresses_at_the_same_port() {
        let mut sockets = Sockets::default();
        let change = sockets.plan(&[url(&["127.0.0.1:0"])], 1).unwrap();
        let _held = sockets.apply(change);
        let (address, _) = sockets.addresses().next().unwrap();
        let wider = url(&[&format!("0.0.0.0:{}", address.port())]);
        assert!(sockets.plan(&[wider], 1).is_ok());
    }
}
