//! The engine as a function from request to response.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Request, Response};
use http_body::{Frame, SizeHint};
use http_body_util::{BodyExt, Full};

/// The engine. A clone is the same engine.
#[derive(Clone, Default)]
pub struct Engine {}

/// Stand-in.
#[derive(Debug, thiserror::Error)]
#[error("stand-in")]
pub struct SchemesError;

/// Stand-in.
pub struct State {
    /// Schemes that can be started.
    pub schemes: usize,
}

impl Engine {
    /// Stand-in.
    pub fn start(_settings: crate::config::EngineSettings) -> Result<Self, SchemesError> {
        Ok(Self {})
    }

    /// Stand-in.
    pub fn reload_schemes(&self) {}

    /// Stand-in.
    pub fn begin_drain(&self) {}

    /// Stand-in.
    pub fn state(&self) -> State {
        State { schemes: 0 }
    }

    /// Answers one request.
    pub async fn call<B>(&self, request: Request<B>) -> Response<Body>
    where
        B: http_body::Body<Data = Bytes> + Send,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let (parts, body) = request.into_parts();
        let body = std::pin::pin!(body);
        let (status, body) = match body.collect().await {
            Ok(body) => (200, body.to_bytes()),
            Err(_) => (400, Bytes::new()),
        };
        let mut response = Response::new(Body(Full::new(body)));
        *response.status_mut() = http::StatusCode::from_u16(status).unwrap_or_default();
        *response.headers_mut() = parts.headers;
        response
    }
}

/// A response's body.
pub struct Body(Full<Bytes>);

impl http_body::Body for Body {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        Pin::new(&mut self.0).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.0.size_hint()
    }
}
