//! The header: one walk over its names.
//!
//! In: the header as received. Out: the same without what concerns this hop only, without what
//! claims an identity or a way that only the sidecar knows, with the trace continued; or the
//! reason why not. Rules: RFC 9110 §7.6.1 (hop by hop), §10.1.1 (Expect), W3C Trace Context; the
//! design's "Identity passed to the engine". Elsewhere: Host (`host`), framing (hyper reads it,
//! `upstream` writes it), the identity headers that are set (`upstream`).

use http::header::{
    CONNECTION, EXPECT, HeaderMap, HeaderName, HeaderValue, TE, TRAILER, TRANSFER_ENCODING, UPGRADE,
};

use super::trace;
use crate::bearer::DPOP;
use crate::refusal::Reason;

/// What becomes of a header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Forward,
    Remove,
    /// Kept until it was verified.
    Proof,
    /// Looked at before it goes.
    Look,
}

/// Longest name that is compared in its dashed spelling; a longer one is none of those that matter.
const NAME_MAX: usize = 64;

/// What a client could name in `Connection` to have it dropped on the way, so that what is judged
/// is not what arrives.
const END_TO_END: [&str; 13] = [
    "accept",
    "authorization",
    "cache-control",
    "content-encoding",
    "content-length",
    "content-type",
    "cookie",
    "dpop",
    "expect",
    "host",
    "origin",
    "range",
    "date",
];

/// Brings the header into the form that is judged and forwarded. True when a `DPoP` proof is in it,
/// which is not for the engine.
pub(super) fn clean(headers: &mut HeaderMap) -> Result<bool, Reason> {
    // Empty for most requests, and then without an allocation.
    let mut gone: Vec<HeaderName> = Vec::new();
    let mut traced = false;
    let mut proof = false;
    for name in headers.keys() {
        match fate(name.as_str()) {
            Fate::Forward => {}
            Fate::Remove => gone.push(name.clone()),
            Fate::Proof => proof = true,
            Fate::Look => {
                traced |= look(name, headers, &mut gone)?;
            }
        }
    }
    for name in &gone {
        headers.remove(name);
    }
    if traced {
        trace::continue_in(headers);
    }
    Ok(proof)
}

/// Judges a header that has rules of its own. True for the trace's.
fn look(
    name: &HeaderName,
    headers: &HeaderMap,
    gone: &mut Vec<HeaderName>,
) -> Result<bool, Reason> {
    if name == EXPECT {
        let mut values = headers.get_all(EXPECT).iter();
        let first = values.next().map(HeaderValue::as_bytes).unwrap_or_default();
        // hyper writes the 100 when the body is first read, which is after the gate.
        if !first.eq_ignore_ascii_case(b"100-continue") || values.next().is_some() {
            return Err(Reason::ExpectationUnsupported);
        }
        gone.push(EXPECT);
    } else if name == UPGRADE {
        // RFC 9110 §7.8 lets a server go on without an upgrade, and some clients offer h2c with
        // every request. Who asks for a WebSocket has no use for anything else.
        let values = headers.get_all(UPGRADE).iter().map(HeaderValue::as_bytes);
        let mut protocols = values.flat_map(|value| value.split(|byte| *byte == b','));
        if protocols.any(|one| one.trim_ascii().eq_ignore_ascii_case(b"websocket")) {
            return Err(Reason::UpgradeRefused);
        }
        gone.push(UPGRADE);
    } else if name == TRANSFER_ENCODING {
        let mut values = headers.get_all(TRANSFER_ENCODING).iter();
        let first = values.next().map(HeaderValue::as_bytes).unwrap_or_default();
        // hyper undoes the chunks and no other coding: with another the body would not be what
        // the engine is told it is.
        if !first.eq_ignore_ascii_case(b"chunked") || values.next().is_some() {
            return Err(Reason::TransferEncodingUnsupported);
        }
        gone.push(TRANSFER_ENCODING);
    } else if name == CONNECTION {
        connection(headers, gone)?;
        gone.push(CONNECTION);
    } else {
        return Ok(true);
    }
    Ok(false)
}

/// What `Connection` names goes with it.
fn connection(headers: &HeaderMap, gone: &mut Vec<HeaderName>) -> Result<(), Reason> {
    for value in headers.get_all(CONNECTION) {
        let value = value.to_str().map_err(|_| Reason::ConnectionMalformed)?;
        for option in value
            .split(',')
            .map(|option| option.trim_matches([' ', '\t']))
        {
            if option.is_empty()
                || option.eq_ignore_ascii_case("close")
                || option.eq_ignore_ascii_case("keep-alive")
            {
                continue;
            }
            if END_TO_END
                .iter()
                .any(|name| option.eq_ignore_ascii_case(name))
            {
                return Err(Reason::ConnectionMalformed);
            }
            let name = HeaderName::from_bytes(option.as_bytes());
            gone.push(name.map_err(|_| Reason::ConnectionMalformed)?);
        }
    }
    Ok(())
}

/// By a name in lower case, as the header map has them.
fn fate(name: &str) -> Fate {
    if !name.contains('_') {
        return fate_of_dashed(name);
    }
    // Servers that hand headers on as CGI variables read `_` and `-` as the same.
    let mut dashed = [0; NAME_MAX];
    let Some(dashed) = dashed.get_mut(..name.len()) else {
        return Fate::Forward;
    };
    for (to, from) in dashed.iter_mut().zip(name.bytes()) {
        *to = if from == b'_' { b'-' } else { from };
    }
    let Ok(dashed) = std::str::from_utf8(dashed) else {
        return Fate::Remove;
    };
    let double = END_TO_END.contains(&dashed);
    match fate_of_dashed(dashed) {
        Fate::Forward if !double => Fate::Forward,
        Fate::Forward | Fate::Remove | Fate::Look | Fate::Proof => Fate::Remove,
    }
}

fn fate_of_dashed(name: &str) -> Fate {
    match name.as_bytes().first() {
        Some(b'x') => {
            let removed = name.starts_with("x-workflow-")
                || name.starts_with("x-forwarded")
                || name.starts_with("x-original-")
                // What makes a server answer another request than the one that was judged.
                || matches!(
                    name,
                    "x-workflow"
                        | "x-request-id"
                        | "x-real-ip"
                        | "x-client-ip"
                        | "x-rewrite-url"
                        | "x-http-method"
                        | "x-http-method-override"
                        | "x-method-override"
                );
            if removed { Fate::Remove } else { Fate::Forward }
        }
        // `Proxy` becomes HTTP_PROXY in a CGI environment.
        Some(b'p') if name == "proxy" || name.starts_with("proxy-") => Fate::Remove,
        Some(b'f') if name == "forwarded" => Fate::Remove,
        Some(b'k') if name == "keep-alive" => Fate::Remove,
        Some(b'h') if name == "http2-settings" => Fate::Remove,
        Some(b'c') if name == CONNECTION => Fate::Look,
        Some(b'd') if name == DPOP => Fate::Proof,
        Some(b'e') if name == EXPECT => Fate::Look,
        Some(b'u') if name == UPGRADE => Fate::Look,
        Some(b't') => match name {
            _ if name == TE || name == TRAILER => Fate::Remove,
            _ if name == TRANSFER_ENCODING => Fate::Look,
            "traceparent" | "tracestate" => Fate::Look,
            _ => Fate::Forward,
        },
        _ => Fate::Forward,
    }
}
