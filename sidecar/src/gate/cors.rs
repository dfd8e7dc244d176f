//! Cross-origin requests: preflights are answered here, responses are marked.
//!
//! In: `DefaultCorsSettings`, a request's header. Out: the answer to a preflight; the headers that
//! let a browser's page read a response. Rules: the Fetch standard, "CORS protocol". Nothing of the
//! request is echoed but an origin that is listed, byte for byte.

use http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_METHOD, ORIGIN,
    VARY,
};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode};

use crate::body::ResponseBody;
use crate::config::CorsOrigins;

/// Who may read responses from another origin.
pub(super) enum Cors {
    Off,
    Any,
    Listed(Vec<HeaderValue>),
}

/// What one request may be told.
#[derive(Default)]
pub(super) struct Granted {
    origin: Option<HeaderValue>,
    /// The answer depends on the origin.
    varies: bool,
}

impl Cors {
    pub(super) fn new(origins: &CorsOrigins) -> Self {
        match origins {
            CorsOrigins::None => Self::Off,
            CorsOrigins::Any => Self::Any,
            CorsOrigins::Listed(origins) => Self::Listed(
                origins
                    .iter()
                    .filter_map(|origin| HeaderValue::from_str(origin).ok())
                    .collect(),
            ),
        }
    }

    /// Judges the request's `Origin`.
    pub(super) fn judge(&self, headers: &HeaderMap) -> Granted {
        match self {
            Self::Off => Granted::default(),
            Self::Any => Granted {
                origin: headers
                    .contains_key(ORIGIN)
                    .then(|| HeaderValue::from_static("*")),
                varies: false,
            },
            Self::Listed(listed) => {
                let mut origins = headers.get_all(ORIGIN).iter();
                let origin = match (origins.next(), origins.next()) {
                    (Some(origin), None) => listed.iter().find(|known| *known == origin),
                    _ => None,
                };
                Granted {
                    origin: origin.cloned(),
                    varies: true,
                }
            }
        }
    }

    /// Whether this is a preflight that is answered here.
    pub(super) fn is_preflight(&self, head: &Parts) -> bool {
        !matches!(self, Self::Off)
            && head.method == Method::OPTIONS
            && head.headers.contains_key(ORIGIN)
            && head.headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD)
    }
}

/// The answer to a preflight. An origin that is not granted gets it without the headers that
/// would let it go on.
pub(super) fn preflight(granted: &Granted) -> Response<ResponseBody> {
    let mut response = Response::new(ResponseBody::Empty);
    *response.status_mut() = StatusCode::NO_CONTENT;
    if granted.origin.is_some() {
        let headers = response.headers_mut();
        headers.insert(
            ACCESS_CONTROL_ALLOW_METHODS,
            HeaderValue::from_static("GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"),
        );
        // The wildcard does not cover Authorization.
        headers.insert(
            ACCESS_CONTROL_ALLOW_HEADERS,
            HeaderValue::from_static("authorization, content-type, dpop, *"),
        );
        headers.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("600"));
    }
    response
}

impl Granted {
    /// Marks a response. The engine's own word on origins is replaced: who may read is the
    /// sidecar's to say, once it is configured to.
    pub(super) fn mark(self, headers: &mut HeaderMap) {
        if self.varies {
            headers.append(VARY, HeaderValue::from_static("Origin"));
        }
        if let Some(origin) = self.origin {
            headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
            headers.insert(
                ACCESS_CONTROL_EXPOSE_HEADERS,
                HeaderValue::from_static(
                    "www-authenticate, dpop-nonce, retry-after, x-request-id, etag",
                ),
            );
        }
    }
}
