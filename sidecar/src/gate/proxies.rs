//! For whom a listed proxy forwards: the client's address, and, where it asks what the gate says,
//! the request that it holds.
//!
//! In: headers as received, from a peer that is listed. Out: the address of the last hop that is not
//! listed; the original request. From anybody else these headers are only removed. Rules: RFC 7239;
//! `X-Forwarded-For` as everyone writes it; nginx's `auth_request`, Traefik's and Caddy's forward
//! authentication, Envoy's HTTP `ext_authz`.

use std::net::IpAddr;

use http::header::{CONTENT_LENGTH, FORWARDED, HOST, TRANSFER_ENCODING};
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri};

use crate::config::TrustedProxies;
use crate::refusal::Reason;

static X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
static X_FORWARDED_METHOD: HeaderName = HeaderName::from_static("x-forwarded-method");
static X_FORWARDED_URI: HeaderName = HeaderName::from_static("x-forwarded-uri");
static X_FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
static X_ORIGINAL_METHOD: HeaderName = HeaderName::from_static("x-original-method");
static X_ORIGINAL_URI: HeaderName = HeaderName::from_static("x-original-uri");

/// Hops that are looked at; a longer way is an attack or a loop.
const HOPS_MAX: usize = 32;

/// The address of the last hop that is not listed. What cannot be read ends the way: the hop that
/// said so is the client as far as anybody knows.
///
/// Most proxies write one of the two headers and pass a client's other one along. Where both are
/// there and do not say the same, nobody can tell which one was written by a client: the client is
/// then the proxy, as far as anybody knows.
pub(super) fn client(peer: IpAddr, headers: &HeaderMap, proxies: &TrustedProxies) -> IpAddr {
    let peer = peer.to_canonical();
    if proxies.is_empty() || !proxies.contains(peer) {
        return peer;
    }
    let told = [
        (&FORWARDED, forwarded_for as fn(&str) -> Option<IpAddr>),
        (&X_FORWARDED_FOR, address),
    ]
    .map(|(name, read)| {
        let there = headers.contains_key(name);
        there.then(|| last_hop(peer, headers, name, read, proxies))
    });
    match told {
        [Some(client), None] | [None, Some(client)] => client,
        [Some(client), Some(other)] if client == other => client,
        [Some(_), Some(_)] | [None, None] => peer,
    }
}

fn last_hop(
    peer: IpAddr,
    headers: &HeaderMap,
    name: &HeaderName,
    read: fn(&str) -> Option<IpAddr>,
    proxies: &TrustedProxies,
) -> IpAddr {
    let mut client = peer;
    // The last line was added last, and of a line the last entry.
    let lines = headers.get_all(name).iter().rev();
    let entries = lines.flat_map(|line| line.as_bytes().rsplit(|byte| *byte == b','));
    for entry in entries.take(HOPS_MAX) {
        let hop = std::str::from_utf8(entry).ok().and_then(read);
        let Some(hop) = hop else {
            return client;
        };
        client = hop;
        if !proxies.contains(hop) {
            return client;
        }
    }
    client
}

/// `for=` of one element of `Forwarded` (RFC 7239 §4). A comma inside quotes cuts an element in
/// two that cannot be read, which is as good as none.
fn forwarded_for(element: &str) -> Option<IpAddr> {
    let mut found = element.split(';').filter_map(|pair| {
        let (name, value) = pair.trim().split_once('=')?;
        name.eq_ignore_ascii_case("for").then_some(value)
    });
    let value = found.next()?;
    if found.next().is_some() {
        return None;
    }
    let value = match value.strip_prefix('"') {
        Some(rest) => rest.strip_suffix('"')?,
        None => value,
    };
    address(value)
}

/// An address, with a port or not, an IPv6 one in brackets or not.
fn address(text: &str) -> Option<IpAddr> {
    let text = text.trim();
    let parsed = text.parse().ok();
    let parsed = parsed.or_else(|| {
        text.parse()
            .ok()
            .map(|socket: std::net::SocketAddr| socket.ip())
    });
    let bare = || text.strip_prefix('[')?.strip_suffix(']')?.parse().ok();
    let address: IpAddr = parsed.or_else(bare)?;
    Some(address.to_canonical())
}

/// The request that a proxy holds while it asks: by exactly one of the ways in which proxies tell
/// it. `rest` is what follows `/auth/check` in the target.
pub(super) fn original(asked: &Parts, rest: &str) -> Result<Parts, Reason> {
    let headers = &asked.headers;
    let told = [
        headers.contains_key(&X_ORIGINAL_URI) || headers.contains_key(&X_ORIGINAL_METHOD),
        headers.contains_key(&X_FORWARDED_URI) || headers.contains_key(&X_FORWARDED_METHOD),
        !rest.is_empty(),
    ];
    let (method, target) = match told {
        [true, false, false] => (
            method(only(headers, &X_ORIGINAL_METHOD)?)?,
            only(headers, &X_ORIGINAL_URI)?,
        ),
        [false, true, false] => (
            method(only(headers, &X_FORWARDED_METHOD)?)?,
            only(headers, &X_FORWARDED_URI)?,
        ),
        [false, false, true] => (asked.method.clone(), rest),
        // Nothing, or a client's own header beside the proxy's.
        _ => return Err(Reason::OriginalAmbiguous),
    };
    if !target.starts_with('/') {
        return Err(Reason::OriginalAmbiguous);
    }
    let mut original = asked.clone();
    original.method = method;
    original.uri = target.parse::<Uri>().map_err(|_| Reason::TargetMalformed)?;
    if original.uri.authority().is_some() {
        return Err(Reason::TargetMalformed);
    }
    let headers = &mut original.headers;
    if let Some(host) = headers.get(&X_FORWARDED_HOST) {
        if headers.get_all(&X_FORWARDED_HOST).iter().nth(1).is_some() {
            return Err(Reason::HostSeveral);
        }
        let host = host.clone();
        headers.insert(HOST, host);
    } else if !headers.contains_key(HOST)
        && let Some(authority) = asked.uri.authority()
    {
        let host = HeaderValue::from_str(authority.as_str());
        headers.insert(HOST, host.map_err(|_| Reason::HostMalformed)?);
    }
    // They frame the question, not the request that it is about.
    headers.remove(CONTENT_LENGTH);
    headers.remove(TRANSFER_ENCODING);
    Ok(original)
}

fn only<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Result<&'h str, Reason> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (Some(value), None) => value.to_str().map_err(|_| Reason::OriginalAmbiguous),
        _ => Err(Reason::OriginalAmbiguous),
    }
}

fn method(name: &str) -> Result<Method, Reason> {
    Method::from_bytes(name.as_bytes()).map_err(|_| Reason::OriginalAmbiguous)
}

#[cfg(test)]
mod tests {
    use http::Request;
    use proptest::prelude::*;

    use super::*;

    fn proxies() -> TrustedProxies {
        TrustedProxies::new(["10.0.0.0/8", "fd00::/8"].map(|network| network.parse().unwrap()))
    }

    fn headers(lines: &[(&str, &str)]) -> HeaderMap {
        let mut map = HeaderMap::new();
        for (name, value) in lines {
            let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
            map.append(name, HeaderValue::from_str(value).unwrap());
        }
        map
    }

    #[test]
    fn the_client_is_the_last_hop_that_is_not_listed() {
        for (peer, lines, want) in [
            // Whoever is not listed says nothing about others.
            (
                "192.0.2.1",
                &[("x-forwarded-for", "198.51.100.1")][..],
                "192.0.2.1",
            ),
            ("10.0.0.1", &[], "10.0.0.1"),
            (
                "10.0.0.1",
                &[("x-forwarded-for", "198.51.100.1")],
                "198.51.100.1",
            ),
            // What the client wrote itself stands before what the proxies added.
            (
                "10.0.0.1",
                &[("x-forwarded-for", "10.9.9.9, 198.51.100.1, 10.0.0.2")],
                "198.51.100.1",
            ),
            (
                "10.0.0.1",
                &[
                    ("x-forwarded-for", "1.1.1.1"),
                    ("x-forwarded-for", "198.51.100.1"),
                ],
                "198.51.100.1",
            ),
            (
                "10.0.0.1",
                &[("x-forwarded-for", "198.51.100.1, unknown, 10.0.0.2")],
                "10.0.0.2",
            ),
            (
                "10.0.0.1",
                &[("x-forwarded-for", "198.51.100.1:4711")],
                "198.51.100.1",
            ),
            (
                "10.0.0.1",
                &[("x-forwarded-for", "[2001:db8::1]:4711")],
                "2001:db8::1",
            ),
            (
                "10.0.0.1",
                &[("x-forwarded-for", "2001:db8::1")],
                "2001:db8::1",
            ),
            (
                "::ffff:10.0.0.1",
                &[("x-forwarded-for", "198.51.100.1")],
                "198.51.100.1",
            ),
            (
                "fd00::1",
                &[("forwarded", "for=\"[2001:db8::1]:80\";proto=https")],
                "2001:db8::1",
            ),
            (
                "10.0.0.1",
                &[("forwarded", "for=1.1.1.1, For=198.51.100.1;by=_x")],
                "198.51.100.1",
            ),
            (
                "10.0.0.1",
                &[
                    ("forwarded", "for=198.51.100.1"),
                    ("x-forwarded-for", "1.1.1.1, 198.51.100.1"),
                ],
                "198.51.100.1",
            ),
            // One of the two is a client's own.
            (
                "10.0.0.1",
                &[
                    ("forwarded", "for=1.1.1.1"),
                    ("x-forwarded-for", "198.51.100.1"),
                ],
                "10.0.0.1",
            ),
            ("10.0.0.1", &[("forwarded", "for=_hidden")], "10.0.0.1"),
            (
                "10.0.0.1",
                &[("forwarded", "for=1.1.1.1;for=2.2.2.2")],
                "10.0.0.1",
            ),
            (
                "10.0.0.1",
                &[("x-forwarded-for", "10.0.0.3, 10.0.0.2")],
                "10.0.0.3",
            ),
        ] {
            let found = client(peer.parse().unwrap(), &headers(lines), &proxies());
            assert_eq!(found, want.parse::<IpAddr>().unwrap(), "{peer} {lines:?}");
        }
    }

    #[test]
    fn the_original_request_is_told_in_exactly_one_way() {
        let nginx = [("x-original-method", "PUT"), ("x-original-uri", "/a?b=c")];
        let traefik = [("x-forwarded-method", "PUT"), ("x-forwarded-uri", "/a?b=c")];
        let both = [nginx, traefik].concat();
        let twice = [&nginx[..], &nginx[1..]].concat();
        for (lines, rest, want) in [
            (&nginx[..], "", Some("PUT /a?b=c")),
            (&traefik, "", Some("PUT /a?b=c")),
            (&[], "/a?b=c", Some("GET /a?b=c")),
            (&[], "", None),
            (&both, "", None),
            (&nginx, "/a", None),
            (&twice, "", None),
            (&nginx[..1], "", None),
            (&nginx[1..], "", None),
            (
                &[
                    ("x-original-method", "PUT"),
                    ("x-original-uri", "https://a/b"),
                ],
                "",
                None,
            ),
            (
                &[("x-original-method", "PUT"), ("x-original-uri", "b")],
                "",
                None,
            ),
            (
                &[("x-original-method", "P T"), ("x-original-uri", "/b")],
                "",
                None,
            ),
        ] {
            let mut request = Request::new(());
            *request.headers_mut() = headers(lines);
            let (parts, ()) = request.into_parts();
            let found = original(&parts, rest)
                .ok()
                .map(|parts| format!("{} {}", parts.method, parts.uri));
            assert_eq!(found.as_deref(), want, "{lines:?} {rest}");
        }
    }

    proptest! {
        #[test]
        fn arbitrary_headers_never_panic_and_name_nobody_who_is_listed_first(
            value in "[ -~]{0,60}",
        ) {
            for name in ["forwarded", "x-forwarded-for"] {
                let Ok(parsed) = HeaderValue::from_str(&value) else { continue };
                let mut map = HeaderMap::new();
                map.insert(HeaderName::from_static(if name == "forwarded" { "forwarded" } else { "x-forwarded-for" }), parsed);
                let _ = client("10.0.0.1".parse().unwrap(), &map, &proxies());
            }
        }
    }
}
