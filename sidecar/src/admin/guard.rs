//! Who may ask the admin listener: not a web page in somebody's browser.
//!
//! A page can send requests to loopback or into a private network, and by DNS rebinding even read
//! the answers. Its requests carry a name as `Host` that its owner registered, or say that a
//! browser made them.

use std::net::IpAddr;

use http::HeaderMap;
use http::header::{HOST, ORIGIN};

/// Why a request is not answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Foreign {
    /// `Host` is missing, repeated, or a name that anyone could register.
    Host,
    /// A page of some site asks.
    Page,
}

/// Refuses what a web page could have sent.
pub(super) fn check(headers: &HeaderMap) -> Result<(), Foreign> {
    let mut hosts = headers.get_all(HOST).iter();
    let (Some(host), None) = (hosts.next(), hosts.next()) else {
        return Err(Foreign::Host);
    };
    let host = host.to_str().map_err(|_| Foreign::Host)?;
    if !nobody_can_register(host) {
        return Err(Foreign::Host);
    }
    let site = headers.get("sec-fetch-site");
    let site = site.map_or(&b"none"[..], http::HeaderValue::as_bytes);
    // `none` is a person at the address bar.
    if headers.contains_key(ORIGIN) || site != b"none" {
        return Err(Foreign::Page);
    }
    Ok(())
}

/// An address, a single label, or a name under a domain that is never delegated: RFC 6761
/// (`localhost`), RFC 6762 (`local`, under which clusters name services too), ICANN's `internal`,
/// and a cluster's short form `name.namespace.svc`.
fn nobody_can_register(host: &str) -> bool {
    let Ok(authority) = host.parse::<http::uri::Authority>() else {
        return false;
    };
    let name = authority.host();
    let bare = name.trim_start_matches('[').trim_end_matches(']');
    if bare.parse::<IpAddr>().is_ok() {
        return true;
    }
    let name = name.trim_end_matches('.').to_ascii_lowercase();
    match name.rsplit_once('.') {
        None => !name.is_empty(),
        Some((_, top)) => matches!(top, "localhost" | "local" | "internal" | "svc"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_that_someone_can_register_is_foreign() {
        for (host, own) in [
            ("localhost:8079", true),
            ("127.0.0.1:8079", true),
            ("[::1]:8079", true),
            ("10.1.2.3", true),
            ("sidecar:8079", true),
            ("sidecar.default.svc", true),
            ("sidecar.default.svc.cluster.local:8079", true),
            ("evil.example:8079", false),
            ("localhost.evil.example", false),
            ("127.0.0.1.nip.io", false),
            ("", false),
            ("a b", false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(HOST, host.parse().unwrap());
            assert_eq!(check(&headers).is_ok(), own, "{host:?}");
        }
    }

    #[test]
    fn what_a_page_sends_is_refused() {
        for (name, value, own) in [
            ("origin", "https://evil.example", false),
            ("origin", "null", false),
            ("sec-fetch-site", "cross-site", false),
            ("sec-fetch-site", "same-site", false),
            ("sec-fetch-site", "none", true),
            ("user-agent", "kube-probe/1.34", true),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(HOST, "localhost".parse().unwrap());
            headers.insert(name, value.parse().unwrap());
            assert_eq!(check(&headers).is_ok(), own, "{name}: {value}");
        }
    }

    #[test]
    fn exactly_one_host_is_needed() {
        let mut headers = HeaderMap::new();
        assert_eq!(check(&headers), Err(Foreign::Host));
        headers.append(HOST, "localhost".parse().unwrap());
        headers.append(HOST, "localhost".parse().unwrap());
        assert_eq!(check(&headers), Err(Foreign::Host));
    }
}
