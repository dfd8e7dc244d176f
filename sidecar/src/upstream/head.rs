//! The heads that are written: of the request to the engine, of the response to the client.
//!
//! In: a canonical request, from which the gate has removed hop-by-hop and identity headers; a
//! response as it came. Out: the same, with framing that fits the body.
//! Rules: RFC 9110 §7.6.1 (hop by hop), RFC 9112 §6 (framing); which identity headers the engine
//! gets: design, "Identity passed to the engine".

use http::header::{
    AUTHORIZATION, CONNECTION, CONTENT_LENGTH, EXPECT, FORWARDED, HOST, PROXY_AUTHENTICATE, TE,
    TRANSFER_ENCODING, UPGRADE,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode, Uri, Version};
use http_body::Body;

use super::forwarded::Memory;
use super::shown::Shown;
use crate::bearer::DPOP;
use crate::body::RequestBody;
use crate::config::UpstreamSettings;
use crate::gate::CanonicalRequest;

static X_WORKFLOW_CLIENT: HeaderName = HeaderName::from_static("x-workflow-client");
static X_WORKFLOW_SUBJECT: HeaderName = HeaderName::from_static("x-workflow-subject");
static X_WORKFLOW_SCOPES: HeaderName = HeaderName::from_static("x-workflow-scopes");
static X_WORKFLOW_IDENTITY: HeaderName = HeaderName::from_static("x-workflow-identity");
static X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
static X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
static X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
static X_FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
static KEEP_ALIVE: HeaderName = HeaderName::from_static("keep-alive");
static PROXY_CONNECTION: HeaderName = HeaderName::from_static("proxy-connection");

/// Headers that a request may gain here.
const ADDED: usize = 12;

/// Client, subject and scopes, as made once for each token.
pub(super) type Identity = [HeaderValue; 3];

/// The request as it is written upstream. Method, path and query are the canonical ones, byte for
/// byte.
pub(super) fn request(
    canonical: CanonicalRequest,
    shown: Shown<'_>,
    settings: &UpstreamSettings,
    upstream_host: &HeaderValue,
    memory: &Memory,
) -> Request<RequestBody> {
    let CanonicalRequest {
        head: mut parts,
        body,
        host,
        request_id,
        client_address,
        tls,
        proof,
        ..
    } = canonical;
    // An HTTP/2 request names scheme and authority; HTTP/1.1 wants the origin form.
    if parts.uri.authority().is_some() || parts.uri.scheme().is_some() {
        let path = parts.uri.into_parts().path_and_query;
        parts.uri = path.map_or_else(Uri::default, Uri::from);
    }
    parts.version = Version::HTTP_11;
    // What hyper and the listener left there concerns the client's connection.
    parts.extensions.clear();

    let headers = &mut parts.headers;
    // Room for all of ours at once.
    headers.reserve(ADDED);
    frame(headers, &parts.method, &body);
    headers.remove(EXPECT);
    if !settings.forward_token {
        headers.remove(AUTHORIZATION);
        if proof {
            headers.remove(&DPOP);
        }
    }
    let forwarded = memory.values(client_address, tls, &host);
    headers.insert(FORWARDED, forwarded.forwarded);
    headers.insert(&X_FORWARDED_FOR, forwarded.forwarded_for);
    let proto = HeaderValue::from_static(if tls { "https" } else { "http" });
    headers.insert(&X_FORWARDED_PROTO, proto);
    let sent_host = if settings.preserve_host {
        host.clone()
    } else {
        upstream_host.clone()
    };
    headers.insert(HOST, sent_host);
    headers.insert(&X_FORWARDED_HOST, host);
    headers.insert(&X_REQUEST_ID, request_id);
    if let Some(authorization) = shown.authorization {
        headers.insert(AUTHORIZATION, authorization);
    }
    if let Some(signed) = shown.signed {
        headers.insert(&X_WORKFLOW_IDENTITY, signed);
    }
    if let Some([client, subject, scopes]) = shown.bare {
        headers.insert(&X_WORKFLOW_CLIENT, client.clone());
        headers.insert(&X_WORKFLOW_SUBJECT, subject.clone());
        headers.insert(&X_WORKFLOW_SCOPES, scopes.clone());
    }
    Request::from_parts(parts, body)
}

/// Rebuilds the framing from the body itself; a length that the client announced stays where it is
/// the body's, so that the usual request costs nothing here.
fn frame(headers: &mut HeaderMap, method: &Method, body: &RequestBody) {
    headers.remove(TRANSFER_ENCODING);
    match body.size_hint().exact() {
        Some(0) => {
            headers.remove(CONTENT_LENGTH);
            // RFC 9110 §8.6: without it some servers answer 411 to a method that expects content.
            if matches!(*method, Method::POST | Method::PUT | Method::PATCH) {
                headers.insert(CONTENT_LENGTH, HeaderValue::from_static("0"));
            }
        }
        Some(length) => {
            if !is_exactly(headers, length) {
                headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
            }
        }
        None => {
            headers.remove(CONTENT_LENGTH);
            // Said outright: of a GET or HEAD without it hyper would drop the body.
            headers.insert(TRANSFER_ENCODING, HeaderValue::from_static("chunked"));
        }
    }
}

/// One `Content-Length` of exactly that value, in its one canonical spelling.
fn is_exactly(headers: &HeaderMap, length: u64) -> bool {
    let mut values = headers.get_all(CONTENT_LENGTH).iter();
    let (Some(value), None) = (values.next(), values.next()) else {
        return false;
    };
    let text = value.as_bytes();
    let digits = text.iter().all(u8::is_ascii_digit) && text.first() != Some(&b'0');
    digits && value.to_str().ok().and_then(|text| text.parse().ok()) == Some(length)
}

/// Why a response cannot be passed on.
pub(super) enum Unfit {
    /// 101 to a request that asked for no upgrade.
    Switching,
}

/// Makes a response of the upstream one of ours: hop-by-hop headers go, everything else stays as
/// it came. `length` is the body's, as far as it is known.
pub(super) fn response(
    parts: &mut http::response::Parts,
    length: Option<u64>,
    to_head: bool,
) -> Result<(), Unfit> {
    if parts.status == StatusCode::SWITCHING_PROTOCOLS {
        return Err(Unfit::Switching);
    }
    parts.version = Version::HTTP_11;
    let headers = &mut parts.headers;
    if headers.contains_key(CONNECTION) {
        remove_named_by_connection(headers);
    }
    for name in [&PROXY_AUTHENTICATE, &TE, &UPGRADE] {
        headers.remove(name);
    }
    headers.remove(&KEEP_ALIVE);
    headers.remove(&PROXY_CONNECTION);
    // RFC 9112 §6.3: with both, the encoding was believed, and the length must not go on.
    if headers.remove(TRANSFER_ENCODING).is_some() {
        headers.remove(CONTENT_LENGTH);
    }
    // RFC 9110 §8.6: none in a 204. Where there is no body to measure (HEAD, 304) it describes
    // another message's and stays.
    if parts.status == StatusCode::NO_CONTENT {
        headers.remove(CONTENT_LENGTH);
    } else if let Some(length) = length
        && !to_head
        && parts.status != StatusCode::NOT_MODIFIED
        && headers.contains_key(CONTENT_LENGTH)
        && !(length == 0 || is_exactly(headers, length))
    {
        // Repeated or spelt oddly, and read as this.
        headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
    }
    Ok(())
}

/// RFC 9110 §7.6.1: `Connection` and every header that it names.
#[cold]
fn remove_named_by_connection(headers: &mut HeaderMap) {
    let named: Vec<HeaderName> = headers
        .get_all(CONNECTION)
        .iter()
        .flat_map(|value| value.as_bytes().split(|&byte| byte == b','))
        .filter_map(|name| HeaderName::from_bytes(name.trim_ascii()).ok())
        .collect();
    headers.remove(CONNECTION);
    for name in named {
        // Framing is judged below, by what was really read.
        if name != TRANSFER_ENCODING && name != CONTENT_LENGTH {
            headers.remove(name);
        }
    }
}
