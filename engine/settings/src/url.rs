//! URLs as the configuration has them: scheme, host, port, path, and nothing else.
//!
//! In: text. Out: its parts, or what is wrong with it; a password in a URL is refused, for it
//! would show in logs.
//! Elsewhere: which schemes and paths a key takes.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// The parts of a URL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Url<'t> {
    /// As written.
    pub scheme: &'t str,
    /// Who or where.
    pub host: Host<'t>,
    /// As written, if it is.
    pub port: Option<u16>,
    /// Empty, or from the first slash on.
    pub path: &'t str,
}

/// A host to listen on or to call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Host<'t> {
    /// 127.0.0.1 and `[::1]`.
    Localhost,
    /// `*` or `+`: every address.
    Any,
    /// An address.
    Address(IpAddr),
    /// Another name.
    Name(&'t str),
}

/// Why a text is no URL that the configuration takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// No `scheme://`.
    #[error("no `scheme://host`")]
    NoScheme,
    /// `user:password@`.
    #[error("user name and password in a URL are not supported")]
    UserInfo,
    /// `?…` or `#…`.
    #[error("a query or fragment has no place here")]
    Query,
    /// Empty or malformed.
    #[error("no valid host name or address")]
    Host,
    /// Not a number up to 65535.
    #[error("the port is not a number from 0 to 65535")]
    Port,
}

impl<'t> Url<'t> {
    /// Takes `text` apart.
    ///
    /// # Errors
    /// What is wrong with it, without any part of it.
    pub fn parse(text: &'t str) -> Result<Self, Fault> {
        let (scheme, rest) = text.split_once("://").ok_or(Fault::NoScheme)?;
        let scheme_valid = scheme.starts_with(|c: char| c.is_ascii_alphabetic())
            && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric());
        if !scheme_valid {
            return Err(Fault::NoScheme);
        }
        let (authority, path) = match rest.find(['/', '?', '#']) {
            Some(index) => rest.split_at(index),
            None => (rest, ""),
        };
        if authority.contains('@') {
            return Err(Fault::UserInfo);
        }
        if path.contains(['?', '#']) {
            return Err(Fault::Query);
        }
        let (host, port) = split_port(authority)?;
        Ok(Self {
            scheme,
            host: Host::parse(host)?,
            port,
            path,
        })
    }

    /// Whether the scheme is `name`; schemes have no case.
    pub fn is(&self, name: &str) -> bool {
        self.scheme.eq_ignore_ascii_case(name)
    }

    /// Host and port as in a URL, without `default_port`; lower case.
    pub fn authority(&self, default_port: u16) -> String {
        match self.port {
            Some(port) if port != default_port => format!("{}:{port}", self.host),
            _ => self.host.to_string(),
        }
    }
}

impl<'t> Host<'t> {
    fn parse(text: &'t str) -> Result<Self, Fault> {
        if text.eq_ignore_ascii_case("localhost") {
            return Ok(Self::Localhost);
        }
        if text == "*" || text == "+" {
            return Ok(Self::Any);
        }
        if let Some(inner) = text.strip_prefix('[') {
            let inner = inner.strip_suffix(']').ok_or(Fault::Host)?;
            let address: Ipv6Addr = inner.parse().map_err(|_| Fault::Host)?;
            return Ok(Self::Address(address.into()));
        }
        if let Ok(address) = text.parse::<Ipv4Addr>() {
            return Ok(Self::Address(address.into()));
        }
        let is_label = |label: &str| {
            (1..=63).contains(&label.len())
                && label
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
        };
        let name = text.strip_suffix('.').unwrap_or(text);
        // What is all digits and points is a mistyped address, not a name.
        let numeric = name
            .bytes()
            .all(|byte| byte.is_ascii_digit() || byte == b'.');
        if name.len() > 253 || numeric || !name.split('.').all(is_label) {
            return Err(Fault::Host);
        }
        Ok(Self::Name(text))
    }

    /// The addresses to listen on; `None` for a name, which is nobody's address here.
    pub fn addresses(&self, port: u16) -> Option<Vec<SocketAddr>> {
        let both = |v4: Ipv4Addr, v6: Ipv6Addr| {
            vec![SocketAddr::from((v4, port)), SocketAddr::from((v6, port))]
        };
        match self {
            Self::Localhost => Some(both(Ipv4Addr::LOCALHOST, Ipv6Addr::LOCALHOST)),
            Self::Any => Some(both(Ipv4Addr::UNSPECIFIED, Ipv6Addr::UNSPECIFIED)),
            Self::Address(address) => Some(vec![SocketAddr::new(*address, port)]),
            Self::Name(_) => None,
        }
    }

    /// Every address of this machine.
    pub fn is_unspecified(&self) -> bool {
        match self {
            Self::Any => true,
            Self::Address(address) => address.is_unspecified(),
            Self::Localhost | Self::Name(_) => false,
        }
    }
}

impl fmt::Display for Host<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Localhost => f.write_str("localhost"),
            Self::Any => f.write_str("*"),
            Self::Address(IpAddr::V4(address)) => write!(f, "{address}"),
            Self::Address(IpAddr::V6(address)) => write!(f, "[{address}]"),
            Self::Name(name) => f.write_str(&name.to_ascii_lowercase()),
        }
    }
}

/// Whether only this machine reaches `address`.
pub fn is_loopback(address: IpAddr) -> bool {
    address.to_canonical().is_loopback()
}

fn split_port(authority: &str) -> Result<(&str, Option<u16>), Fault> {
    if authority.starts_with('[') && !authority.contains(']') {
        return Err(Fault::Host);
    }
    let after_host = authority.rfind(']').map_or(0, |index| index + 1);
    let tail = authority.get(after_host..).unwrap_or_default();
    let Some(colon) = tail.find(':') else {
        return Ok((authority, None));
    };
    let (host, port) = authority.split_at(after_host + colon);
    let port = port.get(1..).unwrap_or_default();
    if port.is_empty() || !port.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(Fault::Port);
    }
    Ok((host, Some(port.parse().map_err(|_| Fault::Port)?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_scheme_host_port_path() {
        for (text, want) in [
            ("http://*:8077/", Ok("http * 8077 /")),
            ("HTTPS://LocalHost", Ok("HTTPS localhost - ")),
            ("http://[::1]:80", Ok("http [::1] 80 ")),
            ("http://[::1]", Ok("http [::1] - ")),
            ("https://Id.Example.:1/a/b", Ok("https id.example. 1 /a/b")),
            ("http://10.0.0.1", Ok("http 10.0.0.1 - ")),
            ("http://u:p@h", Err(Fault::UserInfo)),
            ("http://h?x", Err(Fault::Query)),
            ("http://h/#x", Err(Fault::Query)),
            ("http://h:x", Err(Fault::Port)),
            ("http://h:", Err(Fault::Port)),
            ("http://h:65536", Err(Fault::Port)),
            ("http://h:+1", Err(Fault::Port)),
            ("http://", Err(Fault::Host)),
            ("http://:80", Err(Fault::Host)),
            ("http://a b", Err(Fault::Host)),
            ("http://10.0.0.256", Err(Fault::Host)),
            ("http://[::1", Err(Fault::Host)),
            ("http://::1", Err(Fault::Port)),
            ("localhost:80", Err(Fault::NoScheme)),
            ("://h", Err(Fault::NoScheme)),
            ("", Err(Fault::NoScheme)),
        ] {
            let got = Url::parse(text).map(|url| {
                let port = url.port.map_or("-".to_owned(), |port| port.to_string());
                format!("{} {} {port} {}", url.scheme, url.host, url.path)
            });
            assert_eq!(got.as_deref(), want.as_ref().map(|text| *text), "{text:?}");
        }
    }

    #[test]
    fn localhost_and_the_star_are_both_families() {
        let addresses = |text| Url::parse(text).unwrap().host.addresses(1).unwrap();
        let strings =
            |text| -> Vec<_> { addresses(text).iter().map(ToString::to_string).collect() };
        assert_eq!(strings("http://localhost"), ["127.0.0.1:1", "[::1]:1"]);
        assert_eq!(strings("http://*"), ["0.0.0.0:1", "[::]:1"]);
    }
}
