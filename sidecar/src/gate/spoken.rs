//! For whom a request speaks: `BindIdentity` and `BindTenant`.
//!
//! In: an authorised request of a bound caller, its body still to come. Out: the same request, its
//! body read whole and forwarded byte for byte, perhaps with one or two parameters more in its
//! query; or a refusal. Rules: the OAuth reference §5.9. Whatever some server could read as an
//! identity or tenant is held against what the caller may name; what has no one reading is refused.
//! Elsewhere: what a caller may name (`policy`). A caller that is not bound never comes here.

mod json;
mod judge;
mod media_type;
mod multipart;
mod names;
mod pairs;

use bytes::Bytes;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use http::request::Parts;
use http::uri::PathAndQuery;
use http::{HeaderMap, Method, Uri};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use workflow_api::Operation;

use self::judge::{Fill, Judge, Place};
use self::media_type::Valued;
use self::names::{Bound, Named};
use super::query::Deciding;
use crate::body::{RequestBody, Unread};
use crate::config::Limits;
use crate::policy::Speaks;
use crate::refusal::{Reason, Refusal};

/// RFC 3986 §2.3: what needs no encoding anywhere.
const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// Why a request is not let through as it is.
pub(super) enum Halted {
    /// By a rule; the body is whole still.
    Refused(Refusal),
    /// The body broke off: there is nothing to forward.
    Broken(Refusal),
}

impl From<Refusal> for Halted {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

/// Reads the body whole and judges all of the request. Gives the target to forward, where
/// something is to be filled in.
pub(super) async fn judge(
    head: &Parts,
    operation: Option<&'static Operation>,
    body: &mut RequestBody,
    speaks: &Speaks,
    limits: &Limits,
) -> Result<Option<Uri>, Halted> {
    let read = body.whole(limits.rule_body, limits.form_body).await;
    let bytes = read.map_err(|unread| match unread {
        Unread::Over => Halted::Refused(
            Refusal::new(Reason::BodyTooLarge).with_detail("more than Limits.RuleBody"),
        ),
        Unread::Late => Halted::Refused(
            Refusal::new(Reason::BodyTooSlow).with_detail("not here within Limits.FormBody"),
        ),
        Unread::Broken(fault) => Halted::Broken(crate::upstream::of_client(&fault)),
    })?;
    let fill = whole(head, operation, &bytes, speaks)?;
    Ok(filled(&head.uri, &fill)?)
}

/// Everything that a request says, once its body is here.
fn whole<'s>(
    head: &Parts,
    operation: Option<&'static Operation>,
    body: &Bytes,
    speaks: &'s Speaks,
) -> Result<Fill<'s>, Refusal> {
    let mut judge = Judge::new(speaks, operation);
    // `/workflowapi`, the operation, and what it is about.
    let mut segments = head.uri.path().split('/').skip(2);
    if let Some(name) = segments.next() {
        judge.member(Place::Path, "operation", judge::Given::Text(name))?;
    }
    if let Some(id) = segments.next() {
        let id = percent_decode_str(id).decode_utf8();
        judge.path_id(&id.map_err(|_| Reason::PathEncodingMalformed)?)?;
    }
    if let Some(query) = head.uri.query() {
        pairs::all(&mut judge, Place::Query, query)?;
    }
    if !body.is_empty() {
        content(&mut judge, head, body)?;
    }
    judge.end()
}

/// The body, as its media type says.
fn content(judge: &mut Judge<'_>, head: &Parts, body: &Bytes) -> Result<(), Refusal> {
    // RFC 9110 §9.3.1: the content of a GET has no meaning. One server ignores it, another does not.
    if head.method != Method::POST {
        return Err(Refusal::new(Reason::BoundBodyUnsupported).with_detail("not a POST"));
    }
    let unsupported = || Refusal::new(Reason::BoundBodyUnsupported);
    let media_type = media_type(&head.headers).ok_or_else(unsupported)?;
    let ambiguous = || Refusal::new(Reason::BoundBodyAmbiguous);
    // Some servers pass over a byte order mark, others take it for a part of the first name.
    if body.starts_with("\u{feff}".as_bytes()) {
        return Err(ambiguous());
    }
    let word = media_type.word.to_ascii_lowercase();
    match word.as_str() {
        "application/json" | "text/json" => json::body(judge, body),
        "application/x-www-form-urlencoded" => {
            let text = std::str::from_utf8(body).map_err(|_| ambiguous())?;
            if text.chars().any(char::is_control) {
                return Err(ambiguous());
            }
            pairs::all(judge, Place::Body, text)
        }
        "multipart/form-data" => {
            let boundary = media_type.parameter("boundary");
            let boundary = boundary.filter(|text| multipart::is_boundary(text));
            let parts = boundary.and_then(|boundary| multipart::parts(body, boundary));
            fields(judge, &parts.ok_or_else(ambiguous)?)
        }
        other if other.starts_with("application/") && other.ends_with("+json") => {
            json::body(judge, body)
        }
        _ => Err(unsupported()),
    }
}

/// One `Content-Type` in UTF-8, and no `Content-Encoding`.
fn media_type(headers: &HeaderMap) -> Option<Valued<'_>> {
    if headers.contains_key(CONTENT_ENCODING) {
        return None;
    }
    let mut values = headers.get_all(CONTENT_TYPE).iter();
    let (Some(value), None) = (values.next(), values.next()) else {
        return None;
    };
    Valued::read(value.to_str().ok()?).filter(Valued::is_utf8)
}

fn fields(judge: &mut Judge<'_>, parts: &[multipart::Part<'_>]) -> Result<(), Refusal> {
    for part in parts {
        let decides = Deciding::named(part.name.as_bytes()).is_some()
            || judge.read(part.name) != Named::Other;
        if decides && (part.is_file || !part.is_text) {
            return Err(Refusal::new(Reason::BoundBodyAmbiguous)
                .with_detail("a field that decides is a file or has a type of its own"));
        }
        match std::str::from_utf8(part.content) {
            Ok(value) => pairs::one(judge, Place::Body, part.name, value)?,
            Err(_) if decides || judge.is_json(part.name) => {
                return Err(Reason::BoundBodyAmbiguous.into());
            }
            Err(_) => {}
        }
    }
    Ok(())
}

/// `uri` with what is to be filled in at the end of its query, which every server reads and which
/// leaves the body as it is.
fn filled(uri: &Uri, fill: &Fill<'_>) -> Result<Option<Uri>, Refusal> {
    let missing = [
        (Bound::Identity, fill.identity),
        (Bound::Tenant, fill.tenant),
    ];
    if missing.iter().all(|(_, value)| value.is_none()) {
        return Ok(None);
    }
    let mut target = uri.path().to_owned();
    target.push('?');
    let query = uri.query().unwrap_or_default();
    target.push_str(query);
    let mut first = query.is_empty() || query.ends_with('&');
    for (bound, value) in missing {
        if let Some(value) = value {
            if !first {
                target.push('&');
            }
            first = false;
            target.push_str(bound.name());
            target.push('=');
            target.extend(utf8_percent_encode(value, UNRESERVED));
        }
    }
    let target = PathAndQuery::try_from(target).map_err(|_| Reason::TargetMalformed)?;
    Ok(Some(Uri::from(target)))
}

#[cfg(test)]
mod tests;
