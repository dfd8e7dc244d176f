//! The body of a request: read under a limit, and what its media type makes of it.
//!
//! In: the headers and a body that streams. Out: [`Content`], borrowed from the bytes.
//! Rules: Workflow API §1. JSON, form, multipart, and XML for the operation that takes a scheme;
//! UTF-8 only. What is too large is refused as soon as that is known.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use http::{HeaderMap, Method};
use http_body::Body;
use http_body_util::{BodyDataStream, BodyExt, Full};
use serde_json::value::RawValue;

use super::refusal::{Refusal, Unreadable};
use super::{json, urlencoded};

/// How long a body may take. The sidecar has stricter rules at the edge; this one bounds what a
/// stuck caller on the same machine can hold.
const BODY_TIME_MAX: Duration = Duration::from_secs(60);

/// The pairs of a form, in order.
pub(super) type Pairs<'a> = Vec<(Cow<'a, str>, Cow<'a, str>)>;

/// What the body says.
#[derive(Debug)]
pub(super) enum Content<'a> {
    Empty,
    /// The members of one object.
    Json(Vec<(Cow<'a, str>, &'a RawValue)>),
    /// Of either kind of form.
    Form(Pairs<'a>),
    /// A scheme.
    Xml(&'a str),
}

/// Reads the whole body, at most `limit` bytes of it.
pub(crate) async fn read<B>(body: B, limit: u64) -> Result<Bytes, Refusal>
where
    B: Body<Data = Bytes>,
    B::Error: fmt::Display,
{
    if body.size_hint().lower() > limit {
        return Err(Refusal::TooLarge { limit });
    }
    if body.is_end_stream() {
        return Ok(Bytes::new());
    }
    tokio::time::timeout(BODY_TIME_MAX, gather(body, limit))
        .await
        .map_err(|_| Refusal::BodyTimeout)?
}

async fn gather<B>(body: B, limit: u64) -> Result<Bytes, Refusal>
where
    B: Body<Data = Bytes>,
    B::Error: fmt::Display,
{
    let mut body = std::pin::pin!(body);
    // A body in one frame, as most are, is taken without a copy.
    let mut first = Bytes::new();
    let mut rest = BytesMut::new();
    let mut length = 0u64;
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|fault| {
            tracing::debug!(%fault, "a request's body broke off");
            Unreadable::BrokenBody
        })?;
        let Ok(data) = frame.into_data() else {
            continue; // Trailers say nothing here.
        };
        length = length.saturating_add(data.len() as u64);
        if length > limit {
            return Err(Refusal::TooLarge { limit });
        }
        if first.is_empty() {
            first = data;
        } else {
            if rest.is_empty() {
                rest.extend_from_slice(&first);
            }
            rest.extend_from_slice(&data);
        }
    }
    Ok(if rest.is_empty() {
        first
    } else {
        rest.freeze()
    })
}

impl<'a> Content<'a> {
    /// Reads `body` as its media type says; `takes_xml` is whether the operation has a scheme.
    pub(super) async fn of(
        method: &Method,
        headers: &HeaderMap,
        body: &'a Bytes,
        takes_xml: bool,
    ) -> Result<Self, Refusal> {
        if body.is_empty() {
            return Ok(Self::Empty);
        }
        if method != Method::POST {
            // RFC 9110 §9.3.1: the content of a GET has no meaning; what is ignored here might be
            // judged elsewhere.
            return Err(Unreadable::BodyOfGet.into());
        }
        let media_type = media_type(headers, takes_xml)?;
        Ok(match media_type {
            MediaType::Json => Self::Json(json::members(body)?),
            MediaType::Form => {
                let text = std::str::from_utf8(body).map_err(|_| Unreadable::Utf8)?;
                Self::Form(urlencoded::pairs(text).collect::<Result<_, _>>()?)
            }
            MediaType::Multipart { boundary } => Self::Form(fields(body.clone(), boundary).await?),
            MediaType::Xml => Self::Xml(std::str::from_utf8(body).map_err(|_| Unreadable::Utf8)?),
        })
    }
}

enum MediaType {
    Json,
    Form,
    Multipart { boundary: String },
    Xml,
}

fn media_type(headers: &HeaderMap, takes_xml: bool) -> Result<MediaType, Refusal> {
    let refused = |expected| Err(Refusal::MediaType { expected });
    let expected = if takes_xml {
        "send the body as application/xml, application/json or a form"
    } else {
        "send the body as application/json, application/x-www-form-urlencoded or multipart/form-data"
    };
    if headers
        .get_all(CONTENT_ENCODING)
        .iter()
        .any(|coding| !coding.as_bytes().eq_ignore_ascii_case(b"identity"))
    {
        return refused("send the body without Content-Encoding");
    }
    let mut values = headers.get_all(CONTENT_TYPE).iter();
    let (Some(value), None) = (values.next(), values.next()) else {
        return refused(expected);
    };
    let Ok(value) = value.to_str() else {
        return refused(expected);
    };
    let mut parts = value.split(';').map(str::trim);
    let essence = parts.next().unwrap_or("").to_ascii_lowercase();
    let charset_fits = parts
        .filter_map(|parameter| parameter.split_once('='))
        .filter(|(name, _)| name.trim().eq_ignore_ascii_case("charset"))
        .all(|(_, charset)| {
            let charset = charset.trim().trim_matches('"');
            ["utf-8", "utf8", "us-ascii"]
                .iter()
                .any(|known| charset.eq_ignore_ascii_case(known))
        });
    if !charset_fits {
        return refused("send the body in UTF-8");
    }
    match essence.as_str() {
        "application/json" | "text/json" => Ok(MediaType::Json),
        "application/x-www-form-urlencoded" => Ok(MediaType::Form),
        "multipart/form-data" => match multer::parse_boundary(value) {
            Ok(boundary) => Ok(MediaType::Multipart { boundary }),
            Err(fault) => Err(Unreadable::Multipart(fault).into()),
        },
        "application/xml" | "text/xml" if takes_xml => Ok(MediaType::Xml),
        json if json.starts_with("application/") && json.ends_with("+json") => Ok(MediaType::Json),
        _ => refused(expected),
    }
}

/// The fields of a multipart form; a file counts as the text that it holds.
async fn fields(body: Bytes, boundary: String) -> Result<Pairs<'static>, Refusal> {
    let stream = BodyDataStream::new(Full::new(body));
    let mut multipart = multer::Multipart::new(stream, boundary);
    let mut pairs = Vec::new();
    while let Some(field) = multipart
        .next_field()
        .await
        .map_err(Unreadable::Multipart)?
    {
        let name = field.name().ok_or(Unreadable::FieldWithoutName)?.to_owned();
        let value = field.bytes().await.map_err(Unreadable::Multipart)?;
        let value = String::from_utf8(value.into()).map_err(|_| Unreadable::Utf8)?;
        pairs.push((Cow::Owned(name), Cow::Owned(value)));
    }
    Ok(pairs)
}
