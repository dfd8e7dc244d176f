//! The header that a proxy puts before a connection's own bytes: whose connection it passes on.
//!
//! In: the first bytes from a listed proxy. Out: the client's address, that the proxy has none to
//! tell, or that there is no such header. Rules: the PROXY protocol, versions 1 (§2.1) and 2 (§2.2).
//! Whatever begins like a header must be one: nothing that begins so is TLS, HTTP/1.1 or HTTP/2.
//! Elsewhere: who is listed (`config`), how long it may take (`connection`).

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use rustix::net::{RecvFlags, recv};
use tokio::io::{AsyncReadExt, Interest};
use tokio::net::TcpStream;

/// §2.2: twelve bytes with which neither a TLS record nor a request line begins.
const SIGNATURE: &[u8; 12] = b"\r\n\r\n\0\r\nQUIT\n";
/// §2.1. A method of that name exists nowhere, and no target begins like what follows it.
const LINE: &[u8; 6] = b"PROXY ";
/// §2.1: the longest line, with its end.
const LINE_MAX: usize = 107;
/// Signature, version, family and length.
const FIXED: usize = 16;
/// A whole header of version 2. Addresses take at most 216 bytes; the rest is for what proxies say
/// besides, of which nothing is used here.
const HEADER_MAX: usize = 2048;

/// What the first bytes are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scan {
    /// The client's own already.
    Absent,
    /// More have to come before it is plain, or before it is whole.
    More,
    /// A header of so many bytes.
    Whole { length: usize, source: Source },
    /// Neither a header nor anything else.
    Malformed,
}

/// Whose connection it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Source {
    /// The proxy's own, such as a probe, or of somebody whom it cannot name.
    Proxy,
    /// This client's.
    Client(SocketAddr),
}

/// Why a connection is not taken.
#[derive(Debug, thiserror::Error)]
pub(super) enum Fault {
    #[error("malformed PROXY header")]
    Malformed,
    #[error("the connection broke before its first bytes")]
    Io(#[from] io::Error),
}

/// Takes the header from `tcp`, if it begins with one, and leaves everything after it there.
///
/// Bytes are looked at where they wait, so that those of a client without a header stay there.
/// Not cancel safe; the connection ends when its deadline passes.
pub(super) async fn take(tcp: &mut TcpStream) -> Result<Option<Source>, Fault> {
    let mut waiting = vec![0; HEADER_MAX];
    // So many that were seen before told nothing.
    let mut seen = 0;
    loop {
        let ready = tcp.ready(Interest::READABLE).await?;
        let peeked = tcp.try_io(Interest::READABLE, || {
            let (n, _) = recv(&*tcp, &mut *waiting, RecvFlags::PEEK)?;
            // Nothing new: the next bytes ring again, as the readiness is told by edges.
            if n == seen && !ready.is_read_closed() {
                return Err(io::ErrorKind::WouldBlock.into());
            }
            Ok(n)
        });
        let n = match peeked {
            Ok(n) => n,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => continue,
            Err(error) => return Err(error.into()),
        };
        match scan(waiting.get(..n).unwrap_or_default()) {
            Scan::Absent => return Ok(None),
            // There will be no more. What there is is somebody else's to judge.
            Scan::More if n == seen => return Ok(None),
            Scan::More => seen = n,
            Scan::Whole { length, source } => {
                let header = waiting.get_mut(..length).unwrap_or_default();
                tcp.read_exact(header).await?;
                return Ok(Some(source));
            }
            Scan::Malformed => return Err(Fault::Malformed),
        }
    }
}

pub(super) fn scan(bytes: &[u8]) -> Scan {
    if begins(bytes, SIGNATURE) {
        return binary(bytes);
    }
    if begins(bytes, LINE) {
        return line(bytes);
    }
    if bytes.is_empty() {
        return Scan::More;
    }
    Scan::Absent
}

/// Whether `bytes`, as far as they have come, are the beginning of `form`, or go on after it.
fn begins(bytes: &[u8], form: &[u8]) -> bool {
    !bytes.is_empty() && bytes.iter().zip(form).all(|(byte, wanted)| byte == wanted)
}

/// §2.1: `PROXY TCP4 192.0.2.1 192.0.2.2 4711 443` and CRLF.
fn line(bytes: &[u8]) -> Scan {
    let head = bytes.get(..LINE_MAX).unwrap_or(bytes);
    let Some(end) = head.iter().position(|byte| *byte == b'\n') else {
        return if bytes.len() < LINE_MAX {
            Scan::More
        } else {
            Scan::Malformed
        };
    };
    let source = head
        .get(..end)
        .and_then(|line| line.strip_suffix(b"\r"))
        .and_then(|line| line.strip_prefix(LINE))
        .and_then(fields);
    match source {
        Some(source) => Scan::Whole {
            length: end + 1,
            source,
        },
        None => Scan::Malformed,
    }
}

/// What follows `PROXY `: a protocol, both addresses, both ports, with one space between.
fn fields(text: &[u8]) -> Option<Source> {
    // §2.1: whatever follows UNKNOWN is ignored.
    if text == b"UNKNOWN" || text.starts_with(b"UNKNOWN ") {
        return Some(Source::Proxy);
    }
    let text = std::str::from_utf8(text).ok()?;
    let mut fields = text.split(' ');
    let mut next = || fields.next();
    let (family, source, destination) = (next()?, next()?, next()?);
    let (port, other_port) = (next()?, next()?);
    if next().is_some() {
        return None;
    }
    let address = |text: &str| -> Option<IpAddr> {
        match family {
            "TCP4" => Some(text.parse::<Ipv4Addr>().ok()?.into()),
            "TCP6" => Some(text.parse::<Ipv6Addr>().ok()?.into()),
            _ => None,
        }
    };
    let source = address(source)?;
    address(destination)?;
    port_number(other_port)?;
    Some(Source::Client((source, port_number(port)?).into()))
}

/// §2.1: without leading zeros.
fn port_number(text: &str) -> Option<u16> {
    let canonical =
        text.bytes().all(|byte| byte.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    canonical.then(|| text.parse().ok())?
}

/// §2.2: the signature, version and command, family and protocol, length, then so many bytes.
fn binary(bytes: &[u8]) -> Scan {
    let Some(fixed) = bytes.first_chunk::<FIXED>() else {
        return Scan::More;
    };
    let [.., command, family, high, low] = *fixed;
    let length = FIXED + usize::from(u16::from_be_bytes([high, low]));
    let known = matches!(command, 0x20 | 0x21) && family >> 4 <= 3 && family & 0xf <= 2;
    if !known || length > HEADER_MAX {
        return Scan::Malformed;
    }
    let Some(rest) = bytes.get(FIXED..length) else {
        return Scan::More;
    };
    // LOCAL: the family is not looked at.
    let source = if command == 0x20 {
        Some(Source::Proxy)
    } else {
        addresses(family, rest)
    };
    match source {
        Some(source) => Scan::Whole { length, source },
        None => Scan::Malformed,
    }
}

/// The source address of `family`, of what follows the length.
fn addresses(family: u8, rest: &[u8]) -> Option<Source> {
    let port = |rest: &[u8], at: usize| {
        let port = rest.get(at..)?.first_chunk()?;
        Some(u16::from_be_bytes(*port))
    };
    let (source, taken) = match family {
        // Of no family, or of a socket without an address.
        0x00 => (Source::Proxy, 0),
        0x11 => {
            let address = Ipv4Addr::from(*rest.first_chunk::<4>()?);
            let source = (address, port(rest, 8)?).into();
            (Source::Client(source), 12)
        }
        0x21 => {
            let address = Ipv6Addr::from(*rest.first_chunk::<16>()?);
            let source = (address, port(rest, 32)?).into();
            (Source::Client(source), 36)
        }
        0x31 => (Source::Proxy, 216),
        // A datagram's, on a connection.
        _ => return None,
    };
    let extras = rest.get(taken..)?;
    well_formed(extras).then_some(source)
}

/// §2.2.1: each a type, a length and so many bytes. None of them changes who connects.
fn well_formed(mut extras: &[u8]) -> bool {
    while let Some((head, rest)) = extras.split_first_chunk::<3>() {
        let [_, high, low] = *head;
        let length = usize::from(u16::from_be_bytes([high, low]));
        let Some(rest) = rest.get(length..) else {
            return false;
        };
        extras = rest;
    }
    extras.is_empty()
}

#[cfg(test)]
mod tests;
