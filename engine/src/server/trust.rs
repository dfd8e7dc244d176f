//! Whether a request may have come from somebody who is meant to reach the engine.
//!
//! In: the head of a request and what kind of socket it came on. Out: yes, or a [`Distrust`].
//! The engine checks no tokens: whoever reaches its loopback socket is trusted. A web page in a
//! browser on the same machine reaches loopback too, so what a browser can be made to send is
//! refused: a foreign `Host` (a name that was rebound to 127.0.0.1), and requests that the
//! browser marks, unless the sidecar speaks. A page cannot fake the sidecar's header: setting it
//! needs a preflight, and none is answered.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use http::header::{HOST, HeaderName, ORIGIN};
use http::request::Parts;
use http::uri::Authority;

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
/// Set by the sidecar from its own knowledge, and removed by it from what clients send.
const WORKFLOW_CLIENT: HeaderName = HeaderName::from_static("x-workflow-client");

/// How the request reached us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Socket {
    /// Loopback.
    Tcp,
    /// Probes and metrics, on whatever address is configured.
    Admin,
    /// No browser gets here, and `Host` says nothing.
    Unix,
}

/// Why a request is not listened to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Distrust {
    #[error("the request has no Host, or more than one")]
    NoHost,
    #[error("this server answers to localhost and loopback addresses only, not to the Host given")]
    ForeignHost,
    #[error("requests from a browser are answered only through the sidecar")]
    Browser,
}

/// Judges the head of a request.
pub(crate) fn judge(parts: &Parts, socket: Socket) -> Result<(), Distrust> {
    if socket == Socket::Unix {
        return Ok(());
    }
    let mut hosts = parts.headers.get_all(HOST).iter();
    match (hosts.next(), hosts.next(), parts.uri.authority()) {
        (_, Some(_), _) | (None, None, None) => return Err(Distrust::NoHost),
        (host, None, authority) => {
            // RFC 9112 §3.2.2: an absolute target and Host should agree; both must be ours.
            let host = host.map(|host| {
                Authority::try_from(host.as_bytes())
                    .is_ok_and(|authority| is_ours(&authority, socket))
            });
            if host == Some(false) || authority.is_some_and(|authority| !is_ours(authority, socket))
            {
                return Err(Distrust::ForeignHost);
            }
        }
    }
    let marked = parts.headers.contains_key(ORIGIN) || parts.headers.contains_key(SEC_FETCH_SITE);
    if marked && !parts.headers.contains_key(WORKFLOW_CLIENT) {
        return Err(Distrust::Browser);
    }
    Ok(())
}

/// The port is left open: it may be forwarded, and rebinding is about names. For the same reason
/// a probe may name any address that it reached us by.
fn is_ours(authority: &Authority, socket: Socket) -> bool {
    if authority.as_str().contains('@') {
        return false;
    }
    let host = authority.host();
    if host.eq_ignore_ascii_case("localhost") {
        return true;
    }
    let address = match host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'))
    {
        Some(v6) => v6.parse::<Ipv6Addr>().map(IpAddr::V6),
        None => host.parse::<Ipv4Addr>().map(IpAddr::V4),
    };
    address.is_ok_and(|address| address.is_loopback() || socket == Socket::Admin)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_loopback_hosts_without_browser_marks_are_trusted() {
        let no = |distrust| Err(distrust);
        for (uri, headers, want) in [
            ("/x", &[("host", "127.0.0.1:8078")][..], Ok(())),
            ("/x", &[("host", "localhost")], Ok(())),
            ("/x", &[("host", "LOCALHOST:1")], Ok(())),
            ("/x", &[("host", "[::1]:8078")], Ok(())),
            ("/x", &[("host", "127.1.2.3")], Ok(())),
            ("http://localhost:1/x", &[], Ok(())), // HTTP/2: :authority
            ("http://localhost/x", &[("host", "localhost")], Ok(())),
            ("/x", &[], no(Distrust::NoHost)),
            (
                "/x",
                &[("host", "localhost"), ("host", "localhost")],
                no(Distrust::NoHost),
            ),
            ("/x", &[("host", "evil.example")], no(Distrust::ForeignHost)),
            (
                "/x",
                &[("host", "localhost.evil.example")],
                no(Distrust::ForeignHost),
            ),
            (
                "/x",
                &[("host", "127.0.0.1.evil.example")],
                no(Distrust::ForeignHost),
            ),
            (
                "/x",
                &[("host", "localhost@evil.example")],
                no(Distrust::ForeignHost),
            ),
            ("/x", &[("host", "10.0.0.1")], no(Distrust::ForeignHost)),
            ("/x", &[("host", "0.0.0.0")], no(Distrust::ForeignHost)),
            ("/x", &[("host", "")], no(Distrust::ForeignHost)),
            (
                "http://evil.example/x",
                &[("host", "localhost")],
                no(Distrust::ForeignHost),
            ),
            (
                "/x",
                &[("host", "localhost"), ("origin", "http://localhost:3000")],
                no(Distrust::Browser),
            ),
            (
                "/x",
                &[("host", "localhost"), ("sec-fetch-site", "none")],
                no(Distrust::Browser),
            ),
            (
                "/x",
                &[
                    ("host", "localhost"),
                    ("origin", "https://shop.example"),
                    ("x-workflow-client", "shop"),
                ],
                Ok(()),
            ),
        ] {
            let mut request = http::Request::builder().uri(uri);
            for (name, value) in headers {
                request = request.header(*name, *value);
            }
            let (parts, ()) = request.body(()).expect("a request").into_parts();
            assert_eq!(judge(&parts, Socket::Tcp), want, "{uri} {headers:?}");
            assert_eq!(judge(&parts, Socket::Unix), Ok(()), "{uri} {headers:?}");
        }
    }

    #[test]
    fn probes_may_name_any_address_but_no_foreign_name() {
        for (host, want) in [
            ("10.1.2.3:8080", Ok(())),
            ("[fd00::1]:8080", Ok(())),
            ("localhost:8080", Ok(())),
            ("evil.example", Err(Distrust::ForeignHost)),
        ] {
            let request = http::Request::builder().uri("/livez").header("host", host);
            let (parts, ()) = request.body(()).expect("a request").into_parts();
            assert_eq!(judge(&parts, Socket::Admin), want, "{host}");
        }
    }
}
