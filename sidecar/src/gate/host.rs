//! The host that a request names: exactly one, in one spelling that makes sense.
//!
//! Rules: RFC 9110 §7.2, RFC 9112 §3.2 (one Host; the absolute form), RFC 9113 §8.3.1 (`:authority`).

use http::header::HOST;
use http::{HeaderMap, HeaderValue, Uri};

use crate::refusal::Reason;

/// Takes `Host` out of the headers and makes it agree with the target.
pub(super) fn take(
    headers: &mut HeaderMap,
    target: &Uri,
    tls: bool,
) -> Result<HeaderValue, Reason> {
    // RFC 9112 §3.2: a request with more than one is refused, even when they agree.
    if headers.get_all(HOST).iter().nth(1).is_some() {
        return Err(Reason::HostSeveral);
    }
    if let Some(scheme) = target.scheme_str()
        && !matches!(scheme, "http" | "https")
    {
        return Err(Reason::TargetMalformed);
    }
    let header = headers.remove(HOST);
    let host = match (header, target.authority()) {
        (Some(header), Some(authority)) => {
            let bare = |host| without_default_port(host, tls);
            let same =
                bare(header.as_bytes()).eq_ignore_ascii_case(bare(authority.as_str().as_bytes()));
            if !same {
                return Err(Reason::HostMismatch);
            }
            header
        }
        (Some(header), None) => header,
        (None, Some(authority)) => {
            HeaderValue::from_str(authority.as_str()).map_err(|_| Reason::HostMalformed)?
        }
        (None, None) => return Err(Reason::HostMissing),
    };
    if is_fit(host.as_bytes()) {
        Ok(host)
    } else {
        Err(Reason::HostMalformed)
    }
}

fn without_default_port(host: &[u8], tls: bool) -> &[u8] {
    let port: &[u8] = if tls { b":443" } else { b":80" };
    host.strip_suffix(port).unwrap_or(host)
}

/// A name or address, then perhaps a port. No user information, no percent-encoding: nothing that
/// a later reader could cut at another place.
fn is_fit(host: &[u8]) -> bool {
    let (name, port) = if host.first() == Some(&b'[') {
        let Some(end) = host.iter().position(|byte| *byte == b']') else {
            return false;
        };
        let (address, port) = host.split_at(end + 1);
        let address = &address[1..end];
        let fit = |byte: &u8| byte.is_ascii_hexdigit() || matches!(byte, b':' | b'.');
        if !address.contains(&b':') || !address.iter().all(fit) {
            return false;
        }
        (address, port)
    } else {
        let end = host.iter().position(|byte| *byte == b':');
        let (name, port) = host.split_at(end.unwrap_or(host.len()));
        let fit = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_');
        if !name.iter().all(fit) {
            return false;
        }
        (name, port)
    };
    let port_is_fit = match port {
        [] => true,
        [b':', digits @ ..] => {
            (1..=5).contains(&digits.len()) && digits.iter().all(u8::is_ascii_digit)
        }
        _ => false,
    };
    !name.is_empty() && name.len() <= 255 && port_is_fit
}
